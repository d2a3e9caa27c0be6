// nn-generate-code: kernels become machine code.
//
//   nn.kernel @k_1f2e... { ... }      rt.kernel @k_1f2e... chunks 16 scratch 4096
//   nn.kernel @k_5d6c... { ... }  ->  rt.kernel @k_5d6c... chunks 1 scratch 0
//                                     rt.code @"x86-64-v3" image dense_resource<...> :
//                                     tensor<8192xi8>
//
// Each kernel goes to the first fast family that takes it (passes/cpu/KernelEmitter.h), else, with
// a remark, to the reference lowering; `codegen=reference` sends all of them there. Invariant out:
// no `nn` op is left.
#include "passes/Passes.h"

#include "passes/cpu/BuildImage.h"
#include "passes/cpu/KernelEmitter.h"
#include "passes/cpu/Passes.h"
#include "passes/cpu/ReferenceKernels.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_GENERATECODEPASS
#include "passes/Passes.h.inc"

namespace {
class GenerateCode : public impl::GenerateCodePassBase<GenerateCode> {
public:
  using impl::GenerateCodePassBase<GenerateCode>::GenerateCodePassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    const cpu::Target *target = cpu::findTarget(targetCpu);
    if (!target || (codegen != "cpu" && codegen != "reference")) {
      module.emitError("unknown target-cpu '")
          << targetCpu << "' or codegen '" << codegen << "'; known: " << cpu::targetNames()
          << "; cpu, reference";
      return signalPassFailure();
    }
    OwningOpRef<ModuleOp> code = ModuleOp::create(module.getLoc());
    if (failed(emitKernels(module, *code, *target)) || failed(lower(*code))) {
      return signalPassFailure();
    }
    FailureOr<std::string> image = cpu::buildImage(*code, *target);
    if (failed(image)) {
      return signalPassFailure();
    }
    OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
    addCode(builder, module.getLoc(), target->name, *image);
  }

private:
  LogicalResult emitKernels(ModuleOp module, ModuleOp code, const cpu::Target &target);
  FailureOr<func::FuncOp> emitKernel(nn::KernelOp kernel, OpBuilder &builder,
                                     const cpu::Target &target);
  LogicalResult lower(ModuleOp code);
  void addCode(OpBuilder &builder, Location loc, StringRef name, StringRef image);
};
} // namespace

FailureOr<func::FuncOp> GenerateCode::emitKernel(nn::KernelOp kernel, OpBuilder &builder,
                                                 const cpu::Target &target) {
  if (codegen == "cpu") {
    cpu::EmitResult result = cpu::emitKernel(kernel, target, builder);
    if (result) {
      return result.function;
    }
    remark::missed(kernel.getLoc(),
                   remark::RemarkOpts::name("reference").category("nn-generate-code"))
        << remark::reason("@{0}: {1}", kernel.getSymName(), result.reason);
  }
  return cpu::emitReferenceKernel(kernel, builder);
}

/// The element types of a kernel's operands and results.
static FunctionType getElementTypes(nn::KernelOp kernel) {
  Block &body = kernel.getBody().front();
  auto elements = [](TypeRange types) {
    return llvm::map_to_vector(types, [](Type type) { return getElementTypeOrSelf(type); });
  };
  return FunctionType::get(kernel.getContext(), elements(body.getArgumentTypes()),
                           elements(body.getTerminator()->getOperandTypes()));
}

/// Replaces each nn.kernel by its record; the functions go to `code`.
LogicalResult GenerateCode::emitKernels(ModuleOp module, ModuleOp code, const cpu::Target &target) {
  for (auto kernel : llvm::make_early_inc_range(module.getOps<nn::KernelOp>())) {
    OpBuilder builder = OpBuilder::atBlockEnd(code.getBody());
    FailureOr<func::FuncOp> function = emitKernel(kernel, builder, target);
    if (failed(function)) {
      return failure();
    }
    auto number = [&](StringRef name) {
      return (*function)->getAttrOfType<IntegerAttr>(name).getInt();
    };
    OpBuilder record(kernel);
    rt::KernelOp::create(record, kernel.getLoc(), kernel.getSymNameAttr(),
                         TypeAttr::get(getElementTypes(kernel)), number(cpu::chunksAttrName),
                         number(cpu::scratchAttrName));
    kernel.erase();
  }
  return success();
}

LogicalResult GenerateCode::lower(ModuleOp code) {
  PassManager manager(&getContext()); // the code is a module of its own
  cpu::buildLowerKernelsPipeline(manager);
  return manager.run(code);
}

void GenerateCode::addCode(OpBuilder &builder, Location loc, StringRef name, StringRef image) {
  auto type = RankedTensorType::get({int64_t(image.size())}, builder.getI8Type());
  AsmResourceBlob blob = HeapAsmResourceBlob::allocateAndCopyWithAlign(
      ArrayRef<char>(image.data(), image.size()), /*align=*/64, /*dataIsMutable=*/false);
  auto attr = DenseResourceElementsAttr::get(type, "code", std::move(blob));
  rt::CodeOp::create(builder, loc, name, attr);
}
} // namespace mome

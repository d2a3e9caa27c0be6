// nn-generate-code: kernels become machine code.
//
//   nn.kernel @k_1f2e... { ... }      rt.kernel @k_1f2e... chunks 16 scratch 4096
//   nn.kernel @k_5d6c... { ... }  ->  rt.kernel @k_5d6c... chunks 1 scratch 0
//                                     rt.code @"x86-64-v3" image dense_resource<...>
//   and with cuda=sm_80:              rt.launches @k_1f2e... on @"cuda:sm_80" scratch 0 [...]
//                                     rt.code @"cuda:sm_80" image dense_resource<...>
//
// Each kernel goes to the first fast family that takes it (passes/cpu/KernelEmitter.h), else, with
// a remark, to the reference lowering; `codegen=reference` sends all of them there. Invariant out:
// no `nn` op is left.
#include "passes/Passes.h"

#include "passes/LowerToLLVM.h"
#include "passes/cpu/BuildImage.h"
#include "passes/cpu/KernelEmitter.h"
#include "passes/cpu/Passes.h"
#include "passes/cpu/ReferenceKernels.h"
#include "passes/cuda/BuildPtx.h"
#include "passes/cuda/KernelEmitter.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_GENERATECODEPASS
#include "passes/Passes.h.inc"

namespace {
/// Kernels of one generator that are compiled together.
struct Unit {
  OwningOpRef<ModuleOp> module;
  bool reference = false;
  int64_t kernels = 0;
};
/// More would leave cores idle, fewer would spend the time on overhead.
constexpr int64_t kernelsPerUnit = 16;

class CodeGenerator {
public:
  CodeGenerator(ModuleOp module, const cpu::Target &target, bool onlyReference, StringRef cuda)
      : module(module), target(target), onlyReference(onlyReference), cuda(cuda) {}

  /// Replaces each nn.kernel by its record, and adds the code of all of them.
  LogicalResult run();

private:
  LogicalResult emitKernels();
  FailureOr<func::FuncOp> emitKernel(nn::KernelOp kernel);
  OpBuilder openUnit(Location loc, bool reference);
  LogicalResult lowerUnits();
  void addCode(const Twine &variant, StringRef image);
  LogicalResult emitDeviceKernel(nn::KernelOp kernel);
  LogicalResult addDeviceCode();

  ModuleOp module;
  const cpu::Target &target;
  bool onlyReference;
  StringRef cuda; // architecture; empty: none
  std::vector<Unit> units;
  OwningOpRef<ModuleOp> deviceModule;
};
} // namespace

/// The end of a unit of the generator that has room for one more kernel.
OpBuilder CodeGenerator::openUnit(Location loc, bool reference) {
  auto open = llvm::find_if(units, [&](const Unit &unit) {
    return unit.reference == reference && unit.kernels < kernelsPerUnit;
  });
  if (open == units.end()) {
    units.push_back({ModuleOp::create(loc), reference, 0});
    open = std::prev(units.end());
  }
  ++open->kernels;
  return OpBuilder::atBlockEnd(open->module->getBody());
}

FailureOr<func::FuncOp> CodeGenerator::emitKernel(nn::KernelOp kernel) {
  if (!onlyReference) {
    OpBuilder builder = openUnit(kernel.getLoc(), /*reference=*/false);
    cpu::EmitResult result = cpu::emitKernel(kernel, target, builder);
    if (result) {
      return result.function;
    }
    remark::missed(kernel.getLoc(),
                   remark::RemarkOpts::name("reference").category("nn-generate-code"))
        << remark::reason("@{0}: {1}", kernel.getSymName(), result.reason);
  }
  OpBuilder builder = openUnit(kernel.getLoc(), /*reference=*/true);
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

LogicalResult CodeGenerator::emitKernels() {
  for (auto kernel : llvm::make_early_inc_range(module.getOps<nn::KernelOp>())) {
    FailureOr<func::FuncOp> function = emitKernel(kernel);
    if (failed(function)) {
      return failure();
    }
    auto number = [&](StringRef name) { return cpu::getRecordNumber(*function, name); };
    OpBuilder record(kernel);
    rt::KernelOp::create(record, kernel.getLoc(), kernel.getSymNameAttr(),
                         TypeAttr::get(getElementTypes(kernel)), number(cpu::chunksAttrName),
                         number(cpu::scratchAttrName), number(cpu::packsAttrName),
                         number(cpu::sharedAttrName));
    if (!cuda.empty() && failed(emitDeviceKernel(kernel))) {
      return failure();
    }
    kernel.erase();
  }
  return success();
}

LogicalResult CodeGenerator::lowerUnits() {
  if (units.empty()) {
    openUnit(module.getLoc(), /*reference=*/false); // no kernel: an image all the same
  }
  for (Unit &unit : units) {
    PassManager manager(module.getContext()); // the code is a module of its own
    cpu::buildLowerKernelsPipeline(manager);
    if (failed(manager.run(*unit.module))) {
      return failure();
    }
  }
  return success();
}

static std::string variantOf(StringRef cuda) {
  return ("cuda:" + cuda).str();
}

/// Adds the kernel to the device module, and the record of its launches.
LogicalResult CodeGenerator::emitDeviceKernel(nn::KernelOp kernel) {
  if (!deviceModule) {
    deviceModule = ModuleOp::create(module.getLoc());
  }
  OpBuilder device = OpBuilder::atBlockEnd(deviceModule->getBody());
  FailureOr<cuda::DeviceKernel> emitted = cuda::emitKernel(kernel, device);
  if (failed(emitted)) {
    return failure();
  }
  if (!emitted->reason.empty()) {
    remark::missed(kernel.getLoc(),
                   remark::RemarkOpts::name("generic").category("nn-generate-code"))
        << remark::reason("@{0} on {1}: {2}", kernel.getSymName(), variantOf(cuda),
                          emitted->reason);
  }
  OpBuilder record(kernel);
  SmallVector<Attribute> launches;
  for (cuda::Launch &launch : emitted->launches) {
    launches.push_back(rt::LaunchAttr::get(record.getContext(), launch.function.getSymName(),
                                           launch.blocks, launch.threads, launch.shared));
  }
  rt::LaunchesOp::create(record, kernel.getLoc(), kernel.getSymName(), variantOf(cuda),
                         emitted->scratch, record.getArrayAttr(launches));
  return success();
}

LogicalResult CodeGenerator::addDeviceCode() {
  PassManager manager(module.getContext()); // the code is a module of its own
  buildLowerToLLVMPipeline(manager);
  if (failed(manager.run(*deviceModule))) {
    return failure();
  }
  FailureOr<std::string> ptx = cuda::buildPtx(*deviceModule, cuda);
  if (failed(ptx)) {
    return failure();
  }
  addCode(variantOf(cuda), *ptx);
  return success();
}

void CodeGenerator::addCode(const Twine &variant, StringRef image) {
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto type = RankedTensorType::get({int64_t(image.size())}, builder.getI8Type());
  AsmResourceBlob blob = HeapAsmResourceBlob::allocateAndCopyWithAlign(
      ArrayRef<char>(image.data(), image.size()), /*align=*/64, /*dataIsMutable=*/false);
  auto attr = DenseResourceElementsAttr::get(type, "code", std::move(blob));
  rt::CodeOp::create(builder, module.getLoc(), builder.getStringAttr(variant), attr);
}

LogicalResult CodeGenerator::run() {
  if (failed(emitKernels()) || failed(lowerUnits())) {
    return failure();
  }
  SmallVector<cpu::CodeUnit> code;
  for (Unit &unit : units) {
    code.push_back({*unit.module, unit.reference});
  }
  FailureOr<std::string> image = cpu::buildImage(code, target);
  if (failed(image)) {
    return failure();
  }
  addCode(target.name, *image);
  return deviceModule ? addDeviceCode() : success();
}

namespace {
struct GenerateCode : impl::GenerateCodePassBase<GenerateCode> {
  using impl::GenerateCodePassBase<GenerateCode>::GenerateCodePassBase;

  void runOnOperation() override {
    const cpu::Target *target = cpu::findTarget(targetCpu);
    if (!target || (codegen != "cpu" && codegen != "reference")) {
      getOperation().emitError("unknown target-cpu '")
          << targetCpu << "' or codegen '" << codegen << "'; known: " << cpu::targetNames()
          << "; cpu, reference";
      return signalPassFailure();
    }
    if (!cuda.empty() && !cuda::isArchitecture(cuda)) {
      getOperation().emitError("unknown CUDA architecture '") << cuda << "'";
      return signalPassFailure();
    }
    if (failed(CodeGenerator(getOperation(), *target, codegen == "reference", cuda).run())) {
      signalPassFailure();
    }
  }
};
} // namespace
} // namespace mome

// See CpuCode.h.
#include "passes/CpuCode.h"

#include "dialects/RT/RT.h"
#include "passes/Kernels.h"
#include "passes/cpu/BuildImage.h"
#include "passes/cpu/KernelEmitter.h"
#include "passes/cpu/Passes.h"
#include "passes/cpu/ReferenceKernels.h"

#include "mlir/IR/Remarks.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace mome;

/// Emits the kernel's function into a unit of its own, with the first generator that takes it.
FailureOr<func::FuncOp> CpuCode::emitFunction(nn::KernelOp kernel, Kernel &emitted) {
  emitted.unit = ModuleOp::create(kernel.getLoc());
  OpBuilder builder = OpBuilder::atBlockEnd(emitted.unit->getBody());
  if (!onlyReference) {
    cpu::EmitResult result = cpu::emitKernel(kernel, target, builder);
    if (result) {
      return result.function;
    }
    emitted.object.refusal = result.reason.empty() ? "no family takes it" : result.reason;
  }
  return cpu::emitReferenceKernel(kernel, builder);
}

LogicalResult CpuCode::emitKernel(nn::KernelOp kernel, Kernel &emitted) {
  emitted.text = cache.isOn() ? contentText(kernel.getBody()) : "";
  if (std::optional<cpu::KernelObject> known = cache.find(emitted.text)) {
    emitted.object = std::move(*known);
  } else {
    FailureOr<func::FuncOp> function = emitFunction(kernel, emitted);
    if (failed(function)) {
      return failure();
    }
    auto number = [&](StringRef name) { return cpu::getRecordNumber(*function, name); };
    emitted.object.chunks = number(cpu::chunksAttrName);
    emitted.object.scratch = number(cpu::scratchAttrName);
    emitted.object.packs = number(cpu::packsAttrName);
    emitted.object.shared = number(cpu::sharedAttrName);
  }
  if (!emitted.object.refusal.empty()) {
    remark::missed(kernel.getLoc(),
                   remark::RemarkOpts::name("reference").category("nn-generate-code"))
        << remark::reason("@{0}: {1}", kernel.getSymName(), emitted.object.refusal);
  }
  return success();
}

LogicalResult CpuCode::emit(nn::KernelOp kernel) {
  Kernel &emitted = kernels.emplace_back();
  if (failed(emitKernel(kernel, emitted))) {
    return failure();
  }
  OpBuilder record(kernel);
  const cpu::KernelObject &object = emitted.object;
  rt::SplitOp::create(record, kernel.getLoc(), kernel.getSymName(), target.name, object.chunks,
                      object.scratch, object.packs, object.shared);
  return success();
}

/// Compiles what the cache does not have.
LogicalResult CpuCode::compile(MLIRContext &context) {
  std::vector<Kernel *> fresh;
  std::vector<cpu::CodeUnit> units;
  for (Kernel &kernel : kernels) {
    if (!kernel.unit) {
      continue;
    }
    PassManager manager(&context); // the code is a module of its own
    cpu::buildLowerKernelsPipeline(manager);
    if (failed(manager.run(*kernel.unit))) {
      return failure();
    }
    bool naive = onlyReference || !kernel.object.refusal.empty();
    fresh.push_back(&kernel);
    units.push_back({*kernel.unit, naive});
  }
  FailureOr<std::vector<std::string>> objects = cpu::compileUnits(units, target);
  if (failed(objects)) {
    return failure();
  }
  for (auto [kernel, bytes] : llvm::zip_equal(fresh, *objects)) {
    kernel->object.bytes = std::move(bytes);
    cache.store(kernel->text, kernel->object);
  }
  return success();
}

FailureOr<std::string> CpuCode::build(ModuleOp module) {
  if (failed(compile(*module.getContext()))) {
    return failure();
  }
  SmallVector<StringRef> objects = llvm::map_to_vector(
      kernels, [](const Kernel &kernel) -> StringRef { return kernel.object.bytes; });
  return cpu::linkImage(objects, target, module.getLoc());
}

// The code of all kernels for one processor.
//
//   CpuCode code(target, onlyReference, cache)
//   code.emit(nn.kernel @k_1f2e...)     rt.split @k_1f2e... on @"x86-64-v3" chunks 16 scratch 4096
//   code.build(module)                  the ELF image with all that were emitted
//
// Each kernel becomes an object of its own, by the first fast family that takes it
// (passes/cpu/KernelEmitter.h) or, with a remark, by the reference lowering. One whose object the
// cache knows (passes/cpu/ObjectCache.h) is neither emitted nor compiled.
#ifndef MOME_PASSES_CPUCODE_H
#define MOME_PASSES_CPUCODE_H

#include "dialects/NN/NN.h"
#include "passes/cpu/ObjectCache.h"
#include "passes/cpu/Target.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mome {

class CpuCode {
public:
  /// `cache`: its folder; empty for none.
  CpuCode(const cpu::Target &target, bool onlyReference, llvm::StringRef cache)
      : target(target), onlyReference(onlyReference),
        cache(cache, (target.name + (onlyReference ? " reference" : " cpu")).str()) {}

  llvm::StringRef getVariant() const { return target.name; }
  /// Takes in a kernel; its record goes before it.
  llvm::LogicalResult emit(nn::KernelOp kernel);
  /// The image with all kernels.
  llvm::FailureOr<std::string> build(mlir::ModuleOp module);

private:
  /// A kernel on its way to an object.
  struct Kernel {
    std::string text; // what the cache knows it by
    cpu::KernelObject object;
    mlir::OwningOpRef<mlir::ModuleOp> unit; // its code; null if the cache has it
  };

  llvm::LogicalResult emitKernel(nn::KernelOp kernel, Kernel &emitted);
  llvm::FailureOr<mlir::func::FuncOp> emitFunction(nn::KernelOp kernel, Kernel &emitted);
  llvm::LogicalResult compile(mlir::MLIRContext &context);

  const cpu::Target &target;
  bool onlyReference;
  cpu::ObjectCache cache;
  std::vector<Kernel> kernels;
};

} // namespace mome
#endif

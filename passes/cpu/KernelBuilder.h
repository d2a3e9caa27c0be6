// Builds one kernel function of the CPU: a range of chunks. See KernelEmitter.h for the form.
#ifndef MOME_PASSES_CPU_KERNELBUILDER_H
#define MOME_PASSES_CPU_KERNELBUILDER_H

#include "passes/FunctionBuilder.h"
#include "passes/cpu/KernelEmitter.h"

namespace mome::cpu {

class KernelBuilder : public FunctionBuilder {
public:
  /// Opens the function of `kernel`; code goes into its entry block. Vectors are so many registers.
  KernelBuilder(nn::KernelOp kernel, const Target &target, mlir::OpBuilder &builder,
                int64_t registersPerVector = 1);

  const Target &getTarget() const { return target; }
  mlir::Value getLo() { return lo; }
  mlir::Value getHi() { return hi; }

  /// Memory that all workers see, written by chunks [0, packs) before any other runs.
  mlir::Value shareMemory(int64_t floats, int64_t packs);

  /// Closes the function.
  EmitResult finish(llvm::StringRef family, int64_t chunks);

private:
  const Target &target;
  mlir::Value lo, hi;
};

} // namespace mome::cpu
#endif

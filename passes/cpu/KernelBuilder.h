// Builds one kernel function: its signature, loops, constants and scratch. See KernelEmitter.h for
// the form.
#ifndef MOME_PASSES_CPU_KERNELBUILDER_H
#define MOME_PASSES_CPU_KERNELBUILDER_H

#include "passes/cpu/KernelEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/DenseMap.h"

namespace mome::cpu {

/// Buffers hold booleans as bytes.
mlir::Type bufferElementType(mlir::Type tensorElementType);

inline int64_t ceilDiv(int64_t value, int64_t by) {
  return (value + by - 1) / by;
}

class KernelBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using LoopBody = llvm::function_ref<void(mlir::Value)>;
  using ReduceBody =
      llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)>;

  /// Opens the function of `kernel`; code goes into its entry block.
  KernelBuilder(nn::KernelOp kernel, const Target &target, mlir::OpBuilder &builder);

  nn::KernelOp getKernel() { return kernel; }
  const Target &getTarget() const { return target; }
  mlir::func::FuncOp getFunction() { return function; }
  mlir::Block &getBody() { return kernel.getBody().front(); }
  mlir::ValueRange getYielded() { return getBody().getTerminator()->getOperands(); }

  /// The flat buffer of an operand (a block argument of the kernel's body) or of a result.
  mlir::Value getOperandBuffer(mlir::Value operand);
  mlir::Value getResultBuffer(unsigned result);
  mlir::Value getLo() { return lo; }
  mlir::Value getHi() { return hi; }

  /// A part of the scratch memory, 64-byte aligned.
  mlir::Value reserveScratch(llvm::ArrayRef<int64_t> shape, mlir::Type elementType);

  /// An index constant; all stand at the function's start, one per value.
  mlir::Value index(int64_t value);
  mlir::Value addIndex(mlir::Value lhs, mlir::Value rhs);
  mlir::Value addIndex(mlir::Value lhs, int64_t rhs);
  mlir::Value mulIndex(mlir::Value lhs, int64_t rhs);
  mlir::Value divIndex(mlir::Value lhs, int64_t rhs);
  mlir::Value remIndex(mlir::Value lhs, int64_t rhs);
  mlir::Value minIndex(mlir::Value lhs, int64_t rhs);
  /// Mixed-radix digits of `linear`, the last extent fastest.
  llvm::SmallVector<mlir::Value> delinearize(mlir::Value linear, llvm::ArrayRef<int64_t> extents);

  mlir::VectorType vectorType(mlir::Type elementType) {
    return mlir::VectorType::get(target.lanes, elementType);
  }
  mlir::Value splat(mlir::Value scalarOrVector);
  /// The constant mask of the first `count` lanes.
  mlir::Value laneMask(int64_t count);

  /// for (i = from; i < to; i += step). Inside `body` the builder stands in the loop.
  mlir::scf::ForOp loop(mlir::Value from, mlir::Value to, int64_t step, LoopBody body);
  /// The same with values carried from one iteration to the next.
  mlir::ValueRange reduceLoop(mlir::Value from, mlir::Value to, int64_t step, mlir::ValueRange init,
                              ReduceBody body);
  void ifThen(mlir::Value condition, llvm::function_ref<void()> body);

  /// Closes the function.
  EmitResult finish(llvm::StringRef family, int64_t chunks);

private:
  nn::KernelOp kernel;
  const Target &target;
  mlir::func::FuncOp function;
  mlir::Value lo, hi, scratch;
  int64_t scratchBytes = 0;
  llvm::DenseMap<int64_t, mlir::Value> indexConstants;
};

} // namespace mome::cpu
#endif

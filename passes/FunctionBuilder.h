// Builds a function over the buffers of a kernel: what the fast families of all machines write with.
//
//   func.func @name(%x: memref<32xf32>, ..., %y: memref<8xf32>, [the machine's own], %scratch:
//   memref<512xi8>)
//
// One flat memref per operand, then per result. The entry block starts with index constants and
// views of the scratch, so that they dominate every use.
#ifndef MOME_PASSES_FUNCTIONBUILDER_H
#define MOME_PASSES_FUNCTIONBUILDER_H

#include "dialects/NN/NN.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/DenseMap.h"

namespace mome {

/// Buffers hold booleans as bytes and bf16 as i16, its bits; in registers bf16 is f32. (LLVM turns
/// most of what is done with vectors of bf16 into calls where the processor has none.)
mlir::Type bufferElementType(mlir::Type tensorElementType);
bool holdsBf16(mlir::Value buffer);

inline int64_t ceilDiv(int64_t value, int64_t by) {
  return (value + by - 1) / by;
}

class FunctionBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using LoopBody = llvm::function_ref<void(mlir::Value)>;
  using ReduceBody =
      llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value, mlir::ValueRange)>;

  /// Opens the function `name` of `kernel`; code goes into its entry block. `own`: types of the
  /// arguments between results and scratch. `lanes`: elements of a vector.
  FunctionBuilder(nn::KernelOp kernel, llvm::StringRef name, mlir::TypeRange own, int64_t lanes,
                  mlir::OpBuilder &builder);

  nn::KernelOp getKernel() { return kernel; }
  mlir::func::FuncOp getFunction() { return function; }
  mlir::Block &getBody() { return kernel.getBody().front(); }
  mlir::ValueRange getYielded() { return getBody().getTerminator()->getOperands(); }
  int64_t getLanes() const { return lanes; }

  /// The flat buffer of an operand (a block argument of the kernel's body) or of a result.
  mlir::Value getOperandBuffer(mlir::Value operand);
  mlir::Value getResultBuffer(unsigned result);

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
    return mlir::VectorType::get(lanes, elementType);
  }
  mlir::Value splat(mlir::Value scalarOrVector);
  /// f32 from the bits of bf16, and the bits nearest to an f32, ties to even; scalars or vectors.
  mlir::Value widenBits(mlir::Value bits);
  virtual mlir::Value roundToBits(mlir::Value f32);
  /// The constant mask of the first `count` lanes.
  mlir::Value laneMask(int64_t count);
  /// Stores the lanes of a vector that `mask` has, or all if it is null, from `at` on.
  void storeLanes(mlir::Value vector, mlir::Value buffer, mlir::Value at, mlir::Value mask);

  /// for (i = from; i < to; i += step). Inside `body` the builder stands in the loop.
  mlir::scf::ForOp loop(mlir::Value from, mlir::Value to, int64_t step, LoopBody body);
  /// The same with values carried from one iteration to the next.
  mlir::ValueRange reduceLoop(mlir::Value from, mlir::Value to, int64_t step, mlir::ValueRange init,
                              ReduceBody body);
  void ifThen(mlir::Value condition, llvm::function_ref<void()> body);
  void ifThenElse(mlir::Value condition, llvm::function_ref<void()> body,
                  llvm::function_ref<void()> otherwise);

protected:
  /// Closes the function; the bytes of scratch it uses.
  int64_t close();

  mlir::func::FuncOp function;

private:
  nn::KernelOp kernel;
  int64_t lanes;
  mlir::Value scratch;
  int64_t scratchBytes = 0;
  llvm::DenseMap<int64_t, mlir::Value> indexConstants;
};

/// The buffer of the result that yields `value`; null if none does.
mlir::Value findResultBuffer(FunctionBuilder &b, mlir::Value value);
/// For families of a lone op: why the kernel is more than f32 or bf16 operands, `root` and its
/// results, or what these are parts of (TensorPart.h); empty if it is not.
std::string refuseAround(mlir::Operation *root);

} // namespace mome
#endif

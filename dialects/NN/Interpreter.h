// Runs straight-line `nn` code in f64. This is the meaning of the ops: simple first, fast never.
#ifndef MOME_DIALECTS_NN_INTERPRETER_H
#define MOME_DIALECTS_NN_INTERPRETER_H

#include "dialects/NN/NN.h"

namespace mome::nn {

/// Runs every op of `block` on the given block arguments and returns the operands of its
/// terminator. Each op must be Interpretable, or an `nn.call` of a kernel in the enclosing symbol
/// table; emits an error on the op otherwise.
mlir::FailureOr<llvm::SmallVector<HostTensor>> interpretBlock(mlir::Block &block,
                                                              llvm::ArrayRef<HostTensor> arguments);

/// The values of a constant attribute.
HostTensor toHostTensor(mlir::ElementsAttr value);
/// The inverse: rounded to the element type, a splat where all elements are equal.
mlir::DenseElementsAttr toElementsAttr(const HostTensor &tensor, mlir::RankedTensorType type);

/// The results of an op whose operands are constants, by interpreting it; empty if that is not
/// worth it: the op has regions or no operands, or more elements than a constant should have.
llvm::SmallVector<mlir::Attribute> foldByInterpretation(mlir::Operation *op,
                                                        llvm::ArrayRef<mlir::Attribute> operands);

} // namespace mome::nn
#endif

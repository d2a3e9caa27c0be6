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

} // namespace mome::nn
#endif

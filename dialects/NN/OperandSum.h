// The one companion that a product may have in a kernel: a sum of what it reads anyway.
//
//   %dw = nn.matmul %dy, %x transpose_a     the gradient of a weight
//   %db = nn.reduce_sum %dy axes [0]        and of the bias beside it
#ifndef MOME_DIALECTS_NN_OPERANDSUM_H
#define MOME_DIALECTS_NN_OPERANDSUM_H

#include "dialects/NN/NN.h"

namespace mome::nn {

/// True if `sum` adds up the rows of the matrix that `product` reads transposed on its left; of bf16, their
/// widened elements.
bool isOperandSum(mlir::Operation *sum, mlir::Operation *product);
/// Such a sum in the block of `product`; null if there is none.
mlir::Operation *findOperandSum(mlir::Operation *product);

} // namespace mome::nn
#endif

// Attention reads and writes parts of tensors where they lie, instead of copies of them.
//
//   nn.kernel {
//   ^bb0(%qkv: tensor<8x197x2304xf32>, ...):
//     %q = nn.slice %qkv offsets [0, 0, 0] ...        columns of the rows of one product
//     %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v ...
//     %d = nn.concat %dq, %dk, %dv axis 2             each is written to its columns
//     nn.yield %d
//   }
//
// What may be a part are the tensors of tokens: the operands that attention multiplies, and the results
// that are like them.
#ifndef MOME_PASSES_TENSORPART_H
#define MOME_PASSES_TENSORPART_H

#include "dialects/NN/NN.h"

namespace mome {

/// Where the elements of a value lie in a tensor: from `offset` on, `strides` apart along each axis, side
/// by side along the last one.
struct TensorPart {
  mlir::Value whole;
  int64_t offset;
  llvm::SmallVector<int64_t> strides;
};

/// True if `root` can read `value` as the part of another tensor that an index map takes; and its
/// operands have all of that tensor, so that to keep it for them is to keep nothing else.
bool readsPart(mlir::Operation *root, mlir::Value value);
/// True if `op` joins some results of `root`, which nothing else reads, and `root` can write them there.
bool joinsParts(mlir::Operation *op, mlir::Operation *root);

/// In a kernel: what its root reads an operand from, an argument or a part of one. Nothing: from something
/// that would have to be computed.
std::optional<TensorPart> findSource(mlir::OpOperand &operand);
/// In a kernel: where its root writes a result, what is yielded or a part of that. Nothing: nowhere.
std::optional<TensorPart> findTarget(mlir::OpResult result);

} // namespace mome
#endif

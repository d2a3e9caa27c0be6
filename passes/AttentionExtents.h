// The extents of an attention and where its tensors lie, for the kernels of every machine.
#ifndef MOME_PASSES_ATTENTIONEXTENTS_H
#define MOME_PASSES_ATTENTIONEXTENTS_H

#include "passes/FunctionBuilder.h"
#include "passes/TensorPart.h"

namespace mome {

/// Of q [B, N, C], k [B, M, C] and v or its like, [B, M, Cv].
struct AttentionExtents {
  AttentionExtents(mlir::Value query, mlir::Value key, mlir::Value value, int64_t heads)
      : heads(heads) {
    auto shapeOf = [](mlir::Value v) {
      return mlir::cast<mlir::RankedTensorType>(v.getType()).getShape();
    };
    batches = shapeOf(query)[0];
    queries = shapeOf(query)[1];
    keys = shapeOf(key)[1];
    channels = shapeOf(query)[2];
    valueChannels = shapeOf(value)[2];
    depth = channels / heads;
    valueDepth = valueChannels / heads;
  }

  int64_t batches, heads, queries, keys, channels, valueChannels;
  int64_t depth, valueDepth; // channels per head
};

/// A tensor of tokens, [B, N, C], in a buffer that may hold more: the channels of a token lie side by side.
struct TokenTensor {
  mlir::Value buffer; // null: a result that is not wanted
  int64_t offset = 0, perBatch = 0, perToken = 0;
};

/// Where attention, in a kernel, reads an operand from.
inline TokenTensor tensorOf(FunctionBuilder &b, mlir::OpOperand &operand) {
  std::optional<TensorPart> part = findSource(operand);
  return {b.getOperandBuffer(part->whole), part->offset, part->strides[0], part->strides[1]};
}

/// Where it writes a result.
inline TokenTensor tensorOf(FunctionBuilder &b, mlir::Value result) {
  std::optional<TensorPart> part = findTarget(mlir::cast<mlir::OpResult>(result));
  return part ? TokenTensor{findResultBuffer(b, part->whole), part->offset, part->strides[0],
                            part->strides[1]}
              : TokenTensor();
}

} // namespace mome
#endif

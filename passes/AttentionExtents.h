// The extents of an attention, for the kernels of every machine.
#ifndef MOME_PASSES_ATTENTIONEXTENTS_H
#define MOME_PASSES_ATTENTIONEXTENTS_H

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"

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

} // namespace mome
#endif

// See AttentionTiles.h.
#include "passes/cuda/AttentionTiles.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

std::string mome::cuda::refuseAttention(Operation *op, unsigned operands,
                                        const AttentionPlan &plan) {
  if (std::string reason = refuseAround(op); !reason.empty()) {
    return reason;
  }
  for (Value operand : op->getOperands().take_front(operands)) {
    if (cast<ShapedType>(operand.getType()).getElementType().isBF16() != plan.isBf16) {
      return "operands of two element types";
    }
  }
  return plan.tileDepth == 0 ? "heads of more than 128 channels" : "";
}

AttentionTiles::AttentionTiles(LaunchBuilder &b, const AttentionPlan &plan, Value bias,
                               double scale)
    : b(b), plan(plan), math(createAttentionMath(b, plan)), scale(scale) {
  if (bias) {
    this->bias = b.getOperandBuffer(bias);
    biasPerBatch = cast<RankedTensorType>(bias.getType()).getRank() == 4;
  }
}

int64_t AttentionTiles::takePlace(int64_t tokens) {
  int64_t tiles = ceilDiv(tokens, plan.rowTokens);
  SmallVector<Value> place = b.delinearize(b.getBlock(), {plan.batches, plan.heads, tiles});
  batch = place[0];
  head = place[1];
  firstToken = b.mulIndex(place[2], plan.rowTokens);
  return plan.batches * plan.heads * tiles;
}

SharedTile AttentionTiles::place(SharedTile tile) {
  tile.setBuffer(b.shareMemory(sharedBytes, tile.getSize(), tile.getElementType()));
  sharedBytes += AttentionMath::bytesOf(tile);
  return tile;
}

Value AttentionTiles::originOf(const HeadTensor &tensor) {
  return b.addIndex(b.mulIndex(batch, tensor.length * tensor.channels),
                    b.mulIndex(head, tensor.depth));
}

void AttentionTiles::copyTile(SharedTile &tile, const HeadTensor &tensor, Value first) {
  Matrix matrix{tensor.buffer, tensor.length * tensor.channels, tensor.channels, 1};
  TileSource source = sourceOf(b, matrix, originOf(tensor), tensor.length, b.index(tensor.depth),
                               chooseUnit(matrix, tensor.length, tensor.depth));
  tile.copy(source, first, b.index(0), b.index(0));
  b.commitCopies();
}

SmallVector<Value> AttentionTiles::zeros(int64_t count) {
  return SmallVector<Value>(count, constant(0.0));
}

Value AttentionTiles::constant(double value) {
  return nn::emitConstant(b, b.getF32Type(), value);
}

Value AttentionTiles::rowOf(Value query) {
  return b.addIndex(b.mulIndex(b.addIndex(b.mulIndex(batch, plan.heads), head), plan.queries),
                    query);
}

Value AttentionTiles::emitScore(Value product, Value query, Value key) {
  Value score = arith::MulFOp::create(b, product, constant(scale));
  if (!bias) {
    return score;
  }
  Value line = b.addIndex(b.mulIndex(head, plan.queries), query);
  Value at = b.addIndex(b.mulIndex(biasPerBatch ? rowOf(query) : line, plan.keys), key);
  return arith::AddFOp::create(b, score, b.loadWide(bias, at));
}

void AttentionTiles::storeChannels(ArrayRef<Value> values, const HeadTensor &to, Value line,
                                   Value channel) {
  int64_t count = values.size();
  if (to.depth % count == 0 && to.channels % count == 0) {
    b.ifThen(b.isLess(channel, b.index(to.depth)),
             [&] { storeNeighbours(b, values, to.buffer, b.addIndex(line, channel)); });
    return;
  }
  for (int64_t e = 0; e < count; ++e) {
    Value at = b.addIndex(channel, e);
    b.ifThen(b.isLess(at, b.index(to.depth)),
             [&] { storeNeighbours(b, values[e], to.buffer, b.addIndex(line, at)); });
  }
}

void AttentionTiles::storeTokens(ArrayRef<Value> acc, ArrayRef<Value> factors, const HeadTensor &to,
                                 Value first) {
  for (int64_t i = 0; i < math->rows; ++i) {
    Value token = rowToken(i, first);
    b.ifThen(b.isLess(token, b.index(to.length)), [&] {
      Value line = b.addIndex(originOf(to), b.mulIndex(token, to.channels));
      for (int64_t j = 0; j < math->channels; j += math->neighbours) {
        SmallVector<Value> values;
        for (Value sum : acc.slice(i * math->channels + j, math->neighbours)) {
          values.push_back(arith::MulFOp::create(b, sum, factors[i]));
        }
        storeChannels(values, to, line, math->channelOf(j));
      }
    });
  }
}

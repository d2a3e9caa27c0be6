// See AttentionTiles.h.
#include "passes/cuda/AttentionTiles.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

AttentionPlan::AttentionPlan(Value query, Value key, Value value, int64_t heads)
    : AttentionExtents(query, key, value, heads) {
  int64_t widest = std::max(depth, valueDepth);
  tileDepth = widest <= 64 ? 64 : widest <= 128 ? 128 : 0;
  tileTokens = tileDepth == 64 ? 64 : 32;
}

int64_t AttentionPlan::tokenDepth(int64_t tokens) const {
  return std::min(tileTokens, ceilDiv(tokens, 4) * 4);
}

AttentionTiles::AttentionTiles(LaunchBuilder &b, const AttentionPlan &plan, Value bias,
                               double scale)
    : b(b), plan(plan), scale(scale) {
  threadRow = b.divIndex(b.getThread(), AttentionPlan::columnThreads);
  threadColumn = b.remIndex(b.getThread(), AttentionPlan::columnThreads);
  if (bias) {
    this->bias = b.getOperandBuffer(bias);
    biasPerBatch = cast<RankedTensorType>(bias.getType()).getRank() == 4;
  }
}

SharedTile AttentionTiles::makeTile(int64_t depth, int64_t spread) {
  SharedTile tile(b, b.getF32Type(), plan.tileTokens, depth, /*depthIsContiguous=*/true,
                  plan.threads(), spread);
  tile.setBuffer(b.shareMemory(sharedBytes, tile.getSize(), b.getF32Type()));
  sharedBytes += 4 * tile.getSize();
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

Value AttentionTiles::rowToken(int64_t i, Value first) {
  return b.addIndex(first, b.addIndex(threadRow, i * plan.rowThreads()));
}

Value AttentionTiles::columnToken(int64_t j, Value first) {
  return b.addIndex(first, b.addIndex(threadColumn, j * AttentionPlan::columnThreads));
}

void AttentionTiles::storeTokens(ArrayRef<Value> acc, ArrayRef<Value> factors, const HeadTensor &to,
                                 Value first) {
  bool fours = to.depth % 4 == 0 && to.channels % 4 == 0;
  int64_t width = channelColumns();
  for (int64_t i = 0; i < 4; ++i) {
    Value token = rowToken(i, first);
    b.ifThen(b.isLess(token, b.index(to.length)), [&] {
      Value line = b.addIndex(originOf(to), b.mulIndex(token, to.channels));
      for (int64_t j = 0; j < width; j += 4) {
        Value channel = b.addIndex(b.mulIndex(threadColumn, 4), j * AttentionPlan::columnThreads);
        SmallVector<Value> four;
        for (int64_t e = 0; e < 4; ++e) {
          four.push_back(arith::MulFOp::create(b, acc[i * width + j + e], factors[i]));
        }
        if (fours) {
          b.ifThen(b.isLess(channel, b.index(to.depth)),
                   [&] { storeNeighbours(b, four, to.buffer, b.addIndex(line, channel)); });
          continue;
        }
        for (int64_t e = 0; e < 4; ++e) {
          Value at = b.addIndex(channel, e);
          b.ifThen(b.isLess(at, b.index(to.depth)),
                   [&] { storeNeighbours(b, four[e], to.buffer, b.addIndex(line, at)); });
        }
      }
    });
  }
}

// See AttentionMath.h.
#include "passes/cuda/AttentionMath.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

AttentionPlan::AttentionPlan(Value query, Value key, Value value, int64_t heads, bool isBackward)
    : AttentionExtents(query, key, value, heads) {
  isBf16 = cast<ShapedType>(query.getType()).getElementType().isBF16();
  int64_t widest = std::max(depth, valueDepth);
  tileDepth = widest <= 32 && isBf16 ? 32 : widest <= 64 ? 64 : widest <= 128 ? 128 : 0;
  columnTokens = tileDepth > 64 || (isBf16 && isBackward) ? 32 : 64;
  rowTokens = isBf16 ? 64 : columnTokens;
  threads = isBf16 ? 2 * rowTokens : 4 * rowTokens;
}

int64_t AttentionPlan::tokenDepth(int64_t tokens) const {
  return std::min(columnTokens, ceilDiv(tokens, step()) * step());
}

int64_t AttentionMath::bytesOf(const SharedTile &tile) {
  return tile.getSize() * tile.getElementType().getIntOrFloatBitWidth() / 8;
}

//===-- Fused multiply-adds -------------------------------------------------------------------===//

namespace {
class SimtMath : public AttentionMath {
public:
  SimtMath(LaunchBuilder &b, const AttentionPlan &plan)
      : AttentionMath(b, plan, /*rows=*/4, plan.columnTokens / columnThreads,
                      plan.tileDepth / columnThreads, columnThreads, /*neighbours=*/4),
        rowThreads(plan.threads / columnThreads),
        threadRow(b.divIndex(b.getThread(), columnThreads)),
        threadColumn(b.remIndex(b.getThread(), columnThreads)) {}

  Value rowOf(int64_t i) override { return b.addIndex(threadRow, i * rowThreads); }
  Value columnOf(int64_t j) override { return b.addIndex(threadColumn, j * columnThreads); }
  Value channelOf(int64_t j) override {
    return b.addIndex(b.mulIndex(threadColumn, 4), j / 4 * 4 * columnThreads + j % 4);
  }
  SharedTile makeRowTile() override { return makeTile(plan.rowTokens, plan.tileDepth, rowThreads); }
  SharedTile makeColumnTile() override {
    return makeTile(plan.columnTokens, plan.tileDepth, columnThreads);
  }
  SmallVector<Value> multiply(SharedTile &rowTile, SharedTile &columnTile, int64_t depth) override;
  unsigned reserveWeights(int64_t &offset) override;
  void keepWeights(unsigned number, ArrayRef<Value> values) override;
  SmallVector<Value> addWeighted(unsigned number, SharedTile &columnTile, int64_t depth,
                                 ValueRange sums) override;

private:
  static constexpr int64_t columnThreads = 16;

  SharedTile makeTile(int64_t tokens, int64_t depth, int64_t spread) {
    return SharedTile(b, b.getF32Type(), tokens, depth, /*depthIsContiguous=*/true, plan.threads,
                      spread);
  }

  int64_t rowThreads;
  Value threadRow, threadColumn;
  SmallVector<SharedTile> weights;
};
} // namespace

SmallVector<Value> SimtMath::multiply(SharedTile &rowTile, SharedTile &columnTile, int64_t depth) {
  SmallVector<Value> zeros(rows * columns, arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f)));
  return multiplyTiles(b, {rowTile, b.index(0), threadRow}, {columnTile, b.index(0), threadColumn},
                       depth, zeros);
}

unsigned SimtMath::reserveWeights(int64_t &offset) {
  weights.push_back(makeTile(plan.rowTokens, plan.columnTokens, rowThreads));
  weights.back().setBuffer(b.shareMemory(offset, weights.back().getSize(), b.getF32Type()));
  offset += bytesOf(weights.back());
  return weights.size() - 1;
}

void SimtMath::keepWeights(unsigned number, ArrayRef<Value> values) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      weights[number].store(values[i * columns + j], rowOf(i), columnOf(j), b.index(0));
    }
  }
}

SmallVector<Value> SimtMath::addWeighted(unsigned number, SharedTile &columnTile, int64_t depth,
                                         ValueRange sums) {
  SharedTile across = columnTile.transposed(columnThreads);
  return multiplyTiles(b, {weights[number], b.index(0), threadRow},
                       {across, b.index(0), threadColumn}, depth, sums);
}

//===-- Tensor cores --------------------------------------------------------------------------===//

/// Extent of the squares that matrices are loaded in.
static constexpr int64_t square = 16;

namespace {
class TensorMath : public AttentionMath {
public:
  TensorMath(LaunchBuilder &b, const AttentionPlan &plan)
      : AttentionMath(b, plan, /*rows=*/2, plan.columnTokens / 4, plan.tileDepth / 4,
                      /*rowLanes=*/4, /*neighbours=*/2) {
    Value lane = b.remIndex(b.getThread(), warpThreads);
    firstRow = b.mulIndex(b.divIndex(b.getThread(), warpThreads), square);
    laneRow = b.addIndex(firstRow, b.divIndex(lane, 4));
    lanePair = b.mulIndex(b.remIndex(lane, 4), 2);
  }

  Value rowOf(int64_t i) override { return b.addIndex(laneRow, 8 * i); }
  Value columnOf(int64_t j) override { return b.addIndex(lanePair, j / 2 * 8 + j % 2); }
  Value channelOf(int64_t j) override { return columnOf(j); }
  SharedTile makeRowTile() override { return makeTile(plan.rowTokens); }
  SharedTile makeColumnTile() override { return makeTile(plan.columnTokens); }
  SmallVector<Value> multiply(SharedTile &rowTile, SharedTile &columnTile, int64_t depth) override;
  unsigned reserveWeights(int64_t &) override {
    weights.emplace_back();
    return weights.size() - 1;
  }
  void keepWeights(unsigned number, ArrayRef<Value> values) override;
  SmallVector<Value> addWeighted(unsigned number, SharedTile &columnTile, int64_t depth,
                                 ValueRange sums) override;

private:
  SharedTile makeTile(int64_t tokens) {
    return SharedTile(b, b.getI16Type(), tokens, plan.tileDepth, /*depthIsContiguous=*/true,
                      plan.threads, /*spread=*/1);
  }
  /// Adds `left`, four matrices, times 16 columns to the thread's sums of these, columns [16 j, ...).
  void addSquare(ArrayRef<Value> left, ArrayRef<Value> right, int64_t j, int64_t width,
                 MutableArrayRef<Value> sums);

  Value firstRow, laneRow, lanePair;
  SmallVector<SmallVector<Value>> weights; // pairs, as operands
};
} // namespace

void TensorMath::addSquare(ArrayRef<Value> left, ArrayRef<Value> right, int64_t j, int64_t width,
                           MutableArrayRef<Value> sums) {
  for (int64_t half : {0, 1}) {
    MutableArrayRef<Value> upper = sums.slice(4 * j + 2 * half, 2);
    MutableArrayRef<Value> lower = sums.slice(width + 4 * j + 2 * half, 2);
    SmallVector<Value> before{upper[0], upper[1], lower[0], lower[1]};
    SmallVector<Value> columnsOfHalf{right[half], right[half + 2]};
    SmallVector<Value> after = b.multiplyMatrices(left, columnsOfHalf, before);
    llvm::copy(ArrayRef(after).take_front(2), upper.begin());
    llvm::copy(ArrayRef(after).take_back(2), lower.begin());
  }
}

SmallVector<Value> TensorMath::multiply(SharedTile &rowTile, SharedTile &columnTile,
                                        int64_t depth) {
  SmallVector<Value> sums(rows * columns, arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f)));
  for (int64_t k = 0; k < depth; k += square) {
    SmallVector<Value> left = rowTile.loadMatrices(firstRow, b.index(k), b.index(0));
    for (int64_t j = 0; j < plan.columnTokens / square; ++j) {
      SmallVector<Value> right =
          columnTile.loadMatrices(b.index(j * square), b.index(k), b.index(0));
      addSquare(left, right, j, columns, sums);
    }
  }
  return sums;
}

void TensorMath::keepWeights(unsigned number, ArrayRef<Value> values) {
  weights[number].clear();
  for (int64_t k = 0; k < columns; k += 4) { // four columns of a thread are 16 of the tile
    for (int64_t right : {0, 2}) {
      for (int64_t lower : {0, 1}) {
        const Value *pair = values.data() + lower * columns + k + right;
        weights[number].push_back(b.packPair(pair[0], pair[1]));
      }
    }
  }
}

SmallVector<Value> TensorMath::addWeighted(unsigned number, SharedTile &columnTile, int64_t depth,
                                           ValueRange before) {
  SmallVector<Value> sums = llvm::to_vector(before);
  SharedTile across = columnTile.transposed(/*newSpread=*/1);
  for (int64_t k = 0; k < depth; k += square) {
    ArrayRef<Value> left = ArrayRef(weights[number]).slice(k / square * 4, 4);
    for (int64_t j = 0; j < plan.tileDepth / square; ++j) {
      SmallVector<Value> right = across.loadMatrices(b.index(j * square), b.index(k), b.index(0));
      addSquare(left, right, j, channels, sums);
    }
  }
  return sums;
}

std::unique_ptr<AttentionMath> mome::cuda::createAttentionMath(LaunchBuilder &b,
                                                               const AttentionPlan &plan) {
  if (plan.isBf16) {
    return std::make_unique<TensorMath>(b, plan);
  }
  return std::make_unique<SimtMath>(b, plan);
}

// See AttentionMath.h.
#include "passes/cuda/AttentionMath.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

/// Extent of the squares that matrices are loaded in.
static constexpr int64_t square = 16;
/// Warps that keep a multiprocessor's tensor cores busy.
static constexpr int64_t busyWarps = 4;

/// Warps of blocks that are soon through, on all multiprocessors; and waste little of the last tile, and
/// share what they read of the columns.
static int64_t chooseWarps(int64_t tokens, int64_t warpRows, int64_t heads,
                           const Machine &machine) {
  constexpr int64_t most = 8;
  constexpr double copies = 0.6; // of a tile of columns, beside a warp's work on it
  int64_t best = 1;
  std::pair<double, double> least;
  for (int64_t warps = 1; warps <= most; ++warps) {
    auto perHead = double(ceilDiv(tokens, warps * warpRows));
    double together = std::max(double(heads) * perHead / double(machine.multiprocessors), 1.0);
    double time = std::max(together * (double(warps) + copies), double(busyWarps) + copies);
    std::pair cost(time, perHead * (double(warps) + copies));
    if (warps == 1 || cost < least) {
      best = warps;
      least = cost;
    }
  }
  return best;
}

AttentionPlan::AttentionPlan(Value query, Value key, Value value, int64_t heads, Rows rows,
                             const Machine &machine)
    : AttentionExtents(query, key, value, heads), rowsOf(rows) {
  isBf16 = cast<ShapedType>(query.getType()).getElementType().isBF16();
  int64_t widest = std::max(depth, valueDepth);
  tileDepth = widest <= 32 && isBf16 ? 32 : widest <= 64 ? 64 : widest <= 128 ? 128 : 0;
  columnTokens = tileDepth > 64 ? 32 : 64;
  if (isBf16 && rows != Rows::forward) { // sums, rows, and two tiles of scores share the registers
    columnTokens /= 2;
  }
  keepsRows = rows == Rows::forward || (rows != Rows::allKeys && tileDepth <= 64);
  stages = isBf16 ? 2 : 1;
  warpRows = 16;
  rowTokens = columnTokens;
  threads = 4 * rowTokens;
  if (isBf16) {
    int64_t tokens = rowExtent();
    // What a warp reads of the columns serves all of its rows.
    bool areWide = (rows == Rows::forward || rows == Rows::allKeys) && tileDepth <= 64;
    warpRows = areWide && tokens > 64 ? 32 : 16;
    columnTokens = std::min<int64_t>(columnTokens, 64 * 16 / warpRows);
    int64_t warps = rows == Rows::allKeys ? ceilDiv(keys, warpRows)
                                          : chooseWarps(tokens, warpRows, batches * heads, machine);
    rowTokens = warps * warpRows;
    threads = warps * warpThreads;
  }
}

bool AttentionPlan::fitsAllKeys() const {
  constexpr int64_t mostKeys = 224; // with 64 channels: 96 KiB of shared memory
  return isBf16 && tileDepth <= 64 && keys <= mostKeys;
}

double AttentionPlan::cyclesOn(const Machine &machine, double products) const {
  // Of 16 x 16 scores over 64 channels: shared memory gives no more, where tensor cores are fast.
  double cycles = std::max(23.0, double(square * square * 64) / double(machine.tensorFmas));
  int64_t rounds = ceilDiv(blocks(), machine.multiprocessors);
  int64_t rowSquares = std::max(rounds * ceilDiv(rowTokens, square), busyWarps);
  int64_t walked = ceilDiv(haveKeys() ? queries : keys, square);
  return double(machine.launchCycles) + products * double(rowSquares * walked) * cycles;
}

int64_t AttentionPlan::tokensOf(int64_t left) const {
  return isBf16 ? std::min(columnTokens, ceilDiv(left, step()) * step()) : columnTokens;
}

int64_t AttentionMath::bytesOf(const SharedTile &tile) {
  return tile.getSize() * tile.getElementType().getIntOrFloatBitWidth() / 8;
}

//===-- Fused multiply-adds -------------------------------------------------------------------===//

namespace {
class SimtMath : public AttentionMath {
public:
  SimtMath(LaunchBuilder &b, const AttentionPlan &plan)
      : AttentionMath(b, plan, /*rows=*/4, plan.tileDepth / columnThreads, columnThreads,
                      /*neighbours=*/4),
        rowThreads(plan.threads / columnThreads),
        threadRow(b.divIndex(b.getThread(), columnThreads)),
        threadColumn(b.remIndex(b.getThread(), columnThreads)) {}

  int64_t columnsOf(int64_t tokens) const override { return tokens / columnThreads; }
  Value rowOf(int64_t i) override { return b.addIndex(threadRow, i * rowThreads); }
  Value columnOf(int64_t j) override { return b.addIndex(threadColumn, j * columnThreads); }
  Value channelOf(int64_t j) override {
    return b.addIndex(b.mulIndex(threadColumn, 4), j / 4 * 4 * columnThreads + j % 4);
  }
  SharedTile makeRowTile() override { return makeTile(plan.rowTokens, plan.tileDepth, rowThreads); }
  SharedTile makeColumnTile() override {
    return makeTile(plan.columnTokens, plan.tileDepth, columnThreads);
  }
  Value power(Value value) override { return math::ExpOp::create(b, value); }
  double logarithmScale() const override { return 1; }
  SmallVector<Value> loadRows(SharedTile &, int64_t) override { return {}; }
  SmallVector<Value> multiply(SharedTile &rowTile, ArrayRef<Value> kept, const ColumnTile &columns,
                              int64_t depth) override;
  unsigned reserveWeights(int64_t &offset) override;
  void keepWeights(unsigned number, ArrayRef<Value> values) override;
  SmallVector<Value> roundedWeights(unsigned) override { llvm_unreachable("f32 is not rounded"); }
  bool needsBarrier() const override { return true; }
  SmallVector<Value> addWeighted(unsigned number, const ColumnTile &columns,
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

SmallVector<Value> SimtMath::multiply(SharedTile &rowTile, ArrayRef<Value>,
                                      const ColumnTile &columns, int64_t depth) {
  SmallVector<Value> zeros(rows * columnsOf(columns.tokens),
                           arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f)));
  return multiplyTiles(b, {rowTile, b.index(0), threadRow},
                       {columns.tile, columns.slot, threadColumn}, depth, zeros);
}

unsigned SimtMath::reserveWeights(int64_t &offset) {
  weights.push_back(makeTile(plan.rowTokens, plan.columnTokens, rowThreads));
  weights.back().setBuffer(b.shareMemory(offset, weights.back().getSize(), b.getF32Type()));
  offset += bytesOf(weights.back());
  return weights.size() - 1;
}

void SimtMath::keepWeights(unsigned number, ArrayRef<Value> values) {
  int64_t columns = int64_t(values.size()) / rows;
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      weights[number].store(values[i * columns + j], rowOf(i), columnOf(j), b.index(0));
    }
  }
}

SmallVector<Value> SimtMath::addWeighted(unsigned number, const ColumnTile &columns,
                                         ValueRange sums) {
  SharedTile across = columns.tile.transposed(columnThreads);
  return multiplyTiles(b, {weights[number], b.index(0), threadRow},
                       {across, columns.slot, threadColumn}, columns.tokens, sums);
}

//===-- Tensor cores --------------------------------------------------------------------------===//

namespace {
class TensorMath : public AttentionMath {
public:
  TensorMath(LaunchBuilder &b, const AttentionPlan &plan)
      : AttentionMath(b, plan, plan.warpRows / 8, plan.tileDepth / 4, /*rowLanes=*/4,
                      /*neighbours=*/2) {}

  int64_t columnsOf(int64_t tokens) const override { return tokens / 4; }
  Value rowOf(int64_t i) override {
    return b.addIndex(b.addIndex(firstRow(), b.divIndex(lane(), 4)), 8 * i);
  }
  Value columnOf(int64_t j) override {
    return b.addIndex(b.mulIndex(b.remIndex(lane(), 4), 2), j / 2 * 8 + j % 2);
  }
  Value channelOf(int64_t j) override { return columnOf(j); }
  SharedTile makeRowTile() override { return makeTile(plan.rowTokens); }
  SharedTile makeColumnTile() override { return makeTile(plan.columnTokens); }
  Value power(Value value) override { return b.powerOfTwo(value); }
  double logarithmScale() const override { return 1.4426950408889634; }
  SmallVector<Value> loadRows(SharedTile &rowTile, int64_t depth) override;
  SmallVector<Value> multiply(SharedTile &rowTile, ArrayRef<Value> kept, const ColumnTile &columns,
                              int64_t depth) override;
  unsigned reserveWeights(int64_t &) override {
    weights.emplace_back();
    return weights.size() - 1;
  }
  void keepWeights(unsigned number, ArrayRef<Value> values) override;
  SmallVector<Value> roundedWeights(unsigned number) override;
  bool needsBarrier() const override { return false; }
  SmallVector<Value> addWeighted(unsigned number, const ColumnTile &columns,
                                 ValueRange sums) override;

private:
  SharedTile makeTile(int64_t tokens) {
    return SharedTile(b, b.getI16Type(), tokens, plan.tileDepth, /*depthIsContiguous=*/true,
                      plan.threads, /*spread=*/1);
  }
  int64_t squares() const { return plan.warpRows / square; }
  Value lane() { return b.remIndex(b.getThread(), warpThreads); }
  Value firstRow() { // of the warp
    return b.mulIndex(b.divIndex(b.getThread(), warpThreads), plan.warpRows);
  }
  /// Adds `left`, 16 rows of every square of the warp, times 16 columns to the thread's sums of these,
  /// columns [16 j, ...).
  void addSquares(ArrayRef<Value> left, ArrayRef<Value> right, int64_t j,
                  MutableArrayRef<Value> sums);

  SmallVector<SmallVector<Value>> weights; // pairs, as operands
};
} // namespace

void TensorMath::addSquares(ArrayRef<Value> left, ArrayRef<Value> right, int64_t j,
                            MutableArrayRef<Value> sums) {
  int64_t width = int64_t(sums.size()) / rows;
  for (int64_t i = 0; i < squares(); ++i) {
    for (int64_t half : {0, 1}) {
      MutableArrayRef<Value> upper = sums.slice(2 * i * width + 4 * j + 2 * half, 2);
      MutableArrayRef<Value> lower = sums.slice((2 * i + 1) * width + 4 * j + 2 * half, 2);
      SmallVector<Value> before{upper[0], upper[1], lower[0], lower[1]};
      SmallVector<Value> after =
          b.multiplyMatrices(left.slice(4 * i, 4), right.slice(2 * half, 2), before);
      llvm::copy(ArrayRef(after).take_front(2), upper.begin());
      llvm::copy(ArrayRef(after).take_back(2), lower.begin());
    }
  }
}

SmallVector<Value> TensorMath::loadRows(SharedTile &rowTile, int64_t depth) {
  SmallVector<Value> kept;
  if (!plan.keepsRows) {
    return kept;
  }
  for (int64_t k = 0; k < depth; k += square) {
    for (int64_t i = 0; i < squares(); ++i) {
      llvm::append_range(kept, rowTile.loadMatrices(SharedTile::Side::left,
                                                    b.addIndex(firstRow(), i * square), b.index(k),
                                                    b.index(0)));
    }
  }
  return kept;
}

SmallVector<Value> TensorMath::multiply(SharedTile &rowTile, ArrayRef<Value> kept,
                                        const ColumnTile &columns, int64_t depth) {
  SmallVector<Value> sums(rows * columnsOf(columns.tokens),
                          arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f)));
  for (int64_t k = 0; k < depth; k += square) {
    SmallVector<Value> left;
    if (plan.keepsRows) {
      left.append(kept.begin() + k / square * 4 * squares(),
                  kept.begin() + (k / square + 1) * 4 * squares());
    }
    for (int64_t i = 0; !plan.keepsRows && i < squares(); ++i) {
      llvm::append_range(left, rowTile.loadMatrices(SharedTile::Side::left,
                                                    b.addIndex(firstRow(), i * square), b.index(k),
                                                    b.index(0)));
    }
    for (int64_t j = 0; j < columns.tokens / square; ++j) {
      SmallVector<Value> right = columns.tile.loadMatrices(
          SharedTile::Side::right, b.index(j * square), b.index(k), columns.slot);
      addSquares(left, right, j, sums);
    }
  }
  return sums;
}

/// Calls with every pair of neighbours in a thread's rows of so many columns, as operands stand: the row's
/// number, and the first column's.
template <typename Function>
static void forEachPair(int64_t rows, int64_t columns, Function function) {
  for (int64_t k = 0; k < columns; k += 4) { // four columns of a thread are 16 of the tile
    for (int64_t row = 0; row < rows; row += 2) {
      for (int64_t right : {0, 2}) {
        for (int64_t lower : {0, 1}) {
          function(row + lower, k + right);
        }
      }
    }
  }
}

void TensorMath::keepWeights(unsigned number, ArrayRef<Value> values) {
  int64_t columns = int64_t(values.size()) / rows;
  weights[number].clear();
  forEachPair(rows, columns, [&](int64_t row, int64_t column) {
    const Value *pair = values.data() + row * columns + column;
    weights[number].push_back(b.packPair(pair[0], pair[1]));
  });
}

SmallVector<Value> TensorMath::roundedWeights(unsigned number) {
  int64_t columns = 2 * int64_t(weights[number].size()) / rows;
  SmallVector<Value> values(rows * columns);
  const Value *pair = weights[number].begin();
  forEachPair(rows, columns, [&](int64_t row, int64_t column) {
    std::tie(values[row * columns + column], values[row * columns + column + 1]) =
        b.unpackPair(*pair++);
  });
  return values;
}

SmallVector<Value> TensorMath::addWeighted(unsigned number, const ColumnTile &columns,
                                           ValueRange before) {
  SmallVector<Value> sums = llvm::to_vector(before);
  SharedTile across = columns.tile.transposed(/*newSpread=*/1);
  for (int64_t k = 0; k < columns.tokens; k += square) {
    ArrayRef<Value> left =
        ArrayRef(weights[number]).slice(k / square * 4 * squares(), 4 * squares());
    for (int64_t j = 0; j < plan.tileDepth / square; ++j) {
      SmallVector<Value> right = across.loadMatrices(SharedTile::Side::right, b.index(j * square),
                                                     b.index(k), columns.slot);
      addSquares(left, right, j, sums);
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

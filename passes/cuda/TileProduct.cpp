// See TileProduct.h.
#include "passes/cuda/TileProduct.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

SmallVector<Value> TileProduct::zeroSums(int64_t count) {
  return SmallVector<Value>(count, arith::ConstantOp::create(b, b.getF32FloatAttr(0.0f)));
}

//===-- Fused multiply-adds -------------------------------------------------------------------===//

/// Threads along the columns of a tile: half a warp, so that a warp has two rows of threads.
static constexpr int64_t columnThreads = 16;

namespace {
/// A thread has rows and columns of its own: the fragments of SharedTile.h. Sums run in the order of k.
class SimtProduct : public TileProduct {
public:
  SimtProduct(LaunchBuilder &b, TileShape shape, bool rowsAlongDepth, bool columnsAlongDepth)
      : TileProduct(b, shape, makeTile(b, shape, shape.rows, rowsAlongDepth, rowThreads(shape)),
                    makeTile(b, shape, shape.columns, columnsAlongDepth, columnThreads)),
        threadRow(b.divIndex(b.getThread(), columnThreads)),
        threadColumn(b.remIndex(b.getThread(), columnThreads)) {}

  SmallVector<Value> begin(TileSlots) override {
    return zeroSums(rows.getFragmentLines() * width());
  }
  SmallVector<Value> multiply(TileSlots slots, ValueRange sums,
                              llvm::function_ref<TileSlots()> advance) override {
    SmallVector<Value> after =
        multiplyTiles(b, {rows, slots.rows, threadRow}, {columns, slots.columns, threadColumn},
                      rows.getDepth(), sums);
    if (advance) {
      advance();
    }
    return after;
  }
  int64_t getPartRows() const override { return 4 * rowThreads(shape); }
  int64_t getStageWidth() const override {
    return shape.columns + columnThreads / rows.getLineStep();
  }
  void storePart(int64_t part, ArrayRef<Value> sums, Value stage) override;
  bool takesOwnSums(int64_t lanes) const override {
    return rows.getLineStep() == 1 && columns.getLineStep() == lanes &&
           shape.columns == lanes * columnThreads;
  }

private:
  static int64_t rowThreads(TileShape shape) { return shape.threads / columnThreads; }
  static SharedTile makeTile(LaunchBuilder &b, TileShape shape, int64_t lines, bool alongDepth,
                             int64_t spread) {
    return SharedTile(b, b.getF32Type(), lines, shape.depth, alongDepth, shape.threads, spread);
  }
  int64_t width() const { return columns.getFragmentLines(); }

  Value threadRow, threadColumn;
};
} // namespace

/// Four rows of every fragment.
void SimtProduct::storePart(int64_t part, ArrayRef<Value> sums, Value stage) {
  for (int64_t i = 0; i < 4; ++i) {
    Value row = b.mulIndex(rows.lineOf(i, threadRow), getStageWidth());
    ArrayRef<Value> values = sums.slice((4 * part + i) * width(), width());
    if (columns.getLineStep() == 1) {
      for (int64_t j = 0; j < width(); ++j) {
        Value at = b.addIndex(row, columns.lineOf(j, threadColumn));
        memref::StoreOp::create(b, values[j], stage, at);
      }
      continue;
    }
    for (int64_t j = 0; j < width(); j += 4) {
      Value at = b.addIndex(row, columns.lineOf(j, threadColumn));
      storeNeighbours(b, values.slice(j, 4), stage, at);
    }
  }
}

//===-- Tensor cores --------------------------------------------------------------------------===//

/// Extent of the squares that matrices are loaded in.
static constexpr int64_t square = 16;

namespace {
/// A warp has squares of 16 x 16 sums, spread over the tile so that all warps together have
/// neighbouring ones. The sums of a thread: four per mma (LaunchBuilder.h), of the left and the right
/// half of a square, square by square. A step of k is 32 bytes of an operand.
class TensorProduct : public TileProduct {
public:
  TensorProduct(LaunchBuilder &b, TileShape shape, Multiplier multiplier, bool rowsAlongDepth,
                bool columnsAlongDepth);

  SmallVector<Value> begin(TileSlots slots) override;
  SmallVector<Value> multiply(TileSlots slots, ValueRange state,
                              llvm::function_ref<TileSlots()> advance) override;
  int64_t getPartRows() const override { return square * warpRows; }
  /// Four rows of two neighbours per thread, a quarter of the banks each.
  int64_t getStageWidth() const override { return shape.columns + 8; }
  void storePart(int64_t part, ArrayRef<Value> sums, Value stage) override;

private:
  static SharedTile makeTile(LaunchBuilder &b, TileShape shape, Multiplier multiplier,
                             int64_t lines, bool alongDepth) {
    Type type = multiplier == Multiplier::bf16 ? Type(b.getI16Type()) : Type(b.getF32Type());
    return SharedTile(b, type, lines, shape.depth, alongDepth, shape.threads, /*spread=*/1);
  }
  /// Operands of bf16 are read one step ahead of their products, the last of a tile from the next. A step of
  /// tf32 has the same registers for half the multiply-adds and more to keep, and would spill.
  bool readsAhead() const { return multiplier == Multiplier::bf16; }
  int64_t stepDepth() const { return 32 / elementBytes(multiplier); }
  int64_t countSums() const { return 8 * squareRows * squareColumns; }
  /// What all squares at this depth are products of: rows, then columns, as four matrices each.
  SmallVector<Value> loadOperands(TileSlots slots, int64_t depth);
  void addSquares(ArrayRef<Value> operands, MutableArrayRef<Value> sums);
  Value rowOf(int64_t i) { return b.addIndex(firstRow, i * square * warpRows); }
  Value columnOf(int64_t j) { return b.addIndex(firstColumn, j * square * warpColumns); }

  Multiplier multiplier;
  int64_t warpRows, warpColumns;     // of the block
  int64_t squareRows, squareColumns; // of a warp
  Value firstRow, firstColumn;
};
} // namespace

TensorProduct::TensorProduct(LaunchBuilder &b, TileShape shape, Multiplier multiplier,
                             bool rowsAlongDepth, bool columnsAlongDepth)
    : TileProduct(b, shape, makeTile(b, shape, multiplier, shape.rows, rowsAlongDepth),
                  makeTile(b, shape, multiplier, shape.columns, columnsAlongDepth)),
      multiplier(multiplier) {
  warpRows = shape.warpRows;
  warpColumns = shape.threads / warpThreads / warpRows;
  squareRows = shape.rows / (square * warpRows);
  squareColumns = shape.columns / (square * warpColumns);
  Value warp = b.divIndex(b.getThread(), warpThreads);
  firstRow = b.mulIndex(b.divIndex(warp, warpColumns), square);
  firstColumn = b.mulIndex(b.remIndex(warp, warpColumns), square);
}

SmallVector<Value> TensorProduct::loadOperands(TileSlots slots, int64_t depth) {
  SmallVector<Value> all;
  for (int64_t i = 0; i < squareRows; ++i) {
    llvm::append_range(
        all, rows.loadMatrices(SharedTile::Side::left, rowOf(i), b.index(depth), slots.rows));
  }
  for (int64_t j = 0; j < squareColumns; ++j) {
    llvm::append_range(all, columns.loadMatrices(SharedTile::Side::right, columnOf(j),
                                                 b.index(depth), slots.columns));
  }
  if (multiplier == Multiplier::tf32) {
    llvm::transform(all, all.begin(), [&](Value bits) { return b.roundToTf32(bits); });
  }
  return all;
}

void TensorProduct::addSquares(ArrayRef<Value> operands, MutableArrayRef<Value> sums) {
  ArrayRef<Value> left = operands.take_front(4 * squareRows),
                  right = operands.drop_front(left.size());
  for (int64_t i = 0; i < squareRows; ++i) {
    for (int64_t j = 0; j < squareColumns; ++j) {
      for (int64_t half : {0, 1}) { // columns 0.. and 8.., each of depth 0.. and 8..
        llvm::copy(b.multiplyMatrices(left.slice(4 * i, 4), right.slice(4 * j + 2 * half, 2),
                                      ValueRange(sums.take_front(4)), multiplier),
                   sums.begin());
        sums = sums.drop_front(4);
      }
    }
  }
}

SmallVector<Value> TensorProduct::begin(TileSlots slots) {
  SmallVector<Value> state = zeroSums(countSums());
  if (readsAhead()) {
    llvm::append_range(state, loadOperands(slots, 0));
  }
  return state;
}

SmallVector<Value> TensorProduct::multiply(TileSlots slots, ValueRange before,
                                           llvm::function_ref<TileSlots()> advance) {
  SmallVector<Value> sums = llvm::to_vector(before.take_front(countSums()));
  if (!readsAhead()) {
    for (int64_t depth = 0; depth < rows.getDepth(); depth += stepDepth()) {
      addSquares(loadOperands(slots, depth), sums);
    }
    if (advance) {
      advance();
    }
    return sums;
  }
  SmallVector<Value> operands = llvm::to_vector(before.drop_front(countSums()));
  for (int64_t depth = stepDepth(); depth <= rows.getDepth(); depth += stepDepth()) {
    SmallVector<Value> next;
    if (depth < rows.getDepth()) {
      next = loadOperands(slots, depth);
    } else if (advance) {
      next = loadOperands(advance(), 0);
    }
    addSquares(operands, sums);
    operands = std::move(next);
  }
  llvm::append_range(sums, operands);
  return sums;
}

/// One row of squares of every warp.
void TensorProduct::storePart(int64_t part, ArrayRef<Value> sums, Value stage) {
  Value lane = b.remIndex(b.getThread(), warpThreads);
  Value row = b.addIndex(firstRow, b.divIndex(lane, 4)), pair = b.mulIndex(b.remIndex(lane, 4), 2);
  ArrayRef<Value> rest = sums.slice(8 * part * squareColumns, 8 * squareColumns);
  for (int64_t j = 0; j < squareColumns; ++j) {
    for (int64_t half : {0, 1}) {
      Value column = b.addIndex(b.addIndex(columnOf(j), pair), 8 * half);
      for (int64_t lower : {0, 8}) {
        Value at = b.addIndex(b.mulIndex(b.addIndex(row, lower), getStageWidth()), column);
        storeNeighbours(b, rest.take_front(2), stage, at);
        rest = rest.drop_front(2);
      }
    }
  }
}

//===-- Choice --------------------------------------------------------------------------------===//

std::unique_ptr<TileProduct> mome::cuda::createTileProduct(LaunchBuilder &b, TileShape shape,
                                                           Multiplier multiplier,
                                                           bool rowsAlongDepth,
                                                           bool columnsAlongDepth) {
  if (multiplier == Multiplier::fma) {
    return std::make_unique<SimtProduct>(b, shape, rowsAlongDepth, columnsAlongDepth);
  }
  if (shape.warpgroups) {
    return createWarpgroupProduct(b, shape, rowsAlongDepth, columnsAlongDepth);
  }
  return std::make_unique<TensorProduct>(b, shape, multiplier, rowsAlongDepth, columnsAlongDepth);
}

// See SharedTile.h.
#include "passes/cuda/SharedTile.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

/// Elements of a unit; and units that cover the 32 banks.
static constexpr int64_t unitElements = 4, bankUnits = 8;

int64_t mome::cuda::chooseUnit(const Matrix &matrix, int64_t lines, int64_t depth) {
  bool depthIsContiguous = matrix.perK == 1;
  int64_t minor = depthIsContiguous ? depth : lines;
  int64_t stride = depthIsContiguous ? matrix.perLine : matrix.perK;
  bool aligned = minor % unitElements == 0 && stride % unitElements == 0 &&
                 matrix.perBatch % unitElements == 0;
  return aligned ? unitElements : 1;
}

SharedTile SharedTile::transposed(int64_t newSpread) const {
  SharedTile other(b, depth, lines, !depthIsContiguous, threads, newSpread);
  other.buffer = buffer;
  return other;
}

Value SharedTile::addressOf(Value major, Value minor) {
  int64_t units = minorExtent() / unitElements;
  assert(llvm::isPowerOf2_64(units) && "else the swizzle leaves the row");
  Value turn;
  if (units >= bankUnits) { // neighbours differ in the highest bit
    Value half = b.mulIndex(b.remIndex(major, 2), bankUnits / 2);
    turn = b.addIndex(half, b.remIndex(b.divIndex(major, 2), bankUnits / 2));
  } else {
    turn = b.remIndex(b.divIndex(major, bankUnits / units), units);
  }
  Value at = arith::XOrIOp::create(b, minor, b.mulIndex(turn, unitElements));
  return b.addIndex(b.mulIndex(major, minorExtent()), at);
}

void SharedTile::store(Value value, Value line, Value k, Value slot) {
  assert(depthIsContiguous);
  memref::StoreOp::create(b, value, buffer, b.addIndex(slot, addressOf(line, k)));
}

void SharedTile::copyAsync(const TileSource &source, Value line, Value k, Value slot) {
  int64_t perRow = minorExtent() / source.unit; // copies
  int64_t copies = getSize() / source.unit;
  assert(copies % threads == 0 || copies < threads);
  Value thread = b.getThread();
  auto copy = [&](int64_t number) {
    Value position = b.addIndex(thread, number * threads);
    Value major = b.divIndex(position, perRow);
    Value minor = b.mulIndex(b.remIndex(position, perRow), source.unit);
    if (threads % perRow == 0) { // the same, in a form that shares more between copies
      major = b.addIndex(b.divIndex(thread, perRow), number * (threads / perRow));
      minor = b.mulIndex(b.remIndex(thread, perRow), source.unit);
    }
    auto [tileLine, tileK] = depthIsContiguous ? std::pair(major, minor) : std::pair(minor, major);
    Value fromLine = b.addIndex(line, tileLine), fromK = b.addIndex(k, tileK);
    Value exists = arith::AndIOp::create(b, b.isLess(fromLine, b.index(source.lines)),
                                         b.isLess(fromK, source.depth));
    Value from = b.addIndex(source.origin, b.addIndex(b.mulIndex(fromLine, source.matrix.perLine),
                                                      b.mulIndex(fromK, source.matrix.perK)));
    b.copyAsync(buffer, b.addIndex(slot, addressOf(major, minor)), source.matrix.buffer, from,
                source.unit, exists);
  };
  if (copies < threads) {
    b.ifThen(b.isLess(thread, b.index(copies)), [&] { copy(0); });
    return;
  }
  for (int64_t number = 0; number < copies / threads; ++number) {
    copy(number);
  }
}

Value SharedTile::lineOf(int64_t i, Value place) {
  if (depthIsContiguous) {
    return b.addIndex(place, i * spread);
  }
  int64_t group = i / unitElements, rest = i % unitElements;
  return b.addIndex(b.mulIndex(place, unitElements), group * unitElements * spread + rest);
}

SmallVector<Value> SharedTile::loadFragment(Value place, Value k, Value slot) {
  int64_t count = getFragmentLines();
  SmallVector<Value> fragment(count * unitElements);
  auto load = [&](Value major, Value minor) {
    return loadFour(b, buffer, b.addIndex(slot, addressOf(major, minor)));
  };
  auto element = [&](Value vector, int64_t number) {
    return vector::ExtractOp::create(b, vector, ArrayRef<int64_t>{number});
  };
  if (depthIsContiguous) {
    for (int64_t i = 0; i < count; ++i) {
      Value vector = load(lineOf(i, place), k);
      for (int64_t d = 0; d < unitElements; ++d) {
        fragment[i * unitElements + d] = element(vector, d);
      }
    }
    return fragment;
  }
  for (int64_t d = 0; d < unitElements; ++d) {
    for (int64_t i = 0; i < count; i += unitElements) {
      Value vector = load(b.addIndex(k, d), lineOf(i, place));
      for (int64_t e = 0; e < unitElements; ++e) {
        fragment[(i + e) * unitElements + d] = element(vector, e);
      }
    }
  }
  return fragment;
}

SmallVector<Value> mome::cuda::multiplyTiles(LaunchBuilder &b, TileOperand rows,
                                             TileOperand columns, int64_t depth, ValueRange acc) {
  int64_t height = rows.tile.getFragmentLines(), width = columns.tile.getFragmentLines();
  auto step = [&](Value k, ValueRange before) {
    SmallVector<Value> after = llvm::to_vector(before);
    SmallVector<Value> left = rows.tile.loadFragment(rows.place, k, rows.slot);
    SmallVector<Value> right = columns.tile.loadFragment(columns.place, k, columns.slot);
    for (int64_t d = 0; d < unitElements; ++d) {
      for (int64_t i = 0; i < height; ++i) {
        for (int64_t j = 0; j < width; ++j) {
          Value &sum = after[i * width + j];
          sum =
              math::FmaOp::create(b, left[i * unitElements + d], right[j * unitElements + d], sum);
        }
      }
    }
    return after;
  };
  return llvm::to_vector(b.reduceLoop(b.index(0), b.index(depth), unitElements, acc, step));
}

Value mome::cuda::loadFour(LaunchBuilder &b, Value buffer, Value at) {
  auto type = VectorType::get(unitElements, b.getF32Type());
  return vector::LoadOp::create(b, type, buffer, at, /*nontemporal=*/false,
                                llvm::MaybeAlign(4 * unitElements));
}

void mome::cuda::storeFour(LaunchBuilder &b, ValueRange values, Value buffer, Value at) {
  auto type = VectorType::get(unitElements, b.getF32Type());
  Value vector = vector::FromElementsOp::create(b, type, values);
  vector::StoreOp::create(b, vector, buffer, at, /*nontemporal=*/false,
                          llvm::MaybeAlign(4 * unitElements));
}

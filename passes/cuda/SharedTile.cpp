// See SharedTile.h.
#include "passes/cuda/SharedTile.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

/// Depth of a fragment; and units of 16 bytes that cover the 32 banks.
static constexpr int64_t fragmentDepth = 4, bankUnits = 8;
/// Bytes of a panel's row, and of eight rows, after which its swizzle repeats.
static constexpr int64_t panelBytes = 128, panelGroupBytes = 8 * panelBytes;

static int64_t bytesOf(Value buffer) {
  return cast<MemRefType>(buffer.getType()).getElementTypeBitWidth() / 8;
}

Value mome::cuda::loadNeighbours(LaunchBuilder &b, Value buffer, Value at, int64_t count) {
  if (count == 1) {
    return memref::LoadOp::create(b, buffer, at);
  }
  auto type = VectorType::get(count, cast<MemRefType>(buffer.getType()).getElementType());
  return vector::LoadOp::create(b, type, buffer, at, /*nontemporal=*/false,
                                llvm::MaybeAlign(count * bytesOf(buffer)));
}

void mome::cuda::storeVector(LaunchBuilder &b, Value value, Value buffer, Value at) {
  if (isa<VectorType>(value.getType())) {
    vector::StoreOp::create(b, value, buffer, at);
  } else {
    memref::StoreOp::create(b, value, buffer, at);
  }
}

Value mome::cuda::loadFour(LaunchBuilder &b, Value buffer, Value at) {
  return loadNeighbours(b, buffer, at, 4);
}

void mome::cuda::storeNeighbours(LaunchBuilder &b, ValueRange values, Value buffer, Value at) {
  Value all = values.front();
  if (values.size() > 1) {
    auto type = VectorType::get(int64_t(values.size()), b.getF32Type());
    all = vector::FromElementsOp::create(b, type, values);
  }
  storeVector(b, holdsBf16(buffer) ? b.roundToBits(all) : all, buffer, at);
}

int64_t mome::cuda::elementsPerUnit(Value buffer) {
  return 16 / bytesOf(buffer);
}

int64_t mome::cuda::chooseUnit(const Matrix &matrix, int64_t lines, int64_t depth) {
  bool depthIsContiguous = matrix.perK == 1;
  int64_t minor = depthIsContiguous ? depth : lines;
  int64_t stride = depthIsContiguous ? matrix.perLine : matrix.perK;
  int64_t unit = elementsPerUnit(matrix.buffer);
  while (minor % unit || stride % unit || matrix.perBatch % unit) {
    unit /= 2;
  }
  return unit;
}

TileSource mome::cuda::sourceOf(LaunchBuilder &b, const Matrix &matrix, Value origin, int64_t lines,
                                Value depth, int64_t unit) {
  auto locate = [&b, matrix, origin](Value line, Value k) {
    Value at = b.addIndex(b.mulIndex(line, matrix.perLine), b.mulIndex(k, matrix.perK));
    return Place{b.addIndex(origin, at), nullptr};
  };
  return {matrix.buffer, lines, depth, unit, /*depthStep=*/1, locate};
}

SharedTile SharedTile::transposed(int64_t newSpread) const {
  SharedTile other(b, elementType, depth, lines, !depthIsContiguous, threads, newSpread);
  other.buffer = buffer;
  return other;
}

/// By what a row's units are swizzled: its number among rows that begin at bank 0, with the lowest bit
/// in front, so that neighbours differ in the highest. Of f32 all bits are reversed: for gatherMatrices,
/// two neighbouring units of four rows must not meet.
Value SharedTile::turnOf(Value major, int64_t units) {
  Value row = b.divIndex(major, std::max<int64_t>(bankUnits / units, 1));
  int64_t turns = std::min(units, bankUnits);
  if (unitElements() != 4) {
    Value half = b.mulIndex(b.remIndex(row, 2), turns / 2);
    return turns < bankUnits ? b.remIndex(row, turns)
                             : b.addIndex(half, b.remIndex(b.divIndex(row, 2), turns / 2));
  }
  Value turn = b.index(0);
  for (; turns > 1; turns /= 2) {
    turn = b.addIndex(turn, b.mulIndex(b.remIndex(row, 2), turns / 2));
    row = b.divIndex(row, 2);
  }
  return turn;
}

Value SharedTile::addressOf(Value major, Value minor) {
  if (panels) {
    int64_t width = panelBytes / 16 * unitElements();
    Value panel = b.mulIndex(b.divIndex(minor, width), majorExtent() * width);
    Value turn = b.mulIndex(b.remIndex(major, 8), unitElements());
    Value at = arith::XOrIOp::create(b, b.remIndex(minor, width), turn);
    return b.addIndex(panel, b.addIndex(b.mulIndex(major, width), at));
  }
  int64_t units = minorExtent() / unitElements();
  assert(llvm::isPowerOf2_64(units) && "else the swizzle leaves the row");
  Value turn = turnOf(major, units);
  Value at = arith::XOrIOp::create(b, minor, b.mulIndex(turn, unitElements()));
  return b.addIndex(b.mulIndex(major, minorExtent()), at);
}

void SharedTile::store(ValueRange values, Value line, Value k, Value slot) {
  assert(depthIsContiguous);
  storeNeighbours(b, values, buffer, b.addIndex(slot, addressOf(line, k)));
}

Value SharedTile::loadUnit(Value line, Value k, Value slot) {
  assert(depthIsContiguous);
  return loadNeighbours(b, buffer, b.addIndex(slot, addressOf(line, k)), unitElements());
}

Value SharedTile::loadPair(Value line, Value k, Value slot) {
  Value both;
  if (depthIsContiguous) {
    auto load = [&](Value at) -> Value {
      return memref::LoadOp::create(b, buffer, b.addIndex(slot, addressOf(at, k)));
    };
    auto type = VectorType::get(2, elementType);
    both =
        vector::FromElementsOp::create(b, type, ValueRange{load(line), load(b.addIndex(line, 1))});
  } else {
    both = loadNeighbours(b, buffer, b.addIndex(slot, addressOf(k, line)), 2);
  }
  return elementType.isF32() ? both : b.widenBits(both);
}

/// Bits 0.. are the address, 16.. the distance of panels (1 where there is one), 32.. that of groups of eight
/// rows, all in 16 bytes; 62.. say that rows have 128 bytes and are swizzled.
Value SharedTile::describe(Value line, int64_t k, Value slot) {
  assert(panels && (!depthIsContiguous || depth * 2 == panelBytes));
  // Swizzling changes bits of the address that depend on higher ones: an offset within it can be added.
  int64_t width = panelBytes / 2, distance = depthIsContiguous ? 16 : majorExtent() * panelBytes;
  Value offset = depthIsContiguous ? b.addIndex(b.mulIndex(line, width), k)
                                   : b.addIndex(b.mulIndex(line, depth), k * width);
  Value base = memref::ExtractAlignedPointerAsIndexOp::create(b, buffer);
  Value address = b.addIndex(base, b.mulIndex(b.addIndex(slot, offset), 2));
  uint64_t constant =
      uint64_t(distance / 16) << 16 | uint64_t(panelGroupBytes / 16) << 32 | uint64_t(1) << 62;
  Value low = b.divIndex(address, 16);
  return arith::IndexCastOp::create(b, b.getI64Type(), b.addIndex(low, int64_t(constant)));
}

void SharedTile::copyUnit(const TileSource &source, Value line, Value k, Value exists, Value at) {
  Place place = source.locate(line, k);
  if (place.exists) {
    exists = arith::AndIOp::create(b, exists, place.exists);
  }
  if (source.unit * bytesOf(source.buffer) >= 4) {
    b.copyAsync(buffer, at, source.buffer, place.address, source.unit, exists);
    return;
  }
  Value from = arith::SelectOp::create(b, exists, place.address, b.index(0));
  Value value = loadNeighbours(b, source.buffer, from, source.unit);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(value.getType()));
  storeVector(b, arith::SelectOp::create(b, exists, value, zero), buffer, at);
}

void SharedTile::copy(const TileSource &source, Value line, Value k, Value slot) {
  int64_t unit = source.unit;
  int64_t perRow = minorExtent() / unit; // copies
  int64_t copies = getSize() / unit;
  Value thread = b.getThread();
  // A power of two of the threads takes rows in steps that do not change the swizzle: copies share an address.
  int64_t workers = copies % threads == 0 ? threads : int64_t(llvm::bit_floor(uint64_t(threads)));
  // Where a tile's lines divide the source's, all of them exist or, in a tile behind the last one, none; and so
  // its depth.
  Value tileExists =
      arith::AndIOp::create(b, b.isLess(line, b.index(source.lines)), b.isLess(k, source.depth));
  auto copyOne = [&](int64_t number) {
    Value position = b.addIndex(thread, number * workers);
    Value major = b.divIndex(position, perRow);
    Value minor = b.mulIndex(b.remIndex(position, perRow), unit);
    if (workers % perRow == 0) { // the same, in a form that shares more between copies
      major = b.addIndex(b.divIndex(thread, perRow), number * (workers / perRow));
      minor = b.mulIndex(b.remIndex(thread, perRow), unit);
    }
    auto [tileLine, tileK] = depthIsContiguous ? std::pair(major, minor) : std::pair(minor, major);
    Value atLine = b.addIndex(line, tileLine), atK = b.addIndex(k, tileK), exists = tileExists;
    if (source.lines % lines != 0) {
      exists = arith::AndIOp::create(b, exists, b.isLess(atLine, b.index(source.lines)));
    }
    if (source.depthStep % depth != 0) {
      exists = arith::AndIOp::create(b, exists, b.isLess(atK, source.depth));
    }
    copyUnit(source, atLine, atK, exists, b.addIndex(slot, addressOf(major, minor)));
  };
  auto copyFor = [&](int64_t from, int64_t to, int64_t count) {
    auto copyAll = [&] {
      for (int64_t number = from; number < to; ++number) {
        copyOne(number);
      }
    };
    if (count == threads) {
      copyAll();
    } else if (from < to) {
      b.ifThen(b.isLess(thread, b.index(count)), copyAll);
    }
  };
  int64_t whole = copies / workers, rest = copies % workers;
  copyFor(0, whole, workers);
  copyFor(whole, whole + (rest ? 1 : 0), rest);
}

/// Of f32 whose lines are contiguous, element by element: ldmatrix would transpose halves of them.
SmallVector<Value> SharedTile::gatherMatrices(Side side, Value line, Value k, Value slot) {
  Value lane = b.remIndex(b.getThread(), warpThreads);
  Value atLine = b.addIndex(line, b.divIndex(lane, 4)), atK = b.addIndex(k, b.remIndex(lane, 4));
  SmallVector<Value> matrices;
  for (int64_t matrix = 0; matrix < 4; ++matrix) {
    int64_t slow = matrix / 2, fast = matrix % 2;
    int64_t lower = 8 * (side == Side::left ? fast : slow);
    int64_t right = 4 * (side == Side::left ? slow : fast);
    Value at = addressOf(b.addIndex(atK, right), b.addIndex(atLine, lower));
    Value element = memref::LoadOp::create(b, buffer, b.addIndex(slot, at));
    matrices.push_back(arith::BitcastOp::create(b, b.getI32Type(), element));
  }
  return matrices;
}

SmallVector<Value> SharedTile::loadMatrices(Side side, Value line, Value k, Value slot) {
  if (!depthIsContiguous && unitElements() == 4) {
    return gatherMatrices(side, line, k, slot);
  }
  Value lane = b.remIndex(b.getThread(), warpThreads);
  // Eight lanes give the rows of a matrix, in memory: lines, or depths that are transposed.
  Value row = b.remIndex(lane, 8), matrix = b.divIndex(lane, 8);
  Value fast = b.remIndex(matrix, 2), slow = b.divIndex(matrix, 2);
  Value lower = b.mulIndex(side == Side::left ? fast : slow, 8);
  Value right = b.mulIndex(side == Side::left ? slow : fast, unitElements());
  Value atLine = b.addIndex(line, lower), atK = b.addIndex(k, right);
  Value at = depthIsContiguous ? addressOf(b.addIndex(atLine, row), atK)
                               : addressOf(b.addIndex(atK, row), atLine);
  return b.loadMatrices(buffer, b.addIndex(slot, at), /*transposed=*/!depthIsContiguous);
}

Value SharedTile::lineOf(int64_t i, Value place) {
  if (depthIsContiguous) {
    return b.addIndex(place, i * spread);
  }
  int64_t group = i / fragmentDepth, rest = i % fragmentDepth;
  return b.addIndex(b.mulIndex(place, fragmentDepth), group * fragmentDepth * spread + rest);
}

SmallVector<Value> SharedTile::loadFragment(Value place, Value k, Value slot) {
  int64_t count = getFragmentLines();
  SmallVector<Value> fragment(count * fragmentDepth);
  auto load = [&](Value major, Value minor) {
    return loadFour(b, buffer, b.addIndex(slot, addressOf(major, minor)));
  };
  auto element = [&](Value vector, int64_t number) {
    return vector::ExtractOp::create(b, vector, ArrayRef<int64_t>{number});
  };
  if (depthIsContiguous) {
    for (int64_t i = 0; i < count; ++i) {
      Value vector = load(lineOf(i, place), k);
      for (int64_t d = 0; d < fragmentDepth; ++d) {
        fragment[i * fragmentDepth + d] = element(vector, d);
      }
    }
    return fragment;
  }
  for (int64_t d = 0; d < fragmentDepth; ++d) {
    for (int64_t i = 0; i < count; i += fragmentDepth) {
      Value vector = load(b.addIndex(k, d), lineOf(i, place));
      for (int64_t e = 0; e < fragmentDepth; ++e) {
        fragment[(i + e) * fragmentDepth + d] = element(vector, e);
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
    for (int64_t d = 0; d < fragmentDepth; ++d) {
      for (int64_t i = 0; i < height; ++i) {
        for (int64_t j = 0; j < width; ++j) {
          Value &sum = after[i * width + j];
          sum = math::FmaOp::create(b, left[i * fragmentDepth + d], right[j * fragmentDepth + d],
                                    sum);
        }
      }
    }
    return after;
  };
  return llvm::to_vector(b.reduceLoop(b.index(0), b.index(depth), fragmentDepth, acc, step));
}

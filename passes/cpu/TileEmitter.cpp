// Inner loops. A tile must fit the registers (Target::fitsRegisters): one spill per iteration
// halves the speed.
#include "passes/cpu/TileEmitter.h"

#include "passes/cpu/PairDot.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

Tile mome::cpu::chooseTile(const Target &target, int64_t m, int64_t n) {
  Tile tile{target.tileRows, target.tileVectors};
  int64_t vectors = ceilDiv(n, target.lanes);
  if (vectors < tile.vectors) {
    tile.vectors = vectors;
    tile.rows = (target.registers - 1 - vectors) / vectors;
  }
  tile.rows = std::min(tile.rows, m);
  while (tile.vectors < vectors && target.fitsRegisters(tile.rows, tile.vectors + 1)) {
    ++tile.vectors;
  }
  assert(target.fitsRegisters(tile.rows, tile.vectors) && "a tile must not spill");
  return tile;
}

SmallVector<Value> mome::cpu::emitProduct(KernelBuilder &b, Tile tile, Value extent,
                                          function_ref<Value(Value, int64_t)> loadA,
                                          function_ref<Value(Value, int64_t)> loadB, bool pairs,
                                          ValueRange start) {
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(b.vectorType(b.getF32Type())));
  SmallVector<Value> init(start);
  init.resize(tile.rows * tile.vectors, zero);
  return llvm::to_vector(
      b.reduceLoop(b.index(0), extent, 1, init, [&](Value k, ValueRange acc) -> SmallVector<Value> {
        SmallVector<Value> columns, next;
        for (int64_t v = 0; v < tile.vectors; ++v) {
          columns.push_back(loadB(k, v));
        }
        for (int64_t i = 0; i < tile.rows; ++i) {
          Value row = b.splat(loadA(k, i));
          for (int64_t v = 0; v < tile.vectors; ++v) {
            Value before = acc[i * tile.vectors + v];
            next.push_back(pairs ? emitPairDot(b, row, columns[v], before)
                                 : Value(vector::FMAOp::create(b, row, columns[v], before)));
          }
        }
        return next;
      }));
}

Value mome::cpu::emitDots(KernelBuilder &b, int64_t extent, function_ref<Value(Value, Value)> loadA,
                          function_ref<Value(Value, int64_t, Value)> loadB) {
  int64_t lanes = b.getLanes(), whole = extent / lanes * lanes;
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(b.vectorType(b.getF32Type())));
  auto step = [&](Value k, ValueRange acc, Value mask) {
    SmallVector<Value> next;
    Value row = loadA(k, mask);
    for (int64_t j = 0; j < lanes; ++j) {
      next.push_back(vector::FMAOp::create(b, row, loadB(k, j, mask), acc[j]));
    }
    return next;
  };
  SmallVector<Value> acc(lanes, zero);
  if (whole > 0) {
    acc = llvm::to_vector(
        b.reduceLoop(b.index(0), b.index(whole), lanes, acc,
                     [&](Value k, ValueRange before) { return step(k, before, nullptr); }));
  }
  if (whole < extent) {
    acc = step(b.index(whole), acc, b.laneMask(extent - whole));
  }
  return emitSumOfEach(b, acc);
}

static Value shuffle(KernelBuilder &b, Value x, Value y, function_ref<int64_t(int64_t)> source) {
  SmallVector<int64_t> mask;
  for (int64_t lane = 0; lane < b.getLanes(); ++lane) {
    mask.push_back(source(lane));
  }
  return vector::ShuffleOp::create(b, x, y, mask);
}

void mome::cpu::emitTranspose(KernelBuilder &b, MutableArrayRef<Value> rows) {
  int64_t lanes = b.getLanes();
  // Exchange the off-diagonal halves of ever smaller blocks.
  for (int64_t half = lanes / 2; half > 0; half /= 2) {
    for (int64_t i = 0; i < lanes; ++i) {
      if (i & half) {
        continue;
      }
      Value x = rows[i], y = rows[i + half];
      rows[i] = shuffle(b, x, y, [&](int64_t l) { return l & half ? lanes + l - half : l; });
      rows[i + half] = shuffle(b, x, y, [&](int64_t l) { return l & half ? lanes + l : l + half; });
    }
  }
}

Value mome::cpu::emitSumOfEach(KernelBuilder &b, ArrayRef<Value> vectors) {
  return emitCombinedOfEach(
      b, vectors, [&](Value x, Value y) -> Value { return arith::AddFOp::create(b, x, y); });
}

Value mome::cpu::emitCombinedOfEach(KernelBuilder &b, ArrayRef<Value> vectors,
                                    function_ref<Value(Value, Value)> combine) {
  SmallVector<Value> level(vectors);
  level.resize(b.getLanes(), vectors.back());
  while (level.size() > 1) {
    SmallVector<Value> next;
    for (size_t i = 0; i < level.size(); i += 2) {
      Value even = shuffle(b, level[i], level[i + 1], [](int64_t l) { return 2 * l; });
      Value odd = shuffle(b, level[i], level[i + 1], [](int64_t l) { return 2 * l + 1; });
      next.push_back(combine(even, odd));
    }
    level = std::move(next);
  }
  return level.front();
}

/// What a buffer gave, as registers hold it.
static Value toRegister(KernelBuilder &b, Value loaded, Value buffer) {
  return holdsBf16(buffer) ? b.widenBits(loaded) : loaded;
}

Value mome::cpu::emitScalarLoad(KernelBuilder &b, Value buffer, Value at) {
  return toRegister(b, memref::LoadOp::create(b, buffer, at), buffer);
}

Value mome::cpu::emitLoad(KernelBuilder &b, Value buffer, Value at, Value mask) {
  VectorType type = b.vectorType(cast<MemRefType>(buffer.getType()).getElementType());
  if (!mask) {
    return toRegister(b, vector::LoadOp::create(b, type, buffer, at), buffer);
  }
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  return toRegister(b, vector::MaskedLoadOp::create(b, type, buffer, at, mask, zero), buffer);
}

void mome::cpu::emitStore(KernelBuilder &b, Value value, Value buffer, Value at, Value mask) {
  value = holdsBf16(buffer) ? b.roundToBits(value) : value;
  b.storeLanes(value, buffer, at, mask);
}

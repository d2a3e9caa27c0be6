// See OperandSum.h.
#include "passes/cuda/OperandSum.h"

#include <algorithm>

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

/// Rows of a tile after which its swizzle begins again.
static constexpr int64_t swizzleRows = 8;

OperandSum::OperandSum(LaunchBuilder &b, SharedTile &tile, const ProductPlan &plan, int64_t lines)
    : b(b), tile(tile), plan(plan), lines(lines), pairs(plan.shape.rows / 2) {}

int64_t OperandSum::chunk() const {
  return std::min(swizzleRows, plan.shape.depth / groups());
}

PartSums OperandSum::partsOf(LaunchBuilder &b, const ProductPlan &plan, int64_t lines) {
  int64_t parts = plan.splits * plan.columnTiles;
  return {b.reserveScratch({parts * lines}, b.getF32Type()), parts, lines, 0, lines};
}

void OperandSum::start(int64_t offset) {
  sums = b.shareMemory(offset, 2 * plan.shape.threads, b.getF32Type());
  Value zero = nn::emitConstant(b, VectorType::get(2, b.getF32Type()), 0.0);
  storeVector(b, zero, sums, b.mulIndex(b.getThread(), 2));
}

Value OperandSum::addTile(Value slot, Value before) {
  Value line = b.mulIndex(b.remIndex(b.getThread(), pairs), 2);
  Value from = b.mulIndex(b.divIndex(b.getThread(), pairs), chunk());
  return b
      .reduceLoop(from, b.index(plan.shape.depth), groups() * chunk(), before,
                  [&](Value depth, ValueRange state) {
                    SmallVector<Value> loaded;
                    for (int64_t i = 0; i < chunk(); ++i) {
                      loaded.push_back(tile.loadPair(line, b.addIndex(depth, i), slot));
                    }
                    Value sum = state.front();
                    for (Value value : loaded) {
                      sum = arith::AddFOp::create(b, sum, value);
                    }
                    return SmallVector<Value>{sum};
                  })
      .front();
}

void OperandSum::add(Value step, Value columnTile, Value slot) {
  Value isOurs = b.isEqual(b.remIndex(step, plan.columnTiles), columnTile);
  b.ifThen(isOurs, [&] {
    b.withFreshThread([&] { // the product has all registers between steps
      Value at = b.mulIndex(b.getThread(), 2);
      storeVector(b, addTile(slot, loadNeighbours(b, sums, at, 2)), sums, at);
    });
  });
}

void OperandSum::finish(Value split, Value columnTile, Value firstRow) {
  PartSums all = partsOf(b, plan, lines);
  b.ifThen(b.isLess(b.getThread(), b.index(pairs)), [&] {
    Value at = b.mulIndex(b.getThread(), 2);
    Value total = loadNeighbours(b, sums, at, 2);
    for (int64_t group = 1; group < groups(); ++group) {
      Value next = loadNeighbours(b, sums, b.addIndex(at, group * 2 * pairs), 2);
      total = arith::AddFOp::create(b, total, next);
    }
    Value part = b.addIndex(b.mulIndex(split, plan.columnTiles), columnTile);
    Value line = b.addIndex(firstRow, at);
    for (int64_t i : {0, 1}) {
      Value own = b.addIndex(line, i);
      b.ifThen(b.isLess(own, b.index(lines)), [&] {
        Value value = vector::ExtractOp::create(b, total, ArrayRef<int64_t>{i});
        memref::StoreOp::create(b, value, all.buffer, b.addIndex(b.mulIndex(part, lines), own));
      });
    }
  });
}

// See ColumnSums.h.
#include "passes/cuda/ColumnSums.h"

#include "passes/cuda/PartSums.h"
#include "passes/cuda/SharedTile.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

ColumnSums::ColumnSums(LaunchBuilder &b, const RowShapes &shapes, const RowPlan &plan)
    : b(b), shapes(shapes), sums(plan.getColumnSums()) {
  for (const ColumnSum &sum : sums) {
    offsets[sum.op] = partSize;
    partSize += shapes.widths[sum.width];
  }
}

void ColumnSums::forColumns(const ColumnSum &sum, int64_t count, Value place,
                            function_ref<void(Value)> body) {
  int64_t lanes = b.getLanes();
  b.loop(b.mulIndex(place, lanes), b.index(shapes.widths[sum.width]), count * lanes, body);
}

Point ColumnSums::pointAt(const ColumnSum &sum, Value column) {
  Point point{SmallVector<Value>(shapes.space.getNumLoops()), std::nullopt, nullptr};
  if (std::optional<unsigned> loop = shapes.space.getLoop(shapes.getColumnAxis(sum.width))) {
    point.loops[*loop] = column;
    if (b.getLanes() > 1) {
      point.vectorLoop = loop;
      point.isAligned = true;
    }
  }
  return point;
}

void ColumnSums::start(int64_t offset, int64_t blockThreads, int64_t perRow) {
  threads = blockThreads;
  rowThreads = perRow;
  int64_t rowsAtOnce = threads / rowThreads;
  shared = b.shareMemory(offset, rowsAtOnce * partSize, b.getF32Type());
  row = b.mulIndex(b.divIndex(b.getThread(), rowThreads), partSize);
  int64_t lanes = b.getLanes();
  Type type = lanes > 1 ? Type(b.vectorType(b.getF32Type())) : b.getF32Type();
  Value zero = nn::emitConstant(b, type, 0.0), place = b.remIndex(b.getThread(), rowThreads);
  for (const ColumnSum &sum : sums) {
    forColumns(sum, rowThreads, place, [&](Value column) {
      storeVector(b, zero, shared, b.addIndex(b.addIndex(row, offsets[sum.op]), column));
    });
  }
}

void ColumnSums::add(const RowPass &pass, ValueRange summed, const Point &point, Value column) {
  for (auto [op, value] : llvm::zip_equal(pass.columnSums, summed)) {
    Value at = b.addIndex(b.addIndex(row, offsets[op]), column);
    Value before = loadNeighbours(b, shared, at, point.vectorLoop ? b.getLanes() : 1);
    storeVector(b, arith::AddFOp::create(b, before, value), shared, at);
  }
}

void ColumnSums::finish(int64_t blocks) {
  b.barrier();
  Value parts = blocks > 1 ? b.reserveScratch({blocks * partSize}, b.getF32Type()) : Value();
  for (const ColumnSum &sum : sums) {
    forColumns(sum, threads, b.getThread(), [&](Value column) {
      Value at = b.addIndex(column, offsets[sum.op]);
      Value total = loadNeighbours(b, shared, at, b.getLanes());
      for (int64_t number = 1; number < threads / rowThreads; ++number) {
        Value next = loadNeighbours(b, shared, b.addIndex(at, number * partSize), b.getLanes());
        total = arith::AddFOp::create(b, total, next);
      }
      if (blocks == 1) {
        return storeColumnSum(b, shapes, sum, pointAt(sum, column), total);
      }
      storeVector(b, total, parts, b.addIndex(b.mulIndex(b.getBlock(), partSize), at));
    });
  }
}

int64_t ColumnSums::emitTotals(int64_t parts) {
  Value buffer = b.reserveScratch({parts * partSize}, b.getF32Type());
  int64_t first = 0;
  for (const ColumnSum &sum : sums) {
    PartSums all{buffer, parts, partSize, offsets[sum.op], shapes.widths[sum.width]};
    Value number = b.createOrFold<arith::SubIOp>(b.getBlock(), b.index(first));
    Value isBehind = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, number, b.index(0));
    Value isHere = b.isLess(number, b.index(all.countBlocks()));
    b.ifThen(arith::AndIOp::create(b, isBehind, isHere), [&] { // the whole block is, or is not
      all.emit(b, number, [&](Value column, Value total) {
        storeColumnSum(b, shapes, sum, pointAt(sum, column), total);
      });
    });
    first += all.countBlocks();
  }
  return first;
}

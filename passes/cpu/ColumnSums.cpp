// See ColumnSums.h.
#include "passes/cpu/ColumnSums.h"

#include "passes/ReductionEmitter.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

ColumnSums::ColumnSums(KernelBuilder &b, const RowShapes &shapes, RowPlan &plan)
    : b(b), shapes(shapes), sums(plan.getColumnSums()) {
  for (const ColumnSum &sum : sums) {
    offsets[sum.op] = partSize;
    partSize += paddedWidth(sum);
  }
}

int64_t ColumnSums::paddedWidth(const ColumnSum &sum) const {
  return ceilDiv(shapes.widths[sum.width], b.getLanes()) * b.getLanes();
}

void ColumnSums::reserve(int64_t count) {
  packs = count;
  parts = b.shareMemory(packs * partSize, packs);
}

void ColumnSums::start(Value pack) {
  if (empty()) {
    return;
  }
  part = b.mulIndex(pack, partSize);
  Value zero = nn::emitConstant(b, b.vectorType(b.getF32Type()), 0.0);
  b.loop(b.index(0), b.index(partSize), b.getLanes(), [&](Value at) {
    vector::StoreOp::create(b, zero, parts, ValueRange{arith::AddIOp::create(b, part, at)});
  });
}

void ColumnSums::add(const RowPass &pass, ValueRange summed, const Point &point, Value column) {
  for (auto [op, value] : llvm::zip_equal(pass.columnSums, summed)) {
    Value at = b.addIndex(b.addIndex(part, offsets[op]), column);
    if (!point.vectorLoop) {
      Value before = memref::LoadOp::create(b, parts, at);
      memref::StoreOp::create(b, arith::AddFOp::create(b, before, value), parts, at);
      continue;
    }
    // Lanes behind the row's end add up what nobody reads.
    Value before = vector::LoadOp::create(b, b.vectorType(b.getF32Type()), parts, at);
    vector::StoreOp::create(b, arith::AddFOp::create(b, before, value), parts, at);
  }
}

void ColumnSums::emitTotal(const ColumnSum &sum, int64_t offset, Value block) {
  int64_t lanes = b.getLanes(), width = shapes.widths[sum.width];
  Point point{SmallVector<Value>(shapes.space.getNumLoops()), std::nullopt, nullptr};
  std::optional<unsigned> columns = shapes.space.getLoop(shapes.getColumnAxis(sum.width));
  Value column = b.mulIndex(block, lanes);
  if (columns) {
    point.loops[*columns] = column;
    point.vectorLoop = columns;
  }
  ReductionSet set(b);
  set.push(nn::ReductionKind::sum);
  VectorType vector = b.vectorType(b.getF32Type());
  Value total =
      set.walk(packs, set.init(/*vectors=*/true),
               [&](Value number, Value, ValueRange before) {
                 Value at = b.addIndex(b.addIndex(b.mulIndex(number, partSize), offset), column);
                 Value next = vector::LoadOp::create(b, vector, parts, at);
                 return SmallVector<Value>{arith::AddFOp::create(b, before.front(), next)};
               })
          .front();
  if (!columns) {
    total = vector::ExtractOp::create(b, total, ArrayRef<int64_t>{0});
    return storeColumnSum(b, shapes, sum, point, total);
  }
  if (width % lanes == 0) {
    return storeColumnSum(b, shapes, sum, point, total);
  }
  Value isLast = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, block, b.index(width / lanes));
  b.ifThenElse(
      isLast,
      [&] {
        point.mask = b.laneMask(width % lanes);
        storeColumnSum(b, shapes, sum, point, total);
      },
      [&] {
        point.mask = nullptr;
        storeColumnSum(b, shapes, sum, point, total);
      });
}

int64_t ColumnSums::emitTotals() {
  int64_t first = packs;
  for (const ColumnSum &sum : sums) {
    int64_t blocks = paddedWidth(sum) / b.getLanes();
    Value from = arith::MaxSIOp::create(b, b.getLo(), b.index(first));
    b.loop(from, b.minIndex(b.getHi(), first + blocks), 1, [&](Value chunk) {
      emitTotal(sum, offsets[sum.op], b.createOrFold<arith::SubIOp>(chunk, b.index(first)));
    });
    first += blocks;
  }
  return first - packs;
}

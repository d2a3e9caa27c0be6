// Row programs: elementwise ops and reductions along the last axis. RowPlan.h says what the passes
// are.
//
//   nn.kernel { m = reduce_max x;  e = exp(x - m);  s = reduce_sum e;  yield e / s }
//   ->  each warp has a row (or each block, if rows are long):
//         thread t:  m = max of x[4t ..], x[4t + 128 ..], ...;  a tree of shuffles
//                    s = sum of exp(x - m) in the same places;  a tree of shuffles
//                    store exp(x - m) / s
//
// Nothing is kept between passes but the reductions: values are computed again.
#include "passes/RowPlan.h"
#include "passes/cuda/Families.h"
#include "passes/cuda/ThreadReduction.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

static constexpr int64_t blockThreads = 256;
/// Longer rows have a block each.
static constexpr int64_t longestWarpRow = 1024;

namespace {
class RowKernel {
public:
  RowKernel(LaunchBuilder &b, const RowShapes &shapes)
      : b(b), shapes(shapes), emitter(b, shapes.space), plan(b.getBody(), shapes),
        rowThreads(*llvm::max_element(shapes.widths) > longestWarpRow ? blockThreads
                                                                      : warpThreads) {}

  /// The number of blocks.
  int64_t emit();

private:
  void emitRow(Value row);
  void emitPass(const RowPass &pass, const Point &rowPoint);
  SmallVector<Value> walkColumns(const RowPass &pass, unsigned columns, const Point &rowPoint,
                                 ValueRange state);
  /// The state after the elements at `point`, which are stored where results ask for it.
  SmallVector<Value> emitPoint(const RowPass &pass, const Point &point, ValueRange state);
  void store(unsigned result, Value value, const Point &point);

  LaunchBuilder &b;
  const RowShapes &shapes;
  BodyEmitter emitter;
  RowPlan plan;
  int64_t rowThreads;
  Value place;             // of the thread in its row's
  int64_t sharedBytes = 0; // of block reductions
};
} // namespace

void RowKernel::store(unsigned result, Value value, const Point &point) {
  emitter.store(value, b.getResultBuffer(result), shapes.getAddress(b.getYielded()[result]), point);
}

SmallVector<Value> RowKernel::emitPoint(const RowPass &pass, const Point &point, ValueRange state) {
  SmallVector<Value> next = addElements(b, emitter, shapes, pass, point, state);
  SmallVector<Value> results = emitStored(b, emitter, shapes, pass, point);
  for (auto [result, value] : llvm::zip_equal(pass.stored, results)) {
    store(result, value, point);
  }
  return next;
}

SmallVector<Value> RowKernel::walkColumns(const RowPass &pass, unsigned columns,
                                          const Point &rowPoint, ValueRange state) {
  int64_t lanes = b.getLanes();
  Value end = b.index(shapes.widths[pass.width]);
  return llvm::to_vector(b.reduceLoop(b.mulIndex(place, lanes), end, rowThreads * lanes, state,
                                      [&](Value column, ValueRange before) {
                                        Point point = rowPoint;
                                        point.loops[columns] = column;
                                        if (lanes > 1) {
                                          point.vectorLoop = columns;
                                        }
                                        return emitPoint(pass, point, before);
                                      }));
}

void RowKernel::emitPass(const RowPass &pass, const Point &rowPoint) {
  ReductionSet set(b);
  for (nn::ReductionOpInterface reduction : pass.reductions) {
    set.push(reduction.getReductionKind());
  }
  std::optional<unsigned> columns = shapes.space.getLoop(shapes.getColumnAxis(pass.width));
  SmallVector<Value> states = set.init(/*vectors=*/columns && b.getLanes() > 1);
  if (columns) {
    states = walkColumns(pass, *columns, rowPoint, states);
  } else { // one column: all threads have it, one stores it
    SmallVector<Value> after =
        emitPoint({pass.level, pass.width, pass.reductions, {}, {}}, rowPoint, states);
    b.ifThen(b.isEqual(place, b.index(0)),
             [&] { emitPoint({pass.level, pass.width, {}, pass.stored, {}}, rowPoint, {}); });
    states = after;
  }
  size_t at = 0;
  for (nn::ReductionOpInterface reduction : pass.reductions) {
    ThreadReduction threads(b, reduction.getReductionKind());
    size_t size = threads.getEmitter().size();
    SmallVector<Value> state = threads.getEmitter().reduceLanes(ValueRange(states).slice(at, size));
    if (columns) {
      state = rowThreads == warpThreads ? threads.overWarp(state)
                                        : threads.overBlock(state, rowThreads, sharedBytes);
    }
    emitter.bind(reduction->getResult(0), shapes.getRowView(), state.back());
    at += size;
  }
}

void RowKernel::emitRow(Value row) {
  Point point = shapes.getRowPoint(b, row);
  for (const RowPass &pass : plan.passes) {
    emitPass(pass, point);
  }
  b.ifThen(b.isEqual(place, b.index(0)), [&] {
    for (auto [number, yielded] : llvm::enumerate(b.getYielded())) {
      if (shapes.isPerRow(yielded)) {
        store(number, emitter.emit(yielded, shapes.getRowView(), point), point);
      }
    }
  });
}

int64_t RowKernel::emit() {
  int64_t rows = ShapedType::getNumElements(shapes.rows), blockRows = blockThreads / rowThreads;
  place = b.remIndex(b.getThread(), rowThreads);
  if (blockRows == 1) {
    emitRow(b.getBlock());
    return rows;
  }
  Value row =
      b.addIndex(b.mulIndex(b.getBlock(), blockRows), b.divIndex(b.getThread(), rowThreads));
  b.ifThen(b.isLess(row, b.index(rows)), [&] { emitRow(row); }); // warps are there or not
  return ceilDiv(rows, blockRows);
}

DeviceKernel mome::cuda::emitRowProgram(nn::KernelOp kernel, OpBuilder &builder) {
  std::string reason;
  std::optional<RowShapes> shapes = prepareRowProgram(kernel, reason);
  if (!shapes) {
    return refuse(reason);
  }
  bool fours = llvm::all_of(shapes->widths, [](int64_t width) { return width % 4 == 0; });
  LaunchBuilder b(kernel, 0, fours ? 4 : 1, builder);
  int64_t blocks = RowKernel(b, *shapes).emit();
  DeviceKernel result;
  b.finish(result, blocks, blockThreads);
  return result;
}

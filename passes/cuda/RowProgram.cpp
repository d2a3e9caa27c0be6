// Row programs: elementwise ops and reductions along the last axis. RowPlan.h says what the passes
// are, and what column sums are (ColumnSums.h): with them, few blocks walk all rows.
//
//   nn.kernel { m = reduce_max x;  e = exp(x - m);  s = reduce_sum e;  yield e / s }
//   ->  each warp has a few rows, one after the other (or each block has one, if rows are long):
//         thread t:  m = max of x[4t ..], x[4t + 128 ..], ...;  a tree of shuffles
//                    s = sum of exp(x - m) in the same places;  a tree of shuffles
//                    store exp(x - m) / s
//
// Where a thread's part of a row fits in registers, it stays there: all of it is loaded at once, and no
// value is computed twice. Else nothing is kept between passes but the reductions, and maxima and sums of
// exponentials less these are one pass (OnlineSums.h).
#include "passes/cuda/ColumnSums.h"
#include "passes/cuda/Families.h"
#include "passes/cuda/OnlineSums.h"
#include "passes/cuda/PartSums.h"
#include "passes/cuda/ThreadReduction.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

static constexpr int64_t blockThreads = 256;
/// Longer rows have a block each.
static constexpr int64_t longestWarpRow = 1024;
/// Registers of a thread for its elements of a row, of all operands; and for those that are loaded between
/// two stores.
static constexpr int64_t rowRegisters = 128, loadRegisters = 64;
/// Vectors that are loaded together where registers do not hold the row.
static constexpr int64_t loadsTogether = 4;
/// Vectors of a row that a thread may have in registers: what they are used for is repeated for each.
static constexpr int64_t mostSteps = 8;
/// Rows of a warp at most, and blocks that a multiprocessor should have at least before it has two: what
/// all rows share is read once per block.
static constexpr int64_t mostRows = 4, leastBlocks = 3;
/// Blocks of a multiprocessor that walk rows for column sums; shared memory of each for all else.
static constexpr int64_t sumBlocks = 2, otherBytes = 2048;

namespace {
class RowKernel {
public:
  RowKernel(LaunchBuilder &b, const RowShapes &shapes)
      : b(b), shapes(shapes), emitter(b, shapes.space), plan(b.getBody(), shapes),
        columnSums(b, shapes, plan), widest(*llvm::max_element(shapes.widths)),
        rowThreads(widest > longestWarpRow ? blockThreads : warpThreads),
        inRegisters(countElements() <= rowRegisters * rowThreads &&
                    widest <= mostSteps * rowThreads * b.getLanes()) {}

  /// The number of blocks.
  int64_t emit();
  int64_t getBlockThreads() const { return threads; }
  bool hasColumnSums() const { return !columnSums.empty(); }
  /// Whether a block's shared memory holds the column sums of one row at a time.
  bool fits() const {
    int64_t most = machineOf(b.getFunction()).sharedBytes - otherBytes;
    return !hasColumnSums() || columnSums.bytesFor(1) <= most;
  }
  const RowPlan &getPlan() const { return plan; }

private:
  int64_t countElements() const;
  SmallVector<Value> emitHeld(const RowPass &pass, ArrayRef<Point> points, ValueRange state);
  void emitRow(Value row);
  void emitPass(const RowPass &pass, const Point &rowPoint);
  using PointsBody = function_ref<SmallVector<Value>(ArrayRef<Point> points, ValueRange state)>;
  /// Calls `emitSome` for the thread's columns, some at a time; `emitAll` for all at once, if registers hold them.
  SmallVector<Value> walkColumns(unsigned width, const Point &rowPoint, ValueRange state,
                                 PointsBody emitSome, PointsBody emitAll);
  void emitOnline(const OnlineSums &online, const Point &rowPoint);
  /// Combines the threads' states of a reduction, and fixes its result.
  Value bindReduced(nn::ReductionOpInterface reduction, ValueRange state, bool overThreads);
  /// The state after the elements at all `points`, which are stored where results ask for it.
  SmallVector<Value> emitPoints(const RowPass &pass, ArrayRef<Point> points, ValueRange state);
  void store(unsigned result, Value value, const Point &point);
  int64_t emitWithSums(int64_t rows);

  LaunchBuilder &b;
  const RowShapes &shapes;
  BodyEmitter emitter;
  RowPlan plan;
  ColumnSums columnSums;
  int64_t widest, rowThreads, threads = blockThreads;
  bool inRegisters;
  Value place; // of the thread in its row's
  SmallVector<Value>
      columns;             // where its vectors of a row in registers begin; else of the first alone
  int64_t sharedBytes = 0; // of block reductions
};
} // namespace

void RowKernel::store(unsigned result, Value value, const Point &point) {
  emitter.store(value, b.getResultBuffer(result), shapes.getAddress(b.getYielded()[result]), point);
}

SmallVector<Value> RowKernel::emitPoints(const RowPass &pass, ArrayRef<Point> points,
                                         ValueRange state) {
  SmallVector<Value> next = llvm::to_vector(state);
  // All before the first store: loads are under way together.
  SmallVector<SmallVector<Value>> results, summed;
  for (const Point &point : points) {
    next = addElements(b, emitter, shapes, pass, point, next);
    results.push_back(emitStored(b, emitter, shapes, pass, point));
    summed.push_back(emitSummed(b, emitter, shapes, pass, point));
  }
  std::optional<unsigned> loop = shapes.space.getLoop(shapes.getColumnAxis(pass.width));
  for (auto [point, values] : llvm::zip_equal(points, summed)) {
    columnSums.add(pass, values, point, loop ? point.loops[*loop] : b.index(0));
  }
  for (auto [point, values] : llvm::zip_equal(points, results)) {
    for (auto [result, value] : llvm::zip_equal(pass.stored, values)) {
      store(result, value, point);
    }
  }
  return next;
}

/// Elements of a row, over all operands.
int64_t RowKernel::countElements() const {
  int64_t rows = ShapedType::getNumElements(shapes.rows), elements = 0;
  for (Type type : b.getBody().getArgumentTypes()) {
    elements += cast<RankedTensorType>(type).getNumElements() / rows;
  }
  return elements;
}

/// The elements at columns that registers hold.
SmallVector<Value> RowKernel::emitHeld(const RowPass &pass, ArrayRef<Point> points,
                                       ValueRange state) {
  int64_t loaded = ceilDiv(countElements(), rowThreads), count = int64_t(points.size());
  int64_t groups = pass.stored.empty() ? 1 : ceilDiv(loaded, loadRegisters);
  int64_t size = std::max<int64_t>(ceilDiv(count, groups), 1);
  SmallVector<Value> after = llvm::to_vector(state);
  for (int64_t from = 0; from < count; from += size) {
    after = emitPoints(pass, points.slice(from, std::min(size, count - from)), after);
  }
  return after;
}

SmallVector<Value> RowKernel::walkColumns(unsigned width, const Point &rowPoint, ValueRange state,
                                          PointsBody emitSome, PointsBody emitAll) {
  int64_t step = rowThreads * b.getLanes(), extent = shapes.widths[width];
  unsigned loop = *shapes.space.getLoop(shapes.getColumnAxis(width));
  auto pointAt = [&](Value column) {
    Point point = rowPoint;
    point.loops[loop] = column;
    if (b.getLanes() > 1) {
      point.vectorLoop = loop;
    }
    return point;
  };
  auto walk = [&](Value from, int64_t to, int64_t together, ValueRange before) {
    auto body = [&](Value column, ValueRange state) {
      SmallVector<Point> points;
      for (int64_t i = 0; i < together; ++i) {
        points.push_back(pointAt(b.addIndex(column, i * step)));
      }
      return emitSome(points, state);
    };
    return llvm::to_vector(b.reduceLoop(from, b.index(to), together * step, before, body));
  };
  SmallVector<Value> after = llvm::to_vector(state);
  Value first = columns.front();
  int64_t whole = extent / step;
  if (inRegisters) {
    after = emitAll(llvm::map_to_vector(ArrayRef(columns).take_front(whole), pointAt), after);
  } else {
    whole = whole / loadsTogether * loadsTogether;
    after = walk(first, whole * step, loadsTogether, after);
  }
  return whole * step == extent ? after : walk(b.addIndex(first, whole * step), extent, 1, after);
}

Value RowKernel::bindReduced(nn::ReductionOpInterface reduction, ValueRange state,
                             bool overThreads) {
  ThreadReduction reducer(b, reduction.getReductionKind());
  SmallVector<Value> all = reducer.getEmitter().reduceLanes(state);
  if (overThreads) {
    all = rowThreads == warpThreads ? reducer.overWarp(all)
                                    : reducer.overBlock(all, rowThreads, sharedBytes);
  }
  emitter.bind(reduction->getResult(0), shapes.getRowView(), all.back());
  return all.back();
}

/// The first two passes as one.
void RowKernel::emitOnline(const OnlineSums &online, const Point &rowPoint) {
  auto add = [&](ArrayRef<Point> points, ValueRange before) {
    auto some = llvm::map_to_vector(online.getElements(), [&](Value operand) {
      return llvm::map_to_vector(points, [&](const Point &point) -> Value {
        Value element = emitter.emit(operand, shapes.getView(operand), point);
        return point.vectorLoop ? b.splat(element) : element;
      });
    });
    return online.add(b, some, before);
  };
  SmallVector<Value> state =
      walkColumns(plan.passes.front().width, rowPoint, online.init(b), add, add);
  SmallVector<Value> maxima;
  for (auto [reduction, value] : llvm::zip(online.getMaxima(), state)) {
    Value maximum = bindReduced(reduction, value, /*overThreads=*/true);
    maxima.push_back(isa<VectorType>(value.getType()) ? b.splat(maximum) : maximum);
  }
  SmallVector<Value> sums = online.moveTo(b, maxima, state);
  for (auto [reduction, value] : llvm::zip_equal(online.getSums(), sums)) {
    bindReduced(reduction, value, /*overThreads=*/true);
  }
}

void RowKernel::emitPass(const RowPass &pass, const Point &rowPoint) {
  ReductionSet set(b);
  for (nn::ReductionOpInterface reduction : pass.reductions) {
    set.push(reduction.getReductionKind());
  }
  bool hasColumns = shapes.space.getLoop(shapes.getColumnAxis(pass.width)).has_value();
  SmallVector<Value> states = set.init(/*vectors=*/hasColumns && b.getLanes() > 1);
  if (hasColumns) {
    auto emitSome = [&](ArrayRef<Point> points, ValueRange state) {
      return emitPoints(pass, points, state);
    };
    auto emitAll = [&](ArrayRef<Point> points, ValueRange state) {
      return emitHeld(pass, points, state);
    };
    states = walkColumns(pass.width, rowPoint, states, emitSome, emitAll);
  } else { // one column: all threads have it, one stores it
    SmallVector<Value> after =
        emitPoints({pass.level, pass.width, pass.reductions, {}, {}, {}}, rowPoint, states);
    b.ifThen(b.isEqual(place, b.index(0)), [&] {
      emitPoints({pass.level, pass.width, {}, pass.columnSums, pass.stored, {}}, rowPoint, {});
    });
    states = after;
  }
  size_t at = 0;
  for (nn::ReductionOpInterface reduction : pass.reductions) {
    size_t size = ReductionEmitter(b, reduction.getReductionKind()).size();
    bindReduced(reduction, ValueRange(states).slice(at, size), hasColumns);
    at += size;
  }
}

void RowKernel::emitRow(Value row) {
  Point point = shapes.getRowPoint(b, row);
  // Computed anew for each row, so that what all rows read is not kept in registers between them.
  int64_t step = rowThreads * b.getLanes();
  columns = {b.mulIndex(place, b.getLanes())};
  for (int64_t at = step; inRegisters && at < widest; at += step) {
    columns.push_back(b.addIndex(columns.front(), at));
  }
  ArrayRef<RowPass> passes(plan.passes);
  std::optional<OnlineSums> online = inRegisters ? std::nullopt : OnlineSums::match(plan);
  if (online) {
    emitOnline(*online, point);
    passes = passes.drop_front(2);
  }
  for (const RowPass &pass : passes) {
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

/// Blocks take groups of rows in turn: a row per warp, or one for all threads.
int64_t RowKernel::emitWithSums(int64_t rows) {
  const Machine &machine = machineOf(b.getFunction());
  int64_t most = machine.sharedBytes / sumBlocks - otherBytes;
  while (threads > rowThreads && columnSums.bytesFor(threads / rowThreads) > most) {
    threads /= 2;
  }
  int64_t blockRows = threads / rowThreads, groups = ceilDiv(rows, blockRows);
  int64_t each = ceilDiv(groups, sumBlocks * machine.multiprocessors);
  int64_t blocks = ceilDiv(groups, each);
  columnSums.start(sharedBytes, threads, rowThreads);
  sharedBytes += columnSums.bytesFor(blockRows);
  int64_t reductionBytes = sharedBytes;
  b.loop(b.index(0), b.index(each), 1, [&](Value number) {
    Value group = b.addIndex(b.mulIndex(number, blocks), b.getBlock());
    Value row = b.addIndex(b.mulIndex(group, blockRows), b.divIndex(b.getThread(), rowThreads));
    b.ifThen(b.isLess(row, b.index(rows)), [&] { emitRow(row); });
    if (sharedBytes > reductionBytes) {
      b.barrier(); // the next row's reductions take the memory of these
    }
  });
  columnSums.finish(blocks);
  return blocks;
}

int64_t RowKernel::emit() {
  int64_t rows = ShapedType::getNumElements(shapes.rows), blockRows = blockThreads / rowThreads;
  place = b.remIndex(b.getThread(), rowThreads);
  if (hasColumnSums()) {
    return emitWithSums(rows);
  }
  if (blockRows == 1) {
    emitRow(b.getBlock());
    return rows;
  }
  int64_t enough = leastBlocks * machineOf(b.getFunction()).multiprocessors;
  int64_t perWarp = std::clamp<int64_t>(ceilDiv(rows, blockRows) / enough, 1, mostRows);
  Value first = b.addIndex(b.mulIndex(b.getBlock(), perWarp * blockRows),
                           b.divIndex(b.getThread(), rowThreads));
  auto emitIfThere = [&](Value row) {
    b.ifThen(b.isLess(row, b.index(rows)), [&] { emitRow(row); }); // warps are there or not
  };
  if (perWarp == 1) {
    emitIfThere(first);
  } else {
    b.loop(b.index(0), b.index(perWarp), 1,
           [&](Value number) { emitIfThere(b.addIndex(first, b.mulIndex(number, blockRows))); });
  }
  return ceilDiv(rows, perWarp * blockRows);
}

DeviceKernel mome::cuda::emitRowProgram(nn::KernelOp kernel, OpBuilder &builder) {
  std::string reason;
  std::optional<RowShapes> shapes = prepareRowProgram(kernel, reason);
  if (!shapes) {
    return refuse(reason);
  }
  bool fours = llvm::all_of(shapes->widths, [](int64_t width) { return width % 4 == 0; });
  LaunchBuilder b(kernel, 0, fours ? 4 : 1, builder);
  RowKernel row(b, *shapes);
  if (!row.fits()) {
    b.getFunction().erase();
    return refuse("column sums that shared memory does not hold");
  }
  int64_t blocks = row.emit();
  DeviceKernel result;
  b.finish(result, blocks, row.getBlockThreads());
  if (row.hasColumnSums() && blocks > 1) {
    LaunchBuilder second(kernel, 1, /*lanes=*/1, builder);
    int64_t totalBlocks = ColumnSums(second, *shapes, row.getPlan()).emitTotals(blocks);
    second.finish(result, totalBlocks, PartSums::threads);
  }
  return result;
}

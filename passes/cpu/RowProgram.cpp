// Row programs: elementwise ops and reductions along the last axis, one row after the other.
//
//   nn.kernel { m = reduce_max x;  e = exp(x - m);  s = reduce_sum e;  yield e / s }      (x:
//   tensor<RxKxf32>)
//   ->  for each row of the chunk:
//         pass 0 over the row:  m = max of x
//         pass 1:               e = exp(x - m), kept in scratch;  s = sum of e
//         pass 2:               store e / s
//
// A *wide* value has the shape of whole rows; a value per row is a scalar. Rows of several widths
// may meet (a softmax over two experts scales 64 channels): the iteration space then has one column
// axis per width, and passes of one level run over each width in turn. Pass p reduces what depends
// on p earlier reductions, so the number of passes is the longest chain of reductions plus one.
// Later passes compute cheap values again and read expensive ones (transcendental functions) back
// from a row of scratch; rows that would not stay in the cache are computed again in every pass, so
// that a divergence over a million classes leaves nothing but its statistics. Sums run in vectors with several accumulators that meet in a fixed tree.
#include "passes/cpu/BodyEmitter.h"
#include "passes/cpu/Families.h"
#include "passes/cpu/ReductionEmitter.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

/// Elements of wide values per chunk.
static constexpr int64_t chunkElements = 8192;
/// Longer rows are not kept in scratch.
static constexpr int64_t longestKeptRow = 16384;

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

namespace {

/// The shapes of a row program: [rows] and [rows, widths[j]].
class RowShapes {
public:
  RowShapes(ArrayRef<int64_t> rows, ArrayRef<int64_t> widths, MLIRContext *context)
      : rows(rows), widths(widths),
        space(llvm::to_vector(llvm::concat<const int64_t>(rows, widths)), context) {}

  bool isPerRow(Value value) const { return shapeOf(value) == ArrayRef(rows); }
  /// The number of a wide value's width.
  std::optional<unsigned> getWidth(Value value) const {
    ArrayRef<int64_t> shape = shapeOf(value);
    if (shape.size() != rows.size() + 1 || shape.drop_back() != ArrayRef(rows)) {
      return std::nullopt;
    }
    const int64_t *found = llvm::find(widths, shape.back());
    return found == widths.end() ? std::nullopt : std::optional<unsigned>(found - widths.begin());
  }
  unsigned getColumnAxis(unsigned width) const { return rows.size() + width; }
  View getRowView() const {
    return space.getView(llvm::to_vector(llvm::seq<unsigned>(0, rows.size())));
  }
  /// The view of a value in its own rows.
  View getView(Value value) const {
    SmallVector<unsigned> axes = llvm::to_vector(llvm::seq<unsigned>(0, rows.size()));
    if (std::optional<unsigned> width = getWidth(value)) {
      axes.push_back(getColumnAxis(*width));
    }
    return space.getView(axes);
  }
  AffineExpr getAddress(Value value) const {
    return linearize(getView(value).index, shapeOf(value));
  }

  SmallVector<int64_t> rows, widths;
  IterationSpace space;
};

/// What happens in one pass over the columns of one width.
struct RowPass {
  unsigned level, width;
  SmallVector<nn::ReductionOpInterface> reductions;
  SmallVector<unsigned> stored; // results
  llvm::SetVector<Value> kept;  // wide values written to scratch
};

class RowKernel {
public:
  RowKernel(KernelBuilder &builder, const RowShapes &shapes)
      : b(builder), shapes(shapes), emitter(builder, shapes.space) {}
  int64_t emit();

private:
  unsigned levelOf(Value value);
  void makePasses();
  RowPass &getPass(unsigned level, unsigned width);
  void findKept(Value value, const RowPass &reader);

  void emitRow(Value row);
  void emitPass(const RowPass &pass, const Point &rowPoint);
  void bindKept(const RowPass &pass, const Point &point);
  /// The state after the elements at `point`, which are stored where results ask for it.
  SmallVector<Value> emitPoint(const RowPass &pass, const Point &point, ValueRange state);
  /// The index along the columns in scratch rows.
  Value columnOf(const Point &point) {
    return point.vectorLoop ? point.loops[*point.vectorLoop] : b.index(0);
  }

  KernelBuilder &b;
  const RowShapes &shapes;
  BodyEmitter emitter;
  DenseMap<Value, unsigned> levels;
  SmallVector<RowPass, 0> passes;     // by level, then width
  DenseMap<Value, Value> scratchRows; // of kept values
};

} // namespace

/// True if computing the op again costs more than reading it from the first-level cache.
static bool isExpensive(nn::ElementwiseOpInterface op) {
  if (op.usesIndex() && op->getNumOperands() > 0) {
    return true; // random numbers
  }
  Block block;
  ImplicitLocOpBuilder builder(op->getLoc(), op->getContext());
  builder.setInsertionPointToStart(&block);
  SmallVector<Value> args;
  for (Value operand : op->getOperands()) {
    args.push_back(block.addArgument(cast<RankedTensorType>(operand.getType()).getElementType(),
                                     op->getLoc()));
  }
  Value index = op.usesIndex() ? block.addArgument(builder.getI64Type(), op->getLoc()) : Value();
  op.emitScalar(builder, args, index);
  return llvm::any_of(block, [](Operation &inner) {
    return isa<math::MathDialect>(inner.getDialect()) &&
           !isa<math::AbsFOp, math::FmaOp, math::FloorOp>(inner);
  });
}

//===-- Passes --------------------------------------------------------------------------------===//

/// The number of reductions on the longest chain to the value.
unsigned RowKernel::levelOf(Value value) {
  if (auto found = levels.find(value); found != levels.end()) {
    return found->second;
  }
  unsigned level = 0;
  if (Operation *op = value.getDefiningOp()) {
    for (Value operand : op->getOperands()) {
      level = std::max(level, levelOf(operand));
    }
    level += isa<nn::ReductionOpInterface>(op);
  }
  return levels[value] = level;
}

RowPass &RowKernel::getPass(unsigned level, unsigned width) {
  auto before = [](const RowPass &pass, std::pair<unsigned, unsigned> key) {
    return std::pair(pass.level, pass.width) < key;
  };
  auto at = std::lower_bound(passes.begin(), passes.end(), std::pair(level, width), before);
  if (at == passes.end() || at->level != level || at->width != width) {
    at = passes.insert(at, RowPass{level, width, {}, {}, {}});
  }
  return *at;
}

/// Marks expensive wide values of earlier passes that `reader` needs for `value`.
void RowKernel::findKept(Value value, const RowPass &reader) {
  auto op = dyn_cast_if_present<nn::ElementwiseOpInterface>(value.getDefiningOp());
  if (!op || shapes.getWidth(value) != reader.width) {
    return;
  }
  unsigned level = levelOf(value);
  bool fits = shapes.widths[reader.width] <= longestKeptRow;
  if (level < reader.level && isExpensive(op) && fits) {
    scratchRows.try_emplace(value);
    return;
  }
  for (Value operand : op->getOperands()) {
    findKept(operand, reader);
  }
}

void RowKernel::makePasses() {
  for (Operation &op : b.getBody()) {
    if (auto reduction = dyn_cast<nn::ReductionOpInterface>(op)) {
      Value operand = op.getOperand(0);
      getPass(levelOf(operand), *shapes.getWidth(operand)).reductions.push_back(reduction);
    }
  }
  for (auto [number, yielded] : llvm::enumerate(b.getYielded())) {
    if (!shapes.isPerRow(yielded)) {
      getPass(levelOf(yielded), *shapes.getWidth(yielded)).stored.push_back(number);
    }
  }
  // Backwards in the body, so that what kept values need is known before their turn.
  for (const RowPass &pass : passes) {
    for (nn::ReductionOpInterface reduction : pass.reductions) {
      findKept(reduction->getOperand(0), pass);
    }
    for (unsigned result : pass.stored) {
      findKept(b.getYielded()[result], pass);
    }
  }
  for (Operation &op : llvm::reverse(b.getBody().without_terminator())) {
    Value value = op.getResult(0);
    if (!scratchRows.contains(value)) {
      continue;
    }
    RowPass &pass = getPass(levelOf(value), *shapes.getWidth(value));
    pass.kept.insert(value);
    for (Value operand : op.getOperands()) {
      findKept(operand, pass);
    }
    Type type = bufferElementType(cast<RankedTensorType>(value.getType()).getElementType());
    int64_t lanes = b.getTarget().lanes;
    scratchRows[value] = b.reserveScratch({ceilDiv(shapeOf(value).back(), lanes) * lanes}, type);
  }
}

//===-- Emission ------------------------------------------------------------------------------===//

/// Reads what earlier passes kept.
void RowKernel::bindKept(const RowPass &pass, const Point &point) {
  for (const RowPass &earlier : passes) {
    if (earlier.level >= pass.level || earlier.width != pass.width) {
      continue;
    }
    for (Value value : earlier.kept) {
      Type element = cast<RankedTensorType>(value.getType()).getElementType();
      Value row = scratchRows[value], column = columnOf(point);
      VectorType vector = b.vectorType(bufferElementType(element));
      Value loaded = point.vectorLoop ? vector::LoadOp::create(b, vector, row, column).getResult()
                                      : memref::LoadOp::create(b, row, column).getResult();
      emitter.bind(value, shapes.getView(value), emitter.toRegister(loaded, element));
    }
  }
}

SmallVector<Value> RowKernel::emitPoint(const RowPass &pass, const Point &point, ValueRange state) {
  bindKept(pass, point);
  SmallVector<Value> next;
  for (nn::ReductionOpInterface reduction : pass.reductions) {
    ReductionEmitter accumulate(b, reduction.getReductionKind());
    Value operand = reduction->getOperand(0);
    Value value = emitter.emit(operand, shapes.getView(operand), point);
    Value index;
    if (accumulate.needsIndex()) {
      index = emitter.evaluateAxis(shapes.getColumnAxis(pass.width), point, b.getI32Type());
    }
    value = point.vectorLoop ? b.splat(value) : value;
    ValueRange before = state.slice(next.size(), accumulate.size());
    llvm::append_range(next, accumulate.add(before, value, index, point.mask));
  }
  // All loads before all stores: results may take operands' places.
  SmallVector<Value> results;
  for (unsigned result : pass.stored) {
    Value yielded = b.getYielded()[result];
    results.push_back(emitter.emit(yielded, shapes.getView(yielded), point));
  }
  for (Value value : pass.kept) {
    Value emitted = emitter.toMemory(emitter.emit(value, shapes.getView(value), point));
    Value row = scratchRows[value], column = columnOf(point);
    if (point.vectorLoop) { // lanes behind the row's end are padding
      vector::StoreOp::create(b, b.splat(emitted), row, column);
    } else {
      memref::StoreOp::create(b, emitted, row, column);
    }
  }
  for (auto [result, value] : llvm::zip_equal(pass.stored, results)) {
    emitter.store(value, b.getResultBuffer(result), shapes.getAddress(b.getYielded()[result]),
                  point);
  }
  return next;
}

void RowKernel::emitPass(const RowPass &pass, const Point &rowPoint) {
  ReductionSet set(b);
  for (nn::ReductionOpInterface reduction : pass.reductions) {
    set.push(reduction.getReductionKind());
  }
  std::optional<unsigned> columns = shapes.space.getLoop(shapes.getColumnAxis(pass.width));
  SmallVector<Value> states = set.init(/*vectors=*/columns.has_value());
  if (columns) {
    states = set.walkVectors(shapes.widths[pass.width], states,
                             [&](Value column, Value mask, ValueRange before) {
                               Point point = rowPoint;
                               point.vectorLoop = columns;
                               point.loops[*columns] = column;
                               point.mask = mask;
                               return emitPoint(pass, point, before);
                             });
  } else {
    states = emitPoint(pass, rowPoint, states);
  }
  for (auto [reduction, result] : llvm::zip_equal(pass.reductions, set.finish(states))) {
    emitter.bind(reduction->getResult(0), shapes.getRowView(), result);
  }
}

void RowKernel::emitRow(Value row) {
  Point point{SmallVector<Value>(shapes.space.getNumLoops()), std::nullopt, nullptr};
  unsigned rowLoops = 0;
  for (unsigned axis = 0; axis < shapes.rows.size(); ++axis) {
    if (std::optional<unsigned> loop = shapes.space.getLoop(axis)) {
      rowLoops = *loop + 1;
    }
  }
  SmallVector<Value> digits =
      b.delinearize(row, shapes.space.getLoopExtents().take_front(rowLoops));
  llvm::copy(digits, point.loops.begin());
  for (const RowPass &pass : passes) {
    emitPass(pass, point);
  }
  for (auto [number, yielded] : llvm::enumerate(b.getYielded())) {
    if (shapes.isPerRow(yielded)) {
      Value value = emitter.emit(yielded, shapes.getRowView(), point);
      emitter.store(value, b.getResultBuffer(number), shapes.getAddress(yielded), point);
    }
  }
}

int64_t RowKernel::emit() {
  makePasses();
  int64_t rows = ShapedType::getNumElements(shapes.rows);
  int64_t widest = *llvm::max_element(shapes.widths);
  int64_t perChunk = std::max<int64_t>(1, chunkElements / widest);
  b.loop(b.getLo(), b.getHi(), 1, [&](Value chunk) {
    Value from = b.mulIndex(chunk, perChunk);
    b.loop(from, b.minIndex(b.addIndex(from, perChunk), rows), 1, [&](Value row) { emitRow(row); });
  });
  return ceilDiv(rows, perChunk);
}

//===-- The family ----------------------------------------------------------------------------===//

/// The rows of a body, from its first reduction; and the widths of everything reduced or stored.
static std::optional<RowShapes> findShapes(Block &body) {
  SmallVector<Value> wide;
  for (Operation &op : body) {
    if (isa<nn::ReductionOpInterface>(op)) {
      wide.push_back(op.getOperand(0));
    }
  }
  if (wide.empty() || shapeOf(wide.front()).empty()) {
    return std::nullopt;
  }
  ArrayRef<int64_t> rows = shapeOf(wide.front()).drop_back();
  llvm::append_range(wide, body.getTerminator()->getOperands());
  SmallVector<int64_t> widths;
  for (Value value : wide) {
    ArrayRef<int64_t> shape = shapeOf(value);
    if (shape.size() == rows.size() + 1 && !llvm::is_contained(widths, shape.back())) {
      widths.push_back(shape.back());
    }
  }
  return RowShapes(rows, widths, body.getParentOp()->getContext());
}

/// Why the body is no row program over `shapes`; else empty, and `trace` is filled.
static std::string checkBody(Block &body, const RowShapes &shapes, Trace &trace) {
  for (Operation &op : body) {
    auto reduction = dyn_cast<nn::ReductionOpInterface>(op);
    if (!reduction) {
      continue;
    }
    Value operand = op.getOperand(0);
    if (!shapes.getWidth(operand) ||
        reduction.getReducedAxes() != ArrayRef<int64_t>(shapes.rows.size())) {
      return "a reduction that does not run along the rows";
    }
    traceValue(operand, shapes.getView(operand), trace);
  }
  for (Value yielded : body.getTerminator()->getOperands()) {
    if (!shapes.getWidth(yielded) && !shapes.isPerRow(yielded)) {
      return "a result that is neither rows nor one value per row";
    }
    traceValue(yielded, shapes.getView(yielded), trace);
    trace.expressions.push_back(shapes.getAddress(yielded));
  }
  for (auto &[leaf, view] : trace.leaves) {
    Operation *op = leaf.getDefiningOp();
    if (!isa<nn::ReductionOpInterface>(op)) {
      return ("'" + op->getName().getStringRef() + "' is no row op").str();
    }
    if (view.index != shapes.getRowView().index) {
      return "a reduction read across rows";
    }
  }
  return trace.refusal;
}

EmitResult mome::cpu::emitRowProgram(nn::KernelOp kernel, const Target &target,
                                     OpBuilder &builder) {
  Block &body = kernel.getBody().front();
  std::optional<RowShapes> shapes = findShapes(body);
  if (!shapes) {
    return refuse(nn::getFusionRole(kernel.getRoot()) == nn::FusionRole::row ? "no rows" : "");
  }
  Trace trace;
  if (std::string reason = checkBody(body, *shapes, trace); !reason.empty()) {
    return refuse(reason);
  }
  SmallVector<unsigned> columns;
  for (unsigned width = 0; width < shapes->widths.size(); ++width) {
    columns.push_back(shapes->getColumnAxis(width));
  }
  shapes->space.mergeAxes(trace.expressions, columns);
  KernelBuilder b(kernel, target, builder);
  int64_t chunks = RowKernel(b, *shapes).emit();
  return b.finish("row", chunks);
}

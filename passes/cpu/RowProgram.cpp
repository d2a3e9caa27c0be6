// Row programs: elementwise ops and reductions along the last axis, one row after the other.
//
//   nn.kernel { m = reduce_max x;  e = exp(x - m);  s = reduce_sum e;  yield e / s }      (x:
//   tensor<RxKxf32>)
//   ->  for each row of the chunk:
//         pass 0 over the row:  m = max of x
//         pass 1:               e = exp(x - m), kept in scratch;  s = sum of e
//         pass 2:               store e / s
//
// A *wide* value has the shape of whole rows; a value per row is a scalar. Pass p reduces what
// depends on p earlier reductions, so the number of passes is the longest chain of reductions plus
// one. Later passes compute cheap values again and read expensive ones (transcendental functions)
// back from a row of scratch. Sums run in vectors with several accumulators that meet in a fixed
// tree.
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

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

namespace {

/// What happens in one pass over a row.
struct Pass {
  SmallVector<nn::ReductionOpInterface> reductions;
  SmallVector<unsigned> stored; // results
  llvm::SetVector<Value> kept;  // wide values written to scratch
};

class RowKernel {
public:
  RowKernel(KernelBuilder &builder, const IterationSpace &space, ArrayRef<int64_t> rows)
      : b(builder), space(space), emitter(builder, space), rowsShape(rows) {}
  int64_t emit();

private:
  bool isWide(Value value) const { return shapeOf(value) == space.getExtents(); }
  unsigned levelOf(Value value);
  void makePasses();
  void findKept(Value value, unsigned pass);
  View rowView() const {
    return space.getView(llvm::to_vector(llvm::seq<unsigned>(0, rowsShape.size())));
  }
  AffineExpr rowAddress() const { return linearize(rowView().index, rowsShape); }

  void emitRow(Value row);
  void emitPass(unsigned number, const Point &rowPoint);
  /// The state after the elements at `point`, which are stored where results ask for it.
  SmallVector<Value> emitPoint(unsigned number, const Point &point, ValueRange state);

  KernelBuilder &b;
  const IterationSpace &space;
  BodyEmitter emitter;
  SmallVector<int64_t> rowsShape;
  std::optional<unsigned> columnLoop;
  DenseMap<Value, unsigned> levels;
  SmallVector<Pass> passes;
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

/// Marks expensive wide values of earlier passes that pass `number` reads.
void RowKernel::findKept(Value value, unsigned number) {
  auto op = dyn_cast_if_present<nn::ElementwiseOpInterface>(value.getDefiningOp());
  if (!op || !isWide(value)) {
    return;
  }
  unsigned level = levelOf(value);
  if (level < number && isExpensive(op)) {
    if (passes[level].kept.insert(value)) {
      scratchRows[value] = nullptr;
    }
    return;
  }
  for (Value operand : op->getOperands()) {
    findKept(operand, number);
  }
}

void RowKernel::makePasses() {
  unsigned last = 0;
  for (Value yielded : b.getYielded()) {
    last = std::max(last, isWide(yielded) ? levelOf(yielded) : 0);
  }
  SmallVector<nn::ReductionOpInterface> reductions;
  for (Operation &op : b.getBody()) {
    if (auto reduction = dyn_cast<nn::ReductionOpInterface>(op)) {
      reductions.push_back(reduction);
      last = std::max(last, levelOf(op.getOperand(0)));
    }
  }
  passes.resize(last + 1);
  for (nn::ReductionOpInterface reduction : reductions) {
    passes[levelOf(reduction->getOperand(0))].reductions.push_back(reduction);
  }
  for (auto [number, yielded] : llvm::enumerate(b.getYielded())) {
    if (isWide(yielded)) {
      passes[levelOf(yielded)].stored.push_back(number);
    }
  }
  for (unsigned number = last; number > 0; --number) {
    Pass &pass = passes[number];
    for (nn::ReductionOpInterface reduction : pass.reductions) {
      findKept(reduction->getOperand(0), number);
    }
    for (unsigned result : pass.stored) {
      findKept(b.getYielded()[result], number);
    }
    for (Value kept : pass.kept) { // computed here, perhaps from values kept earlier
      for (Value operand : kept.getDefiningOp()->getOperands()) {
        findKept(operand, number);
      }
    }
  }
  for (auto &[value, row] : scratchRows) {
    Type type = bufferElementType(cast<RankedTensorType>(value.getType()).getElementType());
    int64_t lanes = b.getTarget().lanes;
    row = b.reserveScratch({ceilDiv(space.getExtents().back(), lanes) * lanes}, type);
  }
}

//===-- Emission ------------------------------------------------------------------------------===//

SmallVector<Value> RowKernel::emitPoint(unsigned number, const Point &point, ValueRange state) {
  Pass &pass = passes[number];
  View identity = space.getIdentityView();
  Value column = point.vectorLoop ? point.loops[*point.vectorLoop] : b.index(0);
  auto element = [&](Value value) {
    return cast<RankedTensorType>(value.getType()).getElementType();
  };
  for (unsigned earlier = 0; earlier < number; ++earlier) {
    for (Value value : passes[earlier].kept) {
      Value row = scratchRows[value];
      Type stored = bufferElementType(element(value));
      Value loaded = point.vectorLoop
                         ? vector::LoadOp::create(b, b.vectorType(stored), row, column).getResult()
                         : memref::LoadOp::create(b, row, column).getResult();
      emitter.bind(value, identity, emitter.toRegister(loaded, element(value)));
    }
  }
  SmallVector<Value> next;
  for (nn::ReductionOpInterface reduction : pass.reductions) {
    ReductionEmitter accumulate(b, reduction.getReductionKind());
    Value value = emitter.emit(reduction->getOperand(0), identity, point);
    Value index;
    if (accumulate.needsIndex()) {
      index = emitter.evaluateAxis(rowsShape.size(), point, b.getI32Type());
    }
    ValueRange before = state.slice(next.size(), accumulate.size());
    bool vectors = point.vectorLoop.has_value();
    llvm::append_range(next,
                       accumulate.add(before, vectors ? b.splat(value) : value, index, point.mask));
  }
  // All loads before all stores: results may take operands' places.
  SmallVector<std::pair<Value, unsigned>> results;
  for (unsigned result : pass.stored) {
    results.push_back({emitter.emit(b.getYielded()[result], identity, point), result});
  }
  for (Value value : pass.kept) {
    Value emitted = emitter.emit(value, identity, point);
    emitted = emitter.toMemory(emitted);
    if (point.vectorLoop) { // lanes behind the row's end are padding
      vector::StoreOp::create(b, b.splat(emitted), scratchRows[value], column);
    } else {
      memref::StoreOp::create(b, emitted, scratchRows[value], column);
    }
  }
  for (auto [value, result] : results) {
    Value buffer = b.getResultBuffer(result);
    if (point.vectorLoop) {
      emitter.store(value, buffer, point);
    } else {
      emitter.storeScalar(value, buffer, space.getLinear(), point);
    }
  }
  return next;
}

void RowKernel::emitPass(unsigned number, const Point &rowPoint) {
  ReductionSet set(b);
  for (nn::ReductionOpInterface reduction : passes[number].reductions) {
    set.push(reduction.getReductionKind());
  }
  SmallVector<Value> states = set.init(columnLoop.has_value());
  if (columnLoop) {
    states = set.walkVectors(space.getExtents().back(), states,
                             [&](Value column, Value mask, ValueRange before) {
                               Point point = rowPoint;
                               point.vectorLoop = columnLoop;
                               point.loops[*columnLoop] = column;
                               point.mask = mask;
                               return emitPoint(number, point, before);
                             });
  } else {
    states = emitPoint(number, rowPoint, states);
  }
  for (auto [reduction, result] : llvm::zip_equal(passes[number].reductions, set.finish(states))) {
    emitter.bind(reduction->getResult(0), rowView(), result);
  }
}

void RowKernel::emitRow(Value row) {
  Point point{SmallVector<Value>(space.getNumLoops()), std::nullopt, nullptr};
  unsigned rowLoops = space.getNumLoops() - (columnLoop ? 1 : 0);
  SmallVector<Value> digits = b.delinearize(row, space.getLoopExtents().take_front(rowLoops));
  llvm::copy(digits, point.loops.begin());
  for (unsigned number = 0; number < passes.size(); ++number) {
    emitPass(number, point);
  }
  for (auto [number, yielded] : llvm::enumerate(b.getYielded())) {
    if (!isWide(yielded)) {
      Value value = emitter.emit(yielded, rowView(), point);
      emitter.storeScalar(value, b.getResultBuffer(number), rowAddress(), point);
    }
  }
}

int64_t RowKernel::emit() {
  columnLoop = space.getLoop(space.getExtents().size() - 1);
  makePasses();
  int64_t rows = ShapedType::getNumElements(rowsShape);
  int64_t perChunk = std::max<int64_t>(1, chunkElements / space.getExtents().back());
  auto chunks = scf::ForOp::create(b, b.getLo(), b.getHi(), b.index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(chunks.getBody());
  Value from = b.mulIndex(chunks.getInductionVar(), perChunk);
  b.loop(from, b.minIndex(b.addIndex(from, perChunk), rows), 1, [&](Value row) { emitRow(row); });
  return ceilDiv(rows, perChunk);
}

//===-- The family ----------------------------------------------------------------------------===//

/// The shape of wide values: what reductions read, else the largest result.
static ArrayRef<int64_t> findWideShape(Block &body) {
  for (Operation &op : body) {
    if (isa<nn::ReductionOpInterface>(op)) {
      return shapeOf(op.getOperand(0));
    }
  }
  ArrayRef<int64_t> widest;
  for (Value yielded : body.getTerminator()->getOperands()) {
    widest = shapeOf(yielded).size() > widest.size() ? shapeOf(yielded) : widest;
  }
  return widest;
}

EmitResult mome::cpu::emitRowProgram(nn::KernelOp kernel, const Target &target,
                                     OpBuilder &builder) {
  Block &body = kernel.getBody().front();
  ArrayRef<int64_t> wide = findWideShape(body);
  if (wide.empty()) {
    return refuse("no rows");
  }
  ArrayRef<int64_t> rows = wide.drop_back();
  unsigned lastAxis = rows.size();
  IterationSpace space(wide, kernel.getContext());
  View rowView = space.getView(llvm::to_vector(llvm::seq<unsigned>(0, lastAxis)));
  Trace trace;
  for (Operation &op : body) {
    if (auto reduction = dyn_cast<nn::ReductionOpInterface>(op)) {
      if (shapeOf(op.getOperand(0)) != wide ||
          reduction.getReducedAxes() != ArrayRef<int64_t>(lastAxis)) {
        return refuse("a reduction that does not run along the rows");
      }
      traceValue(op.getOperand(0), space.getIdentityView(), trace);
    }
  }
  for (Value yielded : body.getTerminator()->getOperands()) {
    if (shapeOf(yielded) != wide && shapeOf(yielded) != rows) {
      return refuse("a result that is neither rows nor one value per row");
    }
    traceValue(yielded, shapeOf(yielded) == wide ? space.getIdentityView() : rowView, trace);
  }
  for (auto &[leaf, view] : trace.leaves) {
    if (!isa<nn::ReductionOpInterface>(leaf.getDefiningOp())) {
      return refuse(
          ("'" + leaf.getDefiningOp()->getName().getStringRef() + "' is no row op").str());
    }
    if (view.index != rowView.index) {
      return refuse("a reduction read across rows");
    }
  }
  if (!trace.refusal.empty()) {
    return refuse(trace.refusal);
  }
  trace.expressions.append({space.getLinear(), linearize(rowView.index, rows)});
  space.mergeAxes(trace.expressions, {lastAxis});
  KernelBuilder b(kernel, target, builder);
  int64_t chunks = RowKernel(b, space, rows).emit();
  return b.finish("row", chunks);
}

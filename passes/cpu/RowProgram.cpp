// Row programs: elementwise ops and reductions along the last axis, one row after the other.
//
//   nn.kernel { m = reduce_max x;  e = exp(x - m);  s = reduce_sum e;  yield e / s }      (x:
//   tensor<RxKxf32>)
//   ->  for each row of the chunk:
//         pass 0 over the row:  m = max of x
//         pass 1:               e = exp(x - m), kept in scratch;  s = sum of e
//         pass 2:               store e / s
//
// RowPlan.h says what the passes are, and what column sums are (ColumnSums.h). Later ones compute cheap values again and read expensive ones
// (transcendental functions) back from a row of scratch; rows that would not stay in the cache are
// computed again in every pass, so that a divergence over a million classes leaves nothing but its
// statistics. A vector of a long row is several registers, whose operations LLVM orders side by side
// and not chain after chain; lanes meet in a fixed tree.
#include "passes/ReductionEmitter.h"
#include "passes/cpu/ColumnSums.h"
#include "passes/cpu/Families.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

/// Elements of wide values per chunk.
static constexpr int64_t chunkElements = 8192;
/// Longer rows are not kept in scratch.
static constexpr int64_t longestKeptRow = 16384;
/// Chunks with column sums: enough for many threads, few enough for their sums to be little.
static constexpr int64_t mostParts = 64;

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

namespace {

class RowKernel {
public:
  RowKernel(KernelBuilder &builder, const RowShapes &shapes)
      : b(builder), shapes(shapes), emitter(builder, shapes.space), plan(b.getBody(), shapes),
        columnSums(builder, shapes, plan) {}
  int64_t emit();

private:
  void keepExpensive();
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
  RowPlan plan;
  ColumnSums columnSums;
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

/// Marks expensive wide values of earlier passes that `reader` needs for `value`.
void RowKernel::findKept(Value value, const RowPass &reader) {
  auto op = dyn_cast_if_present<nn::ElementwiseOpInterface>(value.getDefiningOp());
  if (!op || shapes.getWidth(value) != reader.width) {
    return;
  }
  unsigned level = plan.levelOf(value);
  bool fits = shapes.widths[reader.width] <= longestKeptRow;
  if (level < reader.level && isExpensive(op) && fits) {
    scratchRows.try_emplace(value);
    return;
  }
  for (Value operand : op->getOperands()) {
    findKept(operand, reader);
  }
}

void RowKernel::keepExpensive() {
  // Backwards in the body, so that what kept values need is known before their turn.
  for (const RowPass &pass : plan.passes) {
    for (nn::ReductionOpInterface reduction :
         llvm::concat<const nn::ReductionOpInterface>(pass.reductions, pass.columnSums)) {
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
    RowPass &pass = plan.getPass(plan.levelOf(value), *shapes.getWidth(value));
    pass.kept.insert(value);
    for (Value operand : op.getOperands()) {
      findKept(operand, pass);
    }
    Type type = bufferElementType(cast<RankedTensorType>(value.getType()).getElementType());
    int64_t lanes = b.getLanes();
    scratchRows[value] = b.reserveScratch({ceilDiv(shapeOf(value).back(), lanes) * lanes}, type);
  }
}

//===-- Emission ------------------------------------------------------------------------------===//

/// Reads what earlier passes kept.
void RowKernel::bindKept(const RowPass &pass, const Point &point) {
  for (const RowPass &earlier : plan.passes) {
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
  SmallVector<Value> next = addElements(b, emitter, shapes, pass, point, state);
  // All loads before all stores: results may take operands' places.
  SmallVector<Value> results = emitStored(b, emitter, shapes, pass, point);
  columnSums.add(pass, emitSummed(b, emitter, shapes, pass, point), point, columnOf(point));
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
  ReductionSet set(b, /*unroll=*/1); // vectors are several registers already
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
  Point point = shapes.getRowPoint(b, row);
  for (const RowPass &pass : plan.passes) {
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
  keepExpensive();
  int64_t rows = ShapedType::getNumElements(shapes.rows);
  int64_t widest = *llvm::max_element(shapes.widths);
  int64_t perChunk = std::max<int64_t>(1, chunkElements / widest);
  if (!columnSums.empty()) {
    perChunk = std::max(perChunk, ceilDiv(rows, mostParts));
  }
  int64_t chunks = ceilDiv(rows, perChunk);
  Value end = b.getHi();
  if (!columnSums.empty()) {
    columnSums.reserve(chunks);
    end = b.minIndex(end, chunks);
  }
  b.loop(b.getLo(), end, 1, [&](Value chunk) {
    Value from = b.mulIndex(chunk, perChunk);
    columnSums.start(chunk);
    b.loop(from, b.minIndex(b.addIndex(from, perChunk), rows), 1, [&](Value row) { emitRow(row); });
  });
  return columnSums.empty() ? chunks : columnSums.emitTotals();
}

//===-- The family ----------------------------------------------------------------------------===//

/// Registers per vector: as many as the shortest rows fill several times.
static int64_t chooseRegisters(const RowShapes &shapes, const Target &target) {
  int64_t registers = 4;
  while (registers > 1 && *llvm::min_element(shapes.widths) < 4 * registers * target.lanes) {
    registers /= 2;
  }
  return registers;
}

EmitResult mome::cpu::emitRowProgram(nn::KernelOp kernel, const Target &target,
                                     OpBuilder &builder) {
  std::string reason;
  std::optional<RowShapes> shapes = prepareRowProgram(kernel, reason);
  if (!shapes) {
    return refuse(reason);
  }
  KernelBuilder b(kernel, target, builder, chooseRegisters(*shapes, target));
  int64_t chunks = RowKernel(b, *shapes).emit();
  return b.finish("row", chunks);
}

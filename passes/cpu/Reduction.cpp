// Reductions over any axes, with an elementwise prologue on the operand and an elementwise epilogue
// on the result.
//
//   nn.kernel { p = dy * xhat;  g = reduce_sum p axes [0];  yield g }        (dy: tensor<TxCxf32>)
//   ->  for each block of columns of the chunk:
//         acc = 0;  for t in 0 .. T:  acc += dy[t, columns] * xhat[t, columns]
//
// If the last axis is kept, lanes run along it and every lane sums on its own. If it is reduced,
// lanes run along it too and meet at the end. Long sums run in blocks (ReductionSet::walk). Chunks
// split the kept axes only: the order of a sum never depends on the number of threads.
#include "passes/BodyEmitter.h"
#include "passes/ReductionEmitter.h"
#include "passes/cpu/Families.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

/// Elements read per chunk, where the kept axes allow a choice.
static constexpr int64_t chunkElements = 16384;
/// Vectors of columns that one walk over the reduced axes sums.
static constexpr int64_t tileVectors = 8;

namespace {

class ReductionKernel {
public:
  ReductionKernel(KernelBuilder &builder, const IterationSpace &operandSpace,
                  const IterationSpace &resultSpace, nn::ReductionOpInterface op);
  int64_t emit();

private:
  bool isReducedAxis(unsigned axis) { return llvm::is_contained(op.getReducedAxes(), axis); }
  SmallVector<int64_t> extentsOf(ArrayRef<unsigned> loops) const;
  int64_t emitColumnChunks();
  int64_t emitScalarChunks();
  void emitColumns(ArrayRef<Value> outer, Value column, int64_t vectors, Value lastMask);
  void emitScalar(ArrayRef<Value> outer);
  /// Nests loops over the reduced loops from number `depth` on; `body` gets the innermost state.
  SmallVector<Value> nest(unsigned depth, Point &point, ValueRange state,
                          function_ref<SmallVector<Value>(Point &, ValueRange)> body);
  SmallVector<Value> addElement(const Point &point, ValueRange state);
  void emitEpilogue(Value reduced, const Point &point);

  KernelBuilder &b;
  const IterationSpace &operandSpace, &resultSpace;
  BodyEmitter prologue, epilogue;
  nn::ReductionOpInterface op;
  ReductionSet set;
  SmallVector<unsigned> kept,
      reduced; // loops of the operand's space; kept ones are the result's loops in order
};

} // namespace

ReductionKernel::ReductionKernel(KernelBuilder &builder, const IterationSpace &operandSpace,
                                 const IterationSpace &resultSpace, nn::ReductionOpInterface op)
    : b(builder), operandSpace(operandSpace), resultSpace(resultSpace),
      prologue(builder, operandSpace), epilogue(builder, resultSpace), op(op), set(builder) {
  set.push(op.getReductionKind());
  for (unsigned axis = 0; axis < operandSpace.getExtents().size(); ++axis) {
    if (std::optional<unsigned> loop = operandSpace.getLoop(axis)) {
      (isReducedAxis(axis) ? reduced : kept).push_back(*loop);
    }
  }
}

SmallVector<int64_t> ReductionKernel::extentsOf(ArrayRef<unsigned> loops) const {
  return llvm::map_to_vector(loops,
                             [&](unsigned loop) { return operandSpace.getLoopExtents()[loop]; });
}

SmallVector<Value> ReductionKernel::addElement(const Point &point, ValueRange state) {
  ReductionEmitter reduction(b, op.getReductionKind());
  Value element = prologue.emit(op->getOperand(0), point);
  Value index;
  if (reduction.needsIndex()) {
    index = prologue.evaluateAxis(op.getReducedAxes().front(), point, b.getI32Type());
  }
  if (isa<VectorType>(state.front().getType())) {
    element = b.splat(element);
    index = index ? b.splat(index) : index;
  }
  return reduction.add(state, element, index, point.mask);
}

SmallVector<Value>
ReductionKernel::nest(unsigned depth, Point &point, ValueRange state,
                      function_ref<SmallVector<Value>(Point &, ValueRange)> body) {
  if (depth == reduced.size() || point.loops[reduced[depth]]) { // or lanes run along it
    return body(point, state);
  }
  int64_t extent = operandSpace.getLoopExtents()[reduced[depth]];
  return set.walk(extent, state, [&](Value at, Value, ValueRange before) {
    point.loops[reduced[depth]] = at;
    SmallVector<Value> after = nest(depth + 1, point, before, body);
    point.loops[reduced[depth]] = nullptr;
    return after;
  });
}

void ReductionKernel::emitEpilogue(Value value, const Point &point) {
  Point resultPoint{{}, std::nullopt, point.mask};
  for (auto [number, loop] : llvm::enumerate(kept)) {
    resultPoint.loops.push_back(point.loops[loop]);
    if (point.vectorLoop == loop) {
      resultPoint.vectorLoop = number;
    }
  }
  epilogue.bind(op->getResult(0), resultSpace.getIdentityView(), value);
  SmallVector<Value> values;
  for (Value yielded : b.getYielded()) {
    values.push_back(epilogue.emit(yielded, resultPoint));
  }
  for (auto [number, result] : llvm::enumerate(values)) {
    epilogue.store(result, b.getResultBuffer(number), resultSpace.getLinear(), resultPoint);
  }
}

//===-- The last axis is kept -----------------------------------------------------------------===//

void ReductionKernel::emitColumns(ArrayRef<Value> outer, Value column, int64_t vectors,
                                  Value lastMask) {
  int64_t lanes = b.getLanes();
  Point point{SmallVector<Value>(operandSpace.getNumLoops()), kept.back(), nullptr};
  for (auto [loop, value] : llvm::zip_equal(ArrayRef(kept).drop_back(), outer)) {
    point.loops[loop] = value;
  }
  SmallVector<Value> columns, state, neutral = set.init(/*vectors=*/true);
  for (int64_t v = 0; v < vectors; ++v) {
    columns.push_back(b.addIndex(column, v * lanes));
    llvm::append_range(state, neutral);
  }
  state = nest(0, point, state, [&](Point &at, ValueRange before) {
    SmallVector<Value> after;
    for (int64_t v = 0; v < vectors; ++v) {
      at.loops[kept.back()] = columns[v];
      at.mask = v == vectors - 1 ? lastMask : Value();
      llvm::append_range(after, addElement(at, before.slice(after.size(), neutral.size())));
    }
    return after;
  });
  for (int64_t v = 0; v < vectors; ++v) {
    point.loops[kept.back()] = columns[v];
    point.mask = v == vectors - 1 ? lastMask : Value();
    emitEpilogue(state[v * neutral.size() + neutral.size() - 1], point);
  }
}

int64_t ReductionKernel::emitColumnChunks() {
  int64_t lanes = b.getLanes(), width = operandSpace.getLoopExtents()[kept.back()];
  int64_t block = std::min(tileVectors, ceilDiv(width, lanes)) * lanes;
  SmallVector<int64_t> extents = extentsOf(ArrayRef(kept).drop_back());
  int64_t outerCount = ShapedType::getNumElements(extents), blocks = ceilDiv(width, block);
  b.loop(b.getLo(), b.getHi(), 1, [&](Value chunk) {
    SmallVector<Value> outer = b.delinearize(b.divIndex(chunk, blocks), extents);
    Value number = b.remIndex(chunk, blocks);
    int64_t rest = width % block;
    if (rest == 0) {
      return emitColumns(outer, b.mulIndex(number, block), block / lanes, nullptr);
    }
    Value isLast = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, number, b.index(blocks - 1));
    auto branch = scf::IfOp::create(b, isLast, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    emitColumns(outer, b.index(width - rest), ceilDiv(rest, lanes),
                rest % lanes ? b.laneMask(rest % lanes) : Value());
    if (blocks > 1) {
      b.setInsertionPointToStart(branch.elseBlock());
      emitColumns(outer, b.mulIndex(number, block), block / lanes, nullptr);
    }
  });
  return outerCount * blocks;
}

//===-- The last axis is reduced --------------------------------------------------------------===//

void ReductionKernel::emitScalar(ArrayRef<Value> outer) {
  Point point{SmallVector<Value>(operandSpace.getNumLoops()), std::nullopt, nullptr};
  for (auto [loop, value] : llvm::zip_equal(kept, outer)) {
    point.loops[loop] = value;
  }
  SmallVector<Value> state = set.init(!reduced.empty());
  if (reduced.empty()) { // every reduced axis has extent 1
    state = addElement(point, state);
  } else {
    int64_t extent = operandSpace.getLoopExtents()[reduced.back()];
    point.vectorLoop = reduced.back();
    auto lanes = [&](Point &at, ValueRange before) {
      return set.walkVectors(extent, before, [&](Value column, Value mask, ValueRange inner) {
        Point element = at;
        element.loops[reduced.back()] = column;
        element.mask = mask;
        return addElement(element, inner);
      });
    };
    point.loops[reduced.back()] = b.index(0); // stops the nest in front of it
    state = nest(0, point, state, lanes);
  }
  point.vectorLoop = std::nullopt;
  emitEpilogue(set.finish(state).front(), point);
}

int64_t ReductionKernel::emitScalarChunks() {
  SmallVector<int64_t> extents = extentsOf(kept);
  int64_t count = ShapedType::getNumElements(extents);
  int64_t each = ShapedType::getNumElements(extentsOf(reduced));
  int64_t perChunk = std::max<int64_t>(1, chunkElements / each);
  b.loop(b.getLo(), b.getHi(), 1, [&](Value chunk) {
    Value from = b.mulIndex(chunk, perChunk);
    b.loop(from, b.minIndex(b.addIndex(from, perChunk), count), 1,
           [&](Value number) { emitScalar(b.delinearize(number, extents)); });
  });
  return ceilDiv(count, perChunk);
}

int64_t ReductionKernel::emit() {
  bool lastIsKept = !kept.empty() && kept.back() + 1 == operandSpace.getNumLoops();
  return lastIsKept && !reduced.empty() ? emitColumnChunks() : emitScalarChunks();
}

//===-- The family ----------------------------------------------------------------------------===//

EmitResult mome::cpu::emitReduction(nn::KernelOp kernel, const Target &target, OpBuilder &builder) {
  auto reductions = kernel.getBody().front().getOps<nn::ReductionOpInterface>();
  if (!llvm::hasSingleElement(reductions)) {
    return refuse("");
  }
  nn::ReductionOpInterface op = *reductions.begin();
  IterationSpace operandSpace(shapeOf(op->getOperand(0)), kernel.getContext());
  IterationSpace resultSpace(shapeOf(op->getResult(0)), kernel.getContext());
  if (std::string reason = prepareReduction(op, operandSpace, resultSpace); !reason.empty()) {
    return refuse(reason);
  }
  KernelBuilder b(kernel, target, builder);
  int64_t chunks = ReductionKernel(b, operandSpace, resultSpace, op).emit();
  return b.finish("reduction", chunks);
}

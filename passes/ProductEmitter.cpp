// See ProductEmitter.h.
#include "passes/ProductEmitter.h"

#include "dialects/NN/OperandSum.h"

using namespace mlir;
using namespace mome;

ProductEmitter::ProductEmitter(FunctionBuilder &builder, const IterationSpace &space,
                               nn::ProductOpInterface op)
    : product(op.getProduct()), b(builder), space(space), emitter(builder, space), op(op) {
  auto &[lhs, rhs, bias, transposeLhs, transposeRhs, batch, m, n, k, batchAxes] = product;
  A = {b.getOperandBuffer(lhs), m * k, transposeLhs ? 1 : k, transposeLhs ? m : 1};
  B = {b.getOperandBuffer(rhs), k * n, transposeRhs ? k : 1, transposeRhs ? 1 : n};
  if (Operation *sum = nn::findOperandSum(op)) {
    sumBuffer = findResultBuffer(b, sum->getResult(0));
  }
  if (n == 1 && m > 1) {
    std::swap(A, B);
    std::swap(m, n);
    swapped = true;
  }
  unsigned lastAxis = space.getExtents().size() - 1;
  for (unsigned axis = 0; axis <= lastAxis; ++axis) {
    std::optional<unsigned> loop = space.getLoop(axis);
    if (!loop) {
      continue;
    }
    if (axis < unsigned(batchAxes)) {
      batchLoops.push_back(*loop);
    } else if (axis < lastAxis) {
      rowLoops.push_back(*loop);
    } else {
      columnLoop = *loop;
    }
  }
  // Several axes merged into one loop appear once.
  batchLoops.erase(llvm::unique(batchLoops), batchLoops.end());
  rowLoops.erase(llvm::unique(rowLoops), rowLoops.end());
}

Value ProductEmitter::addressOf(const Matrix &matrix, Value batch, Value line) {
  return b.addIndex(b.mulIndex(batch, matrix.perBatch), b.mulIndex(line, matrix.perLine));
}

std::function<void()> ProductEmitter::prepareEpilogue(Value acc, Value batch, Value row,
                                                      Value column, Value mask) {
  bool vector = isa<VectorType>(acc.getType());
  Point point{SmallVector<Value>(space.getNumLoops()), std::nullopt, mask};
  auto place = [&](ArrayRef<unsigned> loops, Value linear) {
    SmallVector<int64_t> extents;
    for (unsigned loop : loops) {
      extents.push_back(space.getLoopExtents()[loop]);
    }
    for (auto [loop, value] : llvm::zip_equal(loops, b.delinearize(linear, extents))) {
      point.loops[loop] = value;
    }
  };
  place(batchLoops, batch);
  std::optional<unsigned> along = columnLoop;
  if (swapped) { // neighbours run along the rows of the result
    along = rowLoops.front();
  } else {
    place(rowLoops, row);
  }
  if (along) {
    point.loops[*along] = column;
    point.vectorLoop = vector ? along : std::nullopt;
  } else if (vector) {
    acc = vector::ExtractOp::create(b, acc, ArrayRef<int64_t>{0});
  }
  if (product.bias) {
    unsigned lastAxis = space.getExtents().size() - 1;
    Value bias = emitter.emit(product.bias, space.getView({lastAxis}), point);
    acc = arith::AddFOp::create(b, acc, isa<VectorType>(acc.getType()) ? b.splat(bias) : bias);
  }
  emitter.bind(op->getResult(0), space.getIdentityView(), acc);
  return emitter.prepareResults(point, sumBuffer);
}

std::string mome::prepareProduct(nn::KernelOp kernel, IterationSpace &space, bool takesSum) {
  auto op = cast<nn::ProductOpInterface>(kernel.getRoot());
  Value root = op->getResult(0);
  ArrayRef<int64_t> shape = cast<ShapedType>(root.getType()).getShape();
  nn::Product product = op.getProduct();
  for (Value operand : {product.lhs, product.rhs}) {
    if (!isa<BlockArgument>(operand)) {
      return "an operand of the product is computed in the kernel";
    }
  }
  Operation *sum = nn::findOperandSum(op);
  if (sum && !takesSum) {
    return "a sum beside the product";
  }
  Trace trace;
  for (Value yielded : kernel.getBody().front().getTerminator()->getOperands()) {
    if (sum && yielded == sum->getResult(0)) {
      sum = nullptr; // once
      continue;
    }
    if (cast<ShapedType>(yielded.getType()).getShape() != shape) {
      return "a result without the shape of the product";
    }
    traceValue(yielded, space.getIdentityView(), trace);
  }
  if (product.bias) {
    traceValue(product.bias, space.getView({unsigned(shape.size() - 1)}), trace);
  }
  for (auto &[leaf, view] : trace.leaves) {
    if (leaf != root || view.index != space.getIdentityView().index) {
      return "the epilogue is not elementwise";
    }
  }
  if (!trace.refusal.empty()) {
    return trace.refusal;
  }
  trace.expressions.push_back(space.getLinear());
  unsigned rowAxis = product.batchAxes, columnAxis = shape.size() - 1;
  space.mergeAxes(trace.expressions, {rowAxis, columnAxis});
  if (product.n == 1 && product.m > 1) { // neighbours run along the rows, which must be one loop
    SmallVector<unsigned> loops;
    for (unsigned axis = rowAxis; axis < columnAxis; ++axis) {
      if (auto loop = space.getLoop(axis)) {
        loops.push_back(*loop);
      }
    }
    if (loops.front() != loops.back()) {
      return "one column, with rows that do not merge";
    }
  }
  return "";
}

// See RowPlan.h.
#include "passes/RowPlan.h"

#include "passes/ReductionEmitter.h"

using namespace mlir;
using namespace mome;

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

//===-- Shapes ------------------------------------------------------------------------------===//

bool RowShapes::isPerRow(Value value) const {
  return shapeOf(value) == ArrayRef(rows) && !isPerColumn(value);
}

std::optional<unsigned> RowShapes::getWidth(Value value) const {
  ArrayRef<int64_t> shape = shapeOf(value);
  if (isPerColumn(value) || shape.size() != rows.size() + 1 ||
      shape.drop_back() != ArrayRef(rows)) {
    return std::nullopt;
  }
  const int64_t *found = llvm::find(widths, shape.back());
  return found == widths.end() ? std::nullopt : std::optional<unsigned>(found - widths.begin());
}

View RowShapes::getRowView() const {
  return space.getView(llvm::to_vector(llvm::seq<unsigned>(0, rows.size())));
}

View RowShapes::getView(Value value) const {
  SmallVector<unsigned> axes = llvm::to_vector(llvm::seq<unsigned>(0, rows.size()));
  if (std::optional<unsigned> width = getWidth(value)) {
    axes.push_back(getColumnAxis(*width));
  }
  return space.getView(axes);
}

AffineExpr RowShapes::getAddress(Value value) const {
  return linearize(getView(value).index, shapeOf(value));
}

Point RowShapes::getRowPoint(FunctionBuilder &b, Value row) const {
  Point point{SmallVector<Value>(space.getNumLoops()), std::nullopt, nullptr};
  unsigned rowLoops = 0;
  for (unsigned axis = 0; axis < rows.size(); ++axis) {
    if (std::optional<unsigned> loop = space.getLoop(axis)) {
      rowLoops = *loop + 1;
    }
  }
  SmallVector<Value> digits = b.delinearize(row, space.getLoopExtents().take_front(rowLoops));
  llvm::copy(digits, point.loops.begin());
  return point;
}

/// True if the op adds up its operand over all axes but the last.
static bool isColumnSum(Operation &op) {
  auto reduction = dyn_cast<nn::ReductionOpInterface>(op);
  if (!reduction || reduction.getReductionKind() != nn::ReductionKind::sum) {
    return false;
  }
  int64_t rank = shapeOf(op.getOperand(0)).size();
  return rank > 0 && llvm::equal(reduction.getReducedAxes(), llvm::seq<int64_t>(0, rank - 1));
}

/// The rows of a body, from its first reduction; and the widths of everything reduced or stored.
static std::optional<RowShapes> findShapes(Block &body) {
  SmallVector<Value> wide;
  llvm::DenseSet<Value> perColumn;
  for (Operation &op : body) {
    if (isa<nn::ReductionOpInterface>(op)) {
      wide.push_back(op.getOperand(0));
    }
    if (isColumnSum(op) || (isa<nn::CastOp>(op) && perColumn.contains(op.getOperand(0)))) {
      perColumn.insert(op.getResult(0));
    }
  }
  if (wide.size() == 1 && !perColumn.empty()) {
    return std::nullopt; // a reduction
  }
  if (wide.empty() || shapeOf(wide.front()).empty()) {
    return std::nullopt;
  }
  ArrayRef<int64_t> rows = shapeOf(wide.front()).drop_back();
  llvm::copy_if(body.getTerminator()->getOperands(), std::back_inserter(wide),
                [&](Value yielded) { return !perColumn.contains(yielded); });
  SmallVector<int64_t> widths;
  for (Value value : wide) {
    ArrayRef<int64_t> shape = shapeOf(value);
    if (shape.size() == rows.size() + 1 && !llvm::is_contained(widths, shape.back())) {
      widths.push_back(shape.back());
    }
  }
  RowShapes shapes(rows, widths, body.getParentOp()->getContext());
  shapes.perColumn = std::move(perColumn);
  return shapes;
}

/// Why the body is no row program over `shapes`; else empty, and `trace` is filled.
static std::string checkBody(Block &body, const RowShapes &shapes, Trace &trace) {
  for (Operation &op : body.without_terminator()) {
    if (!shapes.isPerColumn(op.getResult(0)) && llvm::any_of(op.getOperands(), [&](Value operand) {
          return shapes.isPerColumn(operand);
        })) {
      return "a sum over the rows is read";
    }
    auto reduction = dyn_cast<nn::ReductionOpInterface>(op);
    if (!reduction) {
      continue;
    }
    Value operand = op.getOperand(0);
    if (!shapes.getWidth(operand) ||
        (!shapes.isPerColumn(op.getResult(0)) &&
         reduction.getReducedAxes() != ArrayRef<int64_t>(shapes.rows.size()))) {
      return "a reduction that does not run along the rows";
    }
    traceValue(operand, shapes.getView(operand), trace);
  }
  for (Value yielded : body.getTerminator()->getOperands()) {
    if (shapes.isPerColumn(yielded)) {
      continue;
    }
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

std::optional<RowShapes> mome::prepareRowProgram(nn::KernelOp kernel, std::string &reason) {
  Block &body = kernel.getBody().front();
  std::optional<RowShapes> shapes = findShapes(body);
  if (!shapes) {
    reason = nn::getFusionRole(kernel.getRoot()) == nn::FusionRole::row ? "no rows" : "";
    return std::nullopt;
  }
  Trace trace;
  reason = checkBody(body, *shapes, trace);
  if (!reason.empty()) {
    return std::nullopt;
  }
  SmallVector<unsigned> columns;
  for (unsigned width = 0; width < shapes->widths.size(); ++width) {
    columns.push_back(shapes->getColumnAxis(width));
  }
  shapes->space.mergeAxes(trace.expressions, columns);
  return shapes;
}

//===-- Passes --------------------------------------------------------------------------------===//

RowPlan::RowPlan(Block &body, const RowShapes &shapes) {
  for (Operation &op : body) {
    if (auto reduction = dyn_cast<nn::ReductionOpInterface>(op)) {
      Value operand = op.getOperand(0);
      RowPass &pass = getPass(levelOf(operand), *shapes.getWidth(operand));
      (shapes.isPerColumn(op.getResult(0)) ? pass.columnSums : pass.reductions)
          .push_back(reduction);
    }
  }
  for (auto [number, yielded] : llvm::enumerate(body.getTerminator()->getOperands())) {
    if (!shapes.isPerColumn(yielded) && !shapes.isPerRow(yielded)) {
      getPass(levelOf(yielded), *shapes.getWidth(yielded)).stored.push_back(number);
    }
  }
}

unsigned RowPlan::levelOf(Value value) {
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

RowPass &RowPlan::getPass(unsigned level, unsigned width) {
  auto before = [](const RowPass &pass, std::pair<unsigned, unsigned> key) {
    return std::pair(pass.level, pass.width) < key;
  };
  auto at = std::lower_bound(passes.begin(), passes.end(), std::pair(level, width), before);
  if (at == passes.end() || at->level != level || at->width != width) {
    at = passes.insert(at, RowPass{level, width, {}, {}, {}, {}});
  }
  return *at;
}

SmallVector<ColumnSum> RowPlan::getColumnSums() const {
  SmallVector<ColumnSum> sums;
  for (const RowPass &pass : passes) {
    for (nn::ReductionOpInterface op : pass.columnSums) {
      sums.push_back({op, pass.width});
    }
  }
  return sums;
}

SmallVector<Value> mome::addElements(FunctionBuilder &b, BodyEmitter &emitter,
                                     const RowShapes &shapes, const RowPass &pass,
                                     const Point &point, ValueRange state) {
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
  return next;
}

SmallVector<Value> mome::emitStored(FunctionBuilder &b, BodyEmitter &emitter,
                                    const RowShapes &shapes, const RowPass &pass,
                                    const Point &point) {
  return llvm::map_to_vector(pass.stored, [&](unsigned result) {
    Value yielded = b.getYielded()[result];
    return emitter.emit(yielded, shapes.getView(yielded), point);
  });
}

SmallVector<Value> mome::emitSummed(FunctionBuilder &b, BodyEmitter &emitter,
                                    const RowShapes &shapes, const RowPass &pass,
                                    const Point &point) {
  return llvm::map_to_vector(pass.columnSums, [&](nn::ReductionOpInterface op) {
    Value operand = op->getOperand(0);
    Value value = emitter.emit(operand, shapes.getView(operand), point);
    return point.vectorLoop ? b.splat(value) : value;
  });
}

void mome::storeColumnSum(FunctionBuilder &b, const RowShapes &shapes, const ColumnSum &sum,
                          const Point &point, Value total) {
  BodyEmitter emitter(b, shapes.space);
  View view = shapes.getColumnView(sum.width);
  Value summed = sum.op->getResult(0);
  emitter.bind(summed, view, total);
  for (auto [number, yielded] : llvm::enumerate(b.getYielded())) {
    Value source = yielded;
    while (source != summed && shapes.isPerColumn(source) && source.getDefiningOp<nn::CastOp>()) {
      source = source.getDefiningOp()->getOperand(0);
    }
    if (source == summed) {
      emitter.store(emitter.emit(yielded, view, point), b.getResultBuffer(number),
                    view.index.getResult(0), point);
    }
  }
}

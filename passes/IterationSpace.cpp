// See IterationSpace.h.
#include "passes/IterationSpace.h"

using namespace mlir;
using namespace mome;

IterationSpace::IterationSpace(ArrayRef<int64_t> extents, MLIRContext *context)
    : context(context), extents(extents) {
  assignLoops(SmallVector<bool>(extents.size(), true));
}

/// Numbers the loops: axes of extent 1 have none, the last axis of a loop carries its index.
void IterationSpace::assignLoops(ArrayRef<bool> startsLoop) {
  replacements.assign(extents.size(), getAffineConstantExpr(0, context));
  loopExtents.clear();
  std::optional<unsigned> last;
  for (auto [axis, extent] : llvm::enumerate(extents)) {
    if (extent == 1) {
      continue;
    }
    if (!last || startsLoop[axis]) {
      loopExtents.push_back(extent);
    } else {
      replacements[*last] = getAffineConstantExpr(0, context);
      loopExtents.back() *= extent;
    }
    replacements[axis] = getAffineDimExpr(loopExtents.size() - 1, context);
    last = axis;
  }
}

std::optional<unsigned> IterationSpace::getLoop(unsigned axis) const {
  if (auto dim = dyn_cast<AffineDimExpr>(replacements[axis])) {
    return dim.getPosition();
  }
  return std::nullopt;
}

View IterationSpace::getView(ArrayRef<unsigned> axes) const {
  SmallVector<AffineExpr> index;
  for (unsigned axis : axes) {
    index.push_back(extents[axis] == 1 ? getAffineConstantExpr(0, context)
                                       : getAffineDimExpr(axis, context));
  }
  return {AffineMap::get(extents.size(), 0, index, context),
          AffineMap::get(extents.size(), 0, {}, context)};
}

View IterationSpace::getIdentityView() const {
  return getView(llvm::to_vector(llvm::seq<unsigned>(0, extents.size())));
}

AffineExpr IterationSpace::getLinear() const {
  return linearize(getIdentityView().index, extents);
}

void IterationSpace::mergeAxes(ArrayRef<AffineExpr> addresses, ArrayRef<unsigned> borders) {
  SmallVector<bool> starts(extents.size(), false);
  for (unsigned border : borders) {
    starts[border] = true;
  }
  std::optional<unsigned> previous;
  for (auto [axis, extent] : llvm::enumerate(extents)) {
    if (extent == 1) {
      // A border on an axis without a loop holds for the next one.
      if (starts[axis] && axis + 1 < extents.size()) {
        starts[axis + 1] = true;
      }
      continue;
    }
    for (AffineExpr address : addresses) {
      if (!previous || starts[axis]) {
        break;
      }
      if (auto coefficients = getCoefficients(address, extents.size())) {
        starts[axis] = (*coefficients)[*previous] != (*coefficients)[axis] * extent;
      } else {
        starts[axis] = address.isFunctionOfDim(axis) || address.isFunctionOfDim(*previous);
      }
    }
    previous = axis;
  }
  assignLoops(starts);
}

AffineExpr IterationSpace::toLoops(AffineExpr expr) const {
  return simplifyAffineExpr(expr.replaceDims(replacements), loopExtents.size(), 0);
}

/// Adds `factor * expr` to `coefficients`; false if the expression is not linear.
static bool addTerms(AffineExpr expr, int64_t factor, MutableArrayRef<int64_t> coefficients) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    coefficients.back() += factor * constant.getValue();
    return true;
  }
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    coefficients[dim.getPosition()] += factor;
    return true;
  }
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary) {
    return false;
  }
  if (binary.getKind() == AffineExprKind::Add) {
    return addTerms(binary.getLHS(), factor, coefficients) &&
           addTerms(binary.getRHS(), factor, coefficients);
  }
  auto constant = dyn_cast<AffineConstantExpr>(binary.getRHS());
  return binary.getKind() == AffineExprKind::Mul && constant &&
         addTerms(binary.getLHS(), factor * constant.getValue(), coefficients);
}

std::optional<SmallVector<int64_t>> mome::getCoefficients(AffineExpr expr, unsigned numDims) {
  SmallVector<int64_t> coefficients(numDims + 1, 0);
  if (!addTerms(expr, 1, coefficients)) {
    return std::nullopt;
  }
  return coefficients;
}

AffineExpr mome::linearize(AffineMap index, ArrayRef<int64_t> shape) {
  AffineExpr linear = getAffineConstantExpr(0, index.getContext());
  for (auto [expr, extent] : llvm::zip_equal(index.getResults(), shape)) {
    linear = linear * extent + expr;
  }
  return simplifyAffineExpr(linear, index.getNumDims(), 0);
}

//===-- Following a value backwards -----------------------------------------------------------===//

static void traceAccess(nn::AccessOpInterface op, View view, Trace &trace) {
  for (const nn::AccessPiece &piece : op.getAccessPieces()) {
    AffineMap own = piece.guards.compose(view.index);
    llvm::append_range(trace.expressions, own.getResults());
    SmallVector<AffineExpr> guards(view.guards.getResults());
    llvm::append_range(guards, own.getResults());
    traceValue(op->getOperand(piece.operand),
               {piece.index.compose(view.index),
                AffineMap::get(view.index.getNumDims(), 0, guards, view.index.getContext())},
               trace);
  }
}

void mome::traceValue(Value value, View view, Trace &trace) {
  auto type = cast<RankedTensorType>(value.getType());
  Type element = type.getElementType();
  if (!element.isF32() && !element.isBF16() && !element.isInteger(1) && !element.isInteger(32) &&
      !element.isInteger(64)) {
    llvm::raw_string_ostream(trace.refusal) << "element type " << element;
    return;
  }
  Operation *op = value.getDefiningOp();
  if (auto constant = dyn_cast_if_present<nn::ConstantOp>(op)) {
    if (!constant.getValue().isSplat() && (element.isInteger(1) || element.isBF16())) {
      trace.refusal = "a table of booleans or bf16";
    } else if (!constant.getValue().isSplat()) {
      trace.expressions.push_back(linearize(view.index, type.getShape()));
    }
  } else if (auto elementwise = dyn_cast_if_present<nn::ElementwiseOpInterface>(op)) {
    if (elementwise.usesIndex()) {
      trace.expressions.push_back(linearize(view.index, type.getShape()));
    }
    for (Value operand : op->getOperands()) {
      bool scalar = cast<RankedTensorType>(operand.getType()).getRank() == 0;
      AffineMap index =
          scalar ? AffineMap::get(view.index.getNumDims(), 0, {}, op->getContext()) : view.index;
      traceValue(operand, {index, view.guards}, trace);
    }
  } else if (auto access = dyn_cast_if_present<nn::AccessOpInterface>(op)) {
    traceAccess(access, view, trace);
  } else {
    trace.expressions.push_back(linearize(view.index, type.getShape()));
    (op ? trace.leaves : trace.reads).push_back({value, view});
  }
}

std::string mome::prepareElementwise(nn::KernelOp kernel, IterationSpace &space, Trace &trace) {
  for (Value yielded : kernel.getBody().front().getTerminator()->getOperands()) {
    if (cast<ShapedType>(yielded.getType()).getShape() != space.getExtents()) {
      return "results of different shapes";
    }
    traceValue(yielded, space.getIdentityView(), trace);
  }
  if (!trace.leaves.empty()) {
    Operation *leaf = trace.leaves.front().first.getDefiningOp();
    return ("'" + leaf->getName().getStringRef() + "' is not elementwise").str();
  }
  if (!trace.refusal.empty()) {
    return trace.refusal;
  }
  trace.expressions.push_back(space.getLinear());
  space.mergeAxes(trace.expressions);
  return "";
}

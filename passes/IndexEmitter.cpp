// See IndexEmitter.h.
#include "passes/IndexEmitter.h"

using namespace mlir;
using namespace mome;

bool IndexEmitter::dependsOnLanes(AffineExpr expr, const Point &point) const {
  return point.vectorLoop && space.toLoops(expr).isFunctionOfDim(*point.vectorLoop);
}

bool IndexEmitter::dependsOnLanes(const View &view, const Point &point) const {
  auto depends = [&](AffineExpr expr) { return dependsOnLanes(expr, point); };
  return llvm::any_of(view.index.getResults(), depends) ||
         llvm::any_of(view.guards.getResults(), depends);
}

/// An integer constant of `type`: index, integer or vector of integers.
static Value integerConstant(FunctionBuilder &b, Type type, int64_t value) {
  if (type.isIndex()) {
    return b.index(value);
  }
  if (auto vector = dyn_cast<VectorType>(type)) {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(vector, b.getIntegerAttr(vector.getElementType(), value)));
  }
  return arith::ConstantOp::create(b, b.getIntegerAttr(type, value));
}

/// `expr` over loops, whose values are all of `type`.
Value IndexEmitter::evaluateOver(AffineExpr expr, Type type, ArrayRef<Value> lanes) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr)) {
    return integerConstant(b, type, constant.getValue());
  }
  if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
    return lanes[dim.getPosition()];
  }
  auto binary = cast<AffineBinaryOpExpr>(expr);
  Value lhs = evaluateOver(binary.getLHS(), type, lanes);
  Value rhs = evaluateOver(binary.getRHS(), type, lanes);
  switch (binary.getKind()) {
  case AffineExprKind::Add:
    return b.createOrFold<arith::AddIOp>(lhs, rhs);
  case AffineExprKind::Mul:
    return b.createOrFold<arith::MulIOp>(lhs, rhs);
  case AffineExprKind::FloorDiv:
    if (isNonNegative(binary.getLHS())) {
      return b.createOrFold<arith::DivUIOp>(lhs, rhs);
    }
    return arith::FloorDivSIOp::create(b, lhs, rhs);
  case AffineExprKind::Mod:
    if (!isNonNegative(binary.getLHS())) { // in (-rhs, rhs), then shifted
      lhs = arith::RemSIOp::create(b, lhs, rhs);
      lhs = arith::AddIOp::create(b, lhs, rhs);
    }
    return b.createOrFold<arith::RemUIOp>(lhs, rhs);
  default:
    llvm_unreachable("not a quasi-affine expression of an access op");
  }
}

Value IndexEmitter::evaluate(AffineExpr expr, const Point &point) {
  return evaluateOver(space.toLoops(expr), b.getIndexType(), point.loops);
}

Value IndexEmitter::evaluateAs(AffineExpr expr, Type type, const Point &point) {
  return dependsOnLanes(expr, point)
             ? evaluateLanes(expr, type, point)
             : Value(arith::IndexCastOp::create(b, type, evaluate(expr, point)));
}

Value IndexEmitter::evaluateLanes(AffineExpr expr, Type type, const Point &point) {
  VectorType vector = b.vectorType(type);
  SmallVector<Value> lanes(point.loops.size());
  AffineExpr loopExpr = space.toLoops(expr);
  for (auto [loop, value] : llvm::enumerate(point.loops)) {
    if (!loopExpr.isFunctionOfDim(loop)) {
      continue;
    }
    lanes[loop] = b.splat(arith::IndexCastOp::create(b, type, value));
    if (loop == point.vectorLoop) {
      SmallVector<Attribute> offsets;
      for (int64_t lane : llvm::seq(vector.getNumElements())) {
        offsets.push_back(b.getIntegerAttr(type, lane));
      }
      Value steps = arith::ConstantOp::create(b, DenseElementsAttr::get(vector, offsets));
      lanes[loop] = arith::AddIOp::create(b, lanes[loop], steps);
    }
  }
  return evaluateOver(loopExpr, vector, lanes);
}

bool IndexEmitter::isNonNegative(AffineExpr loopExpr) const {
  SmallVector<std::optional<int64_t>> low(space.getNumLoops(), 0), high;
  for (int64_t extent : space.getLoopExtents()) {
    high.push_back(extent - 1);
  }
  auto bound = getBoundForAffineExpr(loopExpr, low.size(), 0, low, high, /*isUpper=*/false);
  return bound && *bound >= 0;
}

bool IndexEmitter::isSharedByLanes(AffineExpr guard, const Point &point) const {
  if (!dependsOnLanes(guard, point)) {
    return true;
  }
  auto terms = getCoefficients(space.toLoops(guard), space.getNumLoops());
  if (!point.isAligned || !terms) {
    return false;
  }
  // Where all else is a multiple of the lanes L: 0 <= L n + lane, or 0 <= L n + L - 1 - lane.
  int64_t step = (*terms)[*point.vectorLoop];
  terms->back() += step == -1 ? 1 : 0;
  (*terms)[*point.vectorLoop] = 0;
  return std::abs(step) == 1 &&
         llvm::all_of(*terms, [&](int64_t term) { return term % b.getLanes() == 0; });
}

Value IndexEmitter::emitGuards(AffineMap guards, const Point &point) {
  Value all;
  for (AffineExpr guard : guards.getResults()) {
    if (isNonNegative(space.toLoops(guard))) {
      continue;
    }
    Value value = isSharedByLanes(guard, point) ? evaluate(guard, point)
                                                : evaluateLanes(guard, b.getI32Type(), point);
    Value holds = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, value,
                                        integerConstant(b, value.getType(), 0));
    if (all && all.getType() != holds.getType()) {
      all = b.splat(all);
      holds = b.splat(holds);
    }
    all = all ? arith::AndIOp::create(b, all, holds) : holds;
  }
  return all;
}

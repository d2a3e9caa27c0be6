// Reductions: type, derivative, meaning and naive lowering of each, side by side.
#include "dialects/NN/Expr.h"
#include "dialects/NN/Families.h"
#include "dialects/NN/Infer.h"
#include "dialects/NN/LinalgBuilding.h"
#include "dialects/NN/Verify.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/PatternMatch.h"

#include <cmath>

using namespace mlir;
using namespace mome::nn;

#define GET_OP_CLASSES
#include "dialects/NN/Reduce.cpp.inc"

void mome::nn::registerReduceOps(NNDialect &dialect) {
  dialect.addFamily<
#define GET_OP_LIST
#include "dialects/NN/Reduce.cpp.inc"
      >();
}

/// The axes that are left, in order.
static SmallVector<int64_t> keptAxes(int64_t rank, ArrayRef<int64_t> axes) {
  return llvm::filter_to_vector(llvm::seq<int64_t>(0, rank),
                                [&](int64_t axis) { return !llvm::is_contained(axes, axis); });
}

/// `values[i]` for each i of `axes`.
static SmallVector<int64_t> select(ArrayRef<int64_t> values, ArrayRef<int64_t> axes) {
  return llvm::map_to_vector(axes, [&](int64_t axis) { return values[axis]; });
}

template <typename Op>
static LogicalResult inferReduced(std::optional<Location> loc, RankedTensorType type,
                                  ArrayRef<int64_t> axes, SmallVectorImpl<Type> &types) {
  if (!isAxisList(axes, type.getRank())) {
    return inferError<Op>(loc, "C1: axes must be axes of ", type, " in increasing order");
  }
  types.push_back(type.clone(select(type.getShape(), keptAxes(type.getRank(), axes))));
  return success();
}

static FusionRole roleOf(Value operand, ArrayRef<int64_t> axes) {
  return isLastAxis(axes, typeOf(operand).getRank()) ? FusionRole::row : FusionRole::reduction;
}

static double elementsOf(Value value) {
  return static_cast<double>(typeOf(value).getNumElements());
}

/// result[kept axes] = function(result[kept axes], operand[index]).
template <typename Function>
static LogicalResult fold(const HostTensor &operand, HostTensor &result, ArrayRef<int64_t> axes,
                          Function function) {
  SmallVector<int64_t> kept = keptAxes(operand.rank(), axes);
  forEachIndex(operand.shape, [&](ArrayRef<int64_t> index) {
    double &value = result.at(select(index, kept));
    value = function(value, operand.at(index));
  });
  return success();
}

/// result = Combine(result, element) over `axes`.
template <typename Combine>
static Value lowerFold(OpBuilder &builder, Location loc, Value operand, ArrayRef<int64_t> axes,
                       double initial) {
  auto type = typeOf(operand);
  auto reduced = type.clone(select(type.getShape(), keptAxes(type.getRank(), axes)));
  return buildReduction(builder, loc, reduced, operand,
                        builder.getMultiDimIdentityMap(type.getRank()),
                        dropAxes(builder.getContext(), type.getRank(), axes), initial,
                        [](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
                          return Combine::create(b, args[1], args[0]);
                        });
}

/// Axes of extent 1 just disappear; a reduction of a reduction is one over both sets of axes.
template <typename Op> static LogicalResult canonicalizeReduce(Op op, PatternRewriter &rewriter) {
  if (typeOf(op.getOperand()).getNumElements() == typeOf(op.getResult()).getNumElements()) {
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), op.getOperand());
    return success();
  }
  auto inner = op.getOperand().template getDefiningOp<Op>();
  if (!inner || !inner->hasOneUse()) {
    return failure();
  }
  int64_t rank = typeOf(inner.getOperand()).getRank();
  SmallVector<int64_t> kept = keptAxes(rank, inner.getAxes());
  SmallVector<int64_t> axes(inner.getAxes());
  llvm::append_range(axes, select(kept, op.getAxes()));
  llvm::sort(axes);
  rewriter.replaceOpWithNewOp<Op>(op, inner.getOperand(), axes);
  return success();
}

//===-- nn.reduce_sum -------------------------------------------------------------------------===//

LogicalResult ReduceSumOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                            SmallVectorImpl<Type> &types) {
  return inferReduced<ReduceSumOp>(loc, typeOf(op.getOperand()), op.getAxes(), types);
}
SmallVector<int64_t> ReduceSumOp::getReducedAxes() {
  return llvm::to_vector(getAxes());
}
ReductionKind ReduceSumOp::getReductionKind() {
  return ReductionKind::sum;
}
FusionRole ReduceSumOp::getFusionRole() {
  return roleOf(getOperand(), getAxes());
}
double ReduceSumOp::getFlops() {
  return elementsOf(getOperand());
}
LogicalResult ReduceSumOp::canonicalize(ReduceSumOp op, PatternRewriter &rewriter) {
  // A sum takes axes in any order: nobody needs to exchange them before, if those that stay keep theirs.
  if (auto inner = op.getOperand().getDefiningOp<TransposeOp>()) {
    SmallVector<int64_t> axes = select(inner.getPermutation(), op.getAxes());
    SmallVector<int64_t> kept =
        select(inner.getPermutation(), keptAxes(inner.getPermutation().size(), op.getAxes()));
    if (llvm::is_sorted(kept)) {
      llvm::sort(axes);
      rewriter.replaceOpWithNewOp<ReduceSumOp>(op, inner.getOperand(), axes);
      return success();
    }
  }
  return canonicalizeReduce(op, rewriter);
}
OpFoldResult ReduceSumOp::fold(FoldAdaptor) {
  return getAxes().empty() ? OpFoldResult(getOperand()) : OpFoldResult();
}
LogicalResult ReduceSumOp::buildVjp(OpBuilder &b, ArrayRef<Value> dy, SmallVectorImpl<Value> &dx) {
  auto type = typeOf(getOperand());
  dx.push_back(BroadcastOp::create(b, getLoc(), type, dy[0], keptAxes(type.getRank(), getAxes())));
  return success();
}
LogicalResult ReduceSumOp::interpret(ArrayRef<HostTensor> in, MutableArrayRef<HostTensor> out) {
  return ::fold(in[0], out[0], getAxes(), [](double sum, double x) { return sum + x; });
}
LogicalResult ReduceSumOp::lowerToLinalg(OpBuilder &builder, ValueRange operands,
                                         SmallVectorImpl<Value> &results) {
  results.push_back(lowerFold<arith::AddFOp>(builder, getLoc(), operands[0], getAxes(), 0.0));
  return success();
}

//===-- nn.reduce_max -------------------------------------------------------------------------===//

LogicalResult ReduceMaxOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                            SmallVectorImpl<Type> &types) {
  auto type = typeOf(op.getOperand());
  if (failed(inferReduced<ReduceMaxOp>(loc, type, op.getAxes(), types))) {
    return failure();
  }
  if (llvm::is_contained(select(type.getShape(), op.getAxes()), 0)) {
    return inferError<ReduceMaxOp>(loc, "C2: no element to take the maximum of in ", type);
  }
  return success();
}
SmallVector<int64_t> ReduceMaxOp::getReducedAxes() {
  return llvm::to_vector(getAxes());
}
ReductionKind ReduceMaxOp::getReductionKind() {
  return ReductionKind::max;
}
FusionRole ReduceMaxOp::getFusionRole() {
  return roleOf(getOperand(), getAxes());
}
double ReduceMaxOp::getFlops() {
  return elementsOf(getOperand());
}
LogicalResult ReduceMaxOp::canonicalize(ReduceMaxOp op, PatternRewriter &rewriter) {
  return canonicalizeReduce(op, rewriter);
}
OpFoldResult ReduceMaxOp::fold(FoldAdaptor) {
  return getAxes().empty() ? OpFoldResult(getOperand()) : OpFoldResult();
}
/// Brings the reduced axes to the end as one, finds the first maximum there, and goes back.
LogicalResult ReduceMaxOp::buildVjp(OpBuilder &b, ArrayRef<Value> dy, SmallVectorImpl<Value> &dx) {
  auto type = typeOf(getOperand());
  SmallVector<int64_t> order = keptAxes(type.getRank(), getAxes());
  SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(0, order.size()));
  int64_t last = order.size();
  llvm::append_range(order, getAxes());

  Value moved = TransposeOp::create(b, getLoc(), getOperand(), order);
  SmallVector<int64_t> shape(typeOf(dy[0]).getShape());
  shape.push_back(ShapedType::getNumElements(select(type.getShape(), getAxes())));
  auto flatType = type.clone(shape);
  auto indexType = flatType.clone(b.getI32Type());
  Value flat = ReshapeOp::create(b, getLoc(), flatType, moved);
  Value first = ArgmaxOp::create(b, getLoc(), flat, last);
  Value hit = CompareOp::create(b, getLoc(), CompareKind::eq,
                                BroadcastOp::create(b, getLoc(), indexType, first, dims),
                                IotaOp::create(b, getLoc(), indexType, last));
  Value spread = BroadcastOp::create(b, getLoc(), flatType, dy[0], dims);
  Value chosen = SelectOp::create(b, getLoc(), hit, spread, buildSplat(b, getLoc(), flatType, 0.0));
  Value back = ReshapeOp::create(b, getLoc(), moved.getType(), chosen);
  dx.push_back(TransposeOp::create(b, getLoc(), back, invertPermutationVector(order)));
  return success();
}
LogicalResult ReduceMaxOp::interpret(ArrayRef<HostTensor> in, MutableArrayRef<HostTensor> out) {
  llvm::fill(out[0].data, -INFINITY);
  return ::fold(in[0], out[0], getAxes(),
                [](double max, double x) { return std::isnan(x) || x > max ? x : max; });
}
LogicalResult ReduceMaxOp::lowerToLinalg(OpBuilder &builder, ValueRange operands,
                                         SmallVectorImpl<Value> &results) {
  results.push_back(
      lowerFold<arith::MaximumFOp>(builder, getLoc(), operands[0], getAxes(), -INFINITY));
  return success();
}

//===-- nn.argmax -----------------------------------------------------------------------------===//

LogicalResult ArgmaxOp::inferReturnTypes(MLIRContext *context, std::optional<Location> loc,
                                         Adaptor op, SmallVectorImpl<Type> &types) {
  auto type = typeOf(op.getOperand());
  if (op.getAxis() < 0 || op.getAxis() >= type.getRank()) {
    return inferError<ArgmaxOp>(loc, "C1: axis ", op.getAxis(), " is not an axis of ", type);
  }
  if (type.getDimSize(op.getAxis()) == 0) {
    return inferError<ArgmaxOp>(loc, "C2: no element to take the maximum of in ", type);
  }
  SmallVector<int64_t> shape = select(type.getShape(), keptAxes(type.getRank(), op.getAxis()));
  types.push_back(RankedTensorType::get(shape, IntegerType::get(context, 32)));
  return success();
}
SmallVector<int64_t> ArgmaxOp::getReducedAxes() {
  return {static_cast<int64_t>(getAxis())};
}
ReductionKind ArgmaxOp::getReductionKind() {
  return ReductionKind::argmax;
}
FusionRole ArgmaxOp::getFusionRole() {
  return roleOf(getOperand(), getAxis());
}
double ArgmaxOp::getFlops() {
  return elementsOf(getOperand());
}
LogicalResult ArgmaxOp::interpret(ArrayRef<HostTensor> in, MutableArrayRef<HostTensor> out) {
  forEachIndex(out[0].shape, [&](ArrayRef<int64_t> position) {
    SmallVector<int64_t> index(position);
    index.insert(index.begin() + getAxis(), 0);
    double best = in[0].at(index);
    for (int64_t i = 1; i < in[0].dim(getAxis()); ++i) {
      index[getAxis()] = i;
      double x = in[0].at(index);
      if (!std::isnan(best) && (std::isnan(x) || x > best)) {
        best = x;
        out[0].at(position) = i;
      }
    }
  });
  return success();
}
/// The smallest index whose element equals the maximum, or is NaN.
LogicalResult ArgmaxOp::lowerToLinalg(OpBuilder &builder, ValueRange operands,
                                      SmallVectorImpl<Value> &results) {
  auto type = typeOf(getOperand());
  Value max = lowerFold<arith::MaximumFOp>(builder, getLoc(), operands[0], getAxis(), -INFINITY);
  AffineMap all = builder.getMultiDimIdentityMap(type.getRank());
  AffineMap kept = dropAxes(getContext(), type.getRank(), getAxis());
  auto body = [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
    Value position =
        arith::IndexCastOp::create(b, b.getI32Type(), linalg::IndexOp::create(b, getAxis()));
    Value equal = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, args[0], args[1]);
    Value isNan = arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, args[0], args[0]);
    Value hit = arith::OrIOp::create(b, equal, isNan);
    Value lower = arith::MinSIOp::create(b, args[2], position);
    return arith::SelectOp::create(b, hit, lower, args[2]);
  };
  results.push_back(buildReduction(builder, getLoc(), typeOf(getResult()), {operands[0], max},
                                   {all, kept}, kept, type.getDimSize(getAxis()), body));
  return success();
}

// Algebra of the elementwise ops. What is here pays in gradients and keeps NaN and infinity: x * 0
// and x - x stay.
#include "dialects/NN/Infer.h"

#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mome::nn;

/// The value of a float splat.
static std::optional<double> getSplat(Attribute attr) {
  auto splat = dyn_cast_if_present<SplatElementsAttr>(attr);
  if (!splat || !isa<FloatType>(splat.getElementType())) {
    return std::nullopt;
  }
  return splat.getSplatValue<FloatAttr>().getValueAsDouble();
}
static std::optional<double> getSplat(Value value) {
  DenseElementsAttr attr;
  return matchPattern(value, m_Constant(&attr)) ? getSplat(Attribute(attr)) : std::nullopt;
}

/// The operand of an `nn.neg`.
static Value getNegated(Value value) {
  auto neg = value.getDefiningOp<NegOp>();
  return neg ? neg.getOperand() : Value();
}

//===-- Folds ---------------------------------------------------------------------------------===//

OpFoldResult AddOp::fold(FoldAdaptor adaptor) {
  return getSplat(adaptor.getRhs()) == 0.0 ? OpFoldResult(getLhs()) : OpFoldResult();
}
OpFoldResult SubOp::fold(FoldAdaptor adaptor) {
  return getSplat(adaptor.getRhs()) == 0.0 ? OpFoldResult(getLhs()) : OpFoldResult();
}
OpFoldResult MulOp::fold(FoldAdaptor adaptor) {
  return getSplat(adaptor.getRhs()) == 1.0 ? OpFoldResult(getLhs()) : OpFoldResult();
}
OpFoldResult DivOp::fold(FoldAdaptor adaptor) {
  return getSplat(adaptor.getRhs()) == 1.0 ? OpFoldResult(getLhs()) : OpFoldResult();
}
OpFoldResult NegOp::fold(FoldAdaptor) {
  Value inner = getNegated(getOperand());
  return inner ? OpFoldResult(inner) : OpFoldResult();
}

OpFoldResult SelectOp::fold(FoldAdaptor adaptor) {
  if (getOnTrue() == getOnFalse()) {
    return getOnTrue();
  }
  auto splat = dyn_cast_if_present<SplatElementsAttr>(adaptor.getCondition());
  if (!splat) {
    return {};
  }
  return splat.getSplatValue<bool>() ? getOnTrue() : getOnFalse();
}

/// Does every value of `from` have an exact counterpart in `to`?
static bool isWidening(Type from, Type to) {
  return isa<FloatType>(from) && isa<FloatType>(to) &&
         from.getIntOrFloatBitWidth() <= to.getIntOrFloatBitWidth();
}
OpFoldResult CastOp::fold(FoldAdaptor) {
  if (getOperand().getType() == getType()) {
    return getOperand();
  }
  auto inner = getOperand().getDefiningOp<CastOp>();
  if (!inner || !isWidening(getElementTypeOrSelf(inner.getOperand()),
                            getElementTypeOrSelf(inner.getType()))) {
    return {};
  }
  // There and back; or two steps, the first of which loses nothing.
  if (inner.getOperand().getType() == getType()) {
    return inner.getOperand();
  }
  if (isa<FloatType>(getElementTypeOrSelf(getType()))) {
    getOperandMutable().assign(inner.getOperand());
    return getResult();
  }
  return {};
}

//===-- nn.add --------------------------------------------------------------------------------===//

namespace {
/// The part of an axis that the operand of a zero `nn.pad` occupies.
struct PaddedAxis {
  PadOp pad;
  int64_t axis, begin, end;
};
} // namespace

/// `value` as a pad of zeros along one axis.
static std::optional<PaddedAxis> getPaddedAxis(Value value) {
  auto pad = value.getDefiningOp<PadOp>();
  if (!pad || pad.getFill() != 0.0 || !pad->hasOneUse() ||
      llvm::any_of(pad.getInterior(), [](int64_t interior) { return interior != 0; })) {
    return std::nullopt;
  }
  std::optional<int64_t> axis;
  for (int64_t i = 0; i < typeOf(value).getRank(); ++i) {
    if (pad.getLow()[i] + pad.getHigh()[i] > 0) {
      if (axis) {
        return std::nullopt;
      }
      axis = i;
    }
  }
  if (!axis) {
    return std::nullopt;
  }
  int64_t begin = pad.getLow()[*axis];
  return PaddedAxis{pad, *axis, begin, begin + typeOf(pad.getOperand()).getDimSize(*axis)};
}

/// The sum of two neighbours padded with zeros is their concatenation, padded:
///   pad(a, low 0, high 2) + pad(b, low 1, high 1) -> pad(concat(a, b), high 1).
/// Such sums are the derivatives of nn.slice on the parts of one tensor.
static LogicalResult concatNeighbours(AddOp op, PatternRewriter &rewriter) {
  std::optional<PaddedAxis> first = getPaddedAxis(op.getLhs()), second = getPaddedAxis(op.getRhs());
  if (!first || !second || first->axis != second->axis) {
    return failure();
  }
  if (second->end == first->begin) {
    std::swap(first, second);
  }
  if (first->end != second->begin) {
    return failure();
  }
  Value both =
      ConcatOp::create(rewriter, op.getLoc(),
                       ValueRange{first->pad.getOperand(), second->pad.getOperand()}, first->axis);
  rewriter.replaceOpWithNewOp<PadOp>(op, both, first->pad.getLow(), second->pad.getHigh(),
                                     first->pad.getInterior(), APFloat(0.0));
  return success();
}

LogicalResult AddOp::canonicalize(AddOp op, PatternRewriter &rewriter) {
  for (auto [x, y] : {std::pair(op.getLhs(), op.getRhs()), std::pair(op.getRhs(), op.getLhs())}) {
    if (Value negated = getNegated(y)) {
      rewriter.replaceOpWithNewOp<SubOp>(op, x, negated);
      return success();
    }
  }
  return concatNeighbours(op, rewriter);
}

//===-- nn.sub, nn.mul, nn.pow ----------------------------------------------------------------===//

LogicalResult SubOp::canonicalize(SubOp op, PatternRewriter &rewriter) {
  if (Value negated = getNegated(op.getRhs())) {
    rewriter.replaceOpWithNewOp<AddOp>(op, op.getLhs(), negated);
    return success();
  }
  if (getSplat(op.getLhs()) == 0.0) {
    rewriter.replaceOpWithNewOp<NegOp>(op, op.getRhs());
    return success();
  }
  return failure();
}

LogicalResult MulOp::canonicalize(MulOp op, PatternRewriter &rewriter) {
  std::optional<double> factor = getSplat(op.getRhs());
  if (factor == -1.0) {
    rewriter.replaceOpWithNewOp<NegOp>(op, op.getLhs());
    return success();
  }
  Value x = getNegated(op.getLhs()), y = getNegated(op.getRhs());
  if (x && (y || factor)) {
    Value other = y ? y : buildSplat(rewriter, op.getLoc(), op.getType(), -*factor);
    rewriter.replaceOpWithNewOp<MulOp>(op, x, other);
    return success();
  }
  // (x * a) * b -> x * (a * b)
  auto inner = op.getLhs().getDefiningOp<MulOp>();
  std::optional<double> innerFactor = inner ? getSplat(inner.getRhs()) : std::nullopt;
  if (factor && innerFactor) {
    Value product = buildSplat(rewriter, op.getLoc(), op.getType(), *factor * *innerFactor);
    rewriter.replaceOpWithNewOp<MulOp>(op, inner.getLhs(), product);
    return success();
  }
  return failure();
}

LogicalResult PowOp::canonicalize(PowOp op, PatternRewriter &rewriter) {
  std::optional<double> power = getSplat(op.getRhs());
  Value x = op.getLhs();
  if (power == 1.0) {
    rewriter.replaceOp(op, x);
  } else if (power == 2.0) {
    rewriter.replaceOpWithNewOp<SquareOp>(op, x);
  } else if (power == 0.5) {
    rewriter.replaceOpWithNewOp<SqrtOp>(op, x);
  } else if (power == -0.5) {
    rewriter.replaceOpWithNewOp<RsqrtOp>(op, x);
  } else if (power == 3.0) {
    rewriter.replaceOpWithNewOp<MulOp>(op, x, SquareOp::create(rewriter, op.getLoc(), x));
  } else if (power == -1.0) {
    rewriter.replaceOpWithNewOp<DivOp>(op, buildSplat(rewriter, op.getLoc(), op.getType(), 1.0), x);
  } else {
    return failure();
  }
  return success();
}

// See DeviceMath.h.
#include "passes/DeviceMath.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

using namespace mlir;

/// An intrinsic of scalars on every lane of its operands.
static Value callPerLane(ImplicitLocOpBuilder &b, StringRef intrinsic, ValueRange operands) {
  auto call = [&](ValueRange scalars) -> Value {
    return LLVM::CallIntrinsicOp::create(b, b.getF32Type(), b.getStringAttr(intrinsic), scalars)
        .getResult(0);
  };
  auto vector = dyn_cast<VectorType>(operands.front().getType());
  if (!vector) {
    return call(operands);
  }
  SmallVector<Value> lanes;
  for (int64_t lane = 0; lane < vector.getNumElements(); ++lane) {
    lanes.push_back(call(llvm::map_to_vector(operands, [&](Value operand) -> Value {
      return vector::ExtractOp::create(b, operand, lane);
    })));
  }
  return vector::FromElementsOp::create(b, vector, lanes);
}

static bool isOfF32(Operation *op) {
  return getElementTypeOrSelf(op->getResult(0).getType()).isF32();
}

namespace {

/// An operation of f32 by the intrinsic for it.
template <typename Op> struct ByIntrinsic : OpRewritePattern<Op> {
  ByIntrinsic(MLIRContext *context, StringRef name, PatternBenefit benefit)
      : OpRewritePattern<Op>(context, benefit), name(name) {}

  LogicalResult matchAndRewrite(Op op, PatternRewriter &rewriter) const override {
    if (!isOfF32(op)) {
      return failure();
    }
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    rewriter.replaceOp(op, callPerLane(b, name, op->getOperands()));
    return success();
  }
  StringRef name;
};

/// exp(x) = 2^y (1 + e ln 2), where y + e is x / ln 2 to twice the digits of f32: 2^y to two units in the last
/// place (PTX, `ex2.approx`), no subnormals. Infinity and NaN are exact.
struct Exponential : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &rewriter) const override {
    if (!isOfF32(op)) {
      return failure();
    }
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto real = [&](float value) -> Value {
      auto vector = dyn_cast<VectorType>(op.getType());
      Attribute element = b.getF32FloatAttr(value);
      return arith::ConstantOp::create(b, vector
                                              ? TypedAttr(DenseElementsAttr::get(vector, element))
                                              : cast<TypedAttr>(element));
    };
    auto fma = [&](Value x, Value y, Value z) { return math::FmaOp::create(b, x, y, z); };
    // Beyond these results are 0 and infinite; the error's sign must not meet an infinite y.
    auto bounded = [&](Value x, float bound, arith::CmpFPredicate beyond) -> Value {
      Value limit = real(bound);
      return arith::SelectOp::create(b, arith::CmpFOp::create(b, beyond, x, limit), limit, x);
    };
    Value x = bounded(op.getOperand(), -88.0f, arith::CmpFPredicate::OLT);
    x = bounded(x, 89.0f, arith::CmpFPredicate::OGT);
    constexpr float perE = 1.44269502f, perERest = 1.92596e-8f,
                    ln2 = 0.693147182f; // 1 / ln 2 in two parts
    Value y = arith::MulFOp::create(b, x, real(perE));
    Value error = fma(x, real(perE), arith::NegFOp::create(b, y));
    error = fma(x, real(perERest), error);
    Value power = callPerLane(b, "llvm.nvvm.ex2.approx.ftz.f32", y);
    rewriter.replaceOpWithNewOp<arith::MulFOp>(op, power, fma(error, real(ln2), real(1.0f)));
    return success();
  }
};

} // namespace

void mome::populateDeviceMathPatterns(RewritePatternSet &patterns) {
  MLIRContext *context = patterns.getContext();
  constexpr unsigned benefit = 3;
  // To two units in the last place (PTX, `div.full`). A correct quotient has a branch for operands of
  // extreme exponents, around which nothing else can be scheduled.
  patterns.add<ByIntrinsic<arith::DivFOp>>(context, "llvm.nvvm.div.full", benefit);
  // `max.NaN`, not comparisons.
  patterns.add<ByIntrinsic<arith::MaximumFOp>>(context, "llvm.maximum", benefit);
  patterns.add<Exponential>(context, benefit);
}

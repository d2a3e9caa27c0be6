// approximate-math: polynomials for transcendental functions.
//
//   %y = math.exp %x : vector<8xf32>
//   ->  a range reduction and a polynomial in arith and math.fma, on vectors
//
// The exponential is our own, half as long as MLIR's: it is what softmax, losses and gates spend their
// time on.
//
// Invariant out: no op needs libm. Float arithmetic carries `contract`, so that the instruction
// selector forms multiply-adds. A product that is stored does not: whoever reads it in the same
// kernel works with the value that other kernels find in memory. Nor does a sum that is kept separate.
#include "dialects/NN/NN.h"
#include "passes/DeviceMath.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace mome {
#define GEN_PASS_DEF_APPROXIMATEMATHPASS
#include "passes/Passes.h.inc"
} // namespace mome

using namespace mlir;

/// Math ops with an instruction of their own.
static bool isMachineOp(Operation *op) {
  return isa<math::SqrtOp, math::FmaOp, math::AbsFOp, math::AbsIOp, math::FloorOp, math::CeilOp,
             math::RoundEvenOp, math::TruncOp, math::CopySignOp>(op);
}

static bool isStored(Operation *op) {
  return llvm::any_of(op->getUsers(), [](Operation *user) {
    return isa<memref::StoreOp, vector::StoreOp, vector::MaskedStoreOp, vector::TransferWriteOp>(
        user);
  });
}

static void allowContraction(arith::ArithFastMathInterface op) {
  auto flags = op.getFastMathFlagsAttr().getValue() | arith::FastMathFlags::contract;
  op->setAttr(op.getFastMathAttrName(), arith::FastMathFlagsAttr::get(op->getContext(), flags));
}

namespace {
/// Builds polynomials in f32, scalars or vectors.
class Polynomials : public ImplicitLocOpBuilder {
public:
  Polynomials(Operation *op, PatternRewriter &rewriter)
      : ImplicitLocOpBuilder(op->getLoc(), rewriter), type(op->getResult(0).getType()),
        bits(getI32Type()) {
    if (auto shaped = dyn_cast<ShapedType>(type)) {
      bits = shaped.clone(bits);
    }
  }

  Value real(float value) { return constantOf(type, getF32FloatAttr(value)); }
  Value fma(Value x, Value y, Value z) { return math::FmaOp::create(*this, x, y, z); }
  /// The polynomial with these coefficients, the highest first.
  Value horner(Value x, ArrayRef<float> coefficients) {
    Value sum = real(coefficients.front());
    for (float c : coefficients.drop_front()) {
      sum = fma(sum, x, real(c));
    }
    return sum;
  }
  /// Comparisons let a NaN through.
  Value atLeast(Value x, float least) {
    Value bound = real(least);
    Value beyond = arith::CmpFOp::create(*this, arith::CmpFPredicate::OLT, x, bound);
    return arith::SelectOp::create(*this, beyond, bound, x);
  }
  Value clamp(Value x, float least, float most) {
    Value bound = real(most);
    Value beyond = arith::CmpFOp::create(*this, arith::CmpFPredicate::OGT, x, bound);
    return atLeast(arith::SelectOp::create(*this, beyond, bound, x), least);
  }
  /// x + 1.5 * 2^23, given as a multiply-add of other values, is rounded to an integer, which lies
  /// in the low bits: 2^(n - 1) from it, 0 for n = -126 and infinite for n = 129.
  Value halfPowerOf(Value shifted) {
    Value number = arith::BitcastOp::create(*this, bits, shifted);
    Value exponent = arith::ShLIOp::create(*this, number, integer(23));
    Value power = arith::AddIOp::create(*this, exponent, integer(126 << 23));
    return arith::BitcastOp::create(*this, type, power);
  }

private:
  Value constantOf(Type of, Attribute value) {
    auto shaped = dyn_cast<ShapedType>(of);
    return arith::ConstantOp::create(
        *this, shaped ? TypedAttr(DenseElementsAttr::get(shaped, value)) : cast<TypedAttr>(value));
  }
  Value integer(int32_t value) { return constantOf(bits, getI32IntegerAttr(value)); }

  Type type, bits;
};

constexpr float toInteger = 12582912.0f; // 1.5 * 2^23

/// exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln 2 / 2; exp(r) by a polynomial of degree 6,
/// minimax in the relative error (3e-9). Results below 2^-125.5 are 0; infinity and NaN are exact.
struct ApproximateExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32()) {
      return failure();
    }
    Polynomials b(op, rewriter);
    Value x = b.clamp(op.getOperand(), -87.5f, 89.1f);
    Value shifted = b.fma(x, b.real(1.44269504f), b.real(toInteger));
    Value n = arith::SubFOp::create(b, shifted, b.real(toInteger));
    Value r = b.fma(n, b.real(-0.693359375f), x);
    r = b.fma(n, b.real(2.12194440e-4f), r);
    // Twice the polynomial times 2^(n - 1), so that n = 128 still has an exponent.
    Value p = b.horner(r, {2 * 1.38145983e-3f, 2 * 8.36871691e-3f, 2 * 4.16683881e-2f,
                           2 * 1.66665206e-1f, 2 * 4.99999934e-1f, 2.0f, 2.0f});
    rewriter.replaceOpWithNewOp<arith::MulFOp>(op, p, b.halfPowerOf(shifted));
    return success();
  }
};

/// 2^x = 2^n 2^r, n = round(x), |r| <= 1/2; 2^r by a polynomial of degree 5, minimax in the relative
/// error (8e-8). Results below 2^-125.5 are 0; infinity and NaN are exact. With `ninf` the caller knows
/// that none is infinite, which spares a comparison.
struct ApproximateExp2 : OpRewritePattern<math::Exp2Op> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::Exp2Op op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32()) {
      return failure();
    }
    Polynomials b(op, rewriter);
    bool isFinite = bitEnumContainsAll(op.getFastmath(), arith::FastMathFlags::ninf);
    Value x = isFinite ? b.atLeast(op.getOperand(), -126.0f)
                       : b.clamp(op.getOperand(), -126.0f, 129.0f);
    Value shifted = arith::AddFOp::create(b, x, b.real(toInteger));
    Value n = arith::SubFOp::create(b, shifted, b.real(toInteger));
    Value r = arith::SubFOp::create(b, x, n);
    Value p = b.horner(r, {2 * 1.32764698e-3f, 2 * 9.67554197e-3f, 2 * 5.55071329e-2f,
                           2 * 2.40221197e-1f, 2 * 6.93146967e-1f, 2 * 1.00000007f});
    rewriter.replaceOpWithNewOp<arith::MulFOp>(op, p, b.halfPowerOf(shifted));
    return success();
  }
};

/// erf(x) = x P(x^2) / Q(x^2) for |x| <= 3.9, where it is 1 in f32; minimax in the relative error
/// (2e-8). P and Q share the factor with which their roundings were least.
struct ApproximateErf : OpRewritePattern<math::ErfOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ErfOp op, PatternRewriter &rewriter) const override {
    if (!getElementTypeOrSelf(op.getType()).isF32()) {
      return failure();
    }
    Polynomials b(op, rewriter);
    Value x = b.clamp(op.getOperand(), -3.9f, 3.9f);
    Value square = arith::MulFOp::create(b, x, x);
    Value p = b.horner(square, {3.04948617e-6f, 4.20656841e-4f, 5.51642291e-3f, 7.77215362e-2f,
                                2.79886097e-1f, 1.66515064f});
    Value q = b.horner(square, {5.64744930e-5f, 1.70787133e-3f, 2.20084991e-2f, 1.67960435e-1f,
                                7.39942253e-1f, 1.47570133f});
    Value ratio = arith::DivFOp::create(b, arith::MulFOp::create(b, x, p), q);
    rewriter.replaceOp(op, b.clamp(ratio, -1.0f, 1.0f));
    return success();
  }
};

struct ApproximateMath : mome::impl::ApproximateMathPassBase<ApproximateMath> {
  using ApproximateMathPassBase::ApproximateMathPassBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateMathPolynomialApproximationPatterns(patterns);
    patterns.add<ApproximateExp, ApproximateExp2, ApproximateErf>(&getContext(), /*benefit=*/2);
    math::populateExpansionPatterns(patterns, {"rsqrt", "fpowi", "powf"});
    if (forDevice) {
      mome::populateDeviceMathPatterns(patterns);
    }
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns)))) {
      return signalPassFailure();
    }
    getOperation()->walk([&](Operation *op) {
      bool isSum = isa<arith::AddFOp, arith::SubFOp>(op) &&
                   !op->hasAttr(mome::nn::NNDialect::separateAttrName);
      if (isSum || (isa<arith::MulFOp>(op) && !isStored(op))) {
        allowContraction(cast<arith::ArithFastMathInterface>(op));
      }
      if (isa<math::MathDialect>(op->getDialect()) && !isMachineOp(op)) {
        op->emitError("'") << op->getName() << "' on " << op->getResult(0).getType()
                           << " would call libm, which generated code cannot";
        signalPassFailure();
      }
    });
  }
};
} // namespace

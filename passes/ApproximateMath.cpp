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
// kernel works with the value that other kernels find in memory.
#include "passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
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
/// exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln 2 / 2; exp(r) by a polynomial of degree 6,
/// minimax in the relative error (3e-9). Results below 2^-125 are 0; infinity and NaN are exact.
struct ApproximateExp : OpRewritePattern<math::ExpOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(math::ExpOp op, PatternRewriter &rewriter) const override {
    Type type = op.getType();
    if (!getElementTypeOrSelf(type).isF32()) {
      return failure();
    }
    ImplicitLocOpBuilder b(op.getLoc(), rewriter);
    auto constantOf = [&](Type of, Attribute value) -> Value {
      auto shaped = dyn_cast<ShapedType>(of);
      return arith::ConstantOp::create(b, shaped ? TypedAttr(DenseElementsAttr::get(shaped, value))
                                                 : cast<TypedAttr>(value));
    };
    auto real = [&](float value) { return constantOf(type, b.getF32FloatAttr(value)); };
    auto fma = [&](Value x, Value y, Value z) -> Value { return math::FmaOp::create(b, x, y, z); };
    Type bits = b.getI32Type();
    if (auto shaped = dyn_cast<ShapedType>(type)) {
      bits = shaped.clone(bits);
    }
    auto integer = [&](int32_t value) { return constantOf(bits, b.getI32IntegerAttr(value)); };

    // Both comparisons let a NaN through.
    Value x = op.getOperand(), most = real(89.0f);
    Value above = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, most);
    Value clamped = arith::SelectOp::create(b, above, most, x);
    Value kept = arith::CmpFOp::create(b, arith::CmpFPredicate::UGE, x, real(-86.9f));

    // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
    Value magic = real(12582912.0f);
    Value shifted = fma(clamped, real(1.44269504f), magic);
    Value n = arith::SubFOp::create(b, shifted, magic);
    Value r = fma(n, real(-0.693359375f), clamped);
    r = fma(n, real(2.12194440e-4f), r);

    // Twice the polynomial times 2^(n - 1), so that n = 128 still has an exponent.
    Value p = real(2 * 1.38145983e-3f);
    for (float c : {8.36871691e-3f, 4.16683881e-2f, 1.66665206e-1f, 4.99999934e-1f, 1.0f, 1.0f}) {
      p = fma(p, r, real(2 * c));
    }
    Value exponent =
        arith::ShLIOp::create(b, arith::BitcastOp::create(b, bits, shifted), integer(23));
    Value power = arith::AddIOp::create(b, exponent, integer(126 << 23));
    Value scaled = arith::MulFOp::create(b, p, arith::BitcastOp::create(b, type, power));
    rewriter.replaceOpWithNewOp<arith::SelectOp>(op, kept, scaled, real(0));
    return success();
  }
};

struct ApproximateMath : mome::impl::ApproximateMathPassBase<ApproximateMath> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateMathPolynomialApproximationPatterns(patterns);
    patterns.add<ApproximateExp>(&getContext(), /*benefit=*/2);
    math::populateExpansionPatterns(patterns, {"rsqrt", "fpowi", "powf"});
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns)))) {
      return signalPassFailure();
    }
    getOperation()->walk([&](Operation *op) {
      if (isa<arith::AddFOp, arith::SubFOp>(op) || (isa<arith::MulFOp>(op) && !isStored(op))) {
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

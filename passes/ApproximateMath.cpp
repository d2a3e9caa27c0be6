// approximate-math: polynomials for transcendental functions.
//
//   %y = math.exp %x : vector<8xf32>
//   ->  a range reduction and a polynomial in arith and math.fma, on vectors
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
struct ApproximateMath : mome::impl::ApproximateMathPassBase<ApproximateMath> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateMathPolynomialApproximationPatterns(patterns);
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

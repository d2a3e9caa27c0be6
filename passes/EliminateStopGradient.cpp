// nn-eliminate-stop-gradient: once gradients are explicit, nn.stop_gradient is the identity.
//
//   %0 = nn.stop_gradient %x
//   %1 = nn.exp %0                ->     %1 = nn.exp %x
//
// Invariant in: no nn.gradient, which would read more than it should. Invariant out: no
// nn.stop_gradient.
#include "dialects/NN/NN.h"
#include "passes/Passes.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_ELIMINATESTOPGRADIENTPASS
#include "passes/Passes.h.inc"

namespace {
class EliminateStopGradient : public impl::EliminateStopGradientPassBase<EliminateStopGradient> {
  void runOnOperation() override {
    WalkResult walk = getOperation()->walk([](nn::GradientOp op) {
      op.emitOpError("must be expanded by nn-autodiff before stop_gradient can go");
      return WalkResult::interrupt();
    });
    if (walk.wasInterrupted()) {
      return signalPassFailure();
    }
    getOperation()->walk([](nn::StopGradientOp op) {
      op.getResult().replaceAllUsesWith(op.getOperand());
      op.erase();
    });
  }
};
} // namespace

} // namespace mome

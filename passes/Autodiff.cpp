// nn-autodiff: replaces `nn.gradient` by the ops that compute it. How: ReverseMode.h.
//
//   %l = nn.reduce_sum %y axes [0] ...         %l = nn.reduce_sum %y axes [0] ...
//   %dx = nn.gradient %l wrt %x          ->    %one = nn.constant dense<1.0> : tensor<f32>
//                                              %dy = nn.broadcast %one dims [] ...
//                                              ... the VJPs of the ops between %x and %l
//
// Invariant in: nn.gradient only at the top of a function. Invariant out: no nn.gradient. Only ops
// on a path from a `wrt` value to the loss are differentiated; what their VJPs build for other
// operands is erased again.
#include "passes/Passes.h"
#include "passes/ReverseMode.h"

#include "dialects/Mome/Scope.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_AUTODIFFPASS
#include "passes/Passes.h.inc"

namespace {
class Autodiff : public impl::AutodiffPassBase<Autodiff> {
  void runOnOperation() override {
    if (failed(expandGradients(getOperation()))) {
      signalPassFailure();
    }
  }
};
} // namespace

} // namespace mome

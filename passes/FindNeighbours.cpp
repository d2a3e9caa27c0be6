// rt-find-neighbours: counts how many dispatches right before each have no conflict with it.
//
//   rt.dispatch @k_a(@io[0, 64] v0) -> (@work[0, 64] v1) ...
//   rt.dispatch @k_b(@io[64, 64] v0) -> (@work[64, 64] v2) ...
//   rt.dispatch @k_c(@work[0, 64] v1) -> (@work[128, 64] v3) ...
// becomes
//   rt.dispatch @k_a(...) ...
//   rt.dispatch @k_b(...) ... beside 1
//   rt.dispatch @k_c(...) ... beside 1
//
// A machine may run dispatches that follow each other as one piece of work if each is beside all
// that the piece has before it. Conflicts are those that streams keep in order (Hazards.h);
// `rt-verify-plan` proves that no count is too large.
#include "passes/Hazards.h"
#include "passes/Passes.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_FINDNEIGHBOURSPASS
#include "passes/Passes.h.inc"

namespace {
class FindNeighbours : public impl::FindNeighboursPassBase<FindNeighbours> {
  void runOnOperation() override {
    for (auto program : getOperation().getOps<rt::ProgramOp>()) {
      auto dispatches = program.getBody().getOps<rt::DispatchOp>();
      for (auto [number, op, conflicts] : llvm::enumerate(dispatches, findHazards(program))) {
        op.setBeside(countNeighbours(number, conflicts));
      }
    }
  }
};
} // namespace
} // namespace mome

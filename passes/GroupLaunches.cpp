// rt-group-launches: equal dispatches side by side become one launch.
//
//   rt.dispatch @k_a(@io[0, 64] v0) -> (@work[0, 64] v1) ...
//   rt.dispatch @k_a(@io[64, 64] v0) -> (@work[64, 64] v2) ...
//   rt.dispatch @k_b(@work[0, 64] v1) -> (@work[128, 64] v3) ...
// becomes
//   rt.dispatch @k_a(...) ... group 2
//   rt.dispatch @k_a(...) ...
//   rt.dispatch @k_b(...) ...
//
// A device pays for each launch, and its last blocks leave most of it idle. `nn-schedule` has brought
// together what is equal: the operations of experts of one structure, the optimizer's. A group ends
// with another kernel, a conflict, or where its table of arguments would be too large for a launch.
#include "passes/Hazards.h"
#include "passes/Passes.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_GROUPLAUNCHESPASS
#include "passes/Passes.h.inc"

/// What every device takes as parameters of a launch, in pointers.
static constexpr size_t largestTable = 4096 / 8;

/// How many dispatches of the operation's kernel one launch may have.
static size_t largestGroup(rt::DispatchOp op) {
  size_t row = op.getReads().size() + op.getWrites().size() + 1; // and the scratch
  return std::max<size_t>(largestTable / row, 1);
}

namespace {
class GroupLaunches : public impl::GroupLaunchesPassBase<GroupLaunches> {
public:
  void runOnOperation() override {
    for (auto program : getOperation().getOps<rt::ProgramOp>()) {
      group(program);
    }
  }

private:
  void group(rt::ProgramOp program) {
    auto dispatches = llvm::to_vector(program.getBody().getOps<rt::DispatchOp>());
    Hazards hazards = findHazards(program);
    unsigned launches = 0, grouped = 0;
    for (size_t first = 0, end; first < dispatches.size(); first = end) {
      rt::DispatchOp op = dispatches[first];
      size_t limit = std::min(first + largestGroup(op), dispatches.size());
      for (end = first + 1; end < limit; ++end) {
        bool conflicts = !hazards[end].empty() && hazards[end].back() >= first;
        if (conflicts || dispatches[end].getKernel() != op.getKernel()) {
          break;
        }
      }
      op.setGroup(end - first);
      grouped += end - first > 1 ? end - first : 0;
      ++launches;
    }
    remark::analysis(program.getLoc(),
                     remark::RemarkOpts::name(program.getSymName()).category("rt-group-launches"))
        << remark::metric("dispatches", dispatches.size()) << remark::metric("in groups", grouped)
        << remark::metric("launched as", launches);
  }
};
} // namespace
} // namespace mome

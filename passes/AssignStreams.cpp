// rt-assign-streams: chains of dispatches that do not depend on each other go to streams of their own.
//
//   rt.dispatch @k_a(@io[0, 64] v0) -> (@work[0, 64] v1) ...
//   rt.dispatch @k_b(@io[64, 64] v0) -> (@work[64, 64] v2) ...
//   rt.dispatch @k_c(@work[0, 64] v1, @work[64, 64] v2) -> (@work[128, 64] v3) ...
// becomes
//   rt.dispatch @k_a(...) ...
//   rt.dispatch @k_b(...) ... stream 1
//   rt.dispatch @k_c(...) ... after [1]
//
// A dispatch goes to a stream that ends in something it depends on anyway, else to a new one; only
// when there are enough streams behind something else. It waits for what it conflicts with (also by
// memory that was reused: Hazards.h) unless its stream or another wait orders that already, so that
// no wait can be left out. A group goes to one stream, and is waited for as a whole. `rt-verify-plan` proves that all conflicts are ordered. Machines without
// streams ignore all this; the order of the dispatches stays valid.
#include "passes/Hazards.h"
#include "passes/Passes.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_ASSIGNSTREAMSPASS
#include "passes/Passes.h.inc"

/// The stream on which a dispatch with these conflicts starts earliest.
static unsigned chooseStream(ArrayRef<unsigned> conflicts, const StreamOrder &order,
                             unsigned maxStreams) {
  ArrayRef<std::optional<unsigned>> tails = order.getTails();
  auto dependsOn = [&](unsigned tail) {
    return llvm::any_of(conflicts, [&](unsigned conflict) {
      return conflict == tail || (tail < conflict && order.isOrdered(tail, conflict));
    });
  };
  std::optional<unsigned> best; // ends in the latest dispatch that this one depends on
  unsigned oldest = 0;
  for (unsigned stream = 0; stream < tails.size(); ++stream) {
    if (dependsOn(*tails[stream]) && (!best || *tails[*best] < *tails[stream])) {
      best = stream;
    }
    oldest = *tails[stream] < *tails[oldest] ? stream : oldest;
  }
  return best ? *best : tails.size() < maxStreams ? tails.size() : oldest;
}

/// The length of the longest chain of conflicts.
static unsigned longestChain(ArrayRef<LaunchUnit> units) {
  SmallVector<unsigned> lengths;
  unsigned longest = 0;
  for (const LaunchUnit &unit : units) {
    unsigned length = 0;
    for (unsigned conflict : unit.conflicts) {
      length = std::max(length, lengths[conflict]);
    }
    lengths.push_back(length + 1);
    longest = std::max(longest, length + 1);
  }
  return longest;
}

namespace {
class AssignStreams : public impl::AssignStreamsPassBase<AssignStreams> {
public:
  using AssignStreamsPassBase::AssignStreamsPassBase;
  void runOnOperation() override {
    for (auto program : getOperation().getOps<rt::ProgramOp>()) {
      assign(program);
    }
  }

private:
  void assign(rt::ProgramOp program) {
    std::vector<LaunchUnit> units = findUnits(program);
    StreamOrder order;
    unsigned waits = 0, dispatches = 0;
    for (LaunchUnit &unit : units) {
      unsigned stream = chooseStream(unit.conflicts, order, streams);
      unsigned number = order.append(stream);
      SmallVector<int64_t> after;
      for (unsigned conflict :
           llvm::reverse(unit.conflicts)) { // a later one may order an earlier one
        if (!order.isOrdered(conflict, number)) {
          order.wait(conflict);
          after.push_back(units[conflict].last);
        }
      }
      waits += after.size();
      dispatches += unit.dispatches.size();
      for (rt::DispatchOp op : unit.dispatches) {
        op.setStream(stream);
      }
      unit.dispatches.front().setAfter(after);
    }
    remark::analysis(program.getLoc(),
                     remark::RemarkOpts::name(program.getSymName()).category("rt-assign-streams"))
        << remark::metric("dispatches", dispatches) << remark::metric("launched as", units.size())
        << remark::metric("longest chain", longestChain(units))
        << remark::metric("streams", order.getTails().size()) << remark::metric("waits", waits);
  }
};
} // namespace
} // namespace mome

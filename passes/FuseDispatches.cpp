// nn-fuse-dispatches: groups the straight-line ops of an entry into dispatches.
//
//   %h = nn.linear %x, %w              %y, %h = nn.dispatch(%x, %w, %b) {
//   %c = nn.broadcast %b dims [1]        nn.linear, nn.broadcast, nn.add, nn.gelu
//   %s = nn.add %h, %c           ->    }
//   %y = nn.gelu %s
//
// Three kinds of groups: a root with its elementwise epilogue, a row program (reductions along the
// last axis and elementwise ops over the same rows), an elementwise group of one shape. An index
// map belongs to the op that reads through it; attention reads parts of tensors and writes them
// (TensorPart.h). Two sweeps: in program order each op joins the group of a producer if it can; then,
// backwards, groups that only feed one other group move into it. With `sums` the gradient of a bias
// then joins that of its weight (OperandSum.h). A value needed outside its group is one more result.
// Nothing joins a group when a path would leave the group and come back. Decisions depend on program
// order only.
//
// Invariant out: `nn-verify-dispatches`: only nn.dispatch, nn.reshape and nn.constant at the top of
// an entry.
#include "passes/DispatchEmitter.h"
#include "passes/FusionRules.h"
#include "passes/Passes.h"
#include "passes/TensorPart.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_FUSEDISPATCHESPASS
#include "passes/Passes.h.inc"

using nn::FusionRole;

namespace {
class FuseDispatches : public impl::FuseDispatchesPassBase<FuseDispatches> {
public:
  using impl::FuseDispatchesPassBase<FuseDispatches>::FuseDispatchesPassBase;

  void runOnOperation() override {
    func::FuncOp entry = getOperation();
    if (entry.isExternal()) {
      return;
    }
    Block &block = entry.getBody().front();
    cloneIndexMaps(block);
    Grouping grouping(block);
    growGroups(grouping);
    absorbProducers(grouping);
    if (sums) {
      joinSums(grouping);
    }
    explain(grouping);
    emitDispatches(grouping);
  }

private:
  void cloneIndexMaps(Block &block);
  void growGroups(Grouping &grouping);
  void absorbProducers(Grouping &grouping);
  void joinSums(Grouping &grouping);
  void explain(const Grouping &grouping);
};
} // namespace

/// An index map that only spreads data (or makes it up, as iota does) costs less to repeat than to
/// store; so does a widening cast.
static bool isFree(Operation *op) {
  if (isWidening(op)) {
    return true;
  }
  if (nn::getFusionRole(op) != FusionRole::access) {
    return false;
  }
  int64_t read = 0;
  for (Type type : op->getOperandTypes()) {
    read += cast<RankedTensorType>(type).getNumElements();
  }
  return read < cast<RankedTensorType>(op->getResult(0).getType()).getNumElements();
}

/// Gives every reader for which an index map is free its own copy, so that each can absorb it.
void FuseDispatches::cloneIndexMaps(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
    if (op.getNumResults() != 1) {
      continue;
    }
    llvm::SetVector<Operation *> readers(op.user_begin(), op.user_end());
    SmallVector<Operation *> served = llvm::filter_to_vector(readers, [&](Operation *reader) {
      return isFree(&op) || readsPart(reader, op.getResult(0));
    });
    bool all = !served.empty() && served.size() == readers.size(); // the last one has the original
    for (Operation *reader : llvm::drop_end(served, all ? 1 : 0)) {
      Operation *copy = OpBuilder(reader).clone(op);
      reader->replaceUsesOfWith(op.getResult(0), copy->getResult(0));
    }
  }
}

/// Sweep 1: in program order, each op joins the group of the best producer that takes it.
void FuseDispatches::growGroups(Grouping &grouping) {
  FusionRules rules(grouping);
  for (Operation *op : grouping.getOps()) {
    Group *best = nullptr;
    for (Group *producer : grouping.getProducers(op)) {
      if (rules.canJoin(op, *producer).empty() && (!best || producer->rank() >= best->rank())) {
        best = producer;
      }
    }
    if (best) {
      grouping.join(op, *best);
    } else {
      grouping.start(op);
    }
  }
}

/// Sweep 2: backwards, groups move into a group that reads them.
void FuseDispatches::absorbProducers(Grouping &grouping) {
  FusionRules rules(grouping);
  SmallVector<Group *> groups = grouping.getGroups();
  for (Group *group : llvm::reverse(groups)) {
    for (Group *consumer : grouping.getConsumers(*group)) {
      if (rules.canAbsorb(*group, *consumer).empty()) {
        grouping.absorb(*group, *consumer);
        break;
      }
    }
  }
}

/// The gradient of a bias joins that of its weight, which reads the same rows.
void FuseDispatches::joinSums(Grouping &grouping) {
  FusionRules rules(grouping);
  for (Group *sum : grouping.getGroups()) {
    if (Group *product = rules.findProduct(*sum)) {
      grouping.absorb(*sum, *product);
    }
  }
}

/// Says of every elementwise op that reads another kernel's result why it is not part of that
/// kernel.
void FuseDispatches::explain(const Grouping &grouping) {
  FusionRules rules(grouping);
  for (Operation *op : grouping.getOps()) {
    if (nn::getFusionRole(op) != FusionRole::elementwise) {
      continue;
    }
    for (Group *producer : grouping.getProducers(op)) {
      if (llvm::is_contained(producer->ops, op)) {
        continue;
      }
      StringRef reason = rules.canJoin(op, *producer);
      remark::missed(
          op->getLoc(),
          remark::RemarkOpts::name(op->getName().getStringRef()).category("nn-fuse-dispatches"))
          << remark::reason("{0}", reason.empty() ? "it is in another kernel already" : reason);
    }
  }
}

} // namespace mome

// Who may share a kernel with whom: the rules of nn-fuse-dispatches over the groups of Grouping.h.
// An answer is empty, or the reason why not, which remarks show.
//
//   %h = nn.linear %x, %w
//   %y = nn.gelu %h              canJoin(gelu, {linear})           ""
//   %n = nn.layer_norm %y        canJoin(layer_norm, {linear})     "the producer does not walk the same rows"
//
// Every rule asks first what fits by kind and shape, then whether a path would leave the group and
// come back: dispatches run one after the other.
#ifndef MOME_PASSES_FUSIONRULES_H
#define MOME_PASSES_FUSIONRULES_H

#include "passes/Grouping.h"

namespace mome {

/// True if `op` belongs to another phase of the step than `producer`. Backward ops that need
/// forward values only stay in the backward part: in the forward part their results would have to
/// be kept.
bool isLaterPhase(mlir::Operation *op, mlir::Operation *producer);

/// True for a cast to a wider element type: it costs less to repeat than to store.
bool isWidening(mlir::Operation *op);

class FusionRules {
public:
  explicit FusionRules(const Grouping &grouping) : grouping(grouping) {}

  /// Whether `op` may join the group of one of its producers.
  llvm::StringRef canJoin(mlir::Operation *op, const Group &group) const;
  /// Whether all of `producer` may move into `consumer`.
  llvm::StringRef canAbsorb(const Group &producer, const Group &consumer) const;
  /// The group of a product that can compute `sum` beside it (OperandSum.h); null if there is none.
  Group *findProduct(const Group &sum) const;

private:
  llvm::StringRef canAbsorbShape(const Group &producer, const Group &consumer) const;
  llvm::StringRef canFeedRoot(const Group &producer, const Group &consumer) const;
  /// True if `sum` has nothing but a sum that `product` can have beside it.
  bool canAccompany(const Group &sum, const Group &product) const;
  bool leadsTo(const Group &from, const Group &to, const Group *skipped = nullptr) const;

  const Grouping &grouping;
};

} // namespace mome
#endif

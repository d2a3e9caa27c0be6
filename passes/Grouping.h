// The groups that nn-fuse-dispatches forms, and the rules of who may join whom. See
// FuseDispatches.cpp.
#ifndef MOME_PASSES_GROUPING_H
#define MOME_PASSES_GROUPING_H

#include "dialects/NN/NN.h"

#include "llvm/ADT/SetVector.h"

#include <memory>

namespace mome {

struct Group {
  enum class Kind {
    elementwise, // one domain: the shape of every computed value; index maps at the leaves
    row,         // `domain` is the shape of the rows' index: values are [domain] or [domain, K]
    root,        // `domain` is the shape of the root's first result
    view,        // nn.reshape: not a dispatch
  };
  Kind kind = Kind::elementwise;
  nn::FusionRole role = nn::FusionRole::elementwise; // of the root
  llvm::SmallVector<int64_t> domain;
  llvm::SmallVector<mlir::Operation *> ops;         // in program order
  mlir::Operation *rootOp = nullptr;                // what the group started from
  llvm::SmallPtrSet<mlir::Operation *, 4> prologue; // members that compute what a root reduces

  /// A root's epilogue is worth more than a row program, that more than an elementwise group.
  int rank() const { return kind == Kind::root ? 2 : kind == Kind::row ? 1 : 0; }
  mlir::Operation *root() const { return rootOp; }
};

/// True if `op` belongs to another phase of the step than `producer`. Backward ops that need
/// forward values only stay in the backward part: in the forward part their results would have to
/// be kept.
bool isLaterPhase(mlir::Operation *op, mlir::Operation *producer);

/// True for a cast to a wider element type: it costs less to repeat than to store.
bool isWidening(mlir::Operation *op);

class Grouping {
public:
  explicit Grouping(mlir::Block &block);

  /// Every op that needs a group, in program order.
  llvm::ArrayRef<mlir::Operation *> getOps() const { return ops; }
  /// The groups with members, in the order of their first op.
  llvm::SmallVector<Group *> getGroups() const;
  /// Groups that `op` reads from, and that read from `group`; each once, in operand or program
  /// order.
  llvm::SmallVector<Group *> getProducers(mlir::Operation *op) const;
  llvm::SmallVector<Group *> getConsumers(const Group &group) const;

  /// Empty if `op` may join the group of one of its producers, else the reason why not.
  llvm::StringRef canJoin(mlir::Operation *op, const Group &group) const;
  /// Empty if all of `producer` may move into `consumer`, else the reason why not.
  llvm::StringRef canAbsorb(const Group &producer, const Group &consumer) const;

  /// The group of a product that can compute `sum` beside it (OperandSum.h); null if there is none.
  Group *findProduct(const Group &sum) const;

  void start(mlir::Operation *op);
  void join(mlir::Operation *op, Group &group);
  void absorb(Group &producer, Group &consumer);

  /// Replaces the groups by dispatches, each after what it reads.
  void emitDispatches();

private:
  Group *groupOf(mlir::Operation *op) const { return owner.lookup(op); }
  /// True if a path leads from a consumer of `from` other than `skipped` to one of the targets.
  bool reaches(const Group &from, const Group *skipped,
               const llvm::SetVector<Group *> &targets) const;
  /// True if anything but `consumer` reads the group's values.
  bool escapes(const Group &group, const Group &consumer) const;
  /// True if the entry returns the op's result as the new value of something it reads.
  bool isUpdate(mlir::Operation *op) const;
  llvm::StringRef canJoinShape(mlir::Operation *op, const Group &group) const;
  llvm::StringRef canAbsorbShape(const Group &producer, const Group &consumer) const;
  llvm::StringRef canFeedRoot(const Group &producer, const Group &consumer) const;
  /// True if `sum` has nothing but a sum that `product` can have beside it.
  bool canAccompany(const Group &sum, const Group &product) const;
  llvm::SmallVector<Group *> inTopologicalOrder() const;
  void emitDispatch(Group &group, mlir::OpBuilder &builder);

  mlir::Block &block;
  llvm::SmallVector<mlir::Operation *> ops;
  llvm::DenseMap<mlir::Operation *, unsigned> position; // in the block
  llvm::DenseMap<mlir::Operation *, Group *> owner;
  std::vector<std::unique_ptr<Group>> groups;
};

} // namespace mome
#endif

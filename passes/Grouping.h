// The groups that nn-fuse-dispatches forms: the ops of an entry, each in one group, and the graph
// of who reads whom. FusionRules.h says who may move where, DispatchEmitter.h makes dispatches of them.
//
//   %h = nn.linear %x, %w      start     group 0, root     linear
//   %y = nn.gelu %h            join               0        linear gelu
//   %s = nn.reduce_sum %y      start     group 1, root     reduce_sum     a consumer of 0
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
  mlir::Operation *root = nullptr;                  // what the group started from
  llvm::SmallPtrSet<mlir::Operation *, 4> prologue; // members that compute what a root reduces

  /// A root's epilogue is worth more than a row program, that more than an elementwise group.
  int rank() const { return kind == Kind::root ? 2 : kind == Kind::row ? 1 : 0; }
  /// True if something of `producer` is read on the way to the root.
  bool rootReads(const Group &producer) const;
};

class Grouping {
public:
  explicit Grouping(mlir::Block &block);

  mlir::Block &getBlock() const { return block; }
  /// Every op that needs a group, in program order.
  llvm::ArrayRef<mlir::Operation *> getOps() const { return ops; }
  /// The group of an op; null for one outside, or for none.
  Group *groupOf(mlir::Operation *op) const { return owner.lookup(op); }
  /// The groups with members, in the order of their first op.
  llvm::SmallVector<Group *> getGroups() const;
  /// The same, each after what it reads.
  llvm::SmallVector<Group *> getGroupsTopologically() const;
  /// Groups that `op` reads from, and that read from `group`; each once, in operand or program
  /// order.
  llvm::SmallVector<Group *> getProducers(mlir::Operation *op) const;
  llvm::SmallVector<Group *> getConsumers(const Group &group) const;
  /// True if a path leads from a consumer of `from` other than `skipped` to one of the targets.
  bool reaches(const Group &from, const Group *skipped,
               const llvm::SetVector<const Group *> &targets) const;
  /// True if anything but `consumer` reads the group's values.
  bool escapes(const Group &group, const Group &consumer) const;

  void start(mlir::Operation *op);
  void join(mlir::Operation *op, Group &group);
  void absorb(Group &producer, Group &consumer);

private:
  bool isBefore(mlir::Operation *a, mlir::Operation *b) const {
    return position.lookup(a) < position.lookup(b);
  }

  mlir::Block &block;
  llvm::SmallVector<mlir::Operation *> ops;
  llvm::DenseMap<mlir::Operation *, unsigned> position; // in the block
  llvm::DenseMap<mlir::Operation *, Group *> owner;
  std::vector<std::unique_ptr<Group>> groups;
};

} // namespace mome
#endif

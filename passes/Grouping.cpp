// See Grouping.h.
#include "passes/Grouping.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <queue>

using namespace mlir;
using namespace mome;
using nn::FusionRole;

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

bool Group::rootReads(const Group &producer) const {
  return llvm::any_of(producer.ops, [&](Operation *op) {
    return llvm::any_of(op->getUsers(),
                        [&](Operation *user) { return user == root || prologue.contains(user); });
  });
}

Grouping::Grouping(Block &block) : block(block) {
  // A constant lives in the bodies that read it. One that is returned or viewed needs memory: it
  // becomes an op of its own.
  for (auto constant : llvm::make_early_inc_range(block.getOps<nn::ConstantOp>())) {
    OpBuilder builder(constant);
    auto stored = builder.clone(*constant);
    constant.getResult().replaceUsesWithIf(stored->getResult(0), [](OpOperand &use) {
      return isa<func::ReturnOp, nn::ReshapeOp>(use.getOwner());
    });
    if (stored->use_empty()) {
      stored->erase();
    } else {
      ops.push_back(stored);
    }
  }
  for (Operation &op : block.without_terminator()) {
    if (!isa<nn::ConstantOp>(op)) {
      ops.push_back(&op);
    }
  }
  for (auto [index, op] : llvm::enumerate(block)) {
    position[&op] = index;
  }
  llvm::sort(ops, [&](Operation *a, Operation *b) { return isBefore(a, b); });
}

void Grouping::start(Operation *op) {
  groups.push_back(std::make_unique<Group>());
  Group &group = *groups.back();
  group.role = nn::getFusionRole(op);
  group.domain = llvm::to_vector(shapeOf(op->getResult(0)));
  if (isa<nn::ReshapeOp>(op)) {
    group.kind = Group::Kind::view;
  } else if (group.role == FusionRole::row) {
    group.kind = Group::Kind::row;
    group.domain = llvm::to_vector(shapeOf(op->getOperand(0)).drop_back());
  } else if (group.role != FusionRole::elementwise && group.role != FusionRole::access &&
             !isa<nn::ConstantOp>(op)) {
    group.kind = Group::Kind::root;
  }
  group.ops.push_back(op);
  group.root = op;
  owner[op] = &group;
}

void Grouping::join(Operation *op, Group &group) {
  group.ops.push_back(op);
  owner[op] = &group;
}

void Grouping::absorb(Group &producer, Group &consumer) {
  if (consumer.kind == Group::Kind::root && consumer.rootReads(producer)) {
    consumer.prologue.insert(producer.ops.begin(), producer.ops.end());
  }
  for (Operation *op : producer.ops) {
    owner[op] = &consumer;
  }
  consumer.ops.append(producer.ops);
  producer.ops.clear();
  llvm::sort(consumer.ops, [&](Operation *a, Operation *b) { return isBefore(a, b); });
}

//===-- The graph of groups -----------------------------------------------------------------===//

SmallVector<Group *> Grouping::getGroups() const {
  SmallVector<Group *> result;
  for (const std::unique_ptr<Group> &group : groups) {
    if (!group->ops.empty()) {
      result.push_back(group.get());
    }
  }
  llvm::sort(result, [&](Group *a, Group *b) { return isBefore(a->ops.front(), b->ops.front()); });
  return result;
}

SmallVector<Group *> Grouping::getProducers(Operation *op) const {
  llvm::SetVector<Group *> result;
  for (Value operand : op->getOperands()) {
    if (Group *group = groupOf(operand.getDefiningOp())) {
      result.insert(group);
    }
  }
  return result.takeVector();
}

SmallVector<Group *> Grouping::getConsumers(const Group &group) const {
  llvm::SetVector<Group *> result;
  for (Operation *op : group.ops) {
    for (Operation *user : op->getUsers()) {
      Group *consumer = groupOf(user);
      if (consumer && consumer != &group) {
        result.insert(consumer);
      }
    }
  }
  SmallVector<Group *> sorted = result.takeVector();
  llvm::sort(sorted, [&](Group *a, Group *b) { return isBefore(a->ops.front(), b->ops.front()); });
  return sorted;
}

bool Grouping::reaches(const Group &from, const Group *skipped,
                       const llvm::SetVector<const Group *> &targets) const {
  unsigned last = 0; // no path to a target runs behind its last op
  for (const Group *target : targets) {
    last = std::max(last, position.lookup(target->ops.back()));
  }
  llvm::SmallPtrSet<Group *, 16> seen;
  SmallVector<Group *> work;
  auto visit = [&](Group *group) {
    if (group != &from && position.lookup(group->ops.front()) <= last &&
        seen.insert(group).second) {
      work.push_back(group);
    }
  };
  for (Group *consumer : getConsumers(from)) {
    if (consumer != skipped) {
      visit(consumer);
    }
  }
  while (!work.empty()) {
    Group *group = work.pop_back_val();
    if (targets.contains(group)) {
      return true;
    }
    for (Group *consumer : getConsumers(*group)) {
      visit(consumer);
    }
  }
  return false;
}

bool Grouping::escapes(const Group &group, const Group &consumer) const {
  return llvm::any_of(group.ops, [&](Operation *op) {
    return llvm::any_of(op->getUsers(), [&](Operation *user) {
      Group *other = groupOf(user);
      return other != &group && other != &consumer;
    });
  });
}

SmallVector<Group *> Grouping::getGroupsTopologically() const {
  // Kahn's algorithm; among the groups that are ready, the one that ended first in the program.
  llvm::DenseMap<Group *, unsigned> waitsFor;
  auto later = [&](Group *a, Group *b) { return isBefore(b->ops.back(), a->ops.back()); };
  std::priority_queue<Group *, std::vector<Group *>, decltype(later)> ready(later);
  for (Group *group : getGroups()) {
    for (Group *consumer : getConsumers(*group)) {
      ++waitsFor[consumer];
    }
  }
  for (Group *group : getGroups()) {
    if (!waitsFor.lookup(group)) {
      ready.push(group);
    }
  }
  SmallVector<Group *> order;
  while (!ready.empty()) {
    Group *group = ready.top();
    ready.pop();
    order.push_back(group);
    for (Group *consumer : getConsumers(*group)) {
      if (--waitsFor[consumer] == 0) {
        ready.push(consumer);
      }
    }
  }
  assert(order.size() == getGroups().size() && "the groups form a cycle");
  return order;
}

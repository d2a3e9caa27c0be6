// See Grouping.h.
#include "passes/Grouping.h"

#include "dialects/Mome/Scope.h"
#include "dialects/NN/OperandSum.h"
#include "passes/TensorPart.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <queue>

using namespace mlir;
using namespace mome;
using nn::FusionRole;

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

/// True for values indexed by the rows alone, or by the rows and one more axis.
static bool fitsRows(ArrayRef<int64_t> shape, ArrayRef<int64_t> rows) {
  return shape == rows ||
         (shape.size() == rows.size() + 1 && shape.take_front(rows.size()) == rows);
}

static bool isAccess(Operation *op) {
  return nn::getFusionRole(op) == FusionRole::access;
}
/// True for an index map whose every axis is an axis of the result or constant: a broadcast.
static bool isSpread(Operation *op) {
  auto access = dyn_cast<nn::AccessOpInterface>(op);
  if (!access) {
    return false;
  }
  SmallVector<nn::AccessPiece> pieces = access.getAccessPieces();
  return pieces.size() == 1 && pieces.front().guards.getNumResults() == 0 &&
         llvm::all_of(
             pieces.front().index.getResults(),
             [](AffineExpr expr) { return isa<AffineDimExpr, AffineConstantExpr>(expr); }) &&
         !isa<nn::ReshapeOp>(op);
}

//===-- Construction ------------------------------------------------------------------------===//

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
  llvm::sort(ops, [&](Operation *a, Operation *b) { return position[a] < position[b]; });
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
  group.rootOp = op;
  owner[op] = &group;
}

void Grouping::join(Operation *op, Group &group) {
  group.ops.push_back(op);
  owner[op] = &group;
}

/// True if something of the producer is read on the way to the consumer's root.
static bool feedsRoot(const Group &producer, const Group &consumer) {
  return llvm::any_of(producer.ops, [&](Operation *op) {
    return llvm::any_of(op->getUsers(), [&](Operation *user) {
      return user == consumer.root() || consumer.prologue.contains(user);
    });
  });
}

void Grouping::absorb(Group &producer, Group &consumer) {
  if (consumer.kind == Group::Kind::root && feedsRoot(producer, consumer)) {
    consumer.prologue.insert(producer.ops.begin(), producer.ops.end());
  }
  for (Operation *op : producer.ops) {
    owner[op] = &consumer;
  }
  consumer.ops.append(producer.ops);
  producer.ops.clear();
  llvm::sort(consumer.ops, [&](Operation *a, Operation *b) { return position[a] < position[b]; });
}

//===-- The graph of groups -----------------------------------------------------------------===//

SmallVector<Group *> Grouping::getGroups() const {
  SmallVector<Group *> result;
  for (const std::unique_ptr<Group> &group : groups) {
    if (!group->ops.empty()) {
      result.push_back(group.get());
    }
  }
  llvm::sort(result, [&](Group *a, Group *b) {
    return position.lookup(a->ops.front()) < position.lookup(b->ops.front());
  });
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
  llvm::sort(sorted, [&](Group *a, Group *b) {
    return position.lookup(a->ops.front()) < position.lookup(b->ops.front());
  });
  return sorted;
}

bool Grouping::reaches(const Group &from, const Group *skipped,
                       const llvm::SetVector<Group *> &targets) const {
  unsigned last = 0; // no path to a target runs behind its last op
  for (Group *target : targets) {
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

bool Grouping::isUpdate(Operation *op) const {
  auto entry = dyn_cast<func::FuncOp>(block.getParentOp());
  for (OpOperand &use : op->getUses()) {
    if (!entry || use.getOwner() != block.getTerminator()) {
      continue;
    }
    StringRef name = nn::NNDialect::bindAttrName;
    Attribute bind = entry.getResultAttr(use.getOperandNumber(), name);
    for (Value operand : op->getOperands()) {
      auto argument = dyn_cast<BlockArgument>(operand);
      if (bind && argument && bind == entry.getArgAttr(argument.getArgNumber(), name)) {
        return true;
      }
    }
  }
  return false;
}

bool mome::isLaterPhase(Operation *op, Operation *producer) {
  SmallVector<model::ScopeAttr> own = model::getScopes(op->getLoc());
  SmallVector<model::ScopeAttr> other = model::getScopes(producer->getLoc());
  return !own.empty() && !other.empty() && own.front().getPhase() != other.front().getPhase();
}

bool mome::isWidening(Operation *op) {
  auto cast = dyn_cast<nn::CastOp>(op);
  auto bits = [](Value value) {
    return mlir::cast<RankedTensorType>(value.getType()).getElementTypeBitWidth();
  };
  return cast && bits(cast.getOperand()) < bits(cast.getResult());
}

/// True if `op` reads what a member of the group knows only when it has seen all rows.
static bool readsColumns(Operation *op, const Group &group) {
  return llvm::any_of(op->getOperands(), [&](Value operand) {
    auto producer = dyn_cast_if_present<nn::Decomposable>(operand.getDefiningOp());
    return producer && llvm::is_contained(group.ops, producer.getOperation()) &&
           producer.isColumnResult(cast<OpResult>(operand).getResultNumber());
  });
}

//===-- The rules ---------------------------------------------------------------------------===//

StringRef Grouping::canJoinShape(Operation *op, const Group &group) const {
  FusionRole role = nn::getFusionRole(op);
  ArrayRef<int64_t> shape = shapeOf(op->getResult(0));
  if (role == FusionRole::row) {
    if (group.kind != Group::Kind::row ||
        shapeOf(op->getOperand(0)).drop_back() != ArrayRef(group.domain)) {
      return "the producer does not walk the same rows";
    }
    return "";
  }
  if (role == FusionRole::access) {
    bool within = group.kind == Group::Kind::row && isSpread(op) && fitsRows(shape, group.domain);
    bool joins = group.kind == Group::Kind::root && joinsParts(op, group.root());
    return within || joins ? "" : "an index map reads a stored value";
  }
  if (role != FusionRole::elementwise) {
    return "a root starts its own kernel";
  }
  if (isWidening(op)) {
    return "a widening cast reads a stored value";
  }
  switch (group.kind) {
  case Group::Kind::view:
    return "a reshape stands between";
  case Group::Kind::elementwise:
    return shape == ArrayRef(group.domain) ? "" : "shapes differ";
  case Group::Kind::row:
    return fitsRows(shape, group.domain) ? "" : "the producer does not walk the same rows";
  case Group::Kind::root:
    break;
  }
  if (group.role == FusionRole::attention || group.role == FusionRole::opaque) {
    return "the producer's root takes no epilogue";
  }
  if (!isa<nn::ElementwiseOpInterface>(op)) {
    return "an epilogue op has one result";
  }
  return shape == ArrayRef(group.domain) ? "" : "shapes differ";
}

StringRef Grouping::canJoin(Operation *op, const Group &group) const {
  if (StringRef reason = canJoinShape(op, group); !reason.empty()) {
    return reason;
  }
  if (isLaterPhase(op, group.root())) {
    return "the producer belongs to an earlier phase";
  }
  if (group.kind == Group::Kind::row && readsColumns(op, group)) {
    return "a sum over the rows ends its kernel";
  }
  if (group.kind != Group::Kind::elementwise && isUpdate(op)) {
    return "an update in place is a kernel of its own";
  }
  llvm::SetVector<Group *> others;
  for (Group *producer : getProducers(op)) {
    if (producer != &group) {
      others.insert(producer);
    }
  }
  return reaches(group, nullptr, others) ? "another operand depends on the producer" : "";
}

StringRef Grouping::canFeedRoot(const Group &producer, const Group &consumer) const {
  if (llvm::all_of(producer.ops,
                   [&](Operation *op) { return readsPart(consumer.root(), op->getResult(0)); })) {
    return "";
  }
  bool feedsEpilogue = llvm::any_of(producer.ops, [&](Operation *op) {
    return llvm::any_of(op->getUsers(), [&](Operation *user) {
      return groupOf(user) == &consumer && user != consumer.root() &&
             !consumer.prologue.contains(user);
    });
  });
  if (!llvm::all_of(producer.ops, [](Operation *op) {
        return isa<nn::ElementwiseOpInterface>(op) || isSpread(op);
      })) {
    return "the consumer's root does not read through index maps";
  }
  if (!feedsRoot(producer, consumer)) {
    return ArrayRef(producer.domain) == ArrayRef(consumer.domain) ? "" : "shapes differ";
  }
  if (feedsEpilogue || consumer.role != FusionRole::reduction) {
    return "the consumer's root reads it from memory";
  }
  return ArrayRef(producer.domain) == shapeOf(consumer.root()->getOperand(0)) ? ""
                                                                              : "shapes differ";
}

StringRef Grouping::canAbsorbShape(const Group &producer, const Group &consumer) const {
  if (producer.kind != Group::Kind::elementwise) {
    return "the producer has a root";
  }
  bool onlyMaps = llvm::all_of(producer.ops, isAccess);
  bool escaping = escapes(producer, consumer);
  switch (consumer.kind) {
  case Group::Kind::view:
    return "a reshape stands between";
  case Group::Kind::elementwise:
    if (producer.domain == consumer.domain) {
      return onlyMaps && escaping ? "other kernels read it" : "";
    }
    if (!onlyMaps || escaping) {
      return "shapes differ";
    }
    // A map read through a map composes; a map of another shape read by arithmetic does not exist.
    return "";
  case Group::Kind::row:
    if (!llvm::all_of(producer.ops, [](Operation *op) { return !isAccess(op) || isSpread(op); })) {
      return "it moves data across rows";
    }
    if (onlyMaps && escaping) {
      return "other kernels read it";
    }
    return fitsRows(producer.domain, consumer.domain) ? "" : "the consumer walks other rows";
  case Group::Kind::root:
    return escaping ? "other kernels read it" : canFeedRoot(producer, consumer);
  }
  llvm_unreachable("unknown kind");
}

StringRef Grouping::canAbsorb(const Group &producer, const Group &consumer) const {
  if (StringRef reason = canAbsorbShape(producer, consumer); !reason.empty()) {
    return reason;
  }
  llvm::SetVector<Group *> target;
  target.insert(const_cast<Group *>(&consumer));
  return reaches(producer, &consumer, target) ? "another path leads there" : "";
}

Group *Grouping::findProduct(const Group &sum) const {
  if (sum.kind != Group::Kind::root || sum.root()->getNumOperands() == 0) {
    return nullptr;
  }
  SmallVector<Value> read{sum.root()->getOperand(0)};
  if (Operation *cast = read.front().getDefiningOp(); cast && groupOf(cast) == &sum) {
    llvm::append_range(read, cast->getOperands());
  }
  for (Value value : read) {
    for (Operation *user : value.getUsers()) {
      Group *product = groupOf(user);
      if (product && product->root() == user && canAccompany(sum, *product)) {
        return product;
      }
    }
  }
  return nullptr;
}

bool Grouping::canAccompany(const Group &sum, const Group &product) const {
  if (product.kind != Group::Kind::root || !nn::isOperandSum(sum.root(), product.root()) ||
      isLaterPhase(sum.root(), product.root())) {
    return false;
  }
  bool isAlone = llvm::all_of(sum.ops, [&](Operation *op) {
    return op == sum.root() || op == sum.root()->getOperand(0).getDefiningOp();
  });
  bool hasSum = llvm::any_of(product.ops,
                             [&](Operation *op) { return nn::isOperandSum(op, product.root()); });
  auto leadsTo = [&](const Group &from, const Group &to) {
    llvm::SetVector<Group *> target;
    target.insert(const_cast<Group *>(&to));
    return reaches(from, nullptr, target);
  };
  return isAlone && !hasSum && !leadsTo(sum, product) && !leadsTo(product, sum);
}

//===-- Emission ----------------------------------------------------------------------------===//

/// Kahn's algorithm; among the groups that are ready, the one that ended first in the program.
SmallVector<Group *> Grouping::inTopologicalOrder() const {
  llvm::DenseMap<Group *, unsigned> waitsFor;
  auto later = [&](Group *a, Group *b) {
    return position.lookup(a->ops.back()) > position.lookup(b->ops.back());
  };
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

void Grouping::emitDispatch(Group &group, OpBuilder &builder) {
  llvm::SetVector<Value> inputs, outputs;
  SmallVector<Location> locations;
  if (group.kind == Group::Kind::root) {
    locations.push_back(group.root()->getLoc()); // its phase is the dispatch's
  }
  for (Operation *op : group.ops) {
    locations.push_back(op->getLoc());
    for (Value operand : op->getOperands()) {
      Operation *definer = operand.getDefiningOp();
      if (groupOf(definer) != &group && !isa_and_present<nn::ConstantOp>(definer)) {
        inputs.insert(operand);
      }
    }
    for (Value result : op->getResults()) {
      if (llvm::any_of(result.getUsers(),
                       [&](Operation *user) { return groupOf(user) != &group; })) {
        outputs.insert(result);
      }
    }
  }
  Location loc = model::unite(builder.getContext(), locations);
  auto types = [](const llvm::SetVector<Value> &values) {
    return llvm::to_vector(TypeRange(ValueRange(values.getArrayRef())));
  };
  auto dispatch = nn::DispatchOp::create(builder, loc, types(outputs), inputs.getArrayRef());
  Block &body = dispatch.getBody().emplaceBlock();
  IRMapping mapping;
  for (Value input : inputs) {
    mapping.map(input, body.addArgument(input.getType(), input.getLoc()));
  }
  OpBuilder inner = OpBuilder::atBlockEnd(&body);
  for (Operation *op : group.ops) {
    for (Value operand : op->getOperands()) {
      Operation *definer = operand.getDefiningOp();
      if (!mapping.contains(operand)) { // a constant: members come after what they read
        inner.clone(*definer, mapping);
      }
    }
    inner.clone(*op, mapping);
  }
  SmallVector<Value> yielded;
  for (Value output : outputs) {
    yielded.push_back(mapping.lookup(output));
  }
  nn::YieldOp::create(inner, loc, yielded);
  for (auto [output, result] : llvm::zip_equal(outputs, dispatch.getResults())) {
    Value(output).replaceUsesWithIf(
        result, [&](OpOperand &use) { return groupOf(use.getOwner()) != &group; });
  }
}

void Grouping::emitDispatches() {
  OpBuilder builder(block.getTerminator());
  SmallVector<Operation *> replaced;
  SmallVector<Operation *> constants = llvm::to_vector(llvm::map_range(
      block.getOps<nn::ConstantOp>(), [](nn::ConstantOp op) { return op.getOperation(); }));
  for (Group *group : inTopologicalOrder()) {
    if (group->kind == Group::Kind::view) {
      group->root()->moveBefore(block.getTerminator());
      continue;
    }
    emitDispatch(*group, builder);
    replaced.append(group->ops);
  }
  llvm::sort(replaced, [&](Operation *a, Operation *b) { return position[a] > position[b]; });
  for (Operation *op : replaced) {
    owner.erase(op);
    op->erase();
  }
  for (Operation *constant : constants) {
    if (!llvm::is_contained(replaced, constant) && constant->use_empty()) {
      constant->erase();
    }
  }
}

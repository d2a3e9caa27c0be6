// See FusionRules.h.
#include "passes/FusionRules.h"

#include "dialects/Mome/Scope.h"
#include "dialects/NN/OperandSum.h"
#include "passes/TensorPart.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

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

/// True if rows of the result are rows of the operands, or padding; or an operand is spread over them.
static bool keepsRows(Operation *op) {
  auto access = dyn_cast<nn::AccessOpInterface>(op);
  if (!access || isa<nn::ReshapeOp>(op)) {
    return false;
  }
  return isSpread(op) || llvm::all_of(access.getAccessPieces(), [](const nn::AccessPiece &piece) {
           unsigned column = piece.index.getNumDims() - 1;
           auto movesColumns = [&](AffineExpr expr) { return expr.isFunctionOfDim(column); };
           ArrayRef<AffineExpr> index = piece.index.getResults();
           return !index.empty() &&
                  index.back() == getAffineDimExpr(column, piece.index.getContext()) &&
                  llvm::none_of(index.drop_back(), movesColumns) &&
                  llvm::none_of(piece.guards.getResults(), movesColumns);
         });
}

/// True if the entry returns the op's result as the new value of something it reads.
static bool isUpdate(Operation *op) {
  Operation *terminator = op->getBlock()->getTerminator();
  auto entry = dyn_cast<func::FuncOp>(op->getParentOp());
  for (OpOperand &use : op->getUses()) {
    if (!entry || use.getOwner() != terminator) {
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

//===-- Joining -----------------------------------------------------------------------------===//

/// As `canJoin`, but for what lies around the two.
static StringRef canJoinShape(Operation *op, const Group &group) {
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
    bool joins = group.kind == Group::Kind::root && joinsParts(op, group.root);
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

StringRef FusionRules::canJoin(Operation *op, const Group &group) const {
  if (StringRef reason = canJoinShape(op, group); !reason.empty()) {
    return reason;
  }
  if (isLaterPhase(op, group.root)) {
    return "the producer belongs to an earlier phase";
  }
  if (group.kind == Group::Kind::row && readsColumns(op, group)) {
    return "a sum over the rows ends its kernel";
  }
  if (group.kind != Group::Kind::elementwise && isUpdate(op)) {
    return "an update in place is a kernel of its own";
  }
  llvm::SetVector<const Group *> others;
  for (const Group *producer : grouping.getProducers(op)) {
    if (producer != &group) {
      others.insert(producer);
    }
  }
  return grouping.reaches(group, nullptr, others) ? "another operand depends on the producer" : "";
}

//===-- Absorbing ---------------------------------------------------------------------------===//

bool FusionRules::leadsTo(const Group &from, const Group &to, const Group *skipped) const {
  llvm::SetVector<const Group *> target;
  target.insert(&to);
  return grouping.reaches(from, skipped, target);
}

StringRef FusionRules::canFeedRoot(const Group &producer, const Group &consumer) const {
  if (llvm::all_of(producer.ops,
                   [&](Operation *op) { return readsPart(consumer.root, op->getResult(0)); })) {
    return "";
  }
  bool feedsEpilogue = llvm::any_of(producer.ops, [&](Operation *op) {
    return llvm::any_of(op->getUsers(), [&](Operation *user) {
      return grouping.groupOf(user) == &consumer && user != consumer.root &&
             !consumer.prologue.contains(user);
    });
  });
  if (!llvm::all_of(producer.ops, [](Operation *op) {
        return isa<nn::ElementwiseOpInterface>(op) || isSpread(op);
      })) {
    return "the consumer's root does not read through index maps";
  }
  if (!consumer.rootReads(producer)) {
    return ArrayRef(producer.domain) == ArrayRef(consumer.domain) ? "" : "shapes differ";
  }
  if (feedsEpilogue || consumer.role != FusionRole::reduction) {
    return "the consumer's root reads it from memory";
  }
  return ArrayRef(producer.domain) == shapeOf(consumer.root->getOperand(0)) ? "" : "shapes differ";
}

StringRef FusionRules::canAbsorbShape(const Group &producer, const Group &consumer) const {
  if (producer.kind != Group::Kind::elementwise) {
    return "the producer has a root";
  }
  bool onlyMaps = llvm::all_of(producer.ops, isAccess);
  bool escaping = grouping.escapes(producer, consumer);
  switch (consumer.kind) {
  case Group::Kind::view:
    return "a reshape stands between";
  case Group::Kind::elementwise:
    if (producer.domain == consumer.domain) {
      return onlyMaps && escaping ? "other kernels read it" : "";
    }
    // A map read through a map composes; a map of another shape read by arithmetic does not exist.
    return onlyMaps && !escaping ? "" : "shapes differ";
  case Group::Kind::row:
    if (!llvm::all_of(producer.ops, [](Operation *op) { return !isAccess(op) || keepsRows(op); })) {
      return "it moves data within rows";
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

StringRef FusionRules::canAbsorb(const Group &producer, const Group &consumer) const {
  if (StringRef reason = canAbsorbShape(producer, consumer); !reason.empty()) {
    return reason;
  }
  return leadsTo(producer, consumer, /*skipped=*/&consumer) ? "another path leads there" : "";
}

//===-- Sums beside products ----------------------------------------------------------------===//

Group *FusionRules::findProduct(const Group &sum) const {
  if (sum.kind != Group::Kind::root || sum.root->getNumOperands() == 0) {
    return nullptr;
  }
  SmallVector<Value> read{sum.root->getOperand(0)};
  if (Operation *cast = read.front().getDefiningOp(); cast && grouping.groupOf(cast) == &sum) {
    llvm::append_range(read, cast->getOperands());
  }
  for (Value value : read) {
    for (Operation *user : value.getUsers()) {
      Group *product = grouping.groupOf(user);
      if (product && product->root == user && canAccompany(sum, *product)) {
        return product;
      }
    }
  }
  return nullptr;
}

bool FusionRules::canAccompany(const Group &sum, const Group &product) const {
  if (product.kind != Group::Kind::root || !nn::isOperandSum(sum.root, product.root) ||
      isLaterPhase(sum.root, product.root)) {
    return false;
  }
  bool isAlone = llvm::all_of(sum.ops, [&](Operation *op) {
    return op == sum.root || op == sum.root->getOperand(0).getDefiningOp();
  });
  bool hasSum =
      llvm::any_of(product.ops, [&](Operation *op) { return nn::isOperandSum(op, product.root); });
  return isAlone && !hasSum && !leadsTo(sum, product) && !leadsTo(product, sum);
}

// Reverse accumulation over straight-line `nn` code. See ReverseMode.h.
#include "passes/ReverseMode.h"
#include "dialects/Mome/Scope.h"

#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;

namespace mome {

bool hasCotangent(Value value) {
  return isa<FloatType>(getElementTypeOrSelf(value));
}

/// The VJP of one op, checked.
static FailureOr<SmallVector<Value>> buildVjp(OpBuilder &builder, Operation *op,
                                              ArrayRef<Value> results) {
  auto differentiable = dyn_cast<nn::Differentiable>(op);
  if (!differentiable) {
    return op->emitOpError(
        "is not differentiable, but the loss depends on a trained value through "
        "it; cut the path with stop_gradient or write it with other ops [E0316]");
  }
  SmallVector<Value> operands;
  if (failed(differentiable.buildVjp(builder, results, operands))) {
    return op->emitOpError("has no derivative here");
  }
  if (operands.size() != op->getNumOperands()) {
    return op->emitOpError("gave ")
           << operands.size() << " cotangents for " << op->getNumOperands() << " operands";
  }
  for (auto [operand, cotangent] : llvm::zip_equal(op->getOperands(), operands)) {
    if (cotangent && cotangent.getType() != operand.getType()) {
      return op->emitOpError("gave a cotangent of type ")
             << cotangent.getType() << " for an operand of type " << operand.getType();
    }
  }
  return operands;
}

/// Marks what was built since `before` (null: since the block's beginning) as backward.
static void markBackward(OpBuilder &builder, Operation *before) {
  Block::iterator it = before ? std::next(before->getIterator()) : builder.getBlock()->begin();
  for (; it != builder.getInsertionPoint(); ++it) {
    it->setLoc(model::withPhase(it->getLoc(), model::Phase::bwd));
  }
}

static Operation *getPrevious(OpBuilder &builder) {
  Block::iterator it = builder.getInsertionPoint();
  return it == builder.getBlock()->begin() ? nullptr : &*std::prev(it);
}

LogicalResult accumulateCotangents(OpBuilder &builder, ArrayRef<Operation *> forward,
                                   function_ref<bool(Value)> isActive, CotangentMap &cotangents) {
  for (Operation *op : llvm::reverse(forward)) {
    SmallVector<Value> results = llvm::map_to_vector(
        op->getResults(), [&](Value result) { return cotangents.lookup(result); });
    bool reachesLoss = llvm::any_of(results, [](Value value) { return value != nullptr; });
    if (!reachesLoss || llvm::none_of(op->getOperands(), isActive)) {
      continue;
    }
    Operation *before = getPrevious(builder);
    FailureOr<SmallVector<Value>> operands = buildVjp(builder, op, results);
    if (failed(operands)) {
      return failure();
    }
    for (auto [operand, cotangent] : llvm::zip_equal(op->getOperands(), *operands)) {
      if (cotangent && isActive(operand)) {
        Value &sum = cotangents[operand];
        sum = sum ? nn::AddOp::create(builder, op->getLoc(), sum, cotangent) : cotangent;
      }
    }
    markBackward(builder, before);
  }
  return success();
}

//===-- nn.gradient ---------------------------------------------------------------------------===//

/// The values that depend on a `wrt` value, by ops before the gradient. stop_gradient ends a path
/// here already: nothing behind it needs to be differentiable.
static DenseSet<Value> findActive(nn::GradientOp gradient, ArrayRef<Operation *> forward) {
  DenseSet<Value> active(gradient.getWrt().begin(), gradient.getWrt().end());
  for (Operation *op : forward) {
    bool depends = llvm::any_of(op->getOperands(), [&](Value v) { return active.contains(v); });
    if (depends && !isa<nn::StopGradientOp>(op)) {
      auto floats = llvm::make_filter_range(op->getResults(), hasCotangent);
      active.insert(floats.begin(), floats.end());
    }
  }
  return active;
}

/// Erases what was built since `before` and has no reader.
static void eraseDead(OpBuilder &builder, Operation *before) {
  for (Operation *op = getPrevious(builder); op != before;) {
    Operation *previous = op->getPrevNode();
    if (isOpTriviallyDead(op)) {
      op->erase();
    }
    op = previous;
  }
}

static LogicalResult expandGradient(nn::GradientOp gradient) {
  SmallVector<Operation *> forward;
  for (Operation &op : *gradient->getBlock()) {
    if (&op == gradient) {
      break;
    }
    forward.push_back(&op);
  }
  DenseSet<Value> active = findActive(gradient, forward);
  OpBuilder builder(gradient);
  Operation *before = getPrevious(builder);
  Location loc = gradient.getLoc();
  CotangentMap cotangents;
  cotangents[gradient.getLoss()] = nn::buildSplat(builder, loc, gradient.getLoss().getType(), 1.0);
  auto isActive = [&](Value value) { return active.contains(value); };
  if (failed(accumulateCotangents(builder, forward, isActive, cotangents))) {
    return emitError(loc) << "in the gradient taken here";
  }
  for (auto [value, result] : llvm::zip_equal(gradient.getWrt(), gradient.getGradients())) {
    Value cotangent = isActive(value) ? cotangents.lookup(value) : Value();
    if (!cotangent) {
      cotangent = nn::buildSplat(builder, loc, value.getType(), 0.0);
    }
    result.replaceAllUsesWith(cotangent);
  }
  eraseDead(builder, before);
  gradient.erase();
  return success();
}

LogicalResult expandGradients(func::FuncOp function) {
  SmallVector<nn::GradientOp> gradients;
  function.walk([&](nn::GradientOp gradient) { gradients.push_back(gradient); });
  // In program order: a gradient of a gradient then names the backward op that has no derivative.
  return failure(
      llvm::any_of(gradients, [](nn::GradientOp op) { return failed(expandGradient(op)); }));
}

} // namespace mome

// nn-autocast: chooses where bf16 stands in for f32, in entries with `nn.precision = "bf16"`; in those with
// "tf32" says so of every product.
//
//   %y = nn.linear %x, %w, %b : f32      %0 = nn.cast %x : f32 -> bf16     %1 = nn.cast %w : likewise
//                                  ->    %y = nn.linear %0, %1, %b : (bf16, bf16, f32) -> f32
//
// The rules, in one place:
//   bf16     what products, convolutions and attention read (`Narrowable`), and what attention gives
//   follow   an index map between values of bf16 moves bf16; a sum over rows (the gradient of a bias)
//            reads the bf16 copy if there is one; elementwise code of the backward part reads a
//            bf16 copy of what a product left in the forward part
//   f32      all other ops and values: parameters, sums of products, statistics, softmax, losses,
//            the residual stream and its gradient, gradients of parameters, the optimizer
//
// So bf16 is a form of storage and of what products read, and nothing computes in it. A value is cast
// once, where it is made: the cast becomes part of the dispatch that makes the value, and a parameter
// gets one copy per step. Invariant in: no nn.gradient. Invariant out: what an entry takes and
// returns has the types it had.
#include "dialects/Mome/Scope.h"
#include "dialects/NN/NN.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_AUTOCASTPASS
#include "passes/Passes.h.inc"

namespace {
class Autocast : public impl::AutocastPassBase<Autocast> {
public:
  void runOnOperation() override;

private:
  void narrowOperands(nn::Narrowable op);
  bool followMap(Operation *op);
  void followSum(nn::ReductionOpInterface op);
  void keepNarrow(nn::Narrowable product);
  /// The value in bf16, for readers from `reader` on.
  Value narrow(Value value, Operation *reader);
  Value narrowMap(Operation *map, Operation *reader);

  DenseMap<Value, Value> narrowed;
};
} // namespace

static Type elementOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType();
}
static RankedTensorType withElement(Value value, Type element) {
  return RankedTensorType::get(cast<RankedTensorType>(value.getType()).getShape(), element);
}
static RankedTensorType bf16Type(Value value) {
  return withElement(value, BFloat16Type::get(value.getContext()));
}
static Value widen(OpBuilder &builder, Location loc, Value value) {
  return nn::CastOp::create(builder, loc, withElement(value, builder.getF32Type()), value);
}

static remark::RemarkOpts remarkOf(Operation *op) {
  return remark::RemarkOpts::name(op->getName().getStringRef()).category("nn-autocast");
}

/// The bf16 value that `value` widens; null if it is something else.
static Value widenedFrom(Value value) {
  auto cast = value.getDefiningOp<nn::CastOp>();
  return cast && elementOf(cast.getOperand()).isBF16() ? cast.getOperand() : Value();
}

/// True for an op that moves f32 and nothing else.
static bool isMap(Operation *op) {
  return op && op->getNumOperands() > 0 && nn::getFusionRole(op) == nn::FusionRole::access &&
         llvm::all_of(op->getOperands(), [](Value value) { return elementOf(value).isF32(); });
}

/// The map, moving `operands` of bf16.
static Value cloneMap(OpBuilder &builder, Operation *map, ValueRange operands) {
  Operation *copy = builder.clone(*map);
  copy->setOperands(operands);
  copy->getResult(0).setType(bf16Type(map->getResult(0)));
  return copy->getResult(0);
}

Value Autocast::narrowMap(Operation *map, Operation *reader) {
  SmallVector<Value> operands;
  OpBuilder builder(reader);
  builder.setInsertionPointAfter(map);
  for (Value operand : map->getOperands()) {
    operands.push_back(narrow(operand, reader));
    Operation *definer = operands.back().getDefiningOp();
    if (definer && !definer->isBeforeInBlock(map)) { // the copy of an argument
      builder.setInsertionPoint(reader);
    }
  }
  return cloneMap(builder, map, operands);
}

Value Autocast::narrow(Value value, Operation *reader) {
  if (Value known = narrowed.lookup(value)) {
    return known;
  }
  Operation *definer = value.getDefiningOp();
  Value result = widenedFrom(value);
  if (!result && isMap(definer)) {
    result = narrowMap(definer, reader);
  } else if (!result) {
    OpBuilder builder(reader);
    if (definer) {
      builder.setInsertionPointAfter(definer);
    }
    Location loc = definer ? definer->getLoc() : reader->getLoc();
    result = nn::CastOp::create(builder, loc, bf16Type(value), value);
  }
  narrowed[value] = result;
  return result;
}

/// Products and attention read bf16.
void Autocast::narrowOperands(nn::Narrowable op) {
  SmallVector<unsigned> operands = op.getNarrowOperands();
  if (!llvm::all_of(operands, [&](unsigned i) { return elementOf(op->getOperand(i)).isF32(); })) {
    return;
  }
  for (unsigned i : operands) {
    op->setOperand(i, narrow(op->getOperand(i), op));
  }
  OpBuilder builder(op);
  builder.setInsertionPointAfter(op);
  for (unsigned i : op.getNarrowResults()) {
    Value result = op->getResult(i);
    result.setType(bf16Type(result));
    Value wide = widen(builder, op.getLoc(), result);
    result.replaceAllUsesExcept(wide, wide.getDefiningOp());
  }
  remark::passed(op.getLoc(), remarkOf(op)) << "multiplies bf16";
}

/// A map of widened values widens what it moved; false if it is none.
bool Autocast::followMap(Operation *op) {
  if (!isMap(op) || !llvm::all_of(op->getOperands(), widenedFrom)) {
    return false;
  }
  OpBuilder builder(op);
  SmallVector<Value> operands = llvm::map_to_vector(op->getOperands(), widenedFrom);
  Value moved = cloneMap(builder, op, operands);
  op->getResult(0).replaceAllUsesWith(widen(builder, op->getLoc(), moved));
  return true;
}

/// The sum of rows whose bf16 copy exists reads the copy: the f32 rows need not be stored for it.
void Autocast::followSum(nn::ReductionOpInterface op) {
  Value operand = op->getOperand(0), copy = narrowed.lookup(operand);
  int64_t last = cast<RankedTensorType>(operand.getType()).getRank() - 1;
  if (copy && op.getReductionKind() == nn::ReductionKind::sum &&
      !llvm::is_contained(op.getReducedAxes(), last)) {
    OpBuilder builder(op);
    op->setOperand(0, widen(builder, op.getLoc(), copy));
  }
}

static bool isIn(model::Phase phase, Operation *op) {
  SmallVector<model::ScopeAttr> scopes = model::getScopes(op->getLoc());
  return !scopes.empty() && scopes.front().getPhase() == phase;
}

/// Elementwise readers in the backward part read a bf16 copy of what a product gave the forward
/// part, if nothing else there needs the f32 values.
void Autocast::keepNarrow(nn::Narrowable product) {
  Value value = product->getResult(0);
  if (!elementOf(value).isF32() || !isIn(model::Phase::fwd, product)) {
    return;
  }
  SmallVector<OpOperand *> backward;
  for (OpOperand &use : value.getUses()) {
    Operation *reader = use.getOwner();
    if (!isIn(model::Phase::bwd, reader) || isOpTriviallyDead(reader)) {
      continue;
    }
    if (nn::getFusionRole(reader) != nn::FusionRole::elementwise) {
      remark::missed(product.getLoc(), remarkOf(product)) << remark::reason(
          "kept in f32 for the backward part: '{0}' reads it", reader->getName().getStringRef());
      return;
    }
    backward.push_back(&use);
  }
  for (OpOperand *use : backward) {
    Operation *reader = use->getOwner();
    OpBuilder builder(reader);
    use->set(widen(builder, reader->getLoc(), narrow(value, reader)));
  }
}

/// A permission, which concerns no type: devices without such units ignore it.
static void markProducts(func::FuncOp entry, StringAttr precision) {
  for (Operation &op : entry.getBody().front()) {
    auto narrowable = dyn_cast<nn::Narrowable>(op);
    if (!narrowable || nn::getFusionRole(&op) == nn::FusionRole::attention) {
      continue;
    }
    auto isF32 = [&](unsigned i) { return elementOf(op.getOperand(i)).isF32(); };
    if (llvm::all_of(narrowable.getNarrowOperands(), isF32)) {
      op.setAttr(nn::NNDialect::precisionAttrName, precision);
      remark::passed(op.getLoc(), remarkOf(&op)) << "multiplies tf32 where a device does";
    }
  }
}

void Autocast::runOnOperation() {
  func::FuncOp entry = getOperation();
  auto precision = entry->getAttrOfType<StringAttr>(nn::NNDialect::precisionAttrName);
  if (!precision || entry.isExternal()) {
    return;
  }
  if (precision.getValue() == "tf32") {
    return markProducts(entry, precision);
  }
  if (precision.getValue() != "bf16") {
    return;
  }
  narrowed.clear();
  Block &block = entry.getBody().front();
  SmallVector<Operation *> ops = llvm::map_to_vector(block, [](Operation &op) { return &op; });
  for (Operation *op : ops) {
    auto narrowable = dyn_cast<nn::Narrowable>(op);
    if (!followMap(op) && narrowable) {
      narrowOperands(narrowable);
    }
  }
  for (Operation *op : ops) {
    if (auto reduction = dyn_cast<nn::ReductionOpInterface>(op)) {
      followSum(reduction);
    } else if (auto product = dyn_cast<nn::Narrowable>(op)) {
      keepNarrow(product);
    }
  }
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
    if (isOpTriviallyDead(&op)) {
      op.erase();
    }
  }
}

} // namespace mome

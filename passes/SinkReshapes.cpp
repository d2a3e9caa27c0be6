// nn-sink-reshapes: lets elementwise ops work in the shape in which a root computes.
//
//   %0 = nn.matmul %a, %w  : 36x16            %0 = nn.matmul %a, %w  : 36x16
//   %1 = nn.reshape %0     : 4x9x16           %h = nn.reshape %g     : 36x16
//   %2 = nn.mul %1, %g     : 4x9x16     ->    %2 = nn.mul %0, %h     : 36x16
//   use %2                                    %3 = nn.reshape %2     : 4x9x16
//                                             use %3
//
// A reshape is free, but nothing fuses across it: here the product becomes the matmul's epilogue.
// The other operands take the root's shape as well: constants and elementwise ops that nothing else
// reads are rebuilt in it, broadcasts if their axes allow it, anything else is viewed through a
// reshape. Elementwise ops that look at their index stay; so do widening casts, which belong to what
// reads them.
#include "passes/FusionRules.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Utils/ReshapeOpsUtils.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_SINKRESHAPESPASS
#include "passes/Passes.h.inc"

using nn::FusionRole;

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}
static RankedTensorType typeIn(Value value, ArrayRef<int64_t> shape) {
  return cast<RankedTensorType>(value.getType()).clone(shape);
}

static bool isMovable(Operation *op) {
  auto elementwise = dyn_cast_if_present<nn::ElementwiseOpInterface>(op);
  return elementwise && !elementwise.usesIndex() && op->getNumOperands() > 0;
}

/// The reshape among the operands that keeps the op from fusing with what computes its source.
static nn::ReshapeOp findReshape(Operation &op) {
  if (shapeOf(op.getResult(0)).empty()) {
    return nullptr; // its operands are scalars, which no reshape touches
  }
  for (Value operand : op.getOperands()) {
    auto reshape = operand.getDefiningOp<nn::ReshapeOp>();
    Operation *producer = reshape ? reshape.getOperand().getDefiningOp() : nullptr;
    if (!producer || operand.getType() == reshape.getOperand().getType() ||
        shapeOf(operand) != shapeOf(op.getResult(0)) || isLaterPhase(&op, producer)) {
      continue;
    }
    switch (nn::getFusionRole(producer)) {
    case FusionRole::contraction:
    case FusionRole::stencil:
    case FusionRole::reduction:
    case FusionRole::gather:
    case FusionRole::elementwise:
      return reshape;
    default:
      break;
    }
  }
  return nullptr;
}

/// `op` and the elementwise ops that only it reads, directly or through others of them.
static llvm::SetVector<Operation *> collectCluster(Operation *op) {
  llvm::SetVector<Operation *> cluster;
  cluster.insert(op);
  for (bool grown = true; grown;) {
    grown = false;
    for (Operation *member : llvm::to_vector(cluster)) {
      for (Value operand : member->getOperands()) {
        Operation *definer = operand.getDefiningOp();
        if (isMovable(definer) && shapeOf(operand) == shapeOf(op->getResult(0)) &&
            llvm::all_of(definer->getUsers(),
                         [&](Operation *user) { return cluster.contains(user); })) {
          grown |= cluster.insert(definer);
        }
      }
    }
  }
  return cluster;
}

namespace {
/// Gives the values that a cluster reads another shape.
class Reshaper {
public:
  Reshaper(OpBuilder &builder, ArrayRef<int64_t> shape, const llvm::SetVector<Operation *> &cluster)
      : builder(builder), shape(shape), cluster(cluster) {}

  /// True if `value` can be had in the new shape without storing it for that.
  bool canReshape(Value value) const;
  Value reshape(Value value);

private:
  Value reshapeAnew(Value value);
  std::optional<SmallVector<int64_t>> newDims(nn::BroadcastOp op) const;
  Value reshapeBroadcast(nn::BroadcastOp op);
  Value rebuild(Operation *op);

  OpBuilder &builder;
  ArrayRef<int64_t> shape;
  const llvm::SetVector<Operation *> &cluster;
  DenseMap<Value, Value> reshaped;
};
} // namespace

/// The broadcast's dims after neighbouring result axes have become one, per axis of the collapsed
/// operand; nothing if an axis of the new shape would hold both repeated and own elements.
std::optional<SmallVector<int64_t>> Reshaper::newDims(nn::BroadcastOp op) const {
  auto type = cast<RankedTensorType>(op.getType());
  auto groups = getReassociationIndicesForReshape(type, type.clone(shape));
  if (!groups || groups->size() != shape.size()) {
    return std::nullopt;
  }
  SmallVector<int64_t> dims;
  for (auto [axis, group] : llvm::enumerate(*groups)) {
    int64_t present = 0;
    for (auto [operandAxis, dim] : llvm::enumerate(op.getDims())) {
      bool own = shapeOf(op.getOperand())[operandAxis] == type.getDimSize(dim);
      present += llvm::is_contained(group, dim) && own && type.getDimSize(dim) != 1;
    }
    int64_t extents = llvm::count_if(group, [&](int64_t dim) { return type.getDimSize(dim) != 1; });
    if (present != 0 && present != extents) {
      return std::nullopt;
    }
    if (present != 0) {
      dims.push_back(axis);
    }
  }
  return dims;
}

Value Reshaper::reshapeBroadcast(nn::BroadcastOp op) {
  SmallVector<int64_t> dims = *newDims(op), extents;
  for (int64_t dim : dims) {
    extents.push_back(shape[dim]);
  }
  Value operand = op.getOperand();
  if (shapeOf(operand) != ArrayRef(extents)) {
    operand = nn::ReshapeOp::create(builder, op.getLoc(), typeIn(operand, extents), operand);
  }
  return nn::BroadcastOp::create(builder, op.getLoc(), typeIn(op.getResult(), shape), operand,
                                 dims);
}

bool Reshaper::canReshape(Value value) const {
  if (shapeOf(value).empty() || shapeOf(value) == shape) {
    return true;
  }
  auto broadcast = value.getDefiningOp<nn::BroadcastOp>();
  return !broadcast || newDims(broadcast);
}

Value Reshaper::rebuild(Operation *op) {
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    operands.push_back(reshape(operand));
  }
  Operation *rebuilt = builder.clone(*op);
  rebuilt->setOperands(operands);
  rebuilt->getResult(0).setType(typeIn(op->getResult(0), shape));
  return rebuilt->getResult(0);
}

Value Reshaper::reshapeAnew(Value value) {
  if (shapeOf(value).empty() || shapeOf(value) == shape) {
    return value; // a scalar applies to every element, in any shape
  }
  Operation *definer = value.getDefiningOp();
  if (auto view = dyn_cast_if_present<nn::ReshapeOp>(definer);
      view && shapeOf(view.getOperand()) == shape) {
    return view.getOperand();
  }
  auto constant = dyn_cast_if_present<nn::ConstantOp>(definer);
  if (auto dense = constant ? dyn_cast<DenseElementsAttr>(constant.getValue()) : nullptr) {
    return nn::ConstantOp::create(builder, definer->getLoc(), dense.reshape(typeIn(value, shape)));
  }
  if (auto broadcast = dyn_cast_if_present<nn::BroadcastOp>(definer)) {
    return reshapeBroadcast(broadcast);
  }
  if (definer && cluster.contains(definer)) {
    return rebuild(definer);
  }
  return nn::ReshapeOp::create(builder, value.getLoc(), typeIn(value, shape), value);
}

Value Reshaper::reshape(Value value) {
  if (Value known = reshaped.lookup(value)) {
    return known;
  }
  Value result = reshapeAnew(value); // may grow the map
  reshaped[value] = result;
  return result;
}

/// Moves the reshapes of one op's operands behind it.
static void sinkReshapes(Operation &op) {
  nn::ReshapeOp view = findReshape(op);
  if (!view) {
    return;
  }
  OpBuilder builder(&op);
  SmallVector<int64_t> shape = llvm::to_vector(shapeOf(view.getOperand()));
  llvm::SetVector<Operation *> cluster = collectCluster(&op);
  Reshaper reshaper(builder, shape, cluster);
  for (Operation *member : cluster) {
    if (!llvm::all_of(member->getOperands(),
                      [&](Value operand) { return reshaper.canReshape(operand); })) {
      return;
    }
  }
  SmallVector<Value> operands;
  for (Value operand : op.getOperands()) {
    operands.push_back(reshaper.reshape(operand));
  }
  Type type = op.getResult(0).getType();
  op.setOperands(operands);
  op.getResult(0).setType(typeIn(op.getResult(0), shape));
  builder.setInsertionPointAfter(&op);
  auto back = nn::ReshapeOp::create(builder, op.getLoc(), type, op.getResult(0));
  op.getResult(0).replaceAllUsesExcept(back, back);
}

namespace {
struct SinkReshapes : impl::SinkReshapesPassBase<SinkReshapes> {
  void runOnOperation() override {
    if (getOperation().isExternal()) {
      return;
    }
    Block &block = getOperation().getBody().front();
    for (Operation &op : llvm::make_early_inc_range(block)) {
      if (isMovable(&op) && !isWidening(&op)) {
        sinkReshapes(op);
      }
    }
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
      if (isOpTriviallyDead(&op)) {
        op.erase();
      }
    }
  }
};
} // namespace
} // namespace mome

// See TensorPart.h.
#include "passes/TensorPart.h"

#include "passes/BodyEmitter.h"

using namespace mlir;
using namespace mome;
using nn::FusionRole;

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}

static TensorPart wholeOf(Value value) {
  SmallVector<int64_t> strides(shapeOf(value).size(), 1);
  for (size_t axis = strides.size(); axis > 1; --axis) {
    strides[axis - 2] = strides[axis - 1] * shapeOf(value)[axis - 1];
  }
  return {value, 0, strides};
}

/// The value as a part of what an index map reads.
static std::optional<TensorPart> findPart(Value value) {
  auto map = value.getDefiningOp<nn::AccessOpInterface>();
  if (!map || isa<nn::ReshapeOp>(map) || shapeOf(value).empty()) {
    return std::nullopt;
  }
  SmallVector<nn::AccessPiece> pieces = map.getAccessPieces();
  if (pieces.size() != 1 || pieces.front().guards.getNumResults() > 0) {
    return std::nullopt;
  }
  Value whole = map->getOperand(pieces.front().operand);
  auto strides =
      getCoefficients(linearize(pieces.front().index, shapeOf(whole)), shapeOf(value).size());
  if (!strides) {
    return std::nullopt;
  }
  int64_t offset = strides->pop_back_val();
  return strides->back() == 1 ? std::optional(TensorPart{whole, offset, *strides}) : std::nullopt;
}

/// Where an operand of `map` lies in its result, if nothing changes but the place.
static std::optional<TensorPart> findPlace(nn::AccessOpInterface map,
                                           const nn::AccessPiece &piece) {
  TensorPart part = wholeOf(map->getResult(0));
  unsigned rank = part.strides.size();
  if (piece.index.getNumResults() != rank) {
    return std::nullopt;
  }
  for (auto [axis, expr] : llvm::enumerate(piece.index.getResults())) {
    AffineExpr shift =
        simplifyAffineExpr(expr - getAffineDimExpr(axis, map->getContext()), rank, 0);
    auto constant = dyn_cast<AffineConstantExpr>(shift);
    if (!constant) {
      return std::nullopt;
    }
    part.offset -= constant.getValue() * part.strides[axis];
  }
  return part;
}

static bool mayBePart(OpOperand &operand) {
  auto attention = dyn_cast<nn::Narrowable>(operand.getOwner());
  return attention && nn::getFusionRole(attention) == FusionRole::attention &&
         llvm::is_contained(attention.getNarrowOperands(), operand.getOperandNumber());
}

static bool mayBePart(OpResult result) {
  auto attention = dyn_cast<nn::Narrowable>(result.getOwner());
  return attention && nn::getFusionRole(attention) == FusionRole::attention &&
         llvm::is_contained(attention.getNarrowResults(), result.getResultNumber());
}

bool mome::readsPart(Operation *root, Value value) {
  std::optional<TensorPart> part = findPart(value);
  if (!part) {
    return false;
  }
  bool reads = false;
  llvm::SmallDenseSet<Value> parts; // of the same tensor
  int64_t elements = 0;
  for (OpOperand &operand : root->getOpOperands()) {
    std::optional<TensorPart> other = findPart(operand.get());
    if (operand.get() == value && !mayBePart(operand)) {
      return false;
    }
    reads |= operand.get() == value;
    if (other && other->whole == part->whole && parts.insert(operand.get()).second) {
      elements += ShapedType::getNumElements(shapeOf(operand.get()));
    }
  }
  return reads && elements >= ShapedType::getNumElements(shapeOf(part->whole));
}

bool mome::joinsParts(Operation *op, Operation *root) {
  auto map = dyn_cast<nn::AccessOpInterface>(op);
  if (!map || isa<nn::ReshapeOp>(op)) {
    return false;
  }
  int64_t elements = 0;
  for (const nn::AccessPiece &piece : map.getAccessPieces()) {
    auto part = dyn_cast<OpResult>(op->getOperand(piece.operand));
    if (!part || part.getOwner() != root || !part.hasOneUse() || !mayBePart(part) ||
        !findPlace(map, piece)) {
      return false;
    }
    elements += ShapedType::getNumElements(shapeOf(part));
  }
  return elements == ShapedType::getNumElements(shapeOf(op->getResult(0)));
}

std::optional<TensorPart> mome::findSource(OpOperand &operand) {
  if (isa<BlockArgument>(operand.get())) {
    return wholeOf(operand.get());
  }
  std::optional<TensorPart> part = mayBePart(operand) ? findPart(operand.get()) : std::nullopt;
  return part && isa<BlockArgument>(part->whole) ? part : std::nullopt;
}

std::optional<TensorPart> mome::findTarget(OpResult result) {
  for (OpOperand &use : result.getUses()) {
    if (isa<nn::YieldOp>(use.getOwner())) {
      return wholeOf(result);
    }
    if (!joinsParts(use.getOwner(), result.getOwner())) {
      continue;
    }
    auto map = cast<nn::AccessOpInterface>(use.getOwner());
    for (const nn::AccessPiece &piece : map.getAccessPieces()) {
      if (piece.operand == use.getOperandNumber()) {
        return findPlace(map, piece);
      }
    }
  }
  return std::nullopt;
}

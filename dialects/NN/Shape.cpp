// Ops that move elements: verifier, index maps, derivative and meaning of each, side by side.
// Folds: ShapeFolds.cpp.
#include "dialects/NN/Families.h"
#include "dialects/NN/Infer.h"
#include "dialects/NN/LinalgBuilding.h"
#include "dialects/NN/Verify.h"

#include "mlir/Dialect/Utils/IndexingUtils.h"

using namespace mlir;
using namespace mome::nn;

#define GET_OP_CLASSES
#include "dialects/NN/Shape.cpp.inc"

void mome::nn::registerShapeOps(NNDialect &dialect) {
  dialect.addFamily<
#define GET_OP_LIST
#include "dialects/NN/Shape.cpp.inc"
      >();
}

using Cotangents = ArrayRef<Value>;
using OperandCotangents = SmallVectorImpl<Value>;
using Inputs = ArrayRef<HostTensor>;
using Outputs = MutableArrayRef<HostTensor>;
using Types = SmallVectorImpl<Type>;
using Pieces = SmallVector<AccessPiece>;

namespace {

/// Index expressions over the axes of a result.
struct Axes {
  explicit Axes(Value result) : context(result.getContext()), rank(typeOf(result).getRank()) {
    for (int64_t axis = 0; axis < rank; ++axis) {
      d.push_back(getAffineDimExpr(axis, context));
    }
  }
  AffineMap map(ArrayRef<AffineExpr> exprs) const {
    return AffineMap::get(rank, 0, exprs, context);
  }
  AccessPiece piece(ArrayRef<AffineExpr> index, ArrayRef<AffineExpr> guards = {},
                    unsigned operand = 0) const {
    return {operand, map(index), map(guards)};
  }

  MLIRContext *context;
  int64_t rank;
  SmallVector<AffineExpr> d;
};

} // namespace

/// result[i] = operand[source(i)]; `source` changes its argument in place.
template <typename Source>
static LogicalResult copyElements(const HostTensor &operand, HostTensor &result, Source source) {
  forEachIndex(result.shape, [&](ArrayRef<int64_t> index) {
    SmallVector<int64_t> from(index);
    source(from);
    result.at(index) = operand.at(from);
  });
  return success();
}

//===-- nn.reshape ----------------------------------------------------------------------------===//

LogicalResult ReshapeOp::verify() {
  if (getOperand().getType().getNumElements() != getType().getNumElements()) {
    return emitOpError("C1: ") << getOperand().getType() << " and " << getType()
                               << " have different numbers of elements";
  }
  return success();
}
Pieces ReshapeOp::getAccessPieces() {
  Axes axes(getResult());
  // Axes of equal extents from the left pass through; the rest goes over the row-major position.
  ArrayRef<int64_t> from = typeOf(getOperand()).getShape(), to = typeOf(getResult()).getShape();
  SmallVector<AffineExpr> index;
  size_t same = 0;
  while (same < from.size() && same < to.size() && from[same] == to[same]) {
    index.push_back(axes.d[same++]);
  }
  AffineExpr position = getAffineConstantExpr(0, axes.context);
  for (size_t axis = same; axis < to.size(); ++axis) {
    if (to[axis] != 1) {
      position = position * to[axis] + axes.d[axis];
    }
  }
  for (size_t axis = same; axis < from.size(); ++axis) {
    int64_t stride = ShapedType::getNumElements(from.drop_front(axis + 1));
    AffineExpr quotient = position.floorDiv(stride);
    index.push_back(axis == same ? quotient : quotient % from[axis]);
  }
  return {axes.piece(index)};
}
LogicalResult ReshapeOp::buildVjp(OpBuilder &b, Cotangents dy, OperandCotangents &dx) {
  dx.push_back(ReshapeOp::create(b, getLoc(), getOperand().getType(), dy[0]));
  return success();
}
LogicalResult ReshapeOp::interpret(Inputs in, Outputs out) {
  out[0].data = in[0].data;
  return success();
}

//===-- nn.transpose --------------------------------------------------------------------------===//

LogicalResult TransposeOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                            Types &types) {
  auto type = typeOf(op.getOperand());
  if (!isPermutationVector(op.getPermutation()) ||
      static_cast<int64_t>(op.getPermutation().size()) != type.getRank()) {
    return inferError<TransposeOp>(loc, "C1: permutation must hold each of the ", type.getRank(),
                                   " axes once");
  }
  types.push_back(type.clone(applyPermutation(type.getShape(), op.getPermutation())));
  return success();
}
Pieces TransposeOp::getAccessPieces() {
  Axes axes(getResult());
  return {axes.piece(applyPermutation(axes.d, invertPermutationVector(getPermutation())))};
}
LogicalResult TransposeOp::buildVjp(OpBuilder &b, Cotangents dy, OperandCotangents &dx) {
  dx.push_back(TransposeOp::create(b, getLoc(), dy[0], invertPermutationVector(getPermutation())));
  return success();
}
LogicalResult TransposeOp::interpret(Inputs in, Outputs out) {
  return copyElements(in[0], out[0], [&](SmallVectorImpl<int64_t> &index) {
    SmallVector<int64_t> target(index.begin(), index.end());
    for (auto [axis, from] : llvm::enumerate(getPermutation())) {
      index[from] = target[axis];
    }
  });
}

//===-- nn.broadcast --------------------------------------------------------------------------===//

LogicalResult BroadcastOp::verify() {
  auto from = typeOf(getOperand()), to = typeOf(getResult());
  if (static_cast<int64_t>(getDims().size()) != from.getRank() ||
      !isAxisList(getDims(), to.getRank())) {
    return emitOpError(
               "C1: dims must name one axis of the result, in increasing order, for each of the ")
           << from.getRank() << " operand axes";
  }
  for (auto [axis, dim] : llvm::enumerate(getDims())) {
    int64_t extent = from.getDimSize(axis);
    if (extent != 1 && extent != to.getDimSize(dim)) {
      return emitOpError("C2: operand axis ")
             << axis << " of extent " << extent << " cannot become result axis " << dim
             << " of extent " << to.getDimSize(dim);
    }
  }
  return success();
}
Pieces BroadcastOp::getAccessPieces() {
  Axes axes(getResult());
  SmallVector<AffineExpr> index;
  for (auto [extent, dim] : llvm::zip_equal(typeOf(getOperand()).getShape(), getDims())) {
    index.push_back(extent == 1 ? getAffineConstantExpr(0, axes.context) : axes.d[dim]);
  }
  return {axes.piece(index)};
}
LogicalResult BroadcastOp::buildVjp(OpBuilder &b, Cotangents dy, OperandCotangents &dx) {
  // Sum over every result axis that repeats elements, then restore the operand's axes of extent 1.
  auto from = typeOf(getOperand()), to = typeOf(getResult());
  SmallVector<int64_t> repeated;
  for (int64_t dim = 0; dim < to.getRank(); ++dim) {
    auto *axis = llvm::find(getDims(), dim);
    if (axis == getDims().end() ||
        from.getDimSize(axis - getDims().begin()) != to.getDimSize(dim)) {
      repeated.push_back(dim);
    }
  }
  Value sum = repeated.empty() ? dy[0] : ReduceSumOp::create(b, getLoc(), dy[0], repeated);
  dx.push_back(sum.getType() == from ? sum : ReshapeOp::create(b, getLoc(), from, sum));
  return success();
}
LogicalResult BroadcastOp::interpret(Inputs in, Outputs out) {
  return copyElements(in[0], out[0], [&](SmallVectorImpl<int64_t> &index) {
    SmallVector<int64_t> target(index.begin(), index.end());
    index.clear();
    for (auto [axis, dim] : llvm::enumerate(getDims())) {
      index.push_back(in[0].dim(axis) == 1 ? 0 : target[dim]);
    }
  });
}

//===-- nn.slice ------------------------------------------------------------------------------===//

LogicalResult SliceOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                        Types &types) {
  auto type = typeOf(op.getOperand());
  size_t rank = type.getRank();
  ArrayRef<int64_t> offsets = op.getOffsets(), sizes = op.getSizes(), strides = op.getStrides();
  if (offsets.size() != rank || sizes.size() != rank || strides.size() != rank) {
    return inferError<SliceOp>(loc, "C1: needs one offset, size and stride for each of the ", rank,
                               " axes");
  }
  for (size_t axis = 0; axis < rank; ++axis) {
    if (offsets[axis] < 0 || sizes[axis] < 1 || strides[axis] < 1) {
      return inferError<SliceOp>(loc, "C2: axis ", axis,
                                 ": needs offset >= 0, size >= 1 and stride >= 1");
    }
    if (offsets[axis] + (sizes[axis] - 1) * strides[axis] >= type.getDimSize(axis)) {
      return inferError<SliceOp>(loc, "C3: axis ", axis, ": leaves the operand's extent ",
                                 type.getDimSize(axis));
    }
  }
  types.push_back(type.clone(sizes));
  return success();
}
Pieces SliceOp::getAccessPieces() {
  Axes axes(getResult());
  SmallVector<AffineExpr> index;
  for (auto [d, offset, stride] : llvm::zip_equal(axes.d, getOffsets(), getStrides())) {
    index.push_back(d * stride + offset);
  }
  return {axes.piece(index)};
}
LogicalResult SliceOp::buildVjp(OpBuilder &b, Cotangents dy, OperandCotangents &dx) {
  SmallVector<int64_t> high, interior;
  for (auto [extent, offset, size, stride] :
       llvm::zip_equal(typeOf(getOperand()).getShape(), getOffsets(), getSizes(), getStrides())) {
    interior.push_back(stride - 1);
    high.push_back(extent - offset - (size - 1) * stride - 1);
  }
  dx.push_back(PadOp::create(b, getLoc(), dy[0], getOffsets(), high, interior, APFloat(0.0)));
  return success();
}
LogicalResult SliceOp::interpret(Inputs in, Outputs out) {
  return copyElements(in[0], out[0], [&](SmallVectorImpl<int64_t> &index) {
    for (auto [i, offset, stride] : llvm::zip_equal(index, getOffsets(), getStrides())) {
      i = offset + i * stride;
    }
  });
}

//===-- nn.pad --------------------------------------------------------------------------------===//

LogicalResult PadOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                      Types &types) {
  auto type = typeOf(op.getOperand());
  size_t rank = type.getRank();
  ArrayRef<int64_t> low = op.getLow(), high = op.getHigh(), interior = op.getInterior();
  if (low.size() != rank || high.size() != rank || interior.size() != rank) {
    return inferError<PadOp>(loc, "C1: needs one low, high and interior for each of the ", rank,
                             " axes");
  }
  SmallVector<int64_t> shape;
  for (size_t axis = 0; axis < rank; ++axis) {
    if (low[axis] < 0 || high[axis] < 0 || interior[axis] < 0) {
      return inferError<PadOp>(loc, "C2: axis ", axis,
                               ": low, high and interior must not be negative");
    }
    int64_t extent = type.getDimSize(axis);
    int64_t gaps = std::max<int64_t>(extent - 1, 0);
    shape.push_back(low[axis] + extent + gaps * interior[axis] + high[axis]);
  }
  types.push_back(type.clone(shape));
  return success();
}
Pieces PadOp::getAccessPieces() {
  Axes axes(getResult());
  SmallVector<AffineExpr> index, guards;
  for (auto [d, extent, low, high, interior] : llvm::zip_equal(
           axes.d, typeOf(getOperand()).getShape(), getLow(), getHigh(), getInterior())) {
    int64_t pitch = interior + 1;
    AffineExpr position = d - low;
    index.push_back(position.floorDiv(pitch));
    if (low > 0) {
      guards.push_back(position);
    }
    if (high > 0) {
      guards.push_back((extent - 1) * pitch - position);
    }
    if (interior > 0) {
      guards.push_back(-(position % pitch));
    }
  }
  return {axes.piece(index, guards)};
}
double PadOp::getFill() {
  return getValue().convertToDouble();
}
LogicalResult PadOp::buildVjp(OpBuilder &b, Cotangents dy, OperandCotangents &dx) {
  SmallVector<int64_t> strides;
  for (int64_t interior : getInterior()) {
    strides.push_back(interior + 1);
  }
  dx.push_back(
      SliceOp::create(b, getLoc(), dy[0], getLow(), typeOf(getOperand()).getShape(), strides));
  return success();
}
LogicalResult PadOp::interpret(Inputs in, Outputs out) {
  llvm::fill(out[0].data, getFill());
  forEachIndex(in[0].shape, [&](ArrayRef<int64_t> index) {
    SmallVector<int64_t> to(index);
    for (auto [i, low, interior] : llvm::zip_equal(to, getLow(), getInterior())) {
      i = low + i * (interior + 1);
    }
    out[0].at(to) = in[0].at(index);
  });
  return success();
}

//===-- nn.concat -----------------------------------------------------------------------------===//

LogicalResult ConcatOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                         Types &types) {
  if (op.getInputs().empty()) {
    return inferError<ConcatOp>(loc, "C1: needs at least one operand");
  }
  auto first = typeOf(op.getInputs().front());
  int64_t axis = op.getAxis();
  if (axis < 0 || axis >= first.getRank()) {
    return inferError<ConcatOp>(loc, "C2: axis ", axis, " is not an axis of ", first);
  }
  SmallVector<int64_t> shape(first.getShape());
  shape[axis] = 0;
  for (Value input : op.getInputs()) {
    auto type = typeOf(input);
    SmallVector<int64_t> rest(type.getShape());
    if (type.getRank() == first.getRank()) {
      shape[axis] += type.getDimSize(axis);
      rest[axis] = first.getDimSize(axis);
    }
    if (ArrayRef(rest) != first.getShape() || type.getElementType() != first.getElementType()) {
      return inferError<ConcatOp>(loc, "C3: ", type, " and ", first,
                                  " differ in more than the extent of axis ", axis);
    }
  }
  types.push_back(first.clone(shape));
  return success();
}
Pieces ConcatOp::getAccessPieces() {
  Axes axes(getResult());
  Pieces pieces;
  int64_t begin = 0, total = typeOf(getResult()).getDimSize(getAxis());
  for (auto [number, input] : llvm::enumerate(getInputs())) {
    int64_t end = begin + typeOf(input).getDimSize(getAxis());
    AffineExpr d = axes.d[getAxis()];
    SmallVector<AffineExpr> index(axes.d), guards;
    index[getAxis()] = d - begin;
    if (begin > 0) {
      guards.push_back(d - begin);
    }
    if (end < total) {
      guards.push_back(end - 1 - d);
    }
    pieces.push_back(axes.piece(index, guards, number));
    begin = end;
  }
  return pieces;
}
LogicalResult ConcatOp::buildVjp(OpBuilder &b, Cotangents dy, OperandCotangents &dx) {
  int64_t rank = typeOf(getResult()).getRank();
  SmallVector<int64_t> offsets(rank, 0), strides(rank, 1);
  for (Value input : getInputs()) {
    ArrayRef<int64_t> sizes = typeOf(input).getShape();
    dx.push_back(SliceOp::create(b, getLoc(), dy[0], offsets, sizes, strides));
    offsets[getAxis()] += sizes[getAxis()];
  }
  return success();
}
LogicalResult ConcatOp::interpret(Inputs in, Outputs out) {
  int64_t begin = 0;
  for (const HostTensor &input : in) {
    forEachIndex(input.shape, [&](ArrayRef<int64_t> index) {
      SmallVector<int64_t> to(index);
      to[getAxis()] += begin;
      out[0].at(to) = input.at(index);
    });
    begin += input.dim(getAxis());
  }
  return success();
}

//===-- nn.roll, nn.shift ---------------------------------------------------------------------===//

LogicalResult RollOp::verify() {
  return verifyAxis(*this, "C1", getAxis(), typeOf(getOperand()));
}
Pieces RollOp::getAccessPieces() {
  Axes axes(getResult());
  int64_t extent = typeOf(getResult()).getDimSize(getAxis());
  SmallVector<AffineExpr> index(axes.d);
  index[getAxis()] = (axes.d[getAxis()] - getShift()) % extent;
  return {axes.piece(index)};
}
LogicalResult RollOp::buildVjp(OpBuilder &b, Cotangents dy, OperandCotangents &dx) {
  dx.push_back(RollOp::create(b, getLoc(), dy[0], -getShift(), getAxis()));
  return success();
}
LogicalResult RollOp::interpret(Inputs in, Outputs out) {
  int64_t extent = in[0].dim(getAxis());
  return copyElements(in[0], out[0], [&](SmallVectorImpl<int64_t> &index) {
    int64_t &i = index[getAxis()];
    i = llvm::mod(i - getShift(), extent);
  });
}

LogicalResult ShiftOp::verify() {
  return verifyAxis(*this, "C1", getAxis(), typeOf(getOperand()));
}
Pieces ShiftOp::getAccessPieces() {
  Axes axes(getResult());
  int64_t extent = typeOf(getResult()).getDimSize(getAxis());
  SmallVector<AffineExpr> index(axes.d);
  AffineExpr from = index[getAxis()] = axes.d[getAxis()] - getBy();
  return {axes.piece(index, {from, extent - 1 - from})};
}
LogicalResult ShiftOp::buildVjp(OpBuilder &b, Cotangents dy, OperandCotangents &dx) {
  dx.push_back(ShiftOp::create(b, getLoc(), dy[0], -getBy(), getAxis()));
  return success();
}
LogicalResult ShiftOp::interpret(Inputs in, Outputs out) {
  forEachIndex(in[0].shape, [&](ArrayRef<int64_t> index) {
    SmallVector<int64_t> to(index);
    to[getAxis()] += getBy();
    if (to[getAxis()] >= 0 && to[getAxis()] < in[0].dim(getAxis())) {
      out[0].at(to) = in[0].at(index);
    }
  });
  return success();
}

//===-- Lowering: all by their index maps -----------------------------------------------------===//

#define NN_LOWER_ACCESS(OP)                                                                        \
  LogicalResult OP::lowerToLinalg(OpBuilder &b, ValueRange operands,                               \
                                  SmallVectorImpl<Value> &out) {                                   \
    out.push_back(lowerAccess(*this, b, operands));                                                \
    return success();                                                                              \
  }
NN_LOWER_ACCESS(ReshapeOp)
NN_LOWER_ACCESS(TransposeOp)
NN_LOWER_ACCESS(BroadcastOp)
NN_LOWER_ACCESS(SliceOp)
NN_LOWER_ACCESS(PadOp)
NN_LOWER_ACCESS(ConcatOp)
NN_LOWER_ACCESS(RollOp)
NN_LOWER_ACCESS(ShiftOp)

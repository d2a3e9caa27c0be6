// Ops whose addresses depend on data.
#include "dialects/NN/Families.h"
#include "dialects/NN/Infer.h"
#include "dialects/NN/LinalgBuilding.h"
#include "dialects/NN/Verify.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mome::nn;

#define GET_OP_CLASSES
#include "dialects/NN/Gather.cpp.inc"

void mome::nn::registerGatherOps(NNDialect &dialect) {
  dialect.addFamily<
#define GET_OP_LIST
#include "dialects/NN/Gather.cpp.inc"
      >();
}

/// The shape of nn.take: the axis replaced by the axes of the indices.
static SmallVector<int64_t> takeShape(ArrayRef<int64_t> operand, ArrayRef<int64_t> indices,
                                      int64_t axis) {
  SmallVector<int64_t> shape(operand.take_front(axis));
  llvm::append_range(shape, indices);
  llvm::append_range(shape, operand.drop_front(axis + 1));
  return shape;
}

/// The pieces of an index into nn.take's result: before the axis, into the indices, after the axis.
template <typename T> struct TakeIndex {
  TakeIndex(ArrayRef<T> index, int64_t axis, int64_t indicesRank)
      : before(index.take_front(axis)), position(index.slice(axis, indicesRank)),
        after(index.drop_front(axis + indicesRank)) {}
  /// The index into nn.take's operand.
  SmallVector<T> at(T chosen) const {
    SmallVector<T> index(before);
    index.push_back(chosen);
    llvm::append_range(index, after);
    return index;
  }
  ArrayRef<T> before, position, after;
};

//===-- nn.take -------------------------------------------------------------------------------===//

LogicalResult TakeOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                       SmallVectorImpl<Type> &types) {
  auto type = typeOf(op.getOperand());
  if (op.getAxis() < 0 || op.getAxis() >= type.getRank()) {
    return inferError<TakeOp>(loc, "C1: axis ", op.getAxis(), " is not an axis of ", type);
  }
  types.push_back(
      type.clone(takeShape(type.getShape(), typeOf(op.getIndices()).getShape(), op.getAxis())));
  return success();
}

double TakeOp::getFlops() {
  return 0.0;
}

LogicalResult TakeOp::buildVjp(OpBuilder &b, ArrayRef<Value> dy, SmallVectorImpl<Value> &dx) {
  dx.push_back(
      TakeBackwardOp::create(b, getLoc(), getOperand().getType(), dy[0], getIndices(), getAxis()));
  dx.push_back(Value());
  return success();
}

LogicalResult TakeOp::interpret(ArrayRef<HostTensor> in, MutableArrayRef<HostTensor> out) {
  forEachIndex(out[0].shape, [&](ArrayRef<int64_t> index) {
    TakeIndex<int64_t> take(index, getAxis(), in[1].rank());
    auto chosen = static_cast<int64_t>(in[1].at(take.position));
    if (chosen >= 0 && chosen < in[0].dim(getAxis())) {
      out[0].at(index) = in[0].at(take.at(chosen));
    }
  });
  return success();
}

LogicalResult TakeOp::lowerToLinalg(OpBuilder &builder, ValueRange operands,
                                    SmallVectorImpl<Value> &results) {
  auto type = typeOf(getResult());
  int64_t indicesRank = typeOf(getIndices()).getRank();
  int64_t extent = typeOf(getOperand()).getDimSize(getAxis());
  AffineMap toIndices =
      builder.getMultiDimIdentityMap(type.getRank()).getSliceMap(getAxis(), indicesRank);
  auto body = [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
    SmallVector<Value> index;
    for (int64_t axis = 0; axis < type.getRank(); ++axis) {
      index.push_back(linalg::IndexOp::create(b, axis));
    }
    Value chosen = arith::IndexCastOp::create(b, b.getIndexType(), args[0]);
    Value inside = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, chosen,
                                         arith::ConstantIndexOp::create(b, extent));
    Value zero = arith::ConstantIndexOp::create(b, 0);
    Value safe = arith::SelectOp::create(b, inside, chosen, zero);
    TakeIndex<Value> take(index, getAxis(), indicesRank);
    Value element = tensor::ExtractOp::create(b, operands[0], take.at(safe));
    return arith::SelectOp::create(b, inside, element, emitConstant(b, element.getType(), 0.0));
  };
  results.push_back(buildMap(builder, getLoc(), type, operands[1], toIndices, body));
  return success();
}

//===-- nn.take_backward ----------------------------------------------------------------------===//

LogicalResult TakeBackwardOp::verify() {
  auto type = typeOf(getResult());
  if (failed(verifyAxis(*this, "C1", getAxis(), type))) {
    return failure();
  }
  auto expected =
      type.clone(takeShape(type.getShape(), typeOf(getIndices()).getShape(), getAxis()));
  if (getCotangent().getType() != expected) {
    return emitOpError("C2: the cotangent must be ") << expected;
  }
  return success();
}

double TakeBackwardOp::getFlops() {
  return typeOf(getCotangent()).getNumElements();
}

LogicalResult TakeBackwardOp::interpret(ArrayRef<HostTensor> in, MutableArrayRef<HostTensor> out) {
  forEachIndex(in[0].shape, [&](ArrayRef<int64_t> index) {
    TakeIndex<int64_t> take(index, getAxis(), in[1].rank());
    auto chosen = static_cast<int64_t>(in[1].at(take.position));
    if (chosen >= 0 && chosen < out[0].dim(getAxis())) {
      out[0].at(take.at(chosen)) += in[0].at(index);
    }
  });
  return success();
}

LogicalResult TakeBackwardOp::lowerToLinalg(OpBuilder &builder, ValueRange operands,
                                            SmallVectorImpl<Value> &results) {
  // Loops: before, positions, after, and the chosen row, which is in the result only. Each row
  // looks at every position, so that rows can run in parallel and each adds in one order.
  auto cotangent = typeOf(getCotangent()), type = typeOf(getResult());
  int64_t rank = cotangent.getRank(), indicesRank = typeOf(getIndices()).getRank();
  int64_t extent = type.getDimSize(getAxis());
  MLIRContext *context = builder.getContext();

  // The extra loop needs an input to give its extent: the row numbers.
  auto rowsType = RankedTensorType::get({extent}, builder.getI64Type());
  Value rows = buildMap(
      builder, getLoc(), rowsType, {}, {}, [&](ImplicitLocOpBuilder &b, ValueRange) -> Value {
        return arith::IndexCastOp::create(b, b.getI64Type(), linalg::IndexOp::create(b, 0));
      });
  SmallVector<AffineExpr> d;
  for (int64_t axis = 0; axis <= rank; ++axis) {
    d.push_back(getAffineDimExpr(axis, context));
  }
  TakeIndex<AffineExpr> take(ArrayRef(d).drop_back(), getAxis(), indicesRank);
  auto map = [&](ArrayRef<AffineExpr> exprs) {
    return AffineMap::get(rank + 1, 0, exprs, context);
  };
  SmallVector<AffineMap> maps = {map(ArrayRef(d).drop_back()), map(take.position), map(d.back())};
  auto body = [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
    Value chosen = args[1];
    if (chosen.getType() != args[2].getType()) {
      chosen = arith::ExtSIOp::create(b, args[2].getType(), chosen);
    }
    Value hit = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, chosen, args[2]);
    return arith::SelectOp::create(b, hit, arith::AddFOp::create(b, args[3], args[0]), args[3]);
  };
  SmallVector<Value> inputs = {operands[0], operands[1], rows};
  results.push_back(
      buildReduction(builder, getLoc(), type, inputs, maps, map(take.at(d.back())), 0.0, body));
  return success();
}

//===-- nn.one_hot ----------------------------------------------------------------------------===//

LogicalResult OneHotOp::verify() {
  if (typeOf(getResult()).getRank() == 0 ||
      typeOf(getResult()).getShape().drop_back() != typeOf(getIndices()).getShape()) {
    return emitOpError("C1: ") << getType() << " is not " << getIndices().getType()
                               << " with one more axis";
  }
  return success();
}

LogicalResult OneHotOp::interpret(ArrayRef<HostTensor> in, MutableArrayRef<HostTensor> out) {
  forEachIndex(out[0].shape, [&](ArrayRef<int64_t> index) {
    out[0].at(index) = in[0].at(index.drop_back()) == index.back() ? 1.0 : 0.0;
  });
  return success();
}

LogicalResult OneHotOp::decompose(OpBuilder &b, SmallVectorImpl<Value> &results) {
  auto type = typeOf(getResult());
  auto wide = type.clone(typeOf(getIndices()).getElementType());
  auto dims = llvm::to_vector(llvm::seq<int64_t>(0, type.getRank() - 1));
  Value index = BroadcastOp::create(b, getLoc(), wide, getIndices(), dims);
  Value position = IotaOp::create(b, getLoc(), wide, type.getRank() - 1);
  Value hit = CompareOp::create(b, getLoc(), CompareKind::eq, index, position);
  results.push_back(CastOp::create(b, getLoc(), type, hit));
  return success();
}

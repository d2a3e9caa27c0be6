// Elementwise arithmetic: derivative, scalar code and meaning of each op, side by side.
#include "dialects/NN/Families.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include <cmath>

using namespace mlir;
using namespace mome::nn;

#define GET_OP_CLASSES
#include "dialects/NN/Elementwise.cpp.inc"

void mome::nn::registerElementwiseOps(NNDialect &dialect) {
  dialect.addFamily<
#define GET_OP_LIST
#include "dialects/NN/Elementwise.cpp.inc"
      >();
}

using Cotangents = ArrayRef<Value>;
using OperandCotangents = SmallVectorImpl<Value>;

/// Applies `function` to every element of one or two operands.
template <typename Function>
static LogicalResult mapUnary(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results,
                              Function function) {
  for (int64_t i = 0; i < results[0].size(); ++i) {
    results[0][i] = function(operands[0].broadcastAt(i));
  }
  return success();
}
template <typename Function>
static LogicalResult mapBinary(ArrayRef<HostTensor> operands, MutableArrayRef<HostTensor> results,
                               Function function) {
  for (int64_t i = 0; i < results[0].size(); ++i) {
    results[0][i] = function(operands[0].broadcastAt(i), operands[1].broadcastAt(i));
  }
  return success();
}

static bool isSplat(Attribute attr, double value) {
  auto splat = dyn_cast_if_present<SplatElementsAttr>(attr);
  return splat && isa<FloatType>(splat.getElementType()) &&
         splat.getSplatValue<APFloat>().isExactlyValue(value);
}

//===-- nn.add
//-----------------------------------------------------------------------------------===//

OpFoldResult AddOp::fold(FoldAdaptor adaptor) {
  return isSplat(adaptor.getRhs(), 0.0) ? OpFoldResult(getLhs()) : OpFoldResult();
}
LogicalResult AddOp::buildVjp(OpBuilder &, Cotangents dy, OperandCotangents &dx) {
  dx.append({dy[0], dy[0]});
  return success();
}
Value AddOp::emitScalar(ImplicitLocOpBuilder &b, ValueRange args, Value) {
  return arith::AddFOp::create(b, args[0], args[1]);
}
LogicalResult AddOp::interpret(ArrayRef<HostTensor> in, MutableArrayRef<HostTensor> out) {
  return mapBinary(in, out, [](double x, double y) { return x + y; });
}

//===-- nn.sub
//-----------------------------------------------------------------------------------===//

LogicalResult SubOp::buildVjp(OpBuilder &b, Cotangents dy, OperandCotangents &dx) {
  dx.append({dy[0], NegOp::create(b, getLoc(), dy[0])});
  return success();
}
Value SubOp::emitScalar(ImplicitLocOpBuilder &b, ValueRange args, Value) {
  return arith::SubFOp::create(b, args[0], args[1]);
}
LogicalResult SubOp::interpret(ArrayRef<HostTensor> in, MutableArrayRef<HostTensor> out) {
  return mapBinary(in, out, [](double x, double y) { return x - y; });
}

//===-- nn.mul
//-----------------------------------------------------------------------------------===//

OpFoldResult MulOp::fold(FoldAdaptor adaptor) {
  return isSplat(adaptor.getRhs(), 1.0) ? OpFoldResult(getLhs()) : OpFoldResult();
}
LogicalResult MulOp::buildVjp(OpBuilder &b, Cotangents dy, OperandCotangents &dx) {
  dx.append(
      {MulOp::create(b, getLoc(), dy[0], getRhs()), MulOp::create(b, getLoc(), dy[0], getLhs())});
  return success();
}
Value MulOp::emitScalar(ImplicitLocOpBuilder &b, ValueRange args, Value) {
  return arith::MulFOp::create(b, args[0], args[1]);
}
LogicalResult MulOp::interpret(ArrayRef<HostTensor> in, MutableArrayRef<HostTensor> out) {
  return mapBinary(in, out, [](double x, double y) { return x * y; });
}

//===-- nn.neg
//-----------------------------------------------------------------------------------===//

LogicalResult NegOp::buildVjp(OpBuilder &b, Cotangents dy, OperandCotangents &dx) {
  dx.push_back(NegOp::create(b, getLoc(), dy[0]));
  return success();
}
Value NegOp::emitScalar(ImplicitLocOpBuilder &b, ValueRange args, Value) {
  return arith::NegFOp::create(b, args[0]);
}
LogicalResult NegOp::interpret(ArrayRef<HostTensor> in, MutableArrayRef<HostTensor> out) {
  return mapUnary(in, out, [](double x) { return -x; });
}

//===-- nn.exp
//-----------------------------------------------------------------------------------===//

LogicalResult ExpOp::buildVjp(OpBuilder &b, Cotangents dy, OperandCotangents &dx) {
  dx.push_back(MulOp::create(b, getLoc(), dy[0], getResult()));
  return success();
}
Value ExpOp::emitScalar(ImplicitLocOpBuilder &b, ValueRange args, Value) {
  return math::ExpOp::create(b, args[0]);
}
LogicalResult ExpOp::interpret(ArrayRef<HostTensor> in, MutableArrayRef<HostTensor> out) {
  return mapUnary(in, out, [](double x) { return std::exp(x); });
}

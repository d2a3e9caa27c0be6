// Optimizer updates: shape, elementwise form and meaning of each, side by side.
#include "dialects/NN/Families.h"
#include "dialects/NN/RowProgram.h"

#include <cmath>

using namespace mlir;
using namespace mome::nn;

#define GET_OP_CLASSES
#include "dialects/NN/Optim.cpp.inc"

void mome::nn::registerOptimOps(NNDialect &dialect) {
  dialect.addFamily<
#define GET_OP_LIST
#include "dialects/NN/Optim.cpp.inc"
      >();
}

using Inputs = ArrayRef<HostTensor>;
using Outputs = MutableArrayRef<HostTensor>;
using Types = SmallVectorImpl<Type>;
using Results = SmallVectorImpl<Value>;

/// C1 and C2: the first `tensors` operands have one type, the others are scalars of its element
/// type.
template <typename Op>
static LogicalResult checkUpdate(std::optional<Location> loc, ValueRange operands, size_t tensors) {
  RankedTensorType type = typeOf(operands[0]);
  for (Value operand : operands.take_front(tensors)) {
    if (typeOf(operand) != type) {
      return inferError<Op>(loc, "C1: gradient and moments must have the parameter's type, ", type);
    }
  }
  for (Value operand : operands.drop_front(tensors)) {
    if (typeOf(operand).getElementType() != type.getElementType()) {
      return inferError<Op>(loc, "C2: the scalars must have the parameter's element type, ",
                            type.getElementType());
    }
  }
  return success();
}

LogicalResult AdamWOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                        Types &types) {
  types.append(3, op.getParam().getType());
  return checkUpdate<AdamWOp>(loc, op.getOperands(), 4);
}

LogicalResult AdamWOp::interpret(Inputs in, Outputs out) {
  double lr = in[4][0], beta1 = in[5][0], beta2 = in[6][0], eps = in[7][0], decay = in[8][0];
  double bias1 = in[9][0], bias2 = in[10][0], scale = in[11][0];
  for (int64_t i = 0; i < in[0].size(); ++i) {
    double g = scale * in[1][i];
    double m = beta1 * in[2][i] + (1.0 - beta1) * g;
    double v = beta2 * in[3][i] + (1.0 - beta2) * g * g;
    out[0][i] = (1.0 - lr * decay) * in[0][i] - lr * (m / bias1) / (std::sqrt(v / bias2) + eps);
    out[1][i] = m;
    out[2][i] = v;
  }
  return success();
}

LogicalResult AdamWOp::decompose(OpBuilder &b, Results &results) {
  TensorExpr param = tensorExpr(b, getLoc(), getParam());
  auto tensor = [&](Value value) { return tensorExpr(b, getLoc(), value); };
  auto scalar = [&](Value value) { return fillLike(tensor(value), param); };
  TensorExpr lr = scalar(getLr()), beta1 = scalar(getBeta1()), beta2 = scalar(getBeta2());

  TensorExpr g = scalar(getGradScale()) * tensor(getGrad());
  TensorExpr m = beta1 * tensor(getM()) + (1.0 - beta1) * g;
  TensorExpr v = beta2 * tensor(getV()) + (1.0 - beta2) * g * g;
  TensorExpr decayed = (1.0 - lr * scalar(getWeightDecay())) * param;
  // Divisions of scalars are made once: a division of every element would bound the speed.
  TensorExpr rate = lr / scalar(getBias1()), unbias = 1.0 / scalar(getBias2());
  TensorExpr deviation = sqrt(unbias * v) + scalar(getEps());
  results.append({decayed - rate * m / deviation, m, v});
  return success();
}

LogicalResult SgdOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                      Types &types) {
  types.append(2, op.getParam().getType());
  return checkUpdate<SgdOp>(loc, op.getOperands(), 3);
}

LogicalResult SgdOp::interpret(Inputs in, Outputs out) {
  double lr = in[3][0], momentum = in[4][0], decay = in[5][0], scale = in[6][0];
  for (int64_t i = 0; i < in[0].size(); ++i) {
    double g = scale * in[1][i] + decay * in[0][i];
    double buffer = momentum * in[2][i] + g;
    out[0][i] = in[0][i] - lr * (getNesterov() ? g + momentum * buffer : buffer);
    out[1][i] = buffer;
  }
  return success();
}

LogicalResult SgdOp::decompose(OpBuilder &b, Results &results) {
  TensorExpr param = tensorExpr(b, getLoc(), getParam());
  auto tensor = [&](Value value) { return tensorExpr(b, getLoc(), value); };
  auto scalar = [&](Value value) { return fillLike(tensor(value), param); };
  TensorExpr momentum = scalar(getMomentum());

  TensorExpr g = scalar(getGradScale()) * tensor(getGrad()) + scalar(getWeightDecay()) * param;
  TensorExpr buffer = momentum * tensor(getBuffer()) + g;
  TensorExpr direction = getNesterov() ? g + momentum * buffer : buffer;
  results.append({param - scalar(getLr()) * direction, buffer});
  return success();
}

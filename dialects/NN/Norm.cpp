// Normalisation: shape, derivative, row program and meaning of each op, side by side.
#include "dialects/NN/Families.h"
#include "dialects/NN/FloatCast.h"
#include "dialects/NN/LinalgBuilding.h"
#include "dialects/NN/RowMath.h"
#include "dialects/NN/RowProgram.h"

#include <cmath>

using namespace mlir;
using namespace mome::nn;

#define GET_OP_CLASSES
#include "dialects/NN/Norm.cpp.inc"

void mome::nn::registerNormOps(NNDialect &dialect) {
  dialect.addFamily<
#define GET_OP_LIST
#include "dialects/NN/Norm.cpp.inc"
      >();
}

using Inputs = ArrayRef<HostTensor>;
using Outputs = MutableArrayRef<HostTensor>;
using Types = SmallVectorImpl<Type>;
using Cotangents = ArrayRef<Value>;
using OperandCotangents = SmallVectorImpl<Value>;
using Results = SmallVectorImpl<Value>;

static bool hasRows(RankedTensorType type) {
  return type.getRank() > 0 && type.getShape().back() > 0;
}
static bool fitsLastAxis(RankedTensorType parameter, RankedTensorType x) {
  return parameter.getShape() == x.getShape().take_back(1);
}
static RankedTensorType optionalType(Value value) {
  return value ? typeOf(value) : RankedTensorType();
}

//===-- nn.layer_norm -----------------------------------------------------------------------===//

LogicalResult LayerNormOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                            Types &types) {
  RankedTensorType x = typeOf(op.getX());
  if (!hasRows(x)) {
    return inferError<LayerNormOp>(loc, "C1: ", x, " has no last axis to normalise");
  }
  for (RankedTensorType parameter : {optionalType(op.getGamma()), optionalType(op.getBeta())}) {
    if (parameter && !fitsLastAxis(parameter, x)) {
      return inferError<LayerNormOp>(loc, "C2: ", parameter, " does not fit the last axis of ", x);
    }
    if (parameter && parameter.getElementType() != x.getElementType()) {
      return inferError<LayerNormOp>(loc, "C3: gamma and beta must have the element type of x");
    }
  }
  if (!(op.getEps().convertToDouble() >= 0.0)) {
    return inferError<LayerNormOp>(loc, "C4: eps must not be negative");
  }
  types.append({x, getRowType(x), getRowType(x)});
  return success();
}

LogicalResult LayerNormOp::interpret(Inputs in, Outputs out) {
  const HostTensor &x = in[0];
  const HostTensor *gamma = getGamma() ? &in[1] : nullptr;
  const HostTensor *beta = getBeta() ? &in.back() : nullptr;
  int64_t width = x.shape.back();
  for (int64_t row = 0; row < out[1].size(); ++row) {
    ArrayRef<double> values = getRow(x, row);
    double mean = 0.0, variance = 0.0;
    for (double value : values) {
      mean += value / width;
    }
    for (double value : values) {
      variance += (value - mean) * (value - mean) / width;
    }
    double rstd = 1.0 / std::sqrt(variance + getEps().convertToDouble());
    for (int64_t c = 0; c < width; ++c) {
      double normal = (values[c] - mean) * rstd;
      getRow(out[0], row)[c] = normal * (gamma ? (*gamma)[c] : 1.0) + (beta ? (*beta)[c] : 0.0);
    }
    out[1][row] = mean;
    out[2][row] = rstd;
  }
  return success();
}

LogicalResult LayerNormOp::buildVjp(OpBuilder &b, Cotangents cotangents, OperandCotangents &dx) {
  if (failed(checkResiduals(*this, cotangents))) {
    return failure();
  }
  auto backward = LayerNormBackwardOp::create(b, getLoc(), cotangents[0], getX(), getMean(),
                                              getRstd(), getGamma());
  dx.push_back(backward.getResult());
  if (getGamma()) {
    dx.push_back(backward.getDgamma());
  }
  if (getBeta()) {
    dx.push_back(backward.getDbeta());
  }
  return success();
}

LogicalResult LayerNormOp::decompose(OpBuilder &b, Results &results) {
  TensorExpr x = wideExpr(b, getLoc(), getX());
  TensorExpr mean = rowSum(x) * (1.0 / rowLength(x));
  TensorExpr centered = x - alongRows(mean, x);
  TensorExpr variance = rowSum(centered * centered) * (1.0 / rowLength(x));
  TensorExpr rstd = rsqrt(variance + getEps().convertToDouble());
  TensorExpr y = centered * alongRows(rstd, x);
  if (getGamma()) {
    y = y * acrossRows(wideExpr(b, getLoc(), getGamma()), x);
  }
  if (getBeta()) {
    y = y + acrossRows(wideExpr(b, getLoc(), getBeta()), x);
  }
  results.append({narrowTo(y, getX()), mean, rstd});
  return success();
}

LogicalResult LayerNormBackwardOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc,
                                                    Adaptor op, Types &types) {
  RankedTensorType x = typeOf(op.getX()), gamma = optionalType(op.getGamma());
  if (typeOf(op.getCotangent()) != x || !hasRows(x)) {
    return inferError<LayerNormBackwardOp>(loc, "C1: dy and x must have one type with a last axis");
  }
  if (typeOf(op.getMean()) != getRowType(x) || typeOf(op.getRstd()) != getRowType(x)) {
    return inferError<LayerNormBackwardOp>(loc, "C2: mean and rstd must be ", getRowType(x));
  }
  if (gamma && (!fitsLastAxis(gamma, x) || gamma.getElementType() != x.getElementType())) {
    return inferError<LayerNormBackwardOp>(loc, "C3: ", gamma, " does not fit the last axis of ",
                                           x);
  }
  RankedTensorType column = x.clone(x.getShape().take_back(1));
  types.append({x, column, column});
  return success();
}

LogicalResult LayerNormBackwardOp::interpret(Inputs in, Outputs out) {
  int64_t width = in[1].shape.back();
  for (int64_t row = 0; row < in[2].size(); ++row) {
    std::vector<double> normal(width), scaled(width);
    double meanScaled = 0.0, meanProduct = 0.0;
    for (int64_t c = 0; c < width; ++c) {
      normal[c] = (getRow(in[1], row)[c] - in[2][row]) * in[3][row];
      scaled[c] = getRow(in[0], row)[c] * (getGamma() ? in[4][c] : 1.0);
      meanScaled += scaled[c] / width;
      meanProduct += scaled[c] * normal[c] / width;
      out[1][c] += getRow(in[0], row)[c] * normal[c];
      out[2][c] += getRow(in[0], row)[c];
    }
    for (int64_t c = 0; c < width; ++c) {
      getRow(out[0], row)[c] = in[3][row] * (scaled[c] - meanScaled - normal[c] * meanProduct);
    }
  }
  return success();
}

LogicalResult LayerNormBackwardOp::decompose(OpBuilder &b, Results &results) {
  TensorExpr x = wideExpr(b, getLoc(), getX()), dy = wideExpr(b, getLoc(), getCotangent());
  TensorExpr rstd = alongRows(tensorExpr(b, getLoc(), getRstd()), x);
  TensorExpr normal = (x - alongRows(tensorExpr(b, getLoc(), getMean()), x)) * rstd;
  TensorExpr g = getGamma() ? dy * acrossRows(wideExpr(b, getLoc(), getGamma()), x) : dy;
  double share = 1.0 / rowLength(x);
  TensorExpr meanG = alongRows(rowSum(g) * share, x);
  TensorExpr meanProduct = alongRows(rowSum(g * normal) * share, x);
  results.append({narrowTo(rstd * (g - meanG - normal * meanProduct), getX()),
                  narrowTo(sumOver(dy * normal, leadingAxes(getX())), getX()),
                  narrowTo(sumOver(dy, leadingAxes(getX())), getX())});
  return success();
}

//===-- Softmax and its logarithm -----------------------------------------------------------===//

static LogicalResult verifyRows(Operation *op) {
  auto type = cast<RankedTensorType>(op->getOperand(0).getType());
  if (!hasRows(type)) {
    return op->emitOpError("C1: ") << type << " has no last axis to sum over";
  }
  return success();
}
LogicalResult SoftmaxOp::verify() {
  return verifyRows(*this);
}
LogicalResult SoftmaxBackwardOp::verify() {
  return verifyRows(*this);
}
LogicalResult LogSoftmaxOp::verify() {
  return verifyRows(*this);
}

/// Calls `body(row of in, row of out)` for every row.
template <typename Body>
static LogicalResult mapRows(const HostTensor &in, HostTensor &out, Body body) {
  for (int64_t row = 0; row < in.size() / in.shape.back(); ++row) {
    body(getRow(in, row), getRow(out, row));
  }
  return success();
}

LogicalResult SoftmaxOp::interpret(Inputs in, Outputs out) {
  return mapRows(in[0], out[0], [](ArrayRef<double> x, MutableArrayRef<double> y) {
    double lse = logsumexp(x);
    for (size_t i = 0; i < x.size(); ++i) {
      y[i] = std::exp(x[i] - lse);
    }
  });
}

LogicalResult SoftmaxOp::buildVjp(OpBuilder &b, Cotangents dy, OperandCotangents &dx) {
  dx.push_back(SoftmaxBackwardOp::create(b, getLoc(), dy[0], getResult()));
  return success();
}
LogicalResult SoftmaxOp::decompose(OpBuilder &b, Results &results) {
  ShiftedRows rows(wideExpr(b, getLoc(), getOperand()));
  TensorExpr share = alongRows(1.0 / rows.sum, rows.shifted);
  results.push_back(narrowTo(rows.exponentials * share, getResult()));
  return success();
}

LogicalResult SoftmaxBackwardOp::decompose(OpBuilder &b, Results &results) {
  TensorExpr dy = wideExpr(b, getLoc(), getCotangent()), y = wideExpr(b, getLoc(), getY());
  results.push_back(narrowTo(y * (dy - alongRows(rowSum(dy * y), y)), getResult()));
  return success();
}
LogicalResult SoftmaxBackwardOp::interpret(Inputs in, Outputs out) {
  for (int64_t row = 0; row < in[0].size() / in[0].shape.back(); ++row) {
    ArrayRef<double> dy = getRow(in[0], row), y = getRow(in[1], row);
    double sum = 0.0;
    for (size_t i = 0; i < y.size(); ++i) {
      sum += dy[i] * y[i];
    }
    for (size_t i = 0; i < y.size(); ++i) {
      getRow(out[0], row)[i] = y[i] * (dy[i] - sum);
    }
  }
  return success();
}

LogicalResult LogSoftmaxOp::interpret(Inputs in, Outputs out) {
  return mapRows(in[0], out[0], [](ArrayRef<double> x, MutableArrayRef<double> y) {
    double lse = logsumexp(x);
    for (size_t i = 0; i < x.size(); ++i) {
      y[i] = x[i] - lse;
    }
  });
}

LogicalResult LogSoftmaxOp::buildVjp(OpBuilder &b, Cotangents cotangents, OperandCotangents &dx) {
  TensorExpr y = wideExpr(b, getLoc(), getResult()), dy = wideExpr(b, getLoc(), cotangents[0]);
  dx.push_back(narrowTo(dy - exp(y) * alongRows(rowSum(dy), y), getOperand()));
  return success();
}
LogicalResult LogSoftmaxOp::decompose(OpBuilder &b, Results &results) {
  ShiftedRows rows(wideExpr(b, getLoc(), getOperand()));
  results.push_back(narrowTo(rows.logSoftmax(), getResult()));
  return success();
}

LogicalResult LogsumexpOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                            Types &types) {
  RankedTensorType x = typeOf(op.getOperand());
  if (!hasRows(x)) {
    return inferError<LogsumexpOp>(loc, "C1: ", x, " has no last axis to sum over");
  }
  types.push_back(getRowType(x));
  return success();
}
LogicalResult LogsumexpOp::interpret(Inputs in, Outputs out) {
  for (int64_t row = 0; row < out[0].size(); ++row) {
    out[0][row] = logsumexp(getRow(in[0], row));
  }
  return success();
}

LogicalResult LogsumexpOp::buildVjp(OpBuilder &b, Cotangents cotangents, OperandCotangents &dx) {
  TensorExpr x = wideExpr(b, getLoc(), getOperand());
  TensorExpr lse = tensorExpr(b, getLoc(), getResult());
  TensorExpr dy = tensorExpr(b, getLoc(), cotangents[0]);
  dx.push_back(narrowTo(alongRows(dy, x) * exp(x - alongRows(lse, x)), getOperand()));
  return success();
}
LogicalResult LogsumexpOp::decompose(OpBuilder &b, Results &results) {
  results.push_back(ShiftedRows(wideExpr(b, getLoc(), getOperand())).logsumexp());
  return success();
}

//===-- nn.batch_norm -----------------------------------------------------------------------===//

LogicalResult BatchNormOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                            Types &types) {
  RankedTensorType x = typeOf(op.getX());
  if (x.getRank() < 2 || x.getNumElements() == 0) {
    return inferError<BatchNormOp>(loc, "C1: x needs a batch and a channel axis: ", x);
  }
  auto parameter = RankedTensorType::get(x.getShape().slice(1, 1), x.getElementType());
  if (typeOf(op.getGamma()) != parameter || typeOf(op.getBeta()) != parameter) {
    return inferError<BatchNormOp>(loc, "C2: gamma and beta must be ", parameter);
  }
  if (!(op.getEps().convertToDouble() >= 0.0)) {
    return inferError<BatchNormOp>(loc, "C3: eps must not be negative");
  }
  auto statistic = RankedTensorType::get(parameter.getShape(), getWideType(x.getElementType()));
  types.append({x, statistic, statistic});
  return success();
}

double BatchNormOp::getFlops() {
  return 8.0 * typeOf(getX()).getNumElements();
}

LogicalResult BatchNormOp::interpret(Inputs in, Outputs out) {
  const HostTensor &x = in[0];
  int64_t channels = x.dim(1), inner = ShapedType::getNumElements(ArrayRef(x.shape).drop_front(2));
  double count = x.size() / channels;
  auto channelOf = [&](int64_t i) { return i / inner % channels; };
  HostTensor &mean = out[1], &variance = out[2];
  for (int64_t i = 0; i < x.size(); ++i) {
    mean[channelOf(i)] += x[i] / count;
  }
  for (int64_t i = 0; i < x.size(); ++i) {
    double centered = x[i] - mean[channelOf(i)];
    variance[channelOf(i)] += centered * centered / count;
  }
  for (int64_t i = 0; i < x.size(); ++i) {
    int64_t c = channelOf(i);
    double rstd = 1.0 / std::sqrt(variance[c] + getEps().convertToDouble());
    out[0][i] = (x[i] - mean[c]) * rstd * in[1][c] + in[2][c];
  }
  return success();
}

/// All axes but the channels'.
static SmallVector<int64_t> getBatchAxes(Value x) {
  return llvm::filter_to_vector(llvm::seq<int64_t>(0, typeOf(x).getRank()),
                                [](int64_t axis) { return axis != 1; });
}

LogicalResult BatchNormOp::buildVjp(OpBuilder &b, Cotangents cotangents, OperandCotangents &dx) {
  if (failed(checkResiduals(*this, cotangents))) {
    return failure();
  }
  TensorExpr x = wideExpr(b, getLoc(), getX()), dy = wideExpr(b, getLoc(), cotangents[0]);
  TensorExpr mean = tensorExpr(b, getLoc(), getMean());
  TensorExpr rstd = rsqrt(tensorExpr(b, getLoc(), getVariance()) + getEps().convertToDouble());
  TensorExpr gamma = wideExpr(b, getLoc(), getGamma());
  auto perChannel = [&](TensorExpr value) { return broadcastTo(value, x, {1}); };

  TensorExpr normal = (x - perChannel(mean)) * perChannel(rstd);
  TensorExpr dGamma = sumOver(dy * normal, getBatchAxes(getX()));
  TensorExpr dBeta = sumOver(dy, getBatchAxes(getX()));
  RankedTensorType type = typeOf(getX());
  double share = 1.0 * type.getDimSize(1) / type.getNumElements();
  TensorExpr centered = dy - perChannel(dBeta * share) - normal * perChannel(dGamma * share);
  dx.append({narrowTo(perChannel(gamma * rstd) * centered, getX()), narrowTo(dGamma, getGamma()),
             narrowTo(dBeta, getBeta())});
  return success();
}

/// sum of `body(x, per-channel values)` over each channel, divided by their number.
static Value lowerChannelMean(OpBuilder &b, BatchNormOp op, ValueRange inputs, ElementBody body) {
  RankedTensorType x = typeOf(op.getX());
  AffineMap all = b.getMultiDimIdentityMap(x.getRank());
  AffineMap toChannel = all.getSubMap({1});
  SmallVector<AffineMap> maps(inputs.size(), toChannel);
  maps[0] = all;
  RankedTensorType type = typeOf(op.getMean());
  Value sum = buildReduction(b, op.getLoc(), type, inputs, maps, toChannel, 0.0,
                             [&](ImplicitLocOpBuilder &inner, ValueRange args) -> Value {
                               return arith::AddFOp::create(inner, args.back(),
                                                            body(inner, args.drop_back()));
                             });
  double share = 1.0 * x.getDimSize(1) / x.getNumElements();
  return buildMap(b, op.getLoc(), type, sum, b.getMultiDimIdentityMap(1),
                  [&](ImplicitLocOpBuilder &inner, ValueRange args) -> Value {
                    return scalarExpr(inner, args[0]) * share;
                  });
}

LogicalResult BatchNormOp::lowerToLinalg(OpBuilder &b, ValueRange operands, Results &results) {
  Value x = operands[0], gamma = operands[1], beta = operands[2];
  Value mean = lowerChannelMean(b, *this, x,
                                [](ImplicitLocOpBuilder &, ValueRange args) { return args[0]; });
  Value variance = lowerChannelMean(
      b, *this, {x, mean}, [](ImplicitLocOpBuilder &inner, ValueRange args) -> Value {
        ScalarExpr centered = scalarExpr(inner, args[0]) - scalarExpr(inner, args[1]);
        return centered * centered;
      });
  AffineMap all = b.getMultiDimIdentityMap(typeOf(getX()).getRank());
  AffineMap toChannel = all.getSubMap({1});
  double eps = getEps().convertToDouble();
  auto normalize = [&](ImplicitLocOpBuilder &inner, ValueRange args) -> Value {
    auto arg = [&](unsigned i) { return scalarExpr(inner, emitWide(inner, args[i])); };
    ScalarExpr normal = (arg(0) - arg(3)) * rsqrt(arg(4) + eps);
    return emitFloatCast(inner, normal * arg(1) + arg(2), typeOf(getX()).getElementType());
  };
  results.push_back(buildMap(b, getLoc(), typeOf(getX()), {x, gamma, beta, mean, variance},
                             {all, toChannel, toChannel, toChannel, toChannel}, normalize));
  results.append({mean, variance});
  return success();
}

// Losses by rows: shape, derivative, row program and meaning of each, side by side.
#include "dialects/NN/Families.h"
#include "dialects/NN/RowMath.h"
#include "dialects/NN/RowProgram.h"

#include <cmath>

using namespace mlir;
using namespace mome::nn;

#define GET_OP_CLASSES
#include "dialects/NN/Loss.cpp.inc"

void mome::nn::registerLossOps(NNDialect &dialect) {
  dialect.addFamily<
#define GET_OP_LIST
#include "dialects/NN/Loss.cpp.inc"
      >();
}

using Inputs = ArrayRef<HostTensor>;
using Outputs = MutableArrayRef<HostTensor>;
using Types = SmallVectorImpl<Type>;
using Cotangents = ArrayRef<Value>;
using OperandCotangents = SmallVectorImpl<Value>;
using Results = SmallVectorImpl<Value>;
using OptionalLoc = std::optional<Location>;

/// C1 of every loss.
template <typename Op> static LogicalResult checkRows(OptionalLoc loc, RankedTensorType type) {
  if (type.getRank() < 1 || type.getShape().back() == 0) {
    return inferError<Op>(loc, "C1: ", type, " has no last axis to sum over");
  }
  return success();
}

//===-- nn.cross_entropy --------------------------------------------------------------------===//

/// C1 to C3 of nn.cross_entropy and its backward form.
template <typename Op>
static LogicalResult checkCrossEntropy(OptionalLoc loc, typename Op::Adaptor op) {
  RankedTensorType logits = typeOf(op.getLogits()), labels = typeOf(op.getLabels());
  if (failed(checkRows<Op>(loc, logits))) {
    return failure();
  }
  if (labels.getShape() != logits.getShape().drop_back()) {
    return inferError<Op>(loc, "C2: labels ", labels, " do not fit logits ", logits);
  }
  Type wide = getWideType(logits.getElementType());
  if (op.getSmoothing() && typeOf(op.getSmoothing()).getElementType() != wide) {
    return inferError<Op>(loc, "C3: smoothing must have the element type ", wide);
  }
  return success();
}

LogicalResult CrossEntropyOp::inferReturnTypes(MLIRContext *, OptionalLoc loc, Adaptor op,
                                               Types &types) {
  if (failed(checkCrossEntropy<CrossEntropyOp>(loc, op))) {
    return failure();
  }
  types.append(2, getRowType(typeOf(op.getLogits())));
  return success();
}

/// Is the label a class?
static bool isClass(double label, size_t classes) {
  return label >= 0 && label < classes;
}

LogicalResult CrossEntropyOp::interpret(Inputs in, Outputs out) {
  double smoothing = getSmoothing() ? in[2][0] : 0.0;
  for (int64_t row = 0; row < out[0].size(); ++row) {
    ArrayRef<double> logits = getRow(in[0], row);
    double lse = logsumexp(logits), label = in[1][row];
    out[1][row] = lse;
    if (!isClass(label, logits.size())) {
      continue;
    }
    double loss = (1.0 - smoothing) * (lse - logits[label]);
    for (double logit : logits) {
      loss += smoothing == 0.0 ? 0.0 : smoothing / logits.size() * (lse - logit);
    }
    out[0][row] = loss;
  }
  return success();
}

LogicalResult CrossEntropyOp::buildVjp(OpBuilder &b, Cotangents cotangents, OperandCotangents &dx) {
  if (failed(checkResiduals(*this, cotangents))) {
    return failure();
  }
  dx.assign(getNumOperands(), Value());
  dx[0] = CrossEntropyBackwardOp::create(b, getLoc(), getLogits(), getLabels(), getLse(),
                                         cotangents[0], getSmoothing());
  return success();
}

namespace {

/// The labels of a row program: which logit is the label's, and whether the label is a class.
struct LabelRows {
  LabelRows(OpBuilder &b, Location loc, Value labels, TensorExpr logits) {
    RankedTensorType rows = typeOf(labels);
    RankedTensorType full = typeOf(logits.value).clone(rows.getElementType());
    Value classes = IotaOp::create(b, loc, full, full.getRank() - 1);
    Value spread = alongRows(tensorExpr(b, loc, labels), logits);
    isLabel = CompareOp::create(b, loc, CompareKind::eq, classes, spread);
    Value first = buildSplat(b, loc, rows, 0.0), end = buildSplat(b, loc, rows, rowLength(logits));
    atLeastFirst = CompareOp::create(b, loc, CompareKind::ge, labels, first);
    beforeEnd = CompareOp::create(b, loc, CompareKind::lt, labels, end);
  }
  /// 0 for rows whose label is no class.
  TensorExpr mask(TensorExpr perRow) const {
    TensorExpr zero = perRow.constant(0.0);
    return select(atLeastFirst, select(beforeEnd, perRow, zero), zero);
  }

  Value isLabel, atLeastFirst, beforeEnd;
};

} // namespace

LogicalResult CrossEntropyOp::decompose(OpBuilder &b, Results &results) {
  TensorExpr z = wideExpr(b, getLoc(), getLogits());
  LabelRows labels(b, getLoc(), getLabels(), z);
  ShiftedRows rows(z);
  // Relative to the maximum, the label's term and the logarithm of the sum have few digits to lose.
  TensorExpr loss = -rowSum(select(labels.isLabel, rows.logSoftmax(), z.constant(0.0)));
  if (getSmoothing()) {
    TensorExpr smoothing = fillLike(tensorExpr(b, getLoc(), getSmoothing()), loss);
    TensorExpr mean = -rowSum(rows.logSoftmax()) * (1.0 / rowLength(z));
    loss = (1.0 - smoothing) * loss + smoothing * mean;
  }
  results.append({labels.mask(loss), rows.logsumexp()});
  return success();
}

LogicalResult CrossEntropyBackwardOp::decompose(OpBuilder &b, Results &results) {
  TensorExpr z = wideExpr(b, getLoc(), getLogits());
  LabelRows labels(b, getLoc(), getLabels(), z);
  TensorExpr target = select(labels.isLabel, z.constant(1.0), z.constant(0.0));
  if (getSmoothing()) {
    TensorExpr smoothing = fillLike(tensorExpr(b, getLoc(), getSmoothing()), z);
    target = (1.0 - smoothing) * target + smoothing * (1.0 / rowLength(z));
  }
  TensorExpr probability = exp(z - alongRows(tensorExpr(b, getLoc(), getLse()), z));
  TensorExpr weight = labels.mask(tensorExpr(b, getLoc(), getCotangent()));
  results.push_back(narrowTo(alongRows(weight, z) * (probability - target), getLogits()));
  return success();
}

LogicalResult CrossEntropyBackwardOp::inferReturnTypes(MLIRContext *, OptionalLoc loc, Adaptor op,
                                                       Types &types) {
  if (failed(checkCrossEntropy<CrossEntropyBackwardOp>(loc, op))) {
    return failure();
  }
  RankedTensorType logits = typeOf(op.getLogits()), row = getRowType(logits);
  if (typeOf(op.getLse()) != row || typeOf(op.getCotangent()) != row) {
    return inferError<CrossEntropyBackwardOp>(loc, "C4: lse and the cotangent must be ", row);
  }
  types.push_back(logits);
  return success();
}

LogicalResult CrossEntropyBackwardOp::interpret(Inputs in, Outputs out) {
  double smoothing = getSmoothing() ? in[4][0] : 0.0;
  for (int64_t row = 0; row < in[2].size(); ++row) {
    ArrayRef<double> logits = getRow(in[0], row);
    double label = in[1][row];
    if (!isClass(label, logits.size())) {
      continue;
    }
    for (size_t k = 0; k < logits.size(); ++k) {
      double target = (k == label ? 1.0 - smoothing : 0.0) + smoothing / logits.size();
      getRow(out[0], row)[k] = in[3][row] * (std::exp(logits[k] - in[2][row]) - target);
    }
  }
  return success();
}

//===-- nn.soft_cross_entropy ---------------------------------------------------------------===//

LogicalResult SoftCrossEntropyOp::inferReturnTypes(MLIRContext *, OptionalLoc loc, Adaptor op,
                                                   Types &types) {
  RankedTensorType logits = typeOf(op.getLogits());
  if (failed(checkRows<SoftCrossEntropyOp>(loc, logits))) {
    return failure();
  }
  if (typeOf(op.getTarget()) != logits) {
    return inferError<SoftCrossEntropyOp>(loc, "C2: the targets must be ", logits);
  }
  types.push_back(getRowType(logits));
  return success();
}

Value SoftCrossEntropyOp::getTeacherValue() {
  return getTarget();
}
Value SoftCrossEntropyOp::getStudentValue() {
  return getLogits();
}

LogicalResult SoftCrossEntropyOp::interpret(Inputs in, Outputs out) {
  for (int64_t row = 0; row < out[0].size(); ++row) {
    ArrayRef<double> logits = getRow(in[0], row), target = getRow(in[1], row);
    double lse = logsumexp(logits);
    for (size_t k = 0; k < logits.size(); ++k) {
      out[0][row] += target[k] * (lse - logits[k]);
    }
  }
  return success();
}

LogicalResult SoftCrossEntropyOp::buildVjp(OpBuilder &b, Cotangents cotangents,
                                           OperandCotangents &dx) {
  TensorExpr z = wideExpr(b, getLoc(), getLogits()), t = wideExpr(b, getLoc(), getTarget());
  TensorExpr dLoss = alongRows(tensorExpr(b, getLoc(), cotangents[0]), z);
  TensorExpr logSoftmax = z.make<LogSoftmaxOp>();
  TensorExpr dz = dLoss * (exp(logSoftmax) * alongRows(rowSum(t), z) - t);
  dx.append({narrowTo(dz, getLogits()), narrowTo(-dLoss * logSoftmax, getTarget())});
  return success();
}

LogicalResult SoftCrossEntropyOp::decompose(OpBuilder &b, Results &results) {
  TensorExpr z = wideExpr(b, getLoc(), getLogits()), t = wideExpr(b, getLoc(), getTarget());
  results.push_back(-rowSum(t * ShiftedRows(z).logSoftmax()));
  return success();
}

//===-- nn.kl -------------------------------------------------------------------------------===//

/// C1 and C2 of nn.kl and its backward form.
template <typename Op> static LogicalResult checkKl(OptionalLoc loc, typename Op::Adaptor op) {
  RankedTensorType teacher = typeOf(op.getTeacher());
  if (failed(checkRows<Op>(loc, teacher))) {
    return failure();
  }
  if (typeOf(op.getStudent()) != teacher) {
    return inferError<Op>(loc, "C2: the student must have the teacher's type, ", teacher);
  }
  return success();
}

LogicalResult KlOp::inferReturnTypes(MLIRContext *, OptionalLoc loc, Adaptor op, Types &types) {
  if (failed(checkKl<KlOp>(loc, op))) {
    return failure();
  }
  types.append(3, getRowType(typeOf(op.getTeacher())));
  return success();
}

Value KlOp::getTeacherValue() {
  return getTeacher();
}
Value KlOp::getStudentValue() {
  return getStudent();
}

LogicalResult KlOp::interpret(Inputs in, Outputs out) {
  for (int64_t row = 0; row < out[0].size(); ++row) {
    ArrayRef<double> teacher = getRow(in[0], row), student = getRow(in[1], row);
    double teacherLse = logsumexp(teacher), studentLse = logsumexp(student);
    for (size_t i = 0; i < teacher.size(); ++i) {
      double logP = teacher[i] - teacherLse, logQ = student[i] - studentLse;
      out[0][row] += std::exp(logP) * (logP - logQ);
    }
    out[1][row] = teacherLse;
    out[2][row] = studentLse;
  }
  return success();
}

LogicalResult KlOp::buildVjp(OpBuilder &b, Cotangents cotangents, OperandCotangents &dx) {
  if (failed(checkResiduals(*this, cotangents))) {
    return failure();
  }
  auto perRow = [&](Value value) { return tensorExpr(b, getLoc(), value); };
  TensorExpr teacher = wideExpr(b, getLoc(), getTeacher());
  TensorExpr student = wideExpr(b, getLoc(), getStudent());
  TensorExpr logP = teacher - alongRows(perRow(getTeacherLse()), teacher);
  TensorExpr logQ = student - alongRows(perRow(getStudentLse()), student);
  TensorExpr excess = logP - logQ - alongRows(perRow(getDivergence()), teacher);
  TensorExpr dTeacher = alongRows(perRow(cotangents[0]), teacher) * exp(logP) * excess;
  dx.push_back(narrowTo(dTeacher, getTeacher()));
  dx.push_back(KlBackwardOp::create(b, getLoc(), getTeacher(), getStudent(), getTeacherLse(),
                                    getStudentLse(), cotangents[0]));
  return success();
}

LogicalResult KlOp::decompose(OpBuilder &b, Results &results) {
  ShiftedRows teacher(wideExpr(b, getLoc(), getTeacher()));
  ShiftedRows student(wideExpr(b, getLoc(), getStudent()));
  // sum p (log p - log q) with what log p and log q share taken out of the sum: two exponentials per
  // element, and 0 to the bit where the rows are equal.
  TensorExpr excess = rowSum(teacher.exponentials * (teacher.shifted - student.shifted));
  TensorExpr divergence = excess / teacher.sum - (teacher.logSum - student.logSum);
  results.append({divergence, teacher.logsumexp(), student.logsumexp()});
  return success();
}

LogicalResult KlBackwardOp::decompose(OpBuilder &b, Results &results) {
  TensorExpr teacher = wideExpr(b, getLoc(), getTeacher());
  TensorExpr student = wideExpr(b, getLoc(), getStudent());
  auto spread = [&](Value value) { return alongRows(tensorExpr(b, getLoc(), value), teacher); };
  TensorExpr p = exp(teacher - spread(getTeacherLse()));
  TensorExpr q = exp(student - spread(getStudentLse()));
  results.push_back(narrowTo(spread(getCotangent()) * (q - p), getStudent()));
  return success();
}

LogicalResult KlBackwardOp::inferReturnTypes(MLIRContext *, OptionalLoc loc, Adaptor op,
                                             Types &types) {
  if (failed(checkKl<KlBackwardOp>(loc, op))) {
    return failure();
  }
  RankedTensorType teacher = typeOf(op.getTeacher()), row = getRowType(teacher);
  for (Value perRow : {op.getTeacherLse(), op.getStudentLse(), op.getCotangent()}) {
    if (typeOf(perRow) != row) {
      return inferError<KlBackwardOp>(loc, "C3: the lse and the cotangent must be ", row);
    }
  }
  types.push_back(teacher);
  return success();
}

LogicalResult KlBackwardOp::interpret(Inputs in, Outputs out) {
  for (int64_t row = 0; row < in[2].size(); ++row) {
    ArrayRef<double> teacher = getRow(in[0], row), student = getRow(in[1], row);
    for (size_t i = 0; i < teacher.size(); ++i) {
      double p = std::exp(teacher[i] - in[2][row]), q = std::exp(student[i] - in[3][row]);
      getRow(out[0], row)[i] = in[4][row] * (q - p);
    }
  }
  return success();
}

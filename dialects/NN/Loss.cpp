// Losses by rows: shapes and meaning.
#include "dialects/NN/Families.h"
#include "dialects/NN/Infer.h"
#include "dialects/NN/RowMath.h"

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
    return inferError<Op>(loc, "C3: smoothing must be tensor<", wide, ">");
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

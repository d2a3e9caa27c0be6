// The vocabulary of row programs (Decomposable::decompose) and of derivatives by rows: sums and
// maxima along the last axis, and values repeated along or across rows. bf16 computes in f32.
#ifndef MOME_DIALECTS_NN_ROWPROGRAM_H
#define MOME_DIALECTS_NN_ROWPROGRAM_H

#include "dialects/NN/Expr.h"
#include "dialects/NN/Infer.h"

#include "llvm/ADT/Sequence.h"

namespace mome::nn {

inline TensorExpr castTo(TensorExpr x, mlir::Type element) {
  mlir::RankedTensorType type = typeOf(x.value);
  if (type.getElementType() == element) {
    return x;
  }
  auto result = mlir::RankedTensorType::get(type.getShape(), element);
  return {x.kit, CastOp::create(*x.kit.builder, x.kit.loc, result, x.value)};
}
/// The operand of an op as an expression in the wide element type.
inline TensorExpr wideExpr(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value) {
  return castTo(tensorExpr(builder, loc, value), getWideType(typeOf(value).getElementType()));
}
/// A result in the element type of `like`.
inline mlir::Value narrowTo(TensorExpr x, mlir::Value like) {
  return castTo(x, typeOf(like).getElementType());
}

/// x with its axes placed at `dims` of the shape of `like`.
inline TensorExpr broadcastTo(TensorExpr x, TensorExpr like, llvm::ArrayRef<int64_t> dims) {
  auto type = typeOf(like.value).clone(typeOf(x.value).getElementType());
  return {x.kit, BroadcastOp::create(*x.kit.builder, x.kit.loc, type, x.value, dims)};
}
/// One value per row, repeated along the rows of `like`.
inline TensorExpr alongRows(TensorExpr perRow, TensorExpr like) {
  return broadcastTo(perRow, like,
                     llvm::to_vector(llvm::seq<int64_t>(0, typeOf(perRow.value).getRank())));
}
/// One value per column, the same in all rows of `like`.
inline TensorExpr acrossRows(TensorExpr perColumn, TensorExpr like) {
  return broadcastTo(perColumn, like, {typeOf(like.value).getRank() - 1});
}
/// A scalar, repeated over the shape of `like`.
inline TensorExpr fillLike(TensorExpr scalar, TensorExpr like) {
  return broadcastTo(scalar, like, {});
}

inline TensorExpr sumOver(TensorExpr x, llvm::ArrayRef<int64_t> axes) {
  return {x.kit, ReduceSumOp::create(*x.kit.builder, x.kit.loc, x.value, axes)};
}
inline TensorExpr rowSum(TensorExpr x) {
  return sumOver(x, {typeOf(x.value).getRank() - 1});
}
inline TensorExpr rowMax(TensorExpr x) {
  int64_t last = typeOf(x.value).getRank() - 1;
  return {x.kit,
          ReduceMaxOp::create(*x.kit.builder, x.kit.loc, x.value, llvm::ArrayRef<int64_t>(last))};
}
inline double rowLength(TensorExpr x) {
  return typeOf(x.value).getShape().back();
}

/// A row split for stable exponentials: `shifted = x - max`, `logSum = ln sum e^shifted`.
struct ShiftedRows {
  explicit ShiftedRows(TensorExpr x)
      : max(rowMax(x)), shifted(x - alongRows(max, x)), exponentials(exp(shifted)),
        sum(rowSum(exponentials)), logSum(log(sum)) {}
  TensorExpr logsumexp() const { return max + logSum; }
  TensorExpr logSoftmax() const { return shifted - alongRows(logSum, shifted); }

  TensorExpr max, shifted, exponentials, sum, logSum;
};

/// All axes but the last.
inline llvm::SmallVector<int64_t> leadingAxes(mlir::Value x) {
  return llvm::to_vector(llvm::seq<int64_t>(0, typeOf(x).getRank() - 1));
}

/// The results behind the first are residuals of the backward form: fails if the loss depends on
/// one.
inline mlir::LogicalResult checkResiduals(mlir::Operation *op,
                                          llvm::ArrayRef<mlir::Value> cotangents) {
  for (auto [i, cotangent] : llvm::enumerate(cotangents)) {
    if (i > 0 && cotangent) {
      return op->emitOpError("result ")
             << i << " has no derivative, but the loss depends on it; put nn.stop_gradient on it";
    }
  }
  return mlir::success();
}

} // namespace mome::nn
#endif

// Type inference and row access that several families share.
#ifndef MOME_DIALECTS_NN_INFER_H
#define MOME_DIALECTS_NN_INFER_H

#include "dialects/NN/NN.h"

#include <optional>

namespace mome::nn {

inline mlir::RankedTensorType typeOf(mlir::Value value) {
  return mlir::cast<mlir::RankedTensorType>(value.getType());
}

/// The element type that statistics and sums of `element` use: f32 for bf16, else the type itself.
inline mlir::Type getWideType(mlir::Type element) {
  return element.isBF16() ? mlir::Float32Type::get(element.getContext()) : element;
}

/// One statistic per row: the type without its last axis, in the wide element type.
inline mlir::RankedTensorType getRowType(mlir::RankedTensorType type) {
  return mlir::RankedTensorType::get(type.getShape().drop_back(),
                                     getWideType(type.getElementType()));
}

/// "'nn.linear' op C1: ..." at the op's place, from type inference.
template <typename Op, typename... Args>
mlir::LogicalResult inferError(std::optional<mlir::Location> loc, Args &&...args) {
  return mlir::emitOptionalError(loc, "'", Op::getOperationName(), "' op ",
                                 std::forward<Args>(args)...);
}

/// Row `row` of a tensor seen as [rows, last axis].
inline llvm::ArrayRef<double> getRow(const HostTensor &tensor, int64_t row) {
  int64_t width = tensor.shape.back();
  return llvm::ArrayRef<double>(tensor.data).slice(row * width, width);
}
inline llvm::MutableArrayRef<double> getRow(HostTensor &tensor, int64_t row) {
  int64_t width = tensor.shape.back();
  return llvm::MutableArrayRef<double>(tensor.data).slice(row * width, width);
}

} // namespace mome::nn
#endif

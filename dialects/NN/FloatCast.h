// Float conversions in scalar code, for scalars and vectors.
#ifndef MOME_DIALECTS_NN_FLOATCAST_H
#define MOME_DIALECTS_NN_FLOATCAST_H

#include "dialects/NN/Infer.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace mome::nn {

/// The type of `like`, a scalar or vector, with another element type.
inline mlir::Type withElement(mlir::Type like, mlir::Type element) {
  auto vector = mlir::dyn_cast<mlir::VectorType>(like);
  return vector ? mlir::Type(vector.clone(element)) : element;
}

/// A float, or a vector of floats, as `element`.
inline mlir::Value emitFloatCast(mlir::ImplicitLocOpBuilder &b, mlir::Value x, mlir::Type element) {
  mlir::Type from = mlir::getElementTypeOrSelf(x.getType());
  mlir::Type type = withElement(x.getType(), element);
  if (from == element) {
    return x;
  }
  if (from.getIntOrFloatBitWidth() < element.getIntOrFloatBitWidth()) {
    return mlir::arith::ExtFOp::create(b, type, x);
  }
  return mlir::arith::TruncFOp::create(b, type, x);
}

/// bf16 as f32, other floats as they are.
inline mlir::Value emitWide(mlir::ImplicitLocOpBuilder &b, mlir::Value x) {
  return emitFloatCast(b, x, getWideType(mlir::getElementTypeOrSelf(x.getType())));
}

} // namespace mome::nn
#endif

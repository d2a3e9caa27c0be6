// Checks that the verifiers of several families share.
#ifndef MOME_DIALECTS_NN_VERIFY_H
#define MOME_DIALECTS_NN_VERIFY_H

#include "dialects/NN/NN.h"

namespace mome::nn {

/// Are `axes` axes of a tensor of that rank, in increasing order?
inline bool isAxisList(llvm::ArrayRef<int64_t> axes, int64_t rank) {
  int64_t previous = -1;
  for (int64_t axis : axes) {
    if (axis <= previous || axis >= rank) {
      return false;
    }
    previous = axis;
  }
  return true;
}

/// "C1: axis 3 is not an axis of tensor<2x2xf32>".
inline mlir::LogicalResult verifyAxis(mlir::Operation *op, llvm::StringRef number, int64_t axis,
                                      mlir::RankedTensorType type) {
  if (axis < 0 || axis >= type.getRank()) {
    return op->emitOpError(number) << ": axis " << axis << " is not an axis of " << type;
  }
  return mlir::success();
}

} // namespace mome::nn
#endif

// The `check` dialect: expectations that mome-interp executes. See Check.td.
#ifndef MOME_DIALECTS_CHECK_CHECK_H
#define MOME_DIALECTS_CHECK_CHECK_H

#include "dialects/NN/NN.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"

#include "dialects/Check/CheckDialect.h.inc"
#define GET_OP_CLASSES
#include "dialects/Check/Check.h.inc"

namespace mome::check {

using nn::forEachIndex;
using nn::HostTensor;

struct Tolerance {
  double relative, absolute;
};

/// The position and values of the first element that is not close, if any. Shapes must be equal.
std::optional<std::string> findDifference(const HostTensor &actual, const HostTensor &expected,
                                          Tolerance tolerance);

/// Uniform numbers in [low, high); rounded down for integer types.
HostTensor randomTensor(mlir::RankedTensorType type, double low, double high, uint64_t seed);

/// Compares the derivative rules of the function's ops with finite differences at `inputs`.
mlir::LogicalResult checkGradient(mlir::Operation *check, mlir::func::FuncOp function,
                                  llvm::ArrayRef<HostTensor> inputs, llvm::ArrayRef<int64_t> wrt,
                                  Tolerance tolerance);

/// Compares the forms in which the function's ops describe themselves.
mlir::LogicalResult checkForms(mlir::Operation *check, mlir::func::FuncOp function,
                               llvm::ArrayRef<HostTensor> inputs, Tolerance tolerance);

} // namespace mome::check
#endif

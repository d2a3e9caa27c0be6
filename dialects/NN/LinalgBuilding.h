// Builds the naive linalg forms of ops (LinalgLowering::lowerToLinalg).
#ifndef MOME_DIALECTS_NN_LINALGBUILDING_H
#define MOME_DIALECTS_NN_LINALGBUILDING_H

#include "dialects/NN/NN.h"

#include "mlir/IR/AffineMap.h"

namespace mome::nn {

/// The scalar code of one element: `args` are the inputs' elements, then the current value of the
/// result.
using ElementBody =
    llvm::function_ref<mlir::Value(mlir::ImplicitLocOpBuilder &, mlir::ValueRange args)>;

/// A parallel linalg.generic over the elements of `type`; `maps` take the result's axes to each
/// input's.
mlir::Value buildMap(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type,
                     mlir::ValueRange inputs, llvm::ArrayRef<mlir::AffineMap> maps,
                     ElementBody body);

/// A linalg.generic that reduces over the loops that `toResult` leaves out, starting at `initial`.
/// `maps` take the loops to each input's axes. bf16 accumulates in f32.
mlir::Value buildReduction(mlir::OpBuilder &builder, mlir::Location loc,
                           mlir::RankedTensorType type, mlir::ValueRange inputs,
                           llvm::ArrayRef<mlir::AffineMap> maps, mlir::AffineMap toResult,
                           double initial, ElementBody body);

/// The identity on `rank` axes without the results `axes`.
mlir::AffineMap dropAxes(mlir::MLIRContext *context, int64_t rank, llvm::ArrayRef<int64_t> axes);

/// The result of an AccessOpInterface op by its pieces.
mlir::Value lowerAccess(AccessOpInterface op, mlir::OpBuilder &builder, mlir::ValueRange operands);

/// Does `axes` hold the last of `rank` axes and nothing else?
inline bool isLastAxis(llvm::ArrayRef<int64_t> axes, int64_t rank) {
  return axes.size() == 1 && axes[0] == rank - 1;
}

} // namespace mome::nn
#endif

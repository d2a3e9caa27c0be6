// The gradient of attention's scores, in tiles: what every launch that computes weights again begins with.
//
//   P = exp(scale Q K^T + bias - lse);  dS = P (dO V^T - delta);  delta = sum over channels of dO O
//
// A block has rows, of keys or of queries, and walks columns of the others. Where it has all keys of a head
// it computes delta itself; else a launch before has left it in scratch memory.
#ifndef MOME_PASSES_CUDA_SCOREGRADIENT_H
#define MOME_PASSES_CUDA_SCOREGRADIENT_H

#include "passes/cuda/AttentionTiles.h"

namespace mome::cuda {

/// Tiles of rows and columns of the scores, and what the scores' gradients come from.
class ScoreGradient : protected AttentionTiles {
protected:
  ScoreGradient(LaunchBuilder &b, const AttentionPlan &plan, nn::AttentionBackwardOp op);
  /// Starts copies.
  void copyRows();
  void copyColumns(mlir::Value first, mlir::Value stage);
  /// Takes what is kept of the rows, once they are there.
  void loadRows();
  /// Of the thread, once all copies are there: P, 0 where there is no column; dP; and dS.
  llvm::SmallVector<mlir::Value> emitWeights(const Columns &columns);
  llvm::SmallVector<mlir::Value> emitWeightGradients(const Columns &columns);
  llvm::SmallVector<mlir::Value> emitGradients(llvm::ArrayRef<mlir::Value> weights,
                                               llvm::ArrayRef<mlir::Value> weightGradients,
                                               const Columns &columns);
  ColumnTile tokensOf(const Columns &columns);
  ColumnTile factorsOf(const Columns &columns);

  const bool hasAllKeys, rowsAreKeys;
  HeadTensor query, key, value, cotangent, result;
  mlir::Value lse, delta; // delta: null if computed here
  // Rows and columns of the scores, and of their gradient.
  const HeadTensor &rowTensor, &columnTensor, &rowFactor, &columnFactor;
  SharedTile rowTile, rowFactorTile, columnTile, columnFactorTile;
  std::optional<SharedTile> resultTile; // for delta

private:
  /// Of the columns' queries, lse (0) or delta (1).
  llvm::SmallVector<mlir::Value> loadColumns(const Columns &columns, int64_t number);
  /// delta of a tile of queries, into `columnValues`.
  void emitDelta(const Columns &columns);
  mlir::Value emitWeight(mlir::Value product, mlir::Value lseOfQuery, mlir::Value row,
                         mlir::Value column);

  llvm::SmallVector<mlir::Value> rows, factors;        // what is kept of the tiles of rows
  llvm::SmallVector<mlir::Value> rowShifts, rowDeltas; // lse and delta, if rows are queries
  mlir::Value columnValues; // else, in shared memory: lse of a tile, then delta, by stage
};

/// `total` plus the products of some neighbours in two buffers, each widened.
mlir::Value addProducts(LaunchBuilder &b, mlir::Value left, mlir::Value right, mlir::Value total);

} // namespace mome::cuda
#endif

// How the threads of a block multiply a tile of rows with a tile of columns, and which sums each
// keeps: fused multiply-adds on f32 (SimtProduct), tensor cores on bf16 (TensorProduct).
//
// The tile of sums leaves the registers in *parts* of neighbouring rows, through a stage in shared
// memory from which threads take neighbours.
#ifndef MOME_PASSES_CUDA_TILEPRODUCT_H
#define MOME_PASSES_CUDA_TILEPRODUCT_H

#include "passes/cuda/SharedTile.h"

#include <memory>

namespace mome::cuda {

/// Of the tile of sums.
struct TileShape {
  int64_t rows, columns, threads;
};

class TileProduct {
public:
  virtual ~TileProduct() = default;

  /// Sums of a thread.
  virtual int64_t countSums() const = 0;
  /// `sums` plus the product of the tiles in these slots.
  virtual llvm::SmallVector<mlir::Value> multiply(mlir::Value rowSlot, mlir::Value columnSlot,
                                                  mlir::ValueRange sums) = 0;
  virtual int64_t getPartRows() const = 0;
  /// Elements of a row of the stage, of which `columns` hold sums: the rest keeps threads that store
  /// at once on different banks.
  virtual int64_t getStageWidth() const = 0;
  /// Stores the thread's sums of a part.
  virtual void storePart(int64_t part, llvm::ArrayRef<mlir::Value> sums, mlir::Value stage) = 0;

  const TileShape shape;
  SharedTile rows, columns;

protected:
  TileProduct(LaunchBuilder &b, TileShape shape, SharedTile rows, SharedTile columns)
      : shape(shape), rows(rows), columns(columns), b(b) {}

  LaunchBuilder &b;
};

/// What a matrix product reads.
struct OperandForm {
  bool isBf16;
  bool depthIsContiguous;
};

/// The shape of tiles for an m x n product, `batch` times; `isBf16`: of its operands.
TileShape chooseTileShape(int64_t batch, int64_t m, int64_t n, bool isBf16);
/// k per tile.
int64_t getTileDepth(bool isBf16);
std::unique_ptr<TileProduct> createTileProduct(LaunchBuilder &b, TileShape shape, OperandForm lhs,
                                               OperandForm rhs);

} // namespace mome::cuda
#endif

// How the threads of a block multiply a tile of rows with a tile of columns, and which sums each
// keeps: fused multiply-adds on f32 (SimtProduct), tensor cores on bf16 or tf32 (TensorProduct), those of
// sm_90a on bf16 (WarpgroupProduct.cpp).
//
// The tile of sums leaves the registers in *parts* of neighbouring rows, through a stage in shared
// memory from which threads take neighbours.
#ifndef MOME_PASSES_CUDA_TILEPRODUCT_H
#define MOME_PASSES_CUDA_TILEPRODUCT_H

#include "passes/cuda/SharedTile.h"
#include "passes/cuda/TileShape.h"

#include <memory>

namespace mome::cuda {

/// Where a step's tiles of rows and of columns lie.
struct TileSlots {
  mlir::Value rows, columns;
};

class TileProduct {
public:
  virtual ~TileProduct() = default;

  /// What a thread carries from step to step: its sums, and what it has read of the next tiles.
  virtual llvm::SmallVector<mlir::Value> begin(TileSlots slots) = 0;
  /// The state after the product of the tiles in these slots. `advance` waits for the tiles of the next
  /// step, and says where they lie; those before may be overwritten from then on. Null: this is the last.
  virtual llvm::SmallVector<mlir::Value> multiply(TileSlots slots, mlir::ValueRange state,
                                                  llvm::function_ref<TileSlots()> advance) = 0;
  /// How many products may still be reading their tiles when `multiply` returns.
  virtual int64_t getProductsUnderWay() const { return 0; }
  /// What the thread has copied will be seen by the others' products after the next barrier.
  virtual void publishCopies() {}
  /// The state when all products are through.
  virtual llvm::SmallVector<mlir::Value> finish(mlir::ValueRange state) {
    return llvm::to_vector(state);
  }
  virtual int64_t getPartRows() const = 0;
  /// Elements of a row of the stage, of which `columns` hold sums: the rest keeps threads that store
  /// at once on different banks.
  virtual int64_t getStageWidth() const = 0;
  /// Stores the thread's sums of a part; `state` begins with all sums.
  virtual void storePart(int64_t part, llvm::ArrayRef<mlir::Value> state, mlir::Value stage) = 0;
  /// True if threads that take `lanes` neighbours from the stage, row by row, each find what they
  /// stored themselves: nobody has to wait then.
  virtual bool takesOwnSums(int64_t) const { return false; }

  const TileShape shape;
  SharedTile rows, columns;

protected:
  TileProduct(LaunchBuilder &b, TileShape shape, SharedTile rows, SharedTile columns)
      : shape(shape), rows(rows), columns(columns), b(b) {}

  llvm::SmallVector<mlir::Value> zeroSums(int64_t count);

  LaunchBuilder &b;
};

/// `rowsAlongDepth`, `columnsAlongDepth`: which operands have their depth contiguous. The second is of
/// bf16, for a shape with warpgroups.
std::unique_ptr<TileProduct> createTileProduct(LaunchBuilder &b, TileShape shape,
                                               Multiplier multiplier, bool rowsAlongDepth,
                                               bool columnsAlongDepth);
std::unique_ptr<TileProduct> createWarpgroupProduct(LaunchBuilder &b, TileShape shape,
                                                    bool rowsAlongDepth, bool columnsAlongDepth);

} // namespace mome::cuda
#endif

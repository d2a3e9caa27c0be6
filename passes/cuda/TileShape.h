// The extents of tiles that blocks multiply (TileProduct.h), and how a product is cut into them.
//
// Of all shapes and numbers of parts, the plan takes the one whose blocks should be through first: the
// busiest multiprocessor's tiles, each as long as its multiply-adds or its accesses to shared memory;
// or what all tiles read from the second-level cache, or that from memory; and the second launch, which
// adds parts.
#ifndef MOME_PASSES_CUDA_TILESHAPE_H
#define MOME_PASSES_CUDA_TILESHAPE_H

#include "passes/cuda/Machine.h"

namespace mome::cuda {

struct TileShape {
  int64_t rows, columns; // of the tile of sums
  int64_t threads;
  int64_t warpRows;        // tensor cores: warps along the rows
  int64_t depth;           // k of a tile
  int64_t stages;          // tiles under way
  bool warpgroups = false; // of sm_90a: groups of four warps multiply 64 rows each
};

/// An m x n product of sums over k, `batch` times.
struct ProductExtents {
  int64_t batch, m, n, k;
  Multiplier multiplier;
  int64_t group;                // such products in one launch
  bool inUnits;                 // both operands can be copied 16 bytes at a time
  llvm::ArrayRef<int64_t> tile; // rows and columns of the tiles, where somebody says so
};

/// How blocks share a product, one of its group.
struct ProductPlan {
  ProductPlan(const ProductExtents &extents, const Machine &machine);

  TileShape shape;
  int64_t rowTiles, columnTiles; // of the result
  int64_t splits, splitDepth;    // of k; a depth is a multiple of a tile's
  int64_t blocks;

private:
  /// The plan with this shape and about so many splits.
  ProductPlan(const ProductExtents &extents, const TileShape &shape, int64_t splits);
  double cyclesOn(const Machine &machine, const ProductExtents &extents) const;
  double memoryCycles(const Machine &machine, const ProductExtents &extents) const;
};

} // namespace mome::cuda
#endif

// The sum beside a product on a device (dialects/NN/OperandSum.h): of each row of A over k, which is what
// the gradient of a bias is to that of its weight.
//
//   block of column tile c:  at every step of k whose number is c modulo the column tiles:
//                              thread (g, p) adds the depths of its group g of the lines 2p, 2p + 1 of A's tile
//                            then over the groups, in order -> parts[split][c][line]
//   second launch:           PartSums.h
//
// So the blocks that share a tile of A share its sum, and each reads from shared memory what it has there. A
// thread's sums lie there too: the product has all registers.
#ifndef MOME_PASSES_CUDA_OPERANDSUM_H
#define MOME_PASSES_CUDA_OPERANDSUM_H

#include "passes/cuda/PartSums.h"
#include "passes/cuda/SharedTile.h"
#include "passes/cuda/TileShape.h"

namespace mome::cuda {

class OperandSum {
public:
  /// Of `lines` rows of A, whose tile is `tile`.
  OperandSum(LaunchBuilder &b, SharedTile &tile, const ProductPlan &plan, int64_t lines);

  /// Sets the thread's sums to zero; they lie at `offset` of the shared memory.
  void start(int64_t offset);
  /// Adds the tile in `slot`, if the step is one of column tile `columnTile`.
  void add(mlir::Value step, mlir::Value columnTile, mlir::Value slot);
  /// Stores the part of the block, whose first row is `firstRow`. Behind a barrier: the last step of k ends with one.
  void finish(mlir::Value split, mlir::Value columnTile, mlir::Value firstRow);

  /// What `finish` stores, in a launch of the same plan.
  static PartSums partsOf(LaunchBuilder &b, const ProductPlan &plan, int64_t lines);

private:
  int64_t groups() const { return plan.shape.threads / pairs; }
  /// Depths of a group that follow each other: their places in a row of the tile are known by then.
  int64_t chunk() const;
  mlir::Value addTile(mlir::Value slot, mlir::Value sums);

  LaunchBuilder &b;
  SharedTile &tile;
  const ProductPlan &plan;
  int64_t lines, pairs;
  mlir::Value sums; // of all threads: two each
};

} // namespace mome::cuda
#endif

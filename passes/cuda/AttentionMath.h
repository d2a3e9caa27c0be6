// What a thread of an attention kernel has of the tiles of scores and of results, and the products
// between them. Fused multiply-adds serve f32; tensor cores serve bf16, for which weights are rounded to
// bf16 where they multiply.
//
//   SimtMath    threads 16 along the columns; four rows each; weights go through shared memory
//   TensorMath  a warp has 16 rows, a thread two of them: what mma gives; the weights of a product with
//               tokens are the sums of the product before, in the registers where mma wants them
#ifndef MOME_PASSES_CUDA_ATTENTIONMATH_H
#define MOME_PASSES_CUDA_ATTENTIONMATH_H

#include "passes/AttentionExtents.h"
#include "passes/cuda/SharedTile.h"

#include <memory>

namespace mome::cuda {

/// How blocks cut an attention.
struct AttentionPlan : AttentionExtents {
  /// `isBackward`: two products of scores, and up to two of results, share the registers.
  AttentionPlan(mlir::Value query, mlir::Value key, mlir::Value value, int64_t heads,
                bool isBackward);

  bool isBf16;
  int64_t tileDepth; // of all tiles of channels; 0: there is no room
  /// Tokens of the tile that a block has, and of those that it walks: queries or keys.
  int64_t rowTokens, columnTokens;
  int64_t threads;

  /// The depth of products over a tile's tokens or channels: no more than exist.
  int64_t tokenDepth(int64_t tokens) const;
  int64_t channelDepth(int64_t channels) const { return ceilDiv(channels, step()) * step(); }

private:
  int64_t step() const { return isBf16 ? 16 : 4; }
};

/// Scores of a thread stand row by row, then column by column; so do results, over channels.
class AttentionMath {
public:
  virtual ~AttentionMath() = default;

  const int64_t rows, columns, channels; // of a thread
  const int64_t rowLanes;                // neighbouring threads with the same rows
  const int64_t neighbours;              // channels that lie side by side
  virtual mlir::Value rowOf(int64_t i) = 0;
  virtual mlir::Value columnOf(int64_t j) = 0;
  virtual mlir::Value channelOf(int64_t j) = 0;

  /// A tile of tokens x channels, and the bytes it takes. Its tokens are rows or columns of scores.
  virtual SharedTile makeRowTile() = 0;
  virtual SharedTile makeColumnTile() = 0;
  static int64_t bytesOf(const SharedTile &tile);

  /// Scores: the product of two tiles over channels.
  virtual llvm::SmallVector<mlir::Value> multiply(SharedTile &rowTile, SharedTile &columnTile,
                                                  int64_t depth) = 0;
  /// Room for weights, by number: `offset`, in shared memory, moves on.
  virtual unsigned reserveWeights(int64_t &offset) = 0;
  /// Weights, as scores stand, for products that a barrier parts from this.
  virtual void keepWeights(unsigned number, llvm::ArrayRef<mlir::Value> weights) = 0;
  /// `sums` plus the product of weights and a column tile over tokens.
  virtual llvm::SmallVector<mlir::Value> addWeighted(unsigned number, SharedTile &columnTile,
                                                     int64_t depth, mlir::ValueRange sums) = 0;

protected:
  AttentionMath(LaunchBuilder &b, const AttentionPlan &plan, int64_t rows, int64_t columns,
                int64_t channels, int64_t rowLanes, int64_t neighbours)
      : rows(rows), columns(columns), channels(channels), rowLanes(rowLanes),
        neighbours(neighbours), b(b), plan(plan) {}

  LaunchBuilder &b;
  const AttentionPlan &plan;
};

std::unique_ptr<AttentionMath> createAttentionMath(LaunchBuilder &b, const AttentionPlan &plan);

} // namespace mome::cuda
#endif

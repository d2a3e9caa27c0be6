// What a thread of an attention kernel has of the tiles of scores and of results, and the products
// between them. Fused multiply-adds serve f32; tensor cores serve bf16, for which weights are rounded to
// bf16 where they multiply.
//
//   SimtMath    threads 16 along the columns; four rows each; weights go through shared memory
//   TensorMath  a warp has 16 or 32 rows, a thread two of each 16: what mma gives; the weights of a product
//               with tokens are the sums of the product before, in the registers where mma wants them;
//               so are the rows of scores. Exponentials are those of the hardware, to the base 2
#ifndef MOME_PASSES_CUDA_ATTENTIONMATH_H
#define MOME_PASSES_CUDA_ATTENTIONMATH_H

#include "passes/AttentionExtents.h"
#include "passes/cuda/SharedTile.h"

#include <memory>

namespace mome::cuda {

/// How blocks cut an attention: forward, or one of the launches of its gradient.
struct AttentionPlan : AttentionExtents {
  /// What a block has. allKeys: those of a head, for all of its gradients.
  enum class Rows { forward, gradientOfKeys, gradientOfQueries, allKeys };

  AttentionPlan(mlir::Value query, mlir::Value key, mlir::Value value, int64_t heads, Rows rows,
                const Machine &machine);

  Rows rowsOf;
  bool isBf16;
  int64_t tileDepth; // of all tiles of channels; 0: there is no room
  /// Tokens of the tile that a block has, and of those that it walks: queries or keys.
  int64_t rowTokens, columnTokens;
  int64_t threads;
  int64_t warpRows; // tensor cores: rows of a warp
  bool keepsRows;   // tensor cores: in registers, where there is room
  int64_t stages;   // tiles of columns: one is multiplied, another on its way

  /// Whether a block can have all keys of a head, and their gradients.
  bool fitsAllKeys() const;
  int64_t blocks() const { return batches * heads * ceilDiv(rowExtent(), rowTokens); }
  /// Of a launch of bf16 that multiplies each tile of scores so many times: what it should take.
  double cyclesOn(const Machine &machine, double products) const;
  /// How many of a tile's tokens or channels products go over, where so many are left.
  int64_t tokensOf(int64_t left) const;
  int64_t channelDepth(int64_t channels) const { return ceilDiv(channels, step()) * step(); }

private:
  bool haveKeys() const { return rowsOf == Rows::gradientOfKeys || rowsOf == Rows::allKeys; }
  int64_t rowExtent() const { return haveKeys() ? keys : queries; }
  int64_t step() const { return isBf16 ? 16 : 4; }
};

/// A tile of columns: where the one to read lies, and how many of its tokens count.
struct ColumnTile {
  SharedTile &tile;
  mlir::Value slot;
  int64_t tokens;
};

/// Scores of a thread stand row by row, then column by column; so do results, over channels.
class AttentionMath {
public:
  virtual ~AttentionMath() = default;

  const int64_t rows, channels; // of a thread
  const int64_t rowLanes;       // neighbouring threads with the same rows
  const int64_t neighbours;     // channels that lie side by side
  /// Columns of a thread, of so many.
  virtual int64_t columnsOf(int64_t tokens) const = 0;
  virtual mlir::Value rowOf(int64_t i) = 0;
  virtual mlir::Value columnOf(int64_t j) = 0;
  virtual mlir::Value channelOf(int64_t j) = 0;

  /// b^value, for a base b of which this is the logarithm's factor: log_b(x) = scale ln(x).
  virtual mlir::Value power(mlir::Value value) = 0;
  virtual double logarithmScale() const = 0;

  /// A tile of tokens x channels, and the bytes it takes. Its tokens are rows or columns of scores.
  virtual SharedTile makeRowTile() = 0;
  virtual SharedTile makeColumnTile() = 0;
  static int64_t bytesOf(const SharedTile &tile);

  /// What a thread keeps of a tile of rows for all products with it: nothing, or all channels.
  virtual llvm::SmallVector<mlir::Value> loadRows(SharedTile &rowTile, int64_t depth) = 0;
  /// Scores: the product of rows, and what is kept of them, and columns, over channels.
  virtual llvm::SmallVector<mlir::Value> multiply(SharedTile &rowTile,
                                                  llvm::ArrayRef<mlir::Value> kept,
                                                  const ColumnTile &columns, int64_t depth) = 0;
  /// Room for weights, by number: `offset`, in shared memory, moves on.
  virtual unsigned reserveWeights(int64_t &offset) = 0;
  /// Weights, as scores stand, for products that a barrier parts from this if `needsBarrier`.
  virtual void keepWeights(unsigned number, llvm::ArrayRef<mlir::Value> weights) = 0;
  /// The thread's kept weights as they multiply, where they are rounded for that.
  virtual llvm::SmallVector<mlir::Value> roundedWeights(unsigned number) = 0;
  virtual bool needsBarrier() const = 0;
  /// `sums` plus the product of weights and columns over tokens.
  virtual llvm::SmallVector<mlir::Value> addWeighted(unsigned number, const ColumnTile &columns,
                                                     mlir::ValueRange sums) = 0;

protected:
  AttentionMath(LaunchBuilder &b, const AttentionPlan &plan, int64_t rows, int64_t channels,
                int64_t rowLanes, int64_t neighbours)
      : rows(rows), channels(channels), rowLanes(rowLanes), neighbours(neighbours), b(b),
        plan(plan) {}

  LaunchBuilder &b;
  const AttentionPlan &plan;
};

std::unique_ptr<AttentionMath> createAttentionMath(LaunchBuilder &b, const AttentionPlan &plan);

} // namespace mome::cuda
#endif

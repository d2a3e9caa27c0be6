// What forward and backward attention kernels share: a block has one head of one sample, its threads
// 16 columns and some rows; tiles of queries, keys and values lie in shared memory.
#ifndef MOME_PASSES_CUDA_ATTENTIONTILES_H
#define MOME_PASSES_CUDA_ATTENTIONTILES_H

#include "passes/AttentionExtents.h"
#include "passes/cuda/SharedTile.h"

namespace mome::cuda {

/// How blocks cut an attention.
struct AttentionPlan : AttentionExtents {
  AttentionPlan(mlir::Value query, mlir::Value key, mlir::Value value, int64_t heads);

  int64_t tileDepth;  // of all tiles of channels; 0: there is no room
  int64_t tileTokens; // queries or keys per tile

  int64_t threads() const { return rowThreads() * columnThreads; }
  int64_t rowThreads() const { return tileTokens / 4; }
  static constexpr int64_t columnThreads = 16;
  /// The depth of products over a tile's tokens or channels: no more than exist.
  int64_t tokenDepth(int64_t tokens) const;
  int64_t channelDepth(int64_t channels) const { return ceilDiv(channels, 4) * 4; }
};

/// One head's part of a [B, length, channels] tensor, in tiles of tokens.
struct HeadTensor {
  mlir::Value buffer;
  int64_t length, channels, depth;
};

class AttentionTiles {
public:
  AttentionTiles(LaunchBuilder &b, const AttentionPlan &plan, mlir::Value bias, double scale);

protected:
  /// A tile of tokens x channels, whose tokens are rows or columns of scores.
  SharedTile makeRowTile() { return makeTile(plan.tileDepth, plan.rowThreads()); }
  SharedTile makeColumnTile() { return makeTile(plan.tileDepth, AttentionPlan::columnThreads); }
  /// A tile of tokens x tokens: weights, to be multiplied with.
  SharedTile makeWeightTile() { return makeTile(plan.tileTokens, plan.rowThreads()); }
  /// Starts copies of the tokens from `first` on, as a group.
  void copyTile(SharedTile &tile, const HeadTensor &tensor, mlir::Value first);
  TileOperand rows(SharedTile &tile) { return {tile, b.index(0), threadRow}; }
  TileOperand columns(SharedTile &tile) { return {tile, b.index(0), threadColumn}; }

  llvm::SmallVector<mlir::Value> zeros(int64_t count);
  mlir::Value constant(double value);
  mlir::Value rowOf(mlir::Value query); // of lse and the like: [B, heads, N]
  /// scale * product + bias, at a query and a key that exist.
  mlir::Value emitScore(mlir::Value product, mlir::Value query, mlir::Value key);
  /// Stores acc * factors[i], the thread's fragments of a tile of tokens x channels.
  void storeTokens(llvm::ArrayRef<mlir::Value> acc, llvm::ArrayRef<mlir::Value> factors,
                   const HeadTensor &to, mlir::Value first);
  /// The token of a fragment's i-th row, and of its j-th column of tokens.
  mlir::Value rowToken(int64_t i, mlir::Value first);
  mlir::Value columnToken(int64_t j, mlir::Value first);
  /// Products over tokens give this many channels per thread.
  int64_t channelColumns() const { return plan.tileDepth / AttentionPlan::columnThreads; }
  int64_t tokenColumns() const { return plan.tileTokens / AttentionPlan::columnThreads; }

  LaunchBuilder &b;
  const AttentionPlan &plan;
  mlir::Value threadRow, threadColumn;
  mlir::Value batch, head, firstToken; // of the block

private:
  /// At an offset of its own.
  SharedTile makeTile(int64_t depth, int64_t spread);
  mlir::Value originOf(const HeadTensor &tensor);

  mlir::Value bias;
  bool biasPerBatch = false;
  double scale;
  int64_t sharedBytes = 0;
};

} // namespace mome::cuda
#endif

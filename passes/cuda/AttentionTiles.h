// What forward and backward attention kernels share: a block has one head of one sample and a tile of its
// tokens; tiles of queries, keys and values lie in shared memory.
#ifndef MOME_PASSES_CUDA_ATTENTIONTILES_H
#define MOME_PASSES_CUDA_ATTENTIONTILES_H

#include "passes/cuda/AttentionMath.h"

namespace mome::cuda {

/// Why attention kernels do not take `op`, whose first `operands` operands have channels; empty if they
/// do.
std::string refuseAttention(mlir::Operation *op, unsigned operands, const AttentionPlan &plan);

/// One head's part of a [B, length, channels] tensor, in tiles of tokens.
struct HeadTensor {
  mlir::Value buffer;
  int64_t length, channels, depth;
};

class AttentionTiles {
public:
  AttentionTiles(LaunchBuilder &b, const AttentionPlan &plan, mlir::Value bias, double scale);

protected:
  /// Finds the block's sample, head and first token among so many tokens; the number of blocks.
  int64_t takePlace(int64_t tokens);
  /// A tile of tokens x channels, whose tokens are rows or columns of scores; at an offset of its own.
  SharedTile makeRowTile() { return place(math->makeRowTile()); }
  SharedTile makeColumnTile() { return place(math->makeColumnTile()); }
  unsigned reserveWeights() { return math->reserveWeights(sharedBytes); }
  /// Starts copies of the tokens from `first` on, as a group.
  void copyTile(SharedTile &tile, const HeadTensor &tensor, mlir::Value first);

  llvm::SmallVector<mlir::Value> zeros(int64_t count);
  /// Of a thread's results.
  llvm::SmallVector<mlir::Value> zeroResults() { return zeros(math->rows * math->channels); }
  mlir::Value constant(double value);
  mlir::Value rowOf(mlir::Value query); // of lse and the like: [B, heads, N]
  /// scale * product + bias, at a query and a key that exist.
  mlir::Value emitScore(mlir::Value product, mlir::Value query, mlir::Value key);
  /// Stores acc * factors[i], the thread's part of a tile of tokens x channels.
  void storeTokens(llvm::ArrayRef<mlir::Value> acc, llvm::ArrayRef<mlir::Value> factors,
                   const HeadTensor &to, mlir::Value first);
  /// The tokens of the thread's i-th row and j-th column of scores.
  mlir::Value rowToken(int64_t i, mlir::Value first) { return b.addIndex(first, math->rowOf(i)); }
  mlir::Value columnToken(int64_t j, mlir::Value first) {
    return b.addIndex(first, math->columnOf(j));
  }

  LaunchBuilder &b;
  const AttentionPlan &plan;
  std::unique_ptr<AttentionMath> math;
  mlir::Value batch, head, firstToken; // of the block

private:
  SharedTile place(SharedTile tile);
  mlir::Value originOf(const HeadTensor &tensor);
  /// Some neighbours of a token, as far as the head has them.
  void storeChannels(llvm::ArrayRef<mlir::Value> values, const HeadTensor &to, mlir::Value line,
                     mlir::Value channel);

  mlir::Value bias;
  bool biasPerBatch = false;
  double scale;
  int64_t sharedBytes = 0;
};

} // namespace mome::cuda
#endif

// What forward and backward attention kernels share: a block has one head of one sample and a tile of its
// tokens; tiles of queries, keys and values lie in shared memory.
#ifndef MOME_PASSES_CUDA_ATTENTIONTILES_H
#define MOME_PASSES_CUDA_ATTENTIONTILES_H

#include "passes/cuda/AttentionMath.h"

namespace mome::cuda {

/// Why attention kernels do not take `op`, whose first `operands` operands have channels; empty if they
/// do.
std::string refuseAttention(mlir::Operation *op, unsigned operands, const AttentionPlan &plan);

/// A tensor of tokens, in tiles of one head's channels.
struct HeadTensor : TokenTensor {
  int64_t length, depth;

  /// Whether so many neighbouring channels of a head always lie at a multiple of their number.
  bool isAligned(int64_t count) const {
    return llvm::all_of(llvm::ArrayRef{offset, perBatch, perToken, depth},
                        [&](int64_t stride) { return stride % count == 0; });
  }
};

class AttentionTiles {
public:
  AttentionTiles(LaunchBuilder &b, const AttentionPlan &plan, mlir::Value bias, double scale);

protected:
  /// Finds the block's sample, head and first token among so many tokens; the number of blocks.
  int64_t takePlace(int64_t tokens);
  /// A tile of tokens x channels, whose tokens are rows or columns of scores; at an offset of its own,
  /// with room for all stages.
  SharedTile makeRowTile() { return place(math->makeRowTile(), 1); }
  SharedTile makeColumnTile() { return place(math->makeColumnTile(), plan.stages); }
  SharedTile place(SharedTile tile, int64_t stages);
  unsigned reserveWeights() { return math->reserveWeights(sharedBytes); }
  /// Starts copies of the tokens from `first` on.
  void copyTile(SharedTile &tile, const HeadTensor &tensor, mlir::Value first, mlir::Value slot);
  /// A column tile's slot of a stage.
  mlir::Value slotOf(const SharedTile &tile, mlir::Value stage) {
    return b.mulIndex(stage, tile.getSize());
  }

  /// Tokens that a tile of columns holds from `first` on: so many, which need not all exist.
  struct Columns {
    mlir::Value first, stage;
    int64_t tokens;
    bool areAll; // exist
  };
  /// Walks `length` tokens in tiles that `copy` starts to bring into a stage. With two stages, one is on
  /// its way while `body` works on the other; `rows`, which loads what is kept of the rows, runs when
  /// these are there. Copies of rows have been started, not committed.
  llvm::SmallVector<mlir::Value>
  walk(int64_t length, mlir::ValueRange init, llvm::function_ref<void()> rows,
       llvm::function_ref<void(mlir::Value first, mlir::Value stage)> copy,
       llvm::function_ref<llvm::SmallVector<mlir::Value>(const Columns &, mlir::ValueRange)> body);

  llvm::SmallVector<mlir::Value> zeros(int64_t count);
  /// Of a thread's results.
  llvm::SmallVector<mlir::Value> zeroResults() { return zeros(math->rows * math->channels); }
  mlir::Value constant(double value);
  mlir::Value rowOf(mlir::Value query); // of lse and the like: [B, heads, N]
  /// What scores are multiples of: in units of the exponential's base.
  double scoreScale() const { return scale * math->logarithmScale(); }
  bool hasBias() const { return bool(bias); }
  /// The bias at a query and a key that exist, in the same units; 0 without one.
  mlir::Value loadBias(mlir::Value query, mlir::Value key);
  /// Stores acc * factors[i], the thread's part of a tile of tokens x channels. `rowTile`: of rows that
  /// nobody reads any more.
  void storeTokens(llvm::ArrayRef<mlir::Value> acc, llvm::ArrayRef<mlir::Value> factors,
                   const HeadTensor &to, mlir::Value first, SharedTile &rowTile);
  /// The address of a head's first token.
  mlir::Value originOf(const HeadTensor &tensor);
  /// Some neighbours of a token, as far as the head has them.
  void storeChannels(llvm::ArrayRef<mlir::Value> values, const HeadTensor &to, mlir::Value line,
                     mlir::Value channel);
  /// The tokens of the thread's i-th row and j-th column of scores.
  mlir::Value rowToken(int64_t i, mlir::Value first) { return b.addIndex(first, math->rowOf(i)); }
  mlir::Value columnToken(int64_t j, mlir::Value first) {
    return b.addIndex(first, math->columnOf(j));
  }

  LaunchBuilder &b;
  const AttentionPlan &plan;
  std::unique_ptr<AttentionMath> math;
  mlir::Value batch, head, firstToken; // of the block
  int64_t sharedBytes = 0;

private:
  /// The rows of a warp, which have been left in their tile, 16 bytes per thread.
  void storeRows(SharedTile &rowTile, const HeadTensor &to, mlir::Value first);

  mlir::Value bias;
  bool biasPerBatch = false;
  double scale;
};

} // namespace mome::cuda
#endif

// The states of reductions (ReductionEmitter.h), combined over threads: trees that are fixed when
// the code is generated.
#ifndef MOME_PASSES_CUDA_THREADREDUCTION_H
#define MOME_PASSES_CUDA_THREADREDUCTION_H

#include "passes/ReductionEmitter.h"
#include "passes/cuda/LaunchBuilder.h"

namespace mome::cuda {

class ThreadReduction {
public:
  ThreadReduction(LaunchBuilder &b, nn::ReductionKind kind) : b(b), reduction(b, kind) {}

  ReductionEmitter &getEmitter() { return reduction; }
  /// Over groups of `width` neighbouring threads of a warp, a power of two; all of them get the
  /// result.
  llvm::SmallVector<mlir::Value> overWarp(mlir::ValueRange state, int64_t width = warpThreads);
  /// Over the whole block of `threads`, through shared memory from byte `offset` on, which nobody
  /// else may use; `offset` moves on. All threads get the result.
  llvm::SmallVector<mlir::Value> overBlock(mlir::ValueRange state, int64_t threads,
                                           int64_t &offset);
  /// Over the threads with the same place in a row of `width`, a power of two up to a warp's threads; all of
  /// them get the result. States may be of vectors.
  llvm::SmallVector<mlir::Value> overColumns(mlir::ValueRange state, int64_t threads,
                                             int64_t width);

private:
  /// The states of the threads of this warp whose numbers differ by the bit `distance`.
  llvm::SmallVector<mlir::Value> exchange(mlir::ValueRange state, int64_t distance);
  llvm::SmallVector<mlir::Value> load(llvm::ArrayRef<mlir::Value> buffers, mlir::Value at);
  void store(mlir::ValueRange state, llvm::ArrayRef<mlir::Value> buffers, mlir::Value at);
  /// Shared memory for `count` states.
  llvm::SmallVector<mlir::Value> reserve(mlir::ValueRange state, int64_t count, int64_t &offset);

  LaunchBuilder &b;
  ReductionEmitter reduction;
};

} // namespace mome::cuda
#endif

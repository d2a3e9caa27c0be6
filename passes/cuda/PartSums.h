// Sums that blocks left in parts, added up in order by a later launch: parts[part][place].
//
//   block of 256 threads:  32 neighbouring places;  thread (p, j): parts p, p + 8, p + 16, ... of place j
//                          a tree over p in shared memory
#ifndef MOME_PASSES_CUDA_PARTSUMS_H
#define MOME_PASSES_CUDA_PARTSUMS_H

#include "passes/cuda/LaunchBuilder.h"

namespace mome::cuda {

struct PartSums {
  mlir::Value buffer; // f32
  int64_t parts, partSize;
  int64_t first, width; // of the places in a part

  /// Threads of a block, which all must be there.
  static constexpr int64_t threads = 256;
  int64_t countBlocks() const { return ceilDiv(width, warpThreads); }
  /// Emits block `number`; `store` takes a place, from 0 on, and its sum.
  void emit(LaunchBuilder &b, mlir::Value number,
            llvm::function_ref<void(mlir::Value place, mlir::Value total)> store) const;

private:
  mlir::Value addEveryEighth(LaunchBuilder &b, mlir::Value place) const;
};

} // namespace mome::cuda
#endif

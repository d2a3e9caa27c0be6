// The generic family: any kernel as a few launches in which every thread computes elements on its
// own. Serves every op; the fast families take what matters.
#ifndef MOME_PASSES_CUDA_SIMTKERNELS_H
#define MOME_PASSES_CUDA_SIMTKERNELS_H

#include "passes/cuda/KernelEmitter.h"

namespace mome::cuda {

/// Emits the functions at the builder's insertion point in a module's body.
mlir::FailureOr<DeviceKernel> emitSimtKernel(nn::KernelOp kernel, mlir::OpBuilder &builder);

} // namespace mome::cuda
#endif

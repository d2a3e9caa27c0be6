// The generic family: any kernel as a few launches in which every thread computes elements on its
// own. Serves every op; the fast families take what matters.
#ifndef MOME_PASSES_CUDA_SIMTKERNELS_H
#define MOME_PASSES_CUDA_SIMTKERNELS_H

#include "dialects/NN/NN.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mome::cuda {

/// One function of the device code, and how many threads run it.
struct Launch {
  mlir::func::FuncOp function;
  int64_t blocks, threads;
};

/// Of every function: the number of threads per block.
inline constexpr llvm::StringLiteral threadsAttrName = "mome.threads";

/// The launches of one kernel, in order. Each takes the kernel's operands, its results, and the
/// scratch, as bare pointers.
struct DeviceKernel {
  llvm::SmallVector<Launch> launches;
  int64_t scratch = 0; // bytes of device memory
};

/// Emits the functions at the builder's insertion point in a module's body.
mlir::FailureOr<DeviceKernel> emitSimtKernel(nn::KernelOp kernel, mlir::OpBuilder &builder);

} // namespace mome::cuda
#endif

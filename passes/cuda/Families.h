// The kernel families of CUDA. Each answers with launches, or with nothing emitted and a reason:
// empty if another family's root heads the kernel.
#ifndef MOME_PASSES_CUDA_FAMILIES_H
#define MOME_PASSES_CUDA_FAMILIES_H

#include "passes/cuda/LaunchBuilder.h"

namespace mome::cuda {

using Family = DeviceKernel (*)(nn::KernelOp kernel, mlir::OpBuilder &builder);

/// Elementwise and access ops over one result shape.
DeviceKernel emitElementwise(nn::KernelOp kernel, mlir::OpBuilder &builder);

/// A transpose of an operand that reads across the result's last axis, and elementwise ops.
DeviceKernel emitTranspose(nn::KernelOp kernel, mlir::OpBuilder &builder);

/// Matrix products with an elementwise epilogue.
DeviceKernel emitGemm(nn::KernelOp kernel, mlir::OpBuilder &builder);

/// Elementwise ops and reductions along the last axis.
DeviceKernel emitRowProgram(nn::KernelOp kernel, mlir::OpBuilder &builder);

/// One reduction over any axes, with elementwise prologue and epilogue.
DeviceKernel emitReduction(nn::KernelOp kernel, mlir::OpBuilder &builder);

/// Attention and its backward form.
DeviceKernel emitAttention(nn::KernelOp kernel, mlir::OpBuilder &builder);
DeviceKernel emitAttentionBackward(nn::KernelOp kernel, mlir::OpBuilder &builder);

/// Convolution and its derivatives, with an elementwise epilogue.
DeviceKernel emitConvolution(nn::KernelOp kernel, mlir::OpBuilder &builder);

inline DeviceKernel refuse(std::string reason) {
  DeviceKernel result;
  result.reason = std::move(reason);
  return result;
}

} // namespace mome::cuda
#endif

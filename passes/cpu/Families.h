// The kernel families. Each answers with a function, or with nothing emitted and a reason: empty if
// another family's root heads the kernel.
#ifndef MOME_PASSES_CPU_FAMILIES_H
#define MOME_PASSES_CPU_FAMILIES_H

#include "passes/cpu/KernelBuilder.h"

namespace mome::cpu {

using Family = EmitResult (*)(nn::KernelOp kernel, const Target &target, mlir::OpBuilder &builder);

/// Elementwise and access ops over one result shape.
EmitResult emitElementwise(nn::KernelOp kernel, const Target &target, mlir::OpBuilder &builder);

/// Matrix products with an elementwise epilogue.
EmitResult emitGemm(nn::KernelOp kernel, const Target &target, mlir::OpBuilder &builder);

/// Elementwise ops and reductions along the last axis.
EmitResult emitRowProgram(nn::KernelOp kernel, const Target &target, mlir::OpBuilder &builder);

/// One reduction over any axes, with elementwise prologue and epilogue.
EmitResult emitReduction(nn::KernelOp kernel, const Target &target, mlir::OpBuilder &builder);

/// Attention and its backward form.
EmitResult emitAttention(nn::KernelOp kernel, const Target &target, mlir::OpBuilder &builder);
EmitResult emitAttentionBackward(nn::KernelOp kernel, const Target &target,
                                 mlir::OpBuilder &builder);

/// Convolution and its derivatives, with an elementwise epilogue.
EmitResult emitConvolution(nn::KernelOp kernel, const Target &target, mlir::OpBuilder &builder);

inline EmitResult refuse(std::string reason) {
  return {nullptr, "", std::move(reason)};
}

} // namespace mome::cpu
#endif

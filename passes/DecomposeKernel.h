// A kernel's body in the form that the fast families read.
#ifndef MOME_PASSES_DECOMPOSEKERNEL_H
#define MOME_PASSES_DECOMPOSEKERNEL_H

#include "dialects/NN/NN.h"

namespace mome {

/// A copy of the kernel in which decomposable ops are elementwise ops and reductions, equal ops one,
/// and unused ones gone. Null if an op does not decompose.
mlir::OwningOpRef<nn::KernelOp> decomposeKernel(nn::KernelOp kernel);

/// True if an op other than casts, index maps and products reads or gives bf16, which is a form of
/// storage and of what products read: no family computes in it.
bool computesInBf16(mlir::Block &body);

} // namespace mome
#endif

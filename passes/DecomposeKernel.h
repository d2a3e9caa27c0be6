// A kernel's body in the form that the fast families read.
#ifndef MOME_PASSES_DECOMPOSEKERNEL_H
#define MOME_PASSES_DECOMPOSEKERNEL_H

#include "dialects/NN/NN.h"

namespace mome {

/// A copy of the kernel in which decomposable ops are elementwise ops and reductions, equal ops one,
/// and unused ones gone. Null if an op does not decompose.
mlir::OwningOpRef<nn::KernelOp> decomposeKernel(nn::KernelOp kernel);

} // namespace mome
#endif

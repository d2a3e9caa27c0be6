// The naive second opinion: any kernel, as loops, through linalg.
#ifndef MOME_PASSES_CPU_REFERENCEKERNELS_H
#define MOME_PASSES_CPU_REFERENCEKERNELS_H

#include "dialects/NN/NN.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mome::cpu {

/// Emits `kernel` in the form of KernelEmitter.h, one chunk, at the builder's insertion point in a
/// module's body. Takes ops that are elementwise, decomposable or have a linalg lowering; emits an
/// error at others.
mlir::FailureOr<mlir::func::FuncOp> emitReferenceKernel(nn::KernelOp kernel,
                                                        mlir::OpBuilder &builder);

} // namespace mome::cpu
#endif

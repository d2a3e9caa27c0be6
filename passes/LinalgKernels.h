// Any kernel as linalg ops on buffers: what the reference code generators of all machines start from.
//
//   nn.kernel @k {                     func.func @k(%a, %r: memref<4xf32>) {
//   ^bb0(%0: tensor<4xf32>):             %t = memref.alloc() : memref<4xf32>
//     %1 = nn.exp %0              ->     linalg.generic ins(%a) outs(%t) { exp }
//     nn.yield %1                        linalg.copy ins(%t) outs(%r)
//   }                                  }
//
// Results are computed in buffers of their own and copied at the very end: slow, but right even
// where a result shares memory with an operand.
#ifndef MOME_PASSES_LINALGKERNELS_H
#define MOME_PASSES_LINALGKERNELS_H

#include "dialects/NN/NN.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mome {

struct LinalgKernel {
  mlir::OwningOpRef<mlir::ModuleOp> module; // the function and the constants it reads
  mlir::func::FuncOp function;
};

/// Takes kernels of ops that are elementwise, decomposable or have a linalg lowering; emits an error
/// at others. `fuse`: chains of elementwise ops become one.
mlir::FailureOr<LinalgKernel> emitLinalgKernel(nn::KernelOp kernel, bool fuse = false);

/// Appends an argument `scratch` to the function and gives every allocation bytes of it, shared by
/// lifetime. Returns the bytes needed.
mlir::FailureOr<int64_t> placeAllocations(mlir::func::FuncOp function);

/// Moves the constants of a module to the builder's place, renamed after the kernel.
void moveGlobals(mlir::ModuleOp from, llvm::StringRef kernel, mlir::OpBuilder &builder);

} // namespace mome
#endif

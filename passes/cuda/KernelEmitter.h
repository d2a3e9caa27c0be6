// From the body of an `nn.kernel` to functions of the device: launches that run one after the other.
//
//   nn.kernel @k { ... }   ->   func.func @k_0(%x: memref<32xf32>, ..., %y: memref<8xf32>,
//                                              %scratch: memref<512xi8>)
//                                   attributes {mome.threads = 256}
//                               func.func @k_1(... the same ...)
//
// What a launch writes, a later one reads. Sums have an order that is fixed when the code is
// generated: no atomics.
#ifndef MOME_PASSES_CUDA_KERNELEMITTER_H
#define MOME_PASSES_CUDA_KERNELEMITTER_H

#include "dialects/NN/NN.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>

namespace mome::cuda {

/// One function of the device code, and how many threads run it.
struct Launch {
  mlir::func::FuncOp function;
  int64_t blocks, threads;
  int64_t shared = 0; // bytes per block
};

/// Of every function: the number of threads per block.
inline constexpr llvm::StringLiteral threadsAttrName = "mome.threads";
/// Of a function that runs in groups, and of the kernel that it is emitted for: how many rows its table of arguments has
/// (`rt.launches`).
inline constexpr llvm::StringLiteral groupAttrName = "mome.group";

/// The launches of one kernel, in order. Each takes the kernel's operands, its results, and the
/// scratch, as bare pointers.
struct DeviceKernel {
  llvm::SmallVector<Launch> launches;
  int64_t scratch = 0; // bytes of device memory
  std::string family;
  std::string reason; // of a family: why the kernel is not one of its own; empty: another's root

  explicit operator bool() const { return !launches.empty(); }
};

/// Emits the functions for an architecture ("sm_80") at the builder's insertion point in a module's body,
/// with the first family that takes the kernel, else with the generic one and a reason, to run in groups of up to
/// `group`. Fails, with an error, on ops without a lowering.
mlir::FailureOr<DeviceKernel> emitKernel(nn::KernelOp kernel, llvm::StringRef architecture,
                                         int64_t group, mlir::OpBuilder &builder);

/// The group that the kernel's functions run in.
int64_t groupOf(nn::KernelOp kernel);

} // namespace mome::cuda
#endif

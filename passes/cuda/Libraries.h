// Kernels that a library can run instead of generated code: a product or a convolution and nothing else.
//
//   nn.kernel { %y = nn.linear %x, %w, %b;  yield %y }
//   ->  {"library": "cublaslt", "operation": "product", "views": [x, w transposed, y, b]}
//
// What follows a product in a kernel is what generated code is for: such kernels stay its own.
#ifndef MOME_PASSES_CUDA_LIBRARIES_H
#define MOME_PASSES_CUDA_LIBRARIES_H

#include "dialects/NN/NN.h"

#include <optional>
#include <string>

namespace mome::cuda {

/// A library's call, as the package holds it (runtime/cuda/libraries/call.h).
struct PlannedCall {
  std::string json;
  uint64_t workspace; // bytes
};

/// The call that does the kernel's work on all of these architectures, by the first of `libraries` that
/// can; none, with a reason, or an empty one if the kernel has neither product nor convolution at its root.
std::optional<PlannedCall> planLibraryCall(nn::KernelOp kernel,
                                           llvm::ArrayRef<std::string> libraries,
                                           llvm::ArrayRef<std::string> architectures,
                                           std::string &reason);

/// Why one of these libraries cannot be asked here; empty if all can.
std::string findLibraries(llvm::ArrayRef<std::string> libraries);

} // namespace mome::cuda
#endif

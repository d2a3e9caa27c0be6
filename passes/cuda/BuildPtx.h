// From the LLVM dialect to PTX, the assembly that every CUDA driver compiles for its device.
#ifndef MOME_PASSES_CUDA_BUILDPTX_H
#define MOME_PASSES_CUDA_BUILDPTX_H

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace mome::cuda {

/// Compiles a module of the LLVM and NVVM dialects for an architecture such as "sm_80". Emits an
/// error otherwise.
mlir::FailureOr<std::string> buildPtx(mlir::ModuleOp module, llvm::StringRef architecture);

/// True for the architectures that this compiler generates code for: sm_80 and later, and sm_90a.
bool isArchitecture(llvm::StringRef name);
/// 90 of "sm_90" and of "sm_90a".
int numberOf(llvm::StringRef architecture);
/// Whether devices of one architecture can run PTX for another: an earlier one, but that of sm_90a no others.
bool runsOn(llvm::StringRef ptx, llvm::StringRef device);

} // namespace mome::cuda
#endif

// From functions over buffers to the LLVM dialect, with upstream conversions, for any LLVM backend.
// Math becomes polynomials before anything is lowered; buffers become bare pointers, the signature
// stays as it is.
#ifndef MOME_PASSES_LOWERTOLLVM_H
#define MOME_PASSES_LOWERTOLLVM_H

#include "mlir/Pass/PassManager.h"

namespace mome {

/// `forDevice`: quotients, exponentials and conversions from and to bf16 are instructions, which a CUDA device
/// has for them.
void buildLowerToLLVMPipeline(mlir::OpPassManager &manager, bool forDevice = false);

} // namespace mome
#endif

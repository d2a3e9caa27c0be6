// From functions over buffers to the LLVM dialect, with upstream conversions, for any LLVM backend.
// Math becomes polynomials before anything is lowered; buffers become bare pointers, the signature
// stays as it is.
#ifndef MOME_PASSES_LOWERTOLLVM_H
#define MOME_PASSES_LOWERTOLLVM_H

#include "mlir/Pass/PassManager.h"

namespace mome {

void buildLowerToLLVMPipeline(mlir::OpPassManager &manager);

} // namespace mome
#endif

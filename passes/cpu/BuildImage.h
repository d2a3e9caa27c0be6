// From the LLVM dialect to an ELF image that the runtime can map: position independent, nothing
// undefined, nothing to initialise, relative relocations only.
#ifndef MOME_PASSES_CPU_BUILDIMAGE_H
#define MOME_PASSES_CPU_BUILDIMAGE_H

#include "passes/cpu/Target.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace mome::cpu {

/// Compiles and links `module` (as buildLowerKernelsPipeline leaves it) for `target`. Emits an
/// error at the module otherwise.
mlir::FailureOr<std::string> buildImage(mlir::ModuleOp module, const Target &target);

} // namespace mome::cpu
#endif

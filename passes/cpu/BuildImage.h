// From the LLVM dialect to an ELF image that the runtime can map: position independent, nothing
// undefined, nothing to initialise, relative relocations only.
#ifndef MOME_PASSES_CPU_BUILDIMAGE_H
#define MOME_PASSES_CPU_BUILDIMAGE_H

#include "passes/cpu/Target.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace mome::cpu {

/// Kernels that are compiled together.
struct CodeUnit {
  mlir::ModuleOp module; // as buildLowerKernelsPipeline leaves it
  bool optimize = false; // run LLVM's own passes: naive loops need them, emitted tiles do not
};

/// Compiles the units for `target`, on all cores, and links them. Emits an error otherwise. The
/// image depends on the units only, not on the number of cores.
mlir::FailureOr<std::string> buildImage(llvm::ArrayRef<CodeUnit> units, const Target &target);

} // namespace mome::cpu
#endif

// From the LLVM dialect to an ELF image that the runtime can map: position independent, nothing
// undefined, nothing to initialise, relative relocations only.
#ifndef MOME_PASSES_CPU_BUILDIMAGE_H
#define MOME_PASSES_CPU_BUILDIMAGE_H

#include "passes/cpu/Target.h"

#include "mlir/IR/BuiltinOps.h"

#include <string>
#include <vector>

namespace mome::cpu {

/// What is compiled to one object.
struct CodeUnit {
  mlir::ModuleOp module; // as buildLowerKernelsPipeline leaves it
  bool optimize = false; // run LLVM's own passes: naive loops need them, emitted tiles do not
};

/// Compiles each unit for `target` to the bytes of an object, on all cores. Emits an error otherwise.
/// An object depends on its unit only.
mlir::FailureOr<std::vector<std::string>> compileUnits(llvm::ArrayRef<CodeUnit> units,
                                                       const Target &target);

/// Links objects, in this order, to an image.
mlir::FailureOr<std::string> linkImage(llvm::ArrayRef<llvm::StringRef> objects,
                                       const Target &target, mlir::Location loc);

} // namespace mome::cpu
#endif

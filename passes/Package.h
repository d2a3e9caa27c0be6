// From the `rt` level to the bytes of a package (runtime/package.fbs): a printer.
#ifndef MOME_PASSES_PACKAGE_H
#define MOME_PASSES_PACKAGE_H

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace mome {

/// The sealed package of a module at the `codegen` level. Emits an error where the module does not
/// hold a whole package.
mlir::FailureOr<std::string> printPackage(mlir::ModuleOp module);

} // namespace mome
#endif

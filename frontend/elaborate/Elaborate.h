// The front door of the frontend: files in, one module at the `mome` level out.
#ifndef MOME_FRONTEND_ELABORATE_ELABORATE_H
#define MOME_FRONTEND_ELABORATE_ELABORATE_H

#include "frontend/elaborate/Elaborator.h"

namespace mome::elaborate {

/// Elaborates the model of a file that was read. Null if there were errors; if it is an override
/// (-D, preset) that brings them, the first says which.
mlir::OwningOpRef<mlir::ModuleOp> elaborateModule(mlir::MLIRContext &context, const Module &module,
                                                  syntax::SourceManager &sources,
                                                  syntax::Diagnostics &diagnostics,
                                                  const Options &options);

/// Parses `path` with everything it imports and elaborates its model. Null if there were errors;
/// they are in `diagnostics`.
mlir::OwningOpRef<mlir::ModuleOp>
elaborateFile(mlir::MLIRContext &context, const std::string &path, syntax::SourceManager &sources,
              syntax::Diagnostics &diagnostics, const ReadFile &read,
              const std::vector<std::string> &includeDirs, const Options &options);

} // namespace mome::elaborate
#endif

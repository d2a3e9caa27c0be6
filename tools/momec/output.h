// What `momec` writes: files, modules as text, device code.
#pragma once

#include "tools/momec/compile_options.h"

#include "mlir/IR/BuiltinOps.h"

namespace momec {

/// Says what went wrong; returns `failed`.
int fail(const std::string &message);

/// Writes a file, or standard output for "-"; by renaming, so that no half file is left.
int writeFile(llvm::StringRef path, llvm::StringRef bytes);

/// The module as text with locations: DSL lines survive a round trip.
std::string printModule(mlir::ModuleOp module);

/// The CUDA code that `codegen` made, as PTX or assembled, as `options.deviceCode` says.
int writeDeviceCode(mlir::ModuleOp module, const CompileOptions &options, llvm::StringRef path);

} // namespace momec

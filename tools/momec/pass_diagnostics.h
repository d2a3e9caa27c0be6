// What passes say as diagnostics of the language: with a snippet, -Wno-CODE and -Werror like all
// others.
//
// Three kinds: a warning; an error that ends in a code, " [E0316]", which is the user's to mend
// (exit code 1); any other error, which is a bug of the compiler (exit code 70) and is shown as it
// is.
#pragma once

#include "frontend/syntax/diagnostics.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"

namespace momec {

/// While it lives, warnings and errors with a code go to `diagnostics`; all else goes on to the
/// context's other handlers.
class PassDiagnostics {
public:
  PassDiagnostics(mlir::MLIRContext &context, const mome::syntax::SourceManager &sources,
                  mome::syntax::Diagnostics &diagnostics);

private:
  mlir::LogicalResult take(mlir::Diagnostic &diagnostic);

  const mome::syntax::SourceManager &sources;
  mome::syntax::Diagnostics &diagnostics;
  mlir::ScopedDiagnosticHandler handler;
};

/// Runs mome-verify-model and mome-lint-losses on an elaborated module. False if the module breaks
/// the contract of its level.
bool lint_model(mlir::ModuleOp module, const mome::syntax::SourceManager &sources,
                mome::syntax::Diagnostics &diagnostics);

} // namespace momec

// The loss lints as diagnostics of the language: with a snippet, -Wno-CODE and -Werror like all
// others.
#pragma once

#include "frontend/syntax/diagnostics.h"

#include "mlir/IR/BuiltinOps.h"

namespace momec {

/// Runs mome-verify-model and mome-lint-losses on an elaborated module. Warnings go to
/// `diagnostics`. False if the module breaks the contract of its level, which is a bug of the
/// compiler.
bool lint_model(mlir::ModuleOp module, const mome::syntax::SourceManager &sources,
                mome::syntax::Diagnostics &diagnostics);

} // namespace momec

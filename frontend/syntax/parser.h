// Tokens to syntax tree. Grammar: docs/language.md.
#pragma once

#include "frontend/syntax/ast.h"
#include "frontend/syntax/diagnostics.h"

namespace mome::syntax {

/// Parses one file. After an error the parser goes on at the next statement, so that several errors
/// show in one run.
File parse(const SourceManager &sources, int32_t file, Diagnostics &diagnostics);

} // namespace mome::syntax

// `momec fmt`: the one layout of a `.mome` file.
//
// Line breaks, blank lines (at most one) and comments stay where the author put them. The rest is
// fixed: two spaces per level, spaces around operators (but none inside ranges, slices and
// subscripted bounds), declarations of one kind on neighbouring lines aligned as a table, comments
// behind code in column 57, and one form of comprehension: one loop is written behind its element,
// `f(e) for e in E`; several, and the experts, in front of it: `for a in A, b in B { ... }`.
#pragma once

#include "frontend/syntax/diagnostics.h"

#include <optional>

namespace mome::syntax {

/// The formatted text; nullopt if the file has syntax errors, which are reported. Idempotent, and
/// the result means the same.
std::optional<std::string> format(const SourceManager &sources, int32_t file,
                                  Diagnostics &diagnostics);

} // namespace mome::syntax

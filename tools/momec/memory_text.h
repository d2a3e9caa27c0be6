// What `momec report` prints, and what --budget says when a plan is larger than it.
#pragma once

#include "passes/MemoryReport.h"

#include <optional>
#include <string>

namespace momec {

/// "12GiB", "500MB" or a plain number of bytes; nullopt if it is none of these.
std::optional<int64_t> parseBytes(llvm::StringRef text);

/// The text of a source line that a report names, FILE:LINE; empty if it is not known.
using SourceLine = llvm::function_ref<std::string(llvm::StringRef)>;

std::string reportText(const mome::MemoryReport &report, SourceLine source);
/// The error E0503: what the program needs, what holds it, what would fit.
std::string budgetText(const mome::MemoryReport &report, int64_t budget, SourceLine source);

} // namespace momec

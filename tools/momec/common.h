// What the subcommands of momec share: their list, the flags about diagnostics, reading files, exit
// codes.
#pragma once

#include "frontend/syntax/diagnostics.h"

#include <span>

namespace momec {

enum ExitCode { ok = 0, failed = 1, usage = 2, budget = 3, internal = 70 };

using Arguments = std::span<const char *const>; // what follows the subcommand

int check(Arguments arguments);
int fmt(Arguments arguments);
int explain(Arguments arguments);
int compile(Arguments arguments);
int report(Arguments arguments);

/// Flags every subcommand takes: --color=, --diagnostics-format=, --error-limit=, -Werror,
/// -Wno-CODE.
struct DiagnosticFlags {
  mome::syntax::DiagnosticOptions options;
  std::string error; // set by `take` when a flag's value is wrong

  DiagnosticFlags();
  /// True if `argument` is one of these flags.
  bool take(std::string_view argument);
};

/// Prints "momec: error: MESSAGE", with `hint` if there is one, and returns `usage`.
int usage_error(const std::string &message, const std::string &hint = "");

/// A file's text ("-": standard input); nullopt after printing why not.
std::optional<std::string> read_file(const std::string &path);
/// The same in silence: whoever asks reports.
std::optional<std::string> read_text(const std::string &path);

} // namespace momec

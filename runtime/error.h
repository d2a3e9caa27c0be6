// Errors of the runtime: what went wrong, where, what to do about it, and the exit code of the
// process.
//
// Everything that reads hostile input (packages, checkpoints, data) throws Error and nothing else;
// `mome` prints
//   mome: WHERE: WHAT
//     hint: HINT
// and exits with the code.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace mome {

/// Exit codes of every tool; 130 and 143 (signals after saving) complete the list.
enum class Exit : int {
  ok = 0,
  failed = 1,     // the work failed, diagnostics printed
  usage = 2,      // wrong command line
  budget = 3,     // does not fit in memory
  numerics = 4,   // NaN or Inf guard
  mismatch = 5,   // checkpoint or package: of another model, or corrupt
  device = 6,     // device or collective failure
  data = 7,       // data set
  internal = 70,  // a bug in mome
  preempted = 75, // SIGUSR1: saved, may be started again
};

class Error : public std::runtime_error {
public:
  Error(Exit exit, std::string where, std::string message, std::string hint = {})
      : std::runtime_error(where + ": " + message + (hint.empty() ? "" : "\n  hint: " + hint)),
        exit(exit), where(std::move(where)), message(std::move(message)), hint(std::move(hint)) {}

  Exit exit;
  std::string where, message, hint;
};

inline Error data_error(std::string where, std::string message, std::string hint) {
  return {Exit::data, std::move(where), std::move(message), std::move(hint)};
}
inline Error package_error(std::string where, std::string message, std::string hint) {
  return {Exit::mismatch, std::move(where), std::move(message), std::move(hint)};
}
inline Error numerics_error(std::string where, std::string message, std::string hint) {
  return {Exit::numerics, std::move(where), std::move(message), std::move(hint)};
}
inline Error usage_error(std::string message, std::string hint) {
  return {Exit::usage, "command line", std::move(message), std::move(hint)};
}
/// A broken invariant of mome itself.
inline Error internal_error(std::string where, std::string message) {
  return {Exit::internal, std::move(where), std::move(message),
          "this is a bug in mome: please report it"};
}
/// A failed system call on a file, with errno's reason: "cannot VERB: No space left on device".
Error io_error(std::string path, std::string verb);

} // namespace mome

// Subcommands of `mome`, one file each. A command registers its flags and a callback, and leaves
// its exit code in `exit_code` when that is not 0; it reports failure by throwing mome::Error.
#pragma once

#include <CLI/CLI.hpp>

#include "runtime/session.h"

namespace mome::tool {

void add_run(CLI::App &app);
void add_init(CLI::App &app);
void add_profile(CLI::App &app);
void add_inspect(CLI::App &app);
void add_doctor(CLI::App &app, int &exit_code);

/// Flags of every command that runs a package.
inline void add_session_flags(CLI::App &command, SessionOptions &options) {
  command.add_option("--threads", options.threads,
                     "worker threads (default: MOME_NUM_THREADS, or all processors)");
  command.add_option("--device", options.device,
                     "cpu, cuda:N, or auto (default): a CUDA device if there is one and the package "
                     "has code for it");
  command.add_option("--variant", options.variant,
                     "machine variant of the package (default: the best that runs here)");
  command.add_flag("--pin", options.pin, "bind threads to processors");
  command.add_flag("--check-numerics", options.check_numerics,
                   "stop at the first NaN or infinity and name the operation");
}

} // namespace mome::tool

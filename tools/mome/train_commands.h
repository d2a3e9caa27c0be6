// The subcommands of `mome` about runs: train, eval, predict, sweep, export, ckpt, verify-resume,
// data.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

namespace mome::tool {

/// Registers the subcommands; a chosen one runs as CLI11's callback and leaves its exit code in
/// `exit_code`. `command_line` is recorded in run folders.
void add_train_commands(CLI::App &app, const std::string &command_line, int &exit_code);

} // namespace mome::tool

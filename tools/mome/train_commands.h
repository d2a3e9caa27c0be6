// The subcommands of `mome` about runs: train, sweep, export, ckpt, verify-resume, data
// (train_commands.cpp); eval, predict, explain-clip (eval_commands.cpp).
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "runtime/train/job.h"
#include "runtime/train/replicated_model.h"

namespace mome::tool {

/// Registers the subcommands; a chosen one runs as CLI11's callback and leaves its exit code in
/// `exit_code`. `command_line` is recorded in run folders.
void add_train_commands(CLI::App &app, const std::string &command_line, int &exit_code);
void add_eval_commands(CLI::App &app);

/// Opens packages as the flags say.
inline train::OpenModel package_opener(const SessionOptions &options) {
  return [options](const std::filesystem::path &package) {
    return std::make_unique<train::SessionModel>(Package::load(package), options);
  };
}

/// The same, also on several devices.
inline train::OpenModel replicated_opener(const SessionOptions &options) {
  return [options](const std::filesystem::path &package) {
    return train::open_replicated(Package::load(package), options);
  };
}

} // namespace mome::tool

// The subcommands of `mome data` about video.
#pragma once

#include <CLI/CLI.hpp>

namespace mome::tool {

void add_video_data_commands(CLI::App &data);

} // namespace mome::tool

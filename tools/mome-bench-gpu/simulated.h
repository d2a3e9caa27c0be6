// Every kernel of a package at its real size without a GPU: blocks of its launches in the simulator, beside
// the processor's results.
#pragma once

#include <string>

#include "runtime/package.h"
#include "tools/mome-bench-gpu/block_check.h"

namespace mome {

/// Of the CUDA variants, or of the one that is named. Prints a line per kernel and what was covered; returns
/// the exit code.
int check_blocks(const Package &package, const std::string &variant, const std::string &only,
                 const BlockChoice &choice, const Tolerances &tolerances);

} // namespace mome

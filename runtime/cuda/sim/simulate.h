// Running a kernel.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/cuda/sim/memory.h"
#include "runtime/cuda/sim/program.h"
#include "runtime/cuda/sim/report.h"

namespace mome::ptxsim {

struct Checks {
  bool races = true, initialized = true, late_copies = true;
};

struct Launch {
  std::array<uint32_t, 3> grid{1, 1, 1}, block{1, 1, 1};
  uint32_t dynamic_shared = 0;
  std::span<const std::byte> params; // as the program lays them out
  Checks checks;
  bool count = true;          // counters of memory traffic
  bool count_lines = false;   // Report::line_counts
  bool count_buffers = false; // Report::buffer_sectors
  bool perturb = false;       // approximate units off by their documented error, other sum orders
  uint64_t seed = 0;          // order of warps, of branches, of landing copies
  uint64_t rounding_seed = 0; // of what `perturb` does: a machine rounds one way in all launches
  int threads = 0;            // host threads; 0: all processors
  uint64_t budget = uint64_t{1} << 32; // warp instructions per block
  size_t max_faults = 16;
  std::vector<uint64_t> only_blocks; // linear indices; empty: all
  uint32_t sm_count = 108;
};

/// Runs the grid. The result does not depend on `threads`: blocks run in parallel only when the
/// program has no global atomics or fences, and the faults are those of the lowest blocks. Throws
/// Error (device) when the launch itself is wrong (sizes, parameters) or the host lacks AVX2.
Report simulate(const Program &program, Memory &memory, const Launch &launch);

} // namespace mome::ptxsim

// How long a launch should take: what it executes against what a device can do.
//
//   time = launch + max over { DRAM, L2, the busiest multiprocessor }
//   a multiprocessor runs as many blocks at a time as fit (occupancy); these together take
//     max( their work on the busiest unit, the work of one + the waits of one )
//   waits: rounds of loads that nothing hides, and barriers
//
// The limiter is what gives the maximum. Predicted, never measured; docs/performance-model.md compares it
// with published timings.
#pragma once

#include <string>
#include <string_view>

#include "runtime/cuda/model/device_data.h"
#include "runtime/cuda/model/work.h"

namespace mome::cuda {

/// What a function takes on a multiprocessor, as ptxas says.
struct Resources {
  int registers = 0; // per thread; 0: not known
  uint32_t static_shared = 0;
};

/// Blocks of a launch that are on a multiprocessor at a time, and why not more.
struct Occupancy {
  int blocks = 0;
  std::string_view limit; // "threads", "blocks", "registers", "shared memory"
};
Occupancy occupancy(const DeviceData &device, const LaunchShape &launch,
                    const Resources &resources);

struct Prediction {
  double seconds = 0;       // with the launch
  std::string_view limiter; // "DRAM", "shared memory", "latency", "launch", ...
  Occupancy occupancy;
};
Prediction predict(const DeviceData &device, const LaunchShape &launch, const Work &work,
                   const Resources &resources);

} // namespace mome::cuda

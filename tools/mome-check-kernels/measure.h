// Time, and what this machine can do.
#ifndef MOME_TOOLS_CHECK_KERNELS_MEASURE_H
#define MOME_TOOLS_CHECK_KERNELS_MEASURE_H

namespace mome {

/// Processor time of this thread.
double seconds();

/// GFLOP/s of this core on independent vector multiply-adds.
double measurePeak();

} // namespace mome
#endif

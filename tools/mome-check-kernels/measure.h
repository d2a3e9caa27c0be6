// Time, and what this machine can do.
#ifndef MOME_TOOLS_CHECK_KERNELS_MEASURE_H
#define MOME_TOOLS_CHECK_KERNELS_MEASURE_H

namespace mome {

/// Processor time of this thread.
double seconds();

/// GFLOP/s of this core on independent vector multiply-adds: the best of several moments.
double measurePeak();

/// The same on average over half a second, on so many threads at once, in time that passes: what this
/// machine gives now, whoever else uses it.
double measurePeak(int threads);

} // namespace mome
#endif

// What a processor gives at most, measured now: what times are judged by, and what
// `momec report --peak` asks for.
#pragma once

#include "runtime/thread_pool.h"

namespace mome {

/// FLOP/s of independent f32 multiply-adds in registers on all threads of the pool, for so long.
double measure_multiply_adds(ThreadPool &pool, double seconds);

/// Bytes/s of a[i] = b[i] + c[i] * s over arrays that no cache holds (STREAM's triad), on all threads
/// of the pool: the best of three passes.
double measure_triad(ThreadPool &pool);

} // namespace mome

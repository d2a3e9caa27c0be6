// See measure.h.
#include "tools/mome-check-kernels/measure.h"

#include <algorithm>
#include <cstdint>
#include <ctime>

double mome::seconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec + 1e-9 * time.tv_nsec;
}

__attribute__((target("avx2,fma"))) double mome::measurePeak() {
  typedef float Lanes __attribute__((vector_size(32)));
  Lanes acc[12] = {}, x = {}, y = {};
  for (int i = 0; i < 8; ++i) {
    x[i] = 1.0f + 1e-7f * i;
  }
  double best = 0;
  for (int trial = 0; trial < 5; ++trial) {
    double start = seconds();
    for (int64_t n = 0; n < 4000000; ++n) {
#pragma clang loop unroll(full)
      for (int i = 0; i < 12; ++i) {
        acc[i] = __builtin_elementwise_fma(acc[i], x, y);
        asm volatile("" : "+x"(acc[i]));
      }
    }
    best = std::max(best, 4000000.0 * 12 * 16 / (seconds() - start) * 1e-9);
  }
  return best;
}

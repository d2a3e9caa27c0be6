// See measure.h.
#include "tools/mome-check-kernels/measure.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <thread>
#include <vector>

double mome::seconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec + 1e-9 * time.tv_nsec;
}

/// 192 operations `count` times, in registers.
__attribute__((target("avx2,fma"))) static void multiplyAdd(int64_t count) {
  typedef float Lanes __attribute__((vector_size(32)));
  Lanes acc[12] = {}, x = {}, y = {};
  for (int i = 0; i < 8; ++i) {
    x[i] = 1.0f + 1e-7f * i;
  }
  for (int64_t n = 0; n < count; ++n) {
#pragma clang loop unroll(full)
    for (int i = 0; i < 12; ++i) {
      acc[i] = __builtin_elementwise_fma(acc[i], x, y);
      asm volatile("" : "+x"(acc[i]));
    }
  }
}

static constexpr double flopsEach = 12 * 16;

double mome::measurePeak() {
  constexpr int64_t count = 4000000;
  double best = 0;
  for (int trial = 0; trial < 5; ++trial) {
    double start = seconds();
    multiplyAdd(count);
    best = std::max(best, flopsEach * count / (seconds() - start) * 1e-9);
  }
  return best;
}

double mome::measurePeak(int threads) {
  using Clock = std::chrono::steady_clock;
  std::atomic<int64_t> total = 0;
  const Clock::time_point start = Clock::now(), end = start + std::chrono::milliseconds(500);
  std::vector<std::thread> workers;
  for (int i = 0; i < threads; ++i) {
    workers.emplace_back([&] {
      constexpr int64_t count = 50000;
      for (; Clock::now() < end; total += count) {
        multiplyAdd(count);
      }
    });
  }
  for (std::thread &worker : workers) {
    worker.join();
  }
  return flopsEach * total / std::chrono::duration<double>(Clock::now() - start).count() * 1e-9;
}

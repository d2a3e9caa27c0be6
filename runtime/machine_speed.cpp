#include "runtime/machine_speed.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>

#include "runtime/mapped_memory.h"

namespace mome {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Enough accumulators to hide the latency of two multiply-adds a cycle.
constexpr int accumulators = 12, rounds = 20000;

/// Nothing of this is known to the compiler.
volatile float factor = 0.999f, term = 1e-3f;
thread_local volatile float result;

template <typename Lanes>
[[gnu::always_inline]] inline void multiply_adds() {
  Lanes acc[accumulators] = {}, x = {}, y = {};
  x += factor;
  y += term;
  for (int n = 0; n < rounds; ++n) {
#pragma GCC unroll 12 // also in builds without optimisation to speak of
    for (Lanes &sum : acc) {
      sum = sum * x + y; // contracted to one instruction
    }
  }
#pragma GCC unroll 12
  for (const Lanes &sum : acc) {
    result = sum[0] + sum[sizeof(Lanes) / sizeof(float) - 1];
  }
}

#if defined(__x86_64__)
typedef float Avx __attribute__((vector_size(32)));
typedef float Avx512 __attribute__((vector_size(64)));
__attribute__((target("avx2,fma"))) void multiply_adds_v3() {
  multiply_adds<Avx>();
}
__attribute__((target("avx512f"))) void multiply_adds_v4() {
  multiply_adds<Avx512>();
}
#endif

/// FLOP of one call of `*function`, the widest that runs here.
double choose(void (**function)()) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4")) {
    *function = multiply_adds_v4;
    return 2.0 * accumulators * rounds * 16;
  }
  if (__builtin_cpu_supports("x86-64-v3")) {
    *function = multiply_adds_v3;
    return 2.0 * accumulators * rounds * 8;
  }
#endif
  typedef float Sse __attribute__((vector_size(16)));
  *function = multiply_adds<Sse>;
  return 2.0 * accumulators * rounds * 4;
}

} // namespace

double measure_multiply_adds(ThreadPool &pool, double seconds) {
  struct Job {
    void (*function)();
    Clock::time_point end;
    std::atomic<int64_t> calls{0};
  } job;
  const double flop = choose(&job.function);
  const Clock::time_point start = Clock::now();
  job.end = start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  const auto work = [](void *context, int, int64_t, int64_t) {
    Job &job = *static_cast<Job *>(context);
    do {
      job.function();
      ++job.calls;
    } while (Clock::now() < job.end);
  };
  pool.run(work, &job, pool.size());
  return flop * double(job.calls) / seconds_since(start);
}

double measure_triad(ThreadPool &pool) {
  constexpr int64_t chunks = 256, length = int64_t{16} << 20; // 64 MiB each
  const MappedMemory memory[] = {MappedMemory(4 * length), MappedMemory(4 * length),
                                 MappedMemory(4 * length)};
  struct Job {
    float *a, *b, *c;
  } job{reinterpret_cast<float *>(memory[0].data()), reinterpret_cast<float *>(memory[1].data()),
        reinterpret_cast<float *>(memory[2].data())};
  const auto work = [](void *context, int, int64_t lo, int64_t hi) {
    const Job &job = *static_cast<Job *>(context);
    for (int64_t i = lo * (length / chunks); i < hi * (length / chunks); ++i) {
      job.a[i] = job.b[i] + job.c[i] * 3.0f;
    }
  };
  pool.run(work, &job, chunks); // touches the pages
  double best = std::numeric_limits<double>::infinity();
  for (int pass = 0; pass < 3; ++pass) {
    const Clock::time_point start = Clock::now();
    pool.run(work, &job, chunks);
    best = std::min(best, seconds_since(start));
  }
  return 3.0 * 4 * length / best;
}

} // namespace mome

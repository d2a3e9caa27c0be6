#include "runtime/thread_pool.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <pthread.h>
#include <sched.h>
#include <string>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "runtime/error.h"

namespace mome {
namespace {

constexpr int spins = 2000;
constexpr uint32_t closed = 0xffffffff;

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

/// Waits until `value` is no longer `old`.
void wait_while(std::atomic<uint32_t> &value, uint32_t old) {
  for (int i = 0; i < spins; ++i) {
    if (value.load(std::memory_order_acquire) != old) {
      return;
    }
    pause();
  }
  value.wait(old, std::memory_order_acquire);
}

/// Kernels run under one floating-point mode (round to nearest, denormals kept) on every thread,
/// whatever the program that called us has set.
class FloatMode {
public:
#if defined(__x86_64__)
  FloatMode() : saved(_mm_getcsr()) { _mm_setcsr(0x1f80); }
  ~FloatMode() { _mm_setcsr(saved); }

private:
  unsigned saved;
#else
  FloatMode() {}
#endif
};

void pin_to(std::thread &thread, int index) {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    return;
  }
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed) && index-- == 0) {
      cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(cpu, &one);
      ::pthread_setaffinity_np(thread.native_handle(), sizeof one, &one);
      return;
    }
  }
}

} // namespace

int ThreadPool::default_threads() {
  if (const char *text = std::getenv("MOME_NUM_THREADS")) {
    char *end = nullptr;
    const long n = std::strtol(text, &end, 10);
    if (end == text || *end != '\0' || n < 1 || n > 4096) {
      throw usage_error("MOME_NUM_THREADS is '" + std::string(text) + "'",
                        "set it to a number of threads, or unset it");
    }
    return int(n);
  }
  cpu_set_t allowed;
  const bool known = ::sched_getaffinity(0, sizeof allowed, &allowed) == 0;
  return known ? std::max(1, CPU_COUNT(&allowed)) : 1;
}

ThreadPool::ThreadPool(int threads, bool pin) {
  const int n = threads > 0 ? threads : default_threads();
  for (int i = 1; i < n; ++i) {
    helpers.emplace_back([this, i] { help(i); });
    if (pin) {
      pin_to(helpers.back(), i);
    }
  }
}

ThreadPool::~ThreadPool() {
  stopping = true;
  signal.fetch_add(1);
  signal.notify_all();
  for (std::thread &helper : helpers) {
    helper.join();
  }
}

void ThreadPool::run(Work new_work, void *new_context, int64_t count) {
  if (helpers.empty() || count <= 1) {
    FloatMode mode;
    if (count > 0) {
      new_work(new_context, 0, 0, count);
    }
    return;
  }
  const uint32_t job = signal.load(std::memory_order_relaxed) + 1;
  next.store(uint64_t{job} << 32 | closed, std::memory_order_relaxed);
  work = new_work;
  context = new_context;
  done.store(0, std::memory_order_relaxed);
  chunks.store(uint32_t(count), std::memory_order_release);
  next.store(uint64_t{job} << 32, std::memory_order_release); // open
  signal.store(job);
  if (sleepers.load() > 0) {
    signal.notify_all();
  }
  take_chunks(0, job);
  for (uint32_t ready; (ready = done.load(std::memory_order_acquire)) != uint32_t(count);) {
    wait_while(done, ready);
  }
}

uint32_t ThreadPool::share_of(uint32_t left, int threads) {
  return std::max<uint32_t>(1, left / uint32_t(2 * threads));
}

double ThreadPool::makespan(std::span<const double> chunk_seconds, int threads) {
  std::vector<double> ends(size_t(threads), 0);
  for (auto left = chunk_seconds; !left.empty();) {
    const uint32_t share = share_of(uint32_t(left.size()), threads);
    *std::ranges::min_element(ends) += std::accumulate(left.begin(), left.begin() + share, 0.0);
    left = left.subspan(share);
  }
  return std::ranges::max(ends);
}

void ThreadPool::take_chunks(int worker, uint32_t job) {
  FloatMode mode;
  uint64_t at = next.load(std::memory_order_acquire);
  while (uint32_t(at >> 32) == job) {
    const uint32_t lo = uint32_t(at), count = chunks.load(std::memory_order_acquire);
    if (lo >= count) {
      return;
    }
    const uint32_t hi = lo + share_of(count - lo, size());
    if (!next.compare_exchange_weak(at, at + (hi - lo), std::memory_order_acq_rel,
                                    std::memory_order_acquire)) {
      continue;
    }
    work(context, worker, lo, hi);
    if (done.fetch_add(hi - lo, std::memory_order_acq_rel) + (hi - lo) == count) {
      done.notify_one(); // the caller may sleep
    }
    at = next.load(std::memory_order_acquire);
  }
}

void ThreadPool::help(int worker) {
  uint32_t seen = 0;
  while (true) {
    for (int i = 0; i < spins && signal.load(std::memory_order_acquire) == seen; ++i) {
      pause();
    }
    if (signal.load() == seen) {
      sleepers.fetch_add(1);
      signal.wait(seen);
      sleepers.fetch_sub(1);
    }
    seen = signal.load();
    if (stopping) {
      return;
    }
    take_chunks(worker, seen);
  }
}

} // namespace mome

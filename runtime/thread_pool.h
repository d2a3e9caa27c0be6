// Runs chunks of one piece of work at a time on a fixed set of threads, the caller among them.
//
// Chunks are handed out one after the other from an atomic counter, so a thread that was delayed
// takes fewer; chunks have disjoint outputs, so who runs which does not matter to the result.
//
// How it is safe without a barrier: `next` holds (job number, next chunk) in one word, and a chunk
// is claimed by compare-and-swap. A thread that slept through a job cannot claim a chunk of it, nor
// mistake it for a later one; a claimed chunk keeps its job alive, since run() returns only when
// all chunks are done. Before a new job's fields are written, `next` is closed: whoever still holds
// the old word and sees the new fields fails to swap. Threads wait by spinning for a few
// microseconds, then in a futex. Nothing is allocated after construction.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <thread>
#include <vector>

namespace mome {

class ThreadPool {
public:
  /// Runs chunks [lo, hi) as thread `worker` of 0 .. size() - 1; must not throw.
  using Work = void (*)(void *context, int worker, int64_t lo, int64_t hi);

  /// `threads` including the caller; 0: default_threads(). `pin` binds each helper to a processor.
  explicit ThreadPool(int threads = 0, bool pin = false);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  int size() const { return int(helpers.size()) + 1; }
  /// Returns when all of [0, chunks) ran; chunks < 2^31. One caller at a time.
  void run(Work work, void *context, int64_t chunks);

  /// The seconds that so many threads take for chunks that take these.
  static double makespan(std::span<const double> chunk_seconds, int threads);

  /// MOME_NUM_THREADS, else the processors this process may use.
  static int default_threads();

private:
  std::vector<std::thread> helpers;
  Work work = nullptr;
  void *context = nullptr;
  std::atomic<uint32_t> chunks{0};
  alignas(64) std::atomic<uint64_t> next{0};   // job << 32 | next chunk
  alignas(64) std::atomic<uint32_t> done{0};   // chunks of this job that ran
  alignas(64) std::atomic<uint32_t> signal{0}; // the job's number
  std::atomic<uint32_t> sleepers{0};
  std::atomic<bool> stopping{false};

  /// Chunks to claim at once: many at first, one in the end.
  static uint32_t share_of(uint32_t left, int threads);
  void help(int worker);
  void take_chunks(int worker, uint32_t job);
};

} // namespace mome

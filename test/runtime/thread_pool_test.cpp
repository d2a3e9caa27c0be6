// The thread pool: every chunk runs exactly once, whatever the threads do.
#include <atomic>
#include <chrono>
#include <gtest/gtest.h>
#include <memory>
#include <sched.h>
#include <thread>

#include "runtime/error.h"
#include "runtime/thread_pool.h"

namespace mome::test {
namespace {

struct Counts {
  explicit Counts(int64_t n) : chunk(new std::atomic<int>[size_t(n)]()), size(n) {}
  std::unique_ptr<std::atomic<int>[]> chunk;
  int64_t size;
  std::atomic<int> bad_worker{0};
  int workers = 0;

  static void work(void *self, int worker, int64_t lo, int64_t hi) {
    auto &counts = *static_cast<Counts *>(self);
    counts.bad_worker += worker < 0 || worker >= counts.workers;
    for (int64_t i = lo; i < hi; ++i) {
      ++counts.chunk[size_t(i)];
    }
  }
  bool all(int n) const {
    for (int64_t i = 0; i < size; ++i) {
      if (chunk[size_t(i)] != n) {
        return false;
      }
    }
    return true;
  }
};

/// How many processors the threads of a pool may run on: the most that any helper has.
int helper_processors(bool pin) {
  struct Seen {
    std::thread::id caller = std::this_thread::get_id();
    std::atomic<int> helpers{0}, most{0};
    static void look(void *self, int, int64_t, int64_t) {
      auto &seen = *static_cast<Seen *>(self);
      if (std::this_thread::get_id() == seen.caller) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1)); // leave some for the helpers
        return;
      }
      cpu_set_t allowed;
      ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
      ++seen.helpers;
      for (int now = seen.most; now < CPU_COUNT(&allowed);) {
        seen.most.compare_exchange_weak(now, CPU_COUNT(&allowed));
      }
    }
  } seen;
  ThreadPool pool(2, pin);
  for (int i = 0; i < 1000 && seen.helpers == 0; ++i) {
    pool.run(Seen::look, &seen, 64);
  }
  EXPECT_GT(seen.helpers, 0);
  return seen.most;
}

TEST(ThreadPool, PinBindsEveryHelperToOneProcessor) {
  cpu_set_t allowed;
  ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
  EXPECT_EQ(helper_processors(false), CPU_COUNT(&allowed));
  if (CPU_COUNT(&allowed) < 2) {
    GTEST_SKIP() << "this process may use one processor only: pinned or not, a helper sees one";
  }
  EXPECT_EQ(helper_processors(true), 1);
}

TEST(ThreadPool, EveryChunkRunsOnce) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), threads);
    for (int64_t n : {0, 1, 2, 7, 100, 12345}) {
      Counts counts(n);
      counts.workers = threads;
      pool.run(Counts::work, &counts, n);
      EXPECT_TRUE(counts.all(1)) << threads << " threads, " << n << " chunks";
      EXPECT_EQ(counts.bad_worker, 0);
    }
  }
}

TEST(ThreadPool, MakespanIsWhenTheLastThreadEnds) {
  const std::vector<double> chunks = {4, 1, 2, 3, 5, 1, 1, 1};
  EXPECT_EQ(ThreadPool::makespan(chunks, 1), 18);
  // Two threads: the first takes {4, 1}, the second {2} and {3}; at 5 the first takes {5}, the second the rest.
  EXPECT_EQ(ThreadPool::makespan(chunks, 2), 10);
  EXPECT_EQ(ThreadPool::makespan(std::vector<double>{7}, 4), 7);
  EXPECT_EQ(ThreadPool::makespan({}, 2), 0);
}

TEST(ThreadPool, ManySmallJobsInARow) {
  ThreadPool pool(4); // more than processors: threads are delayed at every point
  Counts counts(5);
  counts.workers = 4;
  constexpr int jobs = 20000;
  for (int i = 0; i < jobs; ++i) {
    pool.run(Counts::work, &counts, 5);
    if (i % 97 == 0) {
      ASSERT_TRUE(counts.all(i + 1)) << i; // run() returned, so everything ran
    }
  }
  EXPECT_TRUE(counts.all(jobs));
  EXPECT_EQ(counts.bad_worker, 0);
}

TEST(ThreadPool, WakesAfterSleeping) {
  ThreadPool pool(3);
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20)); // past the spinning
    Counts counts(64);
    counts.workers = 3;
    pool.run(Counts::work, &counts, 64);
    EXPECT_TRUE(counts.all(1));
  }
}

TEST(ThreadPool, TheCallerWaitsForASlowChunk) {
  ThreadPool pool(2);
  std::atomic<int> finished{0};
  pool.run(
      [](void *context, int, int64_t lo, int64_t hi) {
        std::this_thread::sleep_for(std::chrono::milliseconds(lo == 0 ? 1 : 60));
        *static_cast<std::atomic<int> *>(context) += int(hi - lo);
      },
      &finished, 2);
  EXPECT_EQ(finished, 2);
}

TEST(ThreadPool, ReadsTheEnvironment) {
  ::setenv("MOME_NUM_THREADS", "3", 1);
  EXPECT_EQ(ThreadPool().size(), 3);
  EXPECT_EQ(ThreadPool(2).size(), 2); // what the program asks for wins
  for (const char *bad : {"0", "-1", "two", "3x", "", "99999"}) {
    ::setenv("MOME_NUM_THREADS", bad, 1);
    EXPECT_THROW(ThreadPool::default_threads(), Error) << bad;
  }
  ::unsetenv("MOME_NUM_THREADS");
  EXPECT_GE(ThreadPool::default_threads(), 1);
}

} // namespace
} // namespace mome::test

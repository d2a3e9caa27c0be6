// Batches, assembled ahead of time by one thread.
//
// The loader fills at most `depth` batches and then waits (back-pressure), so memory is bounded
// whatever the speed of the two sides. The sequence of batches is fixed by the plan; the thread
// only hides latency. An error in the thread is thrown by the `next` that would have returned the
// batch.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "runtime/data/source.h"

namespace mome::data {

struct Batch {
  int64_t first = 0; // position of the first sample in the epoch's order: the scalar `sample`
  int64_t epoch = 0;
  size_t count = 0;                       // samples that count; the rest is padding with valid = 0
  std::vector<uint32_t> samples;          // `count` sample numbers
  std::vector<std::vector<float>> inputs; // per modality, [B, ...]
  std::vector<int32_t> labels;            // [B]
  std::vector<float> presence;            // [B, modalities]
  std::vector<float> valid;               // [B]
};

/// One batch of the plan.
struct BatchPlan {
  int64_t first = 0, epoch = 0;
  std::vector<uint32_t> samples; // at most B
};

class Loader {
public:
  using Plan =
      std::function<std::optional<BatchPlan>()>; // called by the thread; nullopt: no more batches

  Loader(Source &source, size_t batch_size, Plan plan, size_t depth = 4);
  ~Loader();
  Loader(const Loader &) = delete;
  Loader &operator=(const Loader &) = delete;

  /// The next batch, or null at the end; valid until the following call.
  const Batch *next();
  /// Total time `next` had to wait: the data-wait share of a step.
  double wait_seconds() const { return waited; }

private:
  Source &source;
  size_t batch_size, depth;
  Plan plan;
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Batch> ready;
  std::vector<Batch> spare; // buffers to reuse
  std::exception_ptr failure;
  bool finished = false, stopping = false;
  std::optional<Batch> current;
  double waited = 0;
  std::thread thread;

  void work();
};

/// Fills `batch` with the planned samples. Padding repeats the first sample (finite values, a real
/// label) with valid = 0.
void assemble(Source &source, const BatchPlan &plan, size_t batch_size, Batch &batch);

/// Every sample once, in order, the last batch partial.
Loader::Plan sequential_plan(std::vector<uint32_t> samples, size_t batch_size);

} // namespace mome::data

// Batches, assembled ahead of time by threads.
//
// The loader has at most `depth` batches under way or ready and then waits (back-pressure), so
// memory is bounded whatever the speed of the two sides. The sequence of batches is fixed by the
// plan and a batch by its place in it, so the number of threads only hides latency. An error is
// thrown by the `next` that would have returned the batch.
#pragma once

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "runtime/data/source.h"

namespace mome::data {

struct Batch {
  int64_t first = 0; // position of the first sample in the epoch's order: the scalar `sample`
  int64_t epoch = 0;
  size_t count = 0;              // samples that were planned; the rest is padding with valid = 0
  std::vector<size_t> skipped;   // places < count that could not be read: valid = 0 there too
  std::vector<uint32_t> samples; // `count` sample numbers
  std::vector<std::vector<float>> inputs; // per modality, [B, ...]
  std::vector<int32_t> labels;            // [B]
  std::vector<float> presence;            // [B, modalities]
  std::vector<float> valid;               // [B]
};

/// One batch of the plan.
struct BatchPlan {
  int64_t first = 0, epoch = 0;
  std::vector<uint32_t> samples; // at most B
  Take take = {};
  std::vector<uint32_t> visits = {}; // of every sample; empty: 0
};

class Loader {
public:
  using Plan =
      std::function<std::optional<BatchPlan>()>; // called under a lock; nullopt: no more batches

  Loader(Source &source, size_t batch_size, Plan plan, size_t depth = 4, size_t threads = 1);
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
  std::map<uint64_t, Batch> ready; // by place in the plan
  std::map<uint64_t, std::exception_ptr> failures;
  uint64_t planned = 0, delivered = 0;
  std::vector<Batch> spare; // buffers to reuse
  bool ended = false, stopping = false;
  std::optional<Batch> current;
  double waited = 0;
  std::vector<std::thread> threads;

  void work();
  bool next_plan(BatchPlan &to, Batch &buffer, uint64_t &place);
};

/// Fills `batch` with the planned samples. Padding repeats the first sample (finite values, a real
/// label) with valid = 0. Where a sample cannot be read and the source leaves such samples out, the
/// next good one of the batch stands in its place: in training it counts twice, else valid is 0.
void assemble(Source &source, const BatchPlan &plan, size_t batch_size, Batch &batch);

/// Every sample once, in order, the last batch partial.
Loader::Plan sequential_plan(std::vector<uint32_t> samples, size_t batch_size, uint32_t take = 0);

} // namespace mome::data

#include "runtime/data/loader.h"

#include <algorithm>
#include <utility>

namespace mome::data {

void assemble(Source &source, const BatchPlan &plan, size_t batch_size, Batch &batch) {
  const auto &modalities = source.modalities();
  const Index &index = source.index();
  batch.first = plan.first;
  batch.epoch = plan.epoch;
  batch.count = plan.samples.size();
  batch.samples = plan.samples;
  batch.inputs.resize(modalities.size());
  batch.labels.resize(batch_size);
  batch.presence.resize(batch_size * modalities.size());
  batch.valid.assign(batch_size, 0.0f);
  std::fill_n(batch.valid.begin(), batch.count, 1.0f);
  for (size_t b = 0; b < batch_size; ++b) {
    const Sample &sample = index.samples[plan.samples[b < batch.count ? b : 0]];
    batch.labels[b] = sample.label;
    std::copy(sample.presence.begin(), sample.presence.end(),
              batch.presence.begin() + b * modalities.size());
  }
  for (size_t m = 0; m < modalities.size(); ++m) {
    const size_t elements = modalities[m].elements();
    std::vector<float> &values = batch.inputs[m];
    values.resize(batch_size * elements);
    for (size_t b = 0; b < batch.count; ++b) {
      source.read(plan.samples[b], m, std::span(values).subspan(b * elements, elements));
    }
    for (size_t b = batch.count; b < batch_size; ++b) {
      std::copy_n(values.begin(), elements, values.begin() + b * elements);
    }
  }
}

Loader::Plan sequential_plan(std::vector<uint32_t> samples, size_t batch_size) {
  return [samples = std::move(samples), batch_size,
          at = size_t{0}]() mutable -> std::optional<BatchPlan> {
    if (at >= samples.size()) {
      return std::nullopt;
    }
    const size_t end = std::min(at + batch_size, samples.size());
    BatchPlan plan{int64_t(at), 0, {samples.begin() + at, samples.begin() + end}};
    at = end;
    return plan;
  };
}

Loader::Loader(Source &source, size_t batch_size, Plan plan, size_t depth)
    : source(source), batch_size(batch_size), depth(depth), plan(std::move(plan)),
      thread([this] { work(); }) {}

Loader::~Loader() {
  {
    std::lock_guard lock(mutex);
    stopping = true;
  }
  changed.notify_all();
  thread.join();
}

void Loader::work() {
  try {
    while (std::optional<BatchPlan> next = plan()) {
      Batch batch;
      {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return stopping || ready.size() < depth; });
        if (stopping) {
          return;
        }
        if (!spare.empty()) {
          batch = std::move(spare.back());
          spare.pop_back();
        }
      }
      assemble(source, *next, batch_size, batch);
      {
        std::lock_guard lock(mutex);
        ready.push_back(std::move(batch));
      }
      changed.notify_all();
    }
  } catch (...) {
    std::lock_guard lock(mutex);
    failure = std::current_exception();
  }
  {
    std::lock_guard lock(mutex);
    finished = true;
  }
  changed.notify_all();
}

const Batch *Loader::next() {
  const auto start = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex);
  if (current) {
    spare.push_back(std::move(*current));
    current.reset();
  }
  changed.wait(lock, [&] { return finished || !ready.empty(); });
  waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (ready.empty()) {
    if (failure) {
      std::rethrow_exception(std::exchange(failure, nullptr));
    }
    return nullptr;
  }
  current = std::move(ready.front());
  ready.pop_front();
  lock.unlock();
  changed.notify_all();
  return &*current;
}

} // namespace mome::data

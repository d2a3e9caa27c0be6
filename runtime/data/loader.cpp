#include "runtime/data/loader.h"

#include <algorithm>
#include <utility>

#include "runtime/error.h"

namespace mome::data {

namespace {

/// Reads every modality of the sample at place `b`; false when it is to be left out.
bool read_sample(Source &source, const BatchPlan &plan, size_t b, Batch &batch) {
  const auto &modalities = source.modalities();
  Take take = plan.take;
  take.visit = plan.visits.empty() ? 0 : plan.visits[b];
  try {
    for (size_t m = 0; m < modalities.size(); ++m) {
      const size_t elements = modalities[m].elements();
      source.read(plan.samples[b], m, take,
                  std::span(batch.inputs[m]).subspan(b * elements, elements));
    }
    return true;
  } catch (const Error &error) {
    if (!source.bad().skip || error.exit != Exit::data) {
      throw;
    }
    source.bad().add(source.index().samples[plan.samples[b]].key,
                     error.where + ": " + error.message);
    return false;
  }
}

void copy_sample(Source &source, size_t from, size_t to, Batch &batch) {
  const auto &modalities = source.modalities();
  for (size_t m = 0; m < modalities.size(); ++m) {
    const size_t elements = modalities[m].elements();
    std::copy_n(batch.inputs[m].begin() + ptrdiff_t(from * elements), elements,
                batch.inputs[m].begin() + ptrdiff_t(to * elements));
    batch.presence[to * modalities.size() + m] = batch.presence[from * modalities.size() + m];
  }
  batch.labels[to] = batch.labels[from];
}

/// Puts good samples in the places of those that could not be read.
void mend(Source &source, bool train, Batch &batch) {
  if (batch.skipped.empty()) {
    return;
  }
  if (batch.skipped.size() == batch.count) {
    throw data_error(source.index().place(batch.samples[0]),
                     "none of the " + std::to_string(batch.count) +
                         " samples of a batch can be read",
                     "look at the set with: mome data check " + source.index().dir.string());
  }
  for (size_t place : batch.skipped) {
    size_t good = place;
    do {
      good = (good + 1) % batch.count;
    } while (std::count(batch.skipped.begin(), batch.skipped.end(), good) != 0);
    copy_sample(source, good, place, batch);
    batch.valid[place] = train ? 1.0f : 0.0f;
  }
}

} // namespace

void assemble(Source &source, const BatchPlan &plan, size_t batch_size, Batch &batch) {
  const auto &modalities = source.modalities();
  const Index &index = source.index();
  batch.first = plan.first;
  batch.epoch = plan.epoch;
  batch.count = plan.samples.size();
  batch.samples = plan.samples;
  batch.skipped.clear();
  batch.inputs.resize(modalities.size());
  batch.labels.resize(batch_size);
  batch.presence.resize(batch_size * modalities.size());
  batch.valid.assign(batch_size, 0.0f);
  std::fill_n(batch.valid.begin(), batch.count, 1.0f);
  for (size_t b = 0; b < batch.count; ++b) {
    const Sample &sample = index.samples[plan.samples[b]];
    batch.labels[b] = sample.label;
    std::copy(sample.presence.begin(), sample.presence.end(),
              batch.presence.begin() + ptrdiff_t(b * modalities.size()));
  }
  for (size_t m = 0; m < modalities.size(); ++m) {
    batch.inputs[m].resize(batch_size * modalities[m].elements());
  }
  for (size_t b = 0; b < batch.count; ++b) {
    if (!read_sample(source, plan, b, batch)) {
      batch.skipped.push_back(b);
    }
  }
  mend(source, plan.take.train, batch);
  for (size_t b = batch.count; b < batch_size; ++b) {
    copy_sample(source, 0, b, batch);
  }
}

Loader::Plan sequential_plan(std::vector<uint32_t> samples, size_t batch_size, uint32_t take) {
  return [samples = std::move(samples), batch_size, take,
          at = size_t{0}]() mutable -> std::optional<BatchPlan> {
    if (at >= samples.size()) {
      return std::nullopt;
    }
    const size_t end = std::min(at + batch_size, samples.size());
    BatchPlan plan{int64_t(at), 0, {samples.begin() + at, samples.begin() + end}};
    plan.take.take = take;
    at = end;
    return plan;
  };
}

Loader::Loader(Source &source, size_t batch_size, Plan plan, size_t depth, size_t count)
    : source(source), batch_size(batch_size), depth(std::max(depth, count)), plan(std::move(plan)) {
  for (size_t i = 0; i < std::max<size_t>(count, 1); ++i) {
    threads.emplace_back([this] { work(); });
  }
}

Loader::~Loader() {
  {
    std::lock_guard lock(mutex);
    stopping = true;
  }
  changed.notify_all();
  for (std::thread &thread : threads) {
    thread.join();
  }
}

/// Waits for room and takes the next batch of the plan; false when there is nothing more to do.
bool Loader::next_plan(BatchPlan &to, Batch &buffer, uint64_t &place) {
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return stopping || ended || planned - delivered < depth; });
  if (stopping || ended) {
    return false;
  }
  std::optional<BatchPlan> next;
  try {
    next = plan();
  } catch (...) {
    failures[planned] = std::current_exception();
  }
  if (!next) {
    ended = true;
    changed.notify_all();
    return false;
  }
  to = std::move(*next);
  place = planned++;
  if (!spare.empty()) {
    buffer = std::move(spare.back());
    spare.pop_back();
  }
  return true;
}

void Loader::work() {
  BatchPlan next;
  Batch batch;
  uint64_t place = 0;
  while (next_plan(next, batch, place)) {
    std::exception_ptr failure;
    try {
      assemble(source, next, batch_size, batch);
    } catch (...) {
      failure = std::current_exception();
    }
    {
      std::lock_guard lock(mutex);
      if (failure) {
        failures[place] = failure;
        ended = true; // nothing after it will be asked for
      } else {
        ready[place] = std::move(batch);
      }
      batch = {};
    }
    changed.notify_all();
  }
}

const Batch *Loader::next() {
  const auto start = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex);
  if (current) {
    spare.push_back(std::move(*current));
    current.reset();
  }
  changed.wait(lock, [&] {
    return ready.contains(delivered) || failures.contains(delivered) ||
           (ended && delivered == planned);
  });
  waited += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (const auto failure = failures.find(delivered); failure != failures.end()) {
    const std::exception_ptr thrown = failure->second;
    failures.erase(failure);
    planned = delivered; // the next call returns null
    std::rethrow_exception(thrown);
  }
  const auto batch = ready.find(delivered);
  if (batch == ready.end()) {
    return nullptr;
  }
  current = std::move(batch->second);
  ready.erase(batch);
  ++delivered;
  lock.unlock();
  changed.notify_all();
  return &*current;
}

} // namespace mome::data

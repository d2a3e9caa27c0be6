#include "runtime/train/step_plan.h"

#include <algorithm>
#include <cmath>

#include "runtime/error.h"

namespace mome::train {
namespace {

data::Sampler make_sampler(data::Source &source, const Config &config, int64_t seed,
                           size_t overfit_samples) {
  const data::Index &index = source.index();
  std::vector<uint32_t> part = index.part(data::Part::train);
  SamplerKind kind = config.sampler;
  if (overfit_samples > 0) {
    data::Sampler all(kind, uint64_t(seed), part, index.labels(part));
    part = all.order(0);
    part.resize(std::min(part.size(), overfit_samples));
    kind = SamplerKind::sequential;
  }
  std::vector<int32_t> labels = index.labels(part);
  return data::Sampler(kind, uint64_t(seed), std::move(part), std::move(labels));
}

} // namespace

StepPlan::StepPlan(const Model &model, data::Source &source, const Config &config,
                   const Numbers &numbers, const TrainOptions &options)
    : micro(options.accumulate > 0 ? options.accumulate : config.accumulate), batch(config.batch),
      sampler(make_sampler(source, config, numbers.seed,
                           size_t(options.overfit_batches * batch * micro))) {
  const int64_t group = batch * micro;
  per_epoch = int64_t(sampler.size()) / group;
  if (per_epoch == 0) {
    throw data_error(source.index().dir.string(),
                     std::to_string(sampler.size()) +
                         " training samples are fewer than one step of " + std::to_string(group),
                     "compile with a smaller batch, or lower --accumulate");
  }
  total = options.steps.value_or(
      std::max<int64_t>(1, std::llround(numbers.epochs * double(per_epoch))));
  const double every = options.eval_every > 0 ? options.eval_every : numbers.every_epochs;
  eval_steps = std::max<int64_t>(1, std::llround(every * double(per_epoch)));
  if (options.overfit_batches > 0) {
    validation = sampler.order(0);
  } else if (model.info().entry("eval") != nullptr && source.index().has(data::Part::val)) {
    validation = source.index().part(data::Part::val);
  } else if (!config.monitor.metric.empty()) {
    validation = source.index().part(data::Part::val); // throws: a monitor needs validation samples
  }
  if (options.fast_dev_run > 0) {
    total = options.fast_dev_run;
    eval_steps = total;
    validation.resize(
        std::min(validation.size(), size_t(options.fast_dev_run * config.eval_batch)));
  }
}

data::Loader::Plan StepPlan::batches_after(int64_t step, int64_t seed) const {
  // Pure in (seed, epoch, index): the generator starts wherever training stands.
  return [this, seed, at = step * micro, epoch = int64_t{-1}, order = std::vector<uint32_t>(),
          visits = std::vector<uint32_t>()]() mutable -> std::optional<data::BatchPlan> {
    if (at >= total * micro) {
      return std::nullopt;
    }
    const int64_t in_epoch = at % (per_epoch * micro);
    if (const int64_t e = at / (per_epoch * micro); e != epoch) {
      epoch = e;
      order = sampler.order(uint32_t(epoch));
      visits = data::count_visits(order);
    }
    data::BatchPlan plan{in_epoch * batch, epoch, {}};
    plan.samples.assign(order.begin() + plan.first, order.begin() + plan.first + batch);
    plan.visits.assign(visits.begin() + plan.first, visits.begin() + plan.first + batch);
    plan.take = {true, uint64_t(seed), uint32_t(epoch), 0, 0};
    ++at;
    return plan;
  };
}

} // namespace mome::train

#include "runtime/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <csignal>

#include "runtime/error.h"
#include "runtime/train/ema.h"
#include "runtime/train/feed.h"
#include "runtime/train/signals.h"

namespace mome::train {
namespace {

using Clock = std::chrono::steady_clock;

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

Numbers read_numbers(const Scalars &scalars, const Config &config, const TrainOptions &options) {
  Numbers numbers = scalars.numbers(config);
  numbers.seed = options.seed.value_or(numbers.seed);
  return numbers;
}

OrderedJson to_json(const std::vector<std::pair<std::string, double>> &values) {
  OrderedJson o = OrderedJson::object();
  for (const auto &[name, value] : values) {
    o[name] = value;
  }
  return o;
}

} // namespace

Trainer::Trainer(Model &model, data::Source &source, Config c, Scalars s, TrainOptions o,
                 RunDir *run)
    : model(model), source(source), config(std::move(c)), scalars(std::move(s)),
      options(std::move(o)), run_dir(run), numbers(read_numbers(scalars, config, options)),
      micro(options.accumulate > 0 ? options.accumulate : config.accumulate), batch(config.batch),
      sampler(make_sampler(source, config, numbers.seed,
                           size_t(options.overfit_batches * batch * micro))),
      console(options.verbosity,
              run == nullptr ? std::filesystem::path() : run->path() / "log.txt") {
  find_entries();
  plan_steps();
  const ModelInfo &info = model.info();
  now.model = info.model;
  now.package_hash = info.package_hash;
  now.variant = info.variant;
  now.section = config.section;
  now.data_hash = source.index().hash;
  now.classes = source.index().classes;
  now.seed = numbers.seed;
  now.accumulate = micro;
  now.batch = batch;
  now.steps_per_epoch = per_epoch;
  now.monitor = config.monitor.metric;
  for (size_t i = 0; i < info.scalars.size(); ++i) {
    if (!info.scalars[i].host) {
      now.scalars[info.scalars[i].name] = scalars.values()[i];
    }
  }
  if (run_dir != nullptr) {
    metrics.emplace(run_dir->path() / "metrics.jsonl");
    if (options.tensorboard) {
      events.emplace(run_dir->path() / "tb");
    }
  }
}

void Trainer::find_entries() {
  const ModelInfo &info = model.info();
  entries.step = micro == 1 ? info.entry(config.scalar("step")) : nullptr;
  if (entries.step == nullptr) {
    entries.accumulate = &info.require_entry(config.scalar("accumulate"));
    entries.apply = &info.require_entry(config.scalar("apply"));
    for (size_t i = 0; i < info.tensors.size(); ++i) {
      if (info.tensors[i].kind == BindKind::grad) {
        entries.gradients.push_back(i);
      }
    }
  }
  const ModelEntry &entry = entries.step != nullptr ? *entries.step : *entries.accumulate;
  if (int64_t(entry_batch(info, entry)) != batch) {
    throw package_error("entry '" + entry.name + "'",
                        "its batch differs from the section's " + std::to_string(batch), "");
  }
}

void Trainer::plan_steps() {
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

std::string Trainer::plan() const {
  std::string text;
  const auto line = [&](const std::string &name, const std::string &value) {
    text += name + ": " + value + "\n";
  };
  line("model", now.model + " (" + now.variant + ", package " + now.package_hash + ")");
  line("section",
       config.section + ", batch " + std::to_string(batch) + " x " + std::to_string(micro));
  line("train samples",
       std::to_string(sampler.size()) + ", val samples " + std::to_string(validation.size()));
  line("steps", std::to_string(total) + " (" + std::to_string(per_epoch) +
                    " per epoch), evaluation every " + std::to_string(eval_steps));
  line("memory", format_bytes(model.memory_bytes()));
  return text;
}

void Trainer::start() {
  const ModelInfo &info = model.info();
  scalars.apply(model);
  if (const std::optional<size_t> seed = info.scalar("seed")) {
    model.set_scalar(*seed, double(numbers.seed));
  }
  if (const ModelEntry *init = info.entry("init")) {
    model.run(*init);
  }
  for (size_t i = 0; i < info.tensors.size(); ++i) {
    if (info.tensors[i].kind == BindKind::moment) {
      model.zero(i);
    }
  }
  if (options.load_initial) {
    if (const std::string account = options.load_initial(model); !account.empty()) {
      console.print(account);
    }
  }
  start_ema(model);
  if (metrics) {
    metrics->rewind(-1); // of a start that failed before its first checkpoint
  }
}

void Trainer::resume(const std::filesystem::path &step_dir) {
  const TrainState saved = verify_checkpoint(step_dir);
  check_identity(saved, now, options.allow_change);
  load_checkpoint(step_dir, model, Restore::everything);
  now.step = saved.step;
  now.epoch = saved.epoch;
  now.position = saved.position;
  now.best = saved.best;
  now.best_step = saved.best_step;
  now.last_evaluation = saved.last_evaluation;
  now.evaluations_since_best = saved.evaluations_since_best;
  first_step = now.step;
  if (run_dir != nullptr) {
    CheckpointStore(run_dir->checkpoints()).discard_after(now.step, now.best_step);
    metrics->rewind(now.step);
  }
  console.print("resuming after step " + std::to_string(now.step));
}

data::Loader::Plan Trainer::batches() const {
  // Pure in (seed, epoch, index): the generator starts wherever training stands.
  return [this, at = now.step * micro, epoch = int64_t{-1},
          order = std::vector<uint32_t>(), visits = std::vector<uint32_t>()]() mutable -> std::optional<data::BatchPlan> {
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
    plan.take = {true, uint64_t(numbers.seed), uint32_t(epoch), 0, 0};
    ++at;
    return plan;
  };
}

int Trainer::run_to_end() {
  const SignalGuard guard;
  started = Clock::now();
  const auto status = [&](std::string_view word, int code) {
    if (run_dir != nullptr) {
      run_dir->status(word, code, now.step);
    }
  };
  status("running", 0);
  if (metrics) {
    metrics->event("start", now.step,
                   {{"steps", total}, {"steps_per_epoch", per_epoch}, {"seed", numbers.seed}});
  }
  try {
    const int code = train();
    if (const size_t skipped = source.bad().count(); skipped > 0) {
      console.print(std::to_string(skipped) + " samples could not be read and were skipped");
    }
    status(code == 0 ? "done" : "preempted", code);
    if (metrics) {
      metrics->event("end", now.step,
                     {{"exit_code", code},
                      {"stopped_early", stop_early},
                      {"skipped", source.bad().count()},
                      {"seconds", seconds()}});
    }
    return code;
  } catch (const Error &error) {
    try {
      status("failed", int(error.exit));
    } catch (const Error &) { // a full disk again: the first error is the one to tell
    }
    console.print("failed after step " + std::to_string(now.step));
    throw;
  }
}

int Trainer::train() {
  data::Loader loader(source, size_t(batch), batches(), 4, size_t(options.loader_threads));
  window_start = Clock::now();
  scalars.apply(model);
  if (now.step > 0 && evaluation_due() &&
      now.last_evaluation != now.step) { // a signal came before it
    evaluate();
    save();
  }
  while (now.step < total && !stop_early) {
    step(loader);
    const bool last = now.step == total;
    if (now.step % options.log_every == 0 || last) {
      log(loader);
    }
    const int requested = now.step == options.stop_after ? SIGUSR1 : 0;
    const bool evaluated = requested == 0 && evaluation_due() && evaluate();
    const int signal = requested != 0 ? requested : SignalGuard::received();
    const bool due = options.save_every > 0 ? now.step % options.save_every == 0 : evaluated;
    const bool best = evaluated && now.best_step == now.step;
    if (due || best || last || stop_early || signal != 0) {
      save();
    }
    if (signal != 0) {
      console.print("stopped by signal " + std::to_string(signal) + " after step " +
                    std::to_string(now.step) + "; continue with --resume");
      return SignalGuard::exit_code(signal);
    }
  }
  return 0;
}

void Trainer::feed(const data::Batch &b) {
  const int64_t step = now.step + 1;
  feed_step_scalars(model, config, scalars, numbers,
                    {numbers.seed, step, b.first,
                     learning_rate(config.schedule, numbers, now.step, per_epoch),
                     1.0 / double(micro), per_epoch});
}

/// While a device runs the batch, the next one goes up.
void Trainer::run_micro_batch(const ModelEntry &entry, data::Loader &loader) {
  const data::Batch *b = next_batch != nullptr ? next_batch : loader.next();
  if (b == nullptr) {
    throw internal_error("training loop", "the loader ended before the last step");
  }
  const std::vector<uint32_t> samples = b->samples;
  feed(*b);
  if (staged) {
    model.commit();
  } else {
    feed_batch(model, entry, *b, source.modalities());
  }
  next_batch = nullptr;
  model.start(entry);
  if (stages) {
    next_batch = loader.next();
    staged = next_batch != nullptr && stage_batch(model, entry, *next_batch, source.modalities());
    stages = staged;
  }
  model.finish();
  read_results(entry, samples);
}

void Trainer::step(data::Loader &loader) {
  if (entries.step != nullptr) {
    run_micro_batch(*entries.step, loader);
  } else {
    for (size_t g : entries.gradients) {
      model.zero(g);
    }
    for (int64_t m = 0; m < micro; ++m) {
      run_micro_batch(*entries.accumulate, loader);
    }
    model.run(*entries.apply);
  }
  ++now.step;
  now.epoch = now.step / per_epoch;
  now.position = now.step % per_epoch * batch * micro;
}

void Trainer::read_results(const ModelEntry &entry, const std::vector<uint32_t> &samples) {
  const ModelInfo &info = model.info();
  for (size_t t : entry_outputs(info, entry, BindKind::loss)) {
    const float value = model.read_floats(t)[0];
    if (!std::isfinite(value)) {
      std::string keys;
      for (uint32_t sample : samples) {
        keys += " " + source.index().samples[sample].key;
      }
      throw numerics_error(
          "step " + std::to_string(now.step + 1),
          "loss '" + info.tensors[t].name + "' is " + std::to_string(value) + "; samples:" + keys,
          "run again with --check-numerics to find the first operation that went wrong");
    }
    losses.add(info.tensors[t].name, value);
  }
  for (size_t t : entry_outputs(info, entry, BindKind::output)) {
    const ModelTensor &tensor = info.tensors[t];
    const int64_t per_sample =
        tensor.shape.empty() || tensor.shape[0] != batch ? 0 : tensor.elements() / batch;
    if (tensor.dtype != DType::f32 || per_sample < 1 || per_sample > 8 || tensor.name == "logits") {
      continue; // small outputs, as a gate's votes, are worth watching
    }
    const std::vector<float> values = model.read_floats(t);
    for (size_t i = 0; i < values.size(); ++i) {
      const size_t k = i % size_t(per_sample);
      const bool named = size_t(per_sample) == info.modalities.size();
      outputs.add(tensor.name + "." + (named ? info.modalities[k] : std::to_string(k)), values[i]);
    }
  }
}

void Trainer::log(const data::Loader &loader) {
  const double window = std::chrono::duration<double>(Clock::now() - window_start).count();
  const int64_t steps = (now.step - first_step - 1) % options.log_every + 1;
  ProgressLine line;
  line.step = now.step;
  line.steps = total;
  line.losses = losses.take();
  line.outputs = outputs.take();
  line.samples_per_second = double(steps * batch * micro) / std::max(window, 1e-9);
  line.data_share = (loader.wait_seconds() - waited_before) / std::max(window, 1e-9);
  line.memory = model.memory_bytes();
  line.seconds_left = seconds() / double(now.step - first_step) * double(total - now.step);
  waited_before = loader.wait_seconds();
  console.progress(line.text());
  const double lr = learning_rate(config.schedule, numbers, now.step - 1, per_epoch);
  if (metrics) {
    metrics->event("step", now.step,
                   {{"epoch", double(now.step) / double(per_epoch)},
                    {"lr", lr},
                    {"losses", to_json(line.losses)},
                    {"outputs", to_json(line.outputs)},
                    {"samples_per_second", line.samples_per_second},
                    {"data_share", line.data_share},
                    {"memory_bytes", line.memory},
                    {"seconds", seconds()}});
  }
  if (events) {
    auto values = line.losses;
    values.insert(values.end(), line.outputs.begin(), line.outputs.end());
    values.emplace_back("lr", lr);
    values.emplace_back("samples_per_second", line.samples_per_second);
    events->scalars(now.step, values);
  }
  window_start = Clock::now();
}

bool Trainer::evaluation_due() const {
  return !validation.empty() && (now.step % eval_steps == 0 || now.step == total);
}

bool Trainer::evaluate() {
  const auto stopped = [] { return SignalGuard::received() != 0; };
  if (stopped()) { // the resumed run will evaluate here
    return false;
  }
  const auto begin = Clock::now();
  EvalResult result;
  {
    const EmaSwap averaged(model);
    result = run_eval(model, source, validation, 0, stopped);
    scalars.apply(model);
  }
  if (stopped()) {
    return false;
  }
  std::vector<std::pair<std::string, double>> values = result.losses;
  for (const auto &[name, metric] : result.metrics) {
    if (metric.size() == 1) {
      values.emplace_back(name, metric[0]);
    }
  }
  std::string line = "eval step " + std::to_string(now.step) + " val";
  std::vector<std::pair<std::string, double>> tagged;
  for (const auto &[name, value] : values) {
    char text[64];
    std::snprintf(text, sizeof text, " %.4g", value);
    line += " " + name + text;
    tagged.emplace_back("val/" + name, value);
  }
  judge(result);
  console.print(line + (now.best_step == now.step ? "  (best)" : ""));
  if (metrics) {
    metrics->event("eval", now.step,
                   {{"part", "val"},
                    {"samples", result.samples},
                    {"values", to_json(values)},
                    {"best", now.best ? OrderedJson(*now.best) : OrderedJson(nullptr)},
                    {"best_step", now.best_step},
                    {"seconds", seconds()}});
  }
  if (events) {
    events->scalars(now.step, tagged);
  }
  window_start += Clock::now() - begin; // evaluation is not part of the training speed
  return true;
}

void Trainer::judge(const EvalResult &result) {
  now.last_evaluation = now.step;
  if (config.monitor.metric.empty()) {
    return;
  }
  const double value = result.value(config.monitor.metric);
  if (std::isnan(value)) {
    throw numerics_error("evaluation at step " + std::to_string(now.step),
                         "the monitored '" + config.monitor.metric +
                             "' is not a number or not a metric of the model",
                         "monitor one of the model's metrics or loss.NAME");
  }
  if (!now.best || (config.monitor.maximize ? value > *now.best : value < *now.best)) {
    now.best = value;
    now.best_step = now.step;
    now.evaluations_since_best = 0;
  } else if (++now.evaluations_since_best >= numbers.patience && numbers.patience > 0) {
    stop_early = true;
    console.print("no better " + config.monitor.metric + " in " + std::to_string(numbers.patience) +
                  " evaluations: stopping; best at step " + std::to_string(now.best_step));
  }
}

void Trainer::save() {
  if (run_dir == nullptr) {
    return;
  }
  const CheckpointStore store(run_dir->checkpoints());
  store.save(model, now);
  if (config.monitor.keep_best && now.best_step == now.step && now.best) {
    store.mark_best(now.step);
  }
  store.prune(options.keep);
  metrics->event("checkpoint", now.step,
                 {{"path", "ckpt/" + step_name(now.step)}, {"seconds", seconds()}});
}

double Trainer::seconds() const {
  return std::chrono::duration<double>(Clock::now() - started).count();
}

} // namespace mome::train

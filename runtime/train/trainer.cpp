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

Numbers read_numbers(const Scalars &scalars, const Config &config, const TrainOptions &options) {
  Numbers numbers = scalars.numbers(config);
  numbers.seed = options.seed.value_or(numbers.seed);
  return numbers;
}

} // namespace

Trainer::Trainer(Model &model, data::Source &source, Config c, Scalars s, TrainOptions o,
                 RunDir *run)
    : model(model), source(source), config(std::move(c)), scalars(std::move(s)),
      options(std::move(o)), run_dir(run), numbers(read_numbers(scalars, config, options)),
      steps(model, source, config, numbers, options), log(run, options.verbosity) {
  find_entries();
  const ModelInfo &info = model.info();
  now.model = info.model;
  now.package_hash = info.package_hash;
  now.variant = info.variant;
  now.section = config.section;
  now.data_hash = source.index().hash;
  now.classes = source.index().classes;
  now.seed = numbers.seed;
  now.accumulate = steps.micro;
  now.batch = steps.batch;
  now.steps_per_epoch = steps.per_epoch;
  now.monitor = config.monitor.metric;
  for (size_t i = 0; i < info.scalars.size(); ++i) {
    if (!info.scalars[i].host) {
      now.scalars[info.scalars[i].name] = scalars.values()[i];
    }
  }
  log.open(options.tensorboard);
}

void Trainer::find_entries() {
  const ModelInfo &info = model.info();
  entries.step = steps.micro == 1 ? info.entry(config.scalar("step")) : nullptr;
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
  if (int64_t(entry_batch(info, entry)) != steps.batch) {
    throw package_error("entry '" + entry.name + "'",
                        "its batch differs from the section's " + std::to_string(steps.batch), "");
  }
}

std::string Trainer::plan() const {
  std::string text;
  const auto line = [&](const std::string &name, const std::string &value) {
    text += name + ": " + value + "\n";
  };
  line("model", now.model + " (" + now.variant + ", package " + now.package_hash + ")");
  line("section", config.section + ", batch " + std::to_string(steps.batch) + " x " +
                      std::to_string(steps.micro));
  line("train samples", std::to_string(steps.sampler.size()) + ", val samples " +
                            std::to_string(steps.validation.size()));
  line("steps", std::to_string(steps.total) + " (" + std::to_string(steps.per_epoch) +
                    " per epoch), evaluation every " + std::to_string(steps.eval_steps));
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
      log.print(account);
    }
  }
  start_ema(model);
  log.rewind(-1); // of a start that failed before its first checkpoint
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
    log.rewind(now.step);
  }
  log.print("resuming after step " + std::to_string(now.step));
}

int Trainer::run_to_end() {
  const SignalGuard guard;
  log.start_clock();
  const auto status = [&](std::string_view word, int code) {
    if (run_dir != nullptr) {
      run_dir->status(word, code, now.step);
    }
  };
  status("running", 0);
  log.event("start", now.step,
            {{"steps", steps.total}, {"steps_per_epoch", steps.per_epoch}, {"seed", numbers.seed}});
  try {
    const int code = train();
    if (const size_t skipped = source.bad().count(); skipped > 0) {
      log.print(std::to_string(skipped) + " samples could not be read and were skipped");
    }
    status(code == 0 ? "done" : "preempted", code);
    log.event("end", now.step,
              {{"exit_code", code},
               {"stopped_early", stop_early},
               {"skipped", source.bad().count()},
               {"seconds", log.seconds()}});
    return code;
  } catch (const Error &error) {
    try {
      status("failed", int(error.exit));
    } catch (const Error &) { // a full disk again: the first error is the one to tell
    }
    log.print("failed after step " + std::to_string(now.step));
    throw;
  }
}

void Trainer::catch_up() {
  if (now.step > 0 && steps.evaluates_after(now.step) && now.last_evaluation != now.step) {
    evaluate();
    save();
  }
}

int Trainer::train() {
  data::Loader loader(source, size_t(steps.batch), steps.batches_after(now.step, numbers.seed), 4,
                      size_t(options.loader_threads));
  log.start_window();
  scalars.apply(model);
  catch_up();
  while (now.step < steps.total && !stop_early) {
    step(loader);
    const bool last = now.step == steps.total;
    if (now.step % options.log_every == 0 || last) {
      report(loader);
    }
    const int requested = now.step == options.stop_after ? SIGUSR1 : 0;
    const bool evaluated = requested == 0 && steps.evaluates_after(now.step) && evaluate();
    const int signal = requested != 0 ? requested : SignalGuard::received();
    const bool due = options.save_every > 0 ? now.step % options.save_every == 0 : evaluated;
    const bool best = evaluated && now.best_step == now.step;
    if (due || best || last || stop_early || signal != 0) {
      save();
    }
    if (signal != 0) {
      log.print("stopped by signal " + std::to_string(signal) + " after step " +
                std::to_string(now.step) + "; continue with: mome train --resume " +
                (run_dir != nullptr ? run_dir->path().string() : "RUN"));
      return SignalGuard::exit_code(signal);
    }
  }
  return 0;
}

void Trainer::feed(const data::Batch &b) {
  const int64_t step = now.step + 1;
  feed_step_scalars(model, config, scalars, numbers,
                    {numbers.seed, step, b.first,
                     learning_rate(config.schedule, numbers, now.step, steps.per_epoch),
                     1.0 / double(steps.micro), steps.per_epoch});
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
  read_losses(entry, samples);
  read_outputs(entry);
}

void Trainer::step(data::Loader &loader) {
  if (entries.step != nullptr) {
    run_micro_batch(*entries.step, loader);
  } else {
    for (size_t g : entries.gradients) {
      model.zero(g);
    }
    for (int64_t m = 0; m < steps.micro; ++m) {
      run_micro_batch(*entries.accumulate, loader);
    }
    model.run(*entries.apply);
  }
  ++now.step;
  now.epoch = now.step / steps.per_epoch;
  now.position = now.step % steps.per_epoch * steps.batch * steps.micro;
}

void Trainer::read_losses(const ModelEntry &entry, const std::vector<uint32_t> &samples) {
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
    log.add_loss(info.tensors[t].name, value);
  }
}

/// Small outputs, as a gate's votes, are worth watching.
void Trainer::read_outputs(const ModelEntry &entry) {
  const ModelInfo &info = model.info();
  for (size_t t : entry_outputs(info, entry, BindKind::output)) {
    const ModelTensor &tensor = info.tensors[t];
    const int64_t per_sample = tensor.shape.empty() || tensor.shape[0] != steps.batch
                                   ? 0
                                   : tensor.elements() / steps.batch;
    if (tensor.dtype != DType::f32 || per_sample < 1 || per_sample > 8 || tensor.name == "logits") {
      continue;
    }
    const std::vector<float> values = model.read_floats(t);
    for (size_t i = 0; i < values.size(); ++i) {
      const size_t k = i % size_t(per_sample);
      const bool named = size_t(per_sample) == info.modalities.size();
      log.add_output(tensor.name + "." + (named ? info.modalities[k] : std::to_string(k)),
                     values[i]);
    }
  }
}

void Trainer::report(const data::Loader &loader) {
  StepReport report;
  report.step = now.step;
  report.steps = steps.total;
  report.done = now.step - first_step;
  report.since = (report.done - 1) % options.log_every + 1;
  report.samples_per_step = steps.batch * steps.micro;
  report.epoch = double(now.step) / double(steps.per_epoch);
  report.learning_rate = learning_rate(config.schedule, numbers, now.step - 1, steps.per_epoch);
  report.waited = loader.wait_seconds();
  report.memory = model.memory_bytes();
  log.step(report);
}

bool Trainer::evaluate() {
  const auto stopped = [] { return SignalGuard::received() != 0; };
  if (stopped()) { // the resumed run will evaluate here
    return false;
  }
  const auto begin = RunLog::Clock::now();
  EvalResult result;
  {
    const EmaSwap averaged(model);
    result = run_eval(model, source, steps.validation, 0, stopped);
    scalars.apply(model);
  }
  if (stopped()) {
    return false;
  }
  judge(result);
  log.evaluation(now, result, begin);
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
    log.print("no better " + config.monitor.metric + " in " + std::to_string(numbers.patience) +
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
  log.event("checkpoint", now.step,
            {{"path", "ckpt/" + step_name(now.step)}, {"seconds", log.seconds()}});
}

} // namespace mome::train

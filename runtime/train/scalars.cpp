#include "runtime/train/scalars.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "runtime/error.h"
#include "runtime/text.h"
#include "runtime/train/mixup.h"

namespace mome::train {

Scalars::Scalars(const ModelInfo &info, std::string section)
    : info(info), section(std::move(section)) {
  for (const ModelScalar &s : info.scalars) {
    current.push_back(s.value);
  }
}

std::string Scalars::resolve(std::string_view name) const {
  return name.starts_with("train.") && !section.empty() && !info.scalar(name)
             ? section + std::string(name.substr(5))
             : std::string(name);
}

void Scalars::set(std::string_view assignment) {
  const size_t equals = assignment.find('=');
  if (equals == std::string_view::npos || equals == 0) {
    throw usage_error("'" + std::string(assignment) + "' is not NAME=VALUE",
                      "for example --set train.lr=3e-5");
  }
  const std::string_view text = assignment.substr(equals + 1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    throw usage_error("'" + std::string(text) + "' is not a finite number",
                      "in --set " + std::string(assignment));
  }
  set(assignment.substr(0, equals), value);
}

void Scalars::set(std::string_view name, double value) {
  const std::string full = resolve(name);
  const std::optional<size_t> index = info.scalar(full);
  if (!index) {
    std::vector<std::string> names;
    for (const ModelScalar &s : info.scalars) {
      if (!s.host) {
        names.push_back(s.name);
      }
    }
    throw usage_error("the package has no scalar '" + std::string(name) + "'",
                      suggestion(full, names, "its scalars: "));
  }
  const ModelScalar &scalar = info.scalars[*index];
  if (scalar.host) {
    throw usage_error("'" + full + "' is computed every step",
                      "set the numbers it is computed from instead");
  }
  if (scalar.integer && value != std::floor(value)) {
    throw usage_error("'" + full + "' is an integer", "got " + std::to_string(value));
  }
  current[*index] = value;
}

bool Scalars::has(std::string_view name) const {
  return info.scalar(resolve(name)).has_value();
}

double Scalars::get(std::string_view name, double absent) const {
  const std::optional<size_t> index = info.scalar(resolve(name));
  return index ? current[*index] : absent;
}

void Scalars::apply(Model &model) const {
  for (size_t i = 0; i < current.size(); ++i) {
    model.set_scalar(i, current[i]);
  }
}

Numbers Scalars::numbers(const Config &config) const {
  Numbers n;
  const auto read = [&](const char *leaf, double absent) {
    return get(config.scalar(leaf), absent);
  };
  n.lr = read("lr", n.lr);
  n.end = read("end", n.end);
  n.warmup = read("warmup", n.warmup);
  n.warmup_start = read("warmup_start", n.warmup_start);
  n.gamma = read("gamma", n.gamma);
  n.epochs = read("epochs", n.epochs);
  n.beta1 = read("betas.0", n.beta1);
  n.beta2 = read("betas.1", n.beta2);
  n.seed = int64_t(read("seed", 0));
  n.every_epochs = read("every_epochs", config.monitor.every_epochs);
  n.patience = int64_t(read("patience", double(config.monitor.patience)));
  const auto need = [&](bool ok, const char *leaf, const char *rule) {
    if (!ok) {
      throw usage_error("'" + config.scalar(leaf) + "' " + rule,
                        std::string("change it with --set train.") + leaf + "=...");
    }
  };
  need(n.epochs > 0, "epochs", "must be positive");
  need(n.every_epochs > 0, "every_epochs", "must be positive");
  need(n.warmup >= 0, "warmup", "must not be negative");
  need(n.beta1 >= 0 && n.beta1 < 1, "betas.0", "must be in [0, 1)");
  need(n.beta2 >= 0 && n.beta2 < 1, "betas.1", "must be in [0, 1)");
  return n;
}

/// The first 0-based step at which `until` epochs have passed.
static int64_t thaw_step(double until, int64_t steps_per_epoch) {
  const auto thawed = [&](int64_t step) { return double(step) / double(steps_per_epoch) >= until; };
  int64_t step =
      std::max<int64_t>(0, int64_t(std::ceil(std::min(until * double(steps_per_epoch), 1e15))));
  while (step > 0 && thawed(step - 1)) { // the product above was rounded
    --step;
  }
  return thawed(step) ? step : step + 1;
}

void feed_step_scalars(Model &model, const Config &config, const Scalars &scalars,
                       const Numbers &numbers, const StepScalars &s) {
  const ModelInfo &info = model.info();
  const auto feed = [&](const std::string &name, double value) {
    if (const std::optional<size_t> index = info.scalar(name)) {
      model.set_scalar(*index, value);
    }
  };
  // Moments count from the first step at which they move.
  const auto feed_corrections = [&](const std::string &suffix, int64_t steps) {
    feed(config.scalar("bias_correction1") + suffix, bias_correction(numbers.beta1, steps));
    feed(config.scalar("bias_correction2") + suffix, bias_correction(numbers.beta2, steps));
  };
  feed("seed", double(s.seed));
  feed("step", double(s.step));
  feed("sample", double(s.sample));
  feed(config.scalar("lr_now"), s.lr);
  feed(config.scalar("grad_scale"), s.grad_scale);
  feed_corrections("", s.step);
  for (size_t i = 0; i < config.freeze.size(); ++i) {
    const std::string &until = config.freeze[i].until;
    const int64_t start =
        until.empty() ? s.step : thaw_step(scalars.get(until, 0), s.steps_per_epoch);
    feed(config.scalar("trainable." + std::to_string(i)), s.step > start ? 1 : 0);
    feed_corrections("." + std::to_string(i), std::max<int64_t>(1, s.step - start));
  }
  if (!config.mixup.empty()) {
    const double alpha = s.mix ? scalars.get(config.mixup, 0) : 0;
    feed(config.scalar("mixup_now"), mixup_share(alpha, s.seed, s.step, s.sample));
  }
  if (!config.ema_decay
           .empty()) { // warmed up: the first steps must not be averaged with the initial weights
    const double decay = scalars.get(config.ema_decay, 0.999);
    feed(config.scalar("ema_now"),
         std::min(decay, (1.0 + double(s.step)) / (10.0 + double(s.step))));
  }
}

} // namespace mome::train

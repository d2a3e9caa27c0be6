// Values of a package's scalar inputs during one run: defaults, `--set`, and what the host computes
// every step.
#pragma once

#include <string>
#include <vector>

#include "runtime/train/config.h"
#include "runtime/train/model.h"
#include "runtime/train/schedule.h"

namespace mome::train {

class Scalars {
public:
  /// `section`: the train section in use, whose scalars `train.X` aliases; may be empty.
  Scalars(const ModelInfo &info, std::string section);

  /// "NAME=VALUE"; throws Error (usage): unknown name (suggests the nearest), host scalar, not a
  /// number.
  void set(std::string_view assignment);
  void set(std::string_view name, double value);
  bool has(std::string_view name) const;
  double get(std::string_view name, double absent) const;
  /// Writes every scalar into the model.
  void apply(Model &model) const;

  const std::vector<double> &values() const { return current; }
  const ModelInfo &model() const { return info; }

  /// The numbers of the section that the host reads.
  Numbers numbers(const Config &config) const;

private:
  const ModelInfo &info;
  std::string section;
  std::vector<double> current; // parallel to info.scalars

  std::string resolve(std::string_view name) const;
};

/// What the host feeds before a run of a train entry.
struct StepScalars {
  int64_t seed, step, sample; // step is 1-based
  double lr, grad_scale;
  int64_t steps_per_epoch;
  bool mix = true; // false: as if alpha were 0
};
void feed_step_scalars(Model &model, const Config &config, const Scalars &scalars,
                       const Numbers &numbers, const StepScalars &s);

} // namespace mome::train

// Learning-rate schedules and bias corrections: computed on the host in f64, fed to the graph as
// scalars every step.
//
// Per iteration, as UniFormerV2 trains (cosine per iteration, after a linear warm-up):
//   e = completed steps / steps per epoch, W = warm-up epochs, E = epochs
//   e < W      lr = start + (peak - start) * e / W        where peak = the schedule's value at e =
//   W constant   lr = base cosine     lr = end + (base - end) * (cos(pi * (e - W) / (E - W)) + 1) /
//   2 multi_step lr = base * gamma ^ (number of milestones <= e)
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "runtime/train/config.h"

namespace mome::train {

/// The numbers of a section's scalars that the host reads (values after `--set`).
struct Numbers {
  double lr = 1e-3, end = 0, warmup = 0, warmup_start = 1e-6, gamma = 0.1;
  double epochs = 1;
  double beta1 = 0.9, beta2 = 0.999;
  int64_t seed = 0;
  double every_epochs = 1;
  int64_t patience = 0;
};

/// lr of the step after `done` completed steps.
double learning_rate(const Schedule &schedule, const Numbers &n, int64_t done,
                     int64_t steps_per_epoch);

/// 1 - beta^step, without cancellation for small steps; `step` is 1-based.
double bias_correction(double beta, int64_t step);

} // namespace mome::train

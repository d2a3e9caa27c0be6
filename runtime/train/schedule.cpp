#include "runtime/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace mome::train {
namespace {

double after_warmup(const Schedule &schedule, const Numbers &n, double epoch) {
  switch (schedule.kind) {
  case ScheduleKind::constant:
    return n.lr;
  case ScheduleKind::cosine: {
    const double span = n.epochs - n.warmup;
    const double t = span > 0 ? std::clamp((epoch - n.warmup) / span, 0.0, 1.0) : 1.0;
    return n.end + (n.lr - n.end) * 0.5 * (std::cos(std::numbers::pi * t) + 1);
  }
  case ScheduleKind::multi_step: {
    const auto &m = schedule.milestones;
    const auto passed = std::upper_bound(m.begin(), m.end(), epoch) - m.begin();
    return n.lr * std::pow(n.gamma, double(passed));
  }
  }
  return n.lr;
}

} // namespace

double learning_rate(const Schedule &schedule, const Numbers &n, int64_t done,
                     int64_t steps_per_epoch) {
  const double epoch = double(done) / double(steps_per_epoch);
  if (epoch < n.warmup) {
    const double peak = after_warmup(schedule, n, n.warmup);
    const double start = std::min(n.warmup_start, peak);
    return start + (peak - start) * epoch / n.warmup;
  }
  return after_warmup(schedule, n, epoch);
}

double bias_correction(double beta, int64_t step) {
  return beta > 0 ? -std::expm1(double(step) * std::log(beta)) : 1.0;
}

} // namespace mome::train

// Accuracy of predictions, with intervals that respect who was recorded.
//
// Top-1: share of labelled samples predicted right. Mean-1: mean over the classes PRESENT among the
// labels of the share predicted right (a class without samples does not count). Samples of one
// subject are not independent, so intervals are 95 % percentile intervals of a bootstrap that draws
// whole subjects with replacement (Philox, fixed seed).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace mome::train {

struct Interval {
  double low, high;
};

struct Accuracy {
  int64_t samples = 0; // labelled
  int64_t classes_present = 0;
  double top1 = 0, mean1 = 0;
  Interval top1_interval{0, 0}, mean1_interval{0, 0};
  std::vector<int64_t> per_class_total, per_class_right;
};

/// Labels and predictions are class numbers; label -1: not counted.
Accuracy measure_accuracy(std::span<const int32_t> labels, std::span<const int32_t> predicted,
                          std::span<const std::string> subjects, size_t classes,
                          int64_t resamples = 2000);

} // namespace mome::train

#include "runtime/train/statistics.h"

#include <algorithm>
#include <map>

#include "runtime/philox.h"

namespace mome::train {
namespace {

struct Tally {
  std::vector<int64_t> total, right;
  explicit Tally(size_t classes) : total(classes), right(classes) {}

  void add(const Tally &other) {
    for (size_t k = 0; k < total.size(); ++k) {
      total[k] += other.total[k];
      right[k] += other.right[k];
    }
  }
  double top1() const {
    int64_t n = 0, r = 0;
    for (size_t k = 0; k < total.size(); ++k) {
      n += total[k];
      r += right[k];
    }
    return n == 0 ? 0 : double(r) / double(n);
  }
  int64_t present() const {
    return std::count_if(total.begin(), total.end(), [](int64_t n) { return n > 0; });
  }
  double mean1() const {
    double sum = 0;
    for (size_t k = 0; k < total.size(); ++k) {
      sum += total[k] > 0 ? double(right[k]) / double(total[k]) : 0;
    }
    return present() == 0 ? 0 : sum / double(present());
  }
};

Interval percentile(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double q) { return values[size_t(q * double(values.size() - 1) + 0.5)]; };
  return {at(0.025), at(0.975)};
}

} // namespace

Accuracy measure_accuracy(std::span<const int32_t> labels, std::span<const int32_t> predicted,
                          std::span<const std::string> subjects, size_t classes,
                          int64_t resamples) {
  std::map<std::string, Tally>
      by_subject; // sorted: the result does not depend on the order of samples
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || size_t(labels[i]) >= classes) {
      continue;
    }
    Tally &tally = by_subject.try_emplace(subjects[i], classes).first->second;
    ++tally.total[size_t(labels[i])];
    tally.right[size_t(labels[i])] += labels[i] == predicted[i];
  }
  Tally all(classes);
  std::vector<const Tally *> tallies;
  for (const auto &[subject, tally] : by_subject) {
    all.add(tally);
    tallies.push_back(&tally);
  }
  Accuracy result;
  for (int64_t n : all.total) {
    result.samples += n;
  }
  result.classes_present = all.present();
  result.top1 = all.top1();
  result.mean1 = all.mean1();
  result.per_class_total = all.total;
  result.per_class_right = all.right;
  if (result.samples == 0 || resamples <= 0) {
    return result;
  }
  std::vector<double> top1, mean1;
  for (int64_t r = 0; r < resamples; ++r) {
    Tally drawn(classes);
    for (size_t i = 0; i < tallies.size(); ++i) {
      const PhiloxCounter bits = random_bits(0, RandomUse::bootstrap, uint32_t(r), i);
      drawn.add(*tallies[scale_below(join_bits(bits[0], bits[1]), tallies.size())]);
    }
    top1.push_back(drawn.top1());
    mean1.push_back(drawn.mean1());
  }
  result.top1_interval = percentile(std::move(top1));
  result.mean1_interval = percentile(std::move(mean1));
  return result;
}

} // namespace mome::train

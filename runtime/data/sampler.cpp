#include "runtime/data/sampler.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "runtime/philox.h"

namespace mome::data {

using train::SamplerKind;

Sampler::Sampler(SamplerKind kind, uint64_t seed, std::vector<uint32_t> part,
                 std::vector<int32_t> labels)
    : kind(kind), seed(seed), samples(std::move(part)) {
  if (kind != SamplerKind::inverse_frequency) {
    return;
  }
  std::map<int32_t, std::vector<uint32_t>> classes;
  for (size_t i = 0; i < samples.size(); ++i) {
    classes[labels[i]].push_back(samples[i]);
  }
  for (auto &[label, members] : classes) {
    by_class.push_back(std::move(members));
  }
}

std::vector<uint32_t> Sampler::order(uint32_t epoch) const {
  if (kind == SamplerKind::sequential) {
    return samples;
  }
  std::vector<uint32_t> result(samples.size());
  if (kind == SamplerKind::inverse_frequency) {
    for (size_t i = 0; i < result.size(); ++i) {
      const PhiloxCounter r = random_bits(seed, RandomUse::inverse_frequency, epoch, i);
      const auto &members = by_class[scale_below(join_bits(r[0], r[1]), by_class.size())];
      result[i] = members[scale_below(join_bits(r[2], r[3]), members.size())];
    }
    return result;
  }
  std::vector<std::tuple<uint64_t, uint32_t, uint32_t>> keyed; // the sample number breaks ties
  keyed.reserve(samples.size());
  for (uint32_t sample : samples) {
    const PhiloxCounter r = random_bits(seed, RandomUse::order, epoch, sample);
    keyed.emplace_back(join_bits(r[0], r[1]), r[2], sample);
  }
  std::sort(keyed.begin(), keyed.end());
  std::transform(keyed.begin(), keyed.end(), result.begin(),
                 [](const auto &k) { return std::get<2>(k); });
  return result;
}

std::vector<uint32_t> count_visits(std::span<const uint32_t> order) {
  std::map<uint32_t, uint32_t> seen;
  std::vector<uint32_t> visits;
  visits.reserve(order.size());
  for (uint32_t sample : order) {
    visits.push_back(seen[sample]++);
  }
  return visits;
}

} // namespace mome::data

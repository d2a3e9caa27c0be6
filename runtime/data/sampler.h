// The order of samples: a pure function of (seed, epoch, index), so a resumed run needs no saved
// state.
//
// `shuffle` sorts the samples by a 96-bit Philox draw of (seed, epoch, sample); `inverse_frequency`
// draws a class uniformly among those present, then one of its samples, for every position
// independently (an epoch is as long as the part).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/train/config.h"

namespace mome::data {

class Sampler {
public:
  /// `samples`: the part's sample numbers; `labels[i]`: the class of samples[i], read by
  /// inverse_frequency only.
  Sampler(train::SamplerKind kind, uint64_t seed, std::vector<uint32_t> samples,
          std::vector<int32_t> labels);

  size_t size() const { return samples.size(); }
  /// The samples of an epoch, in order.
  std::vector<uint32_t> order(uint32_t epoch) const;

private:
  train::SamplerKind kind;
  uint64_t seed;
  std::vector<uint32_t> samples;
  std::vector<std::vector<uint32_t>> by_class; // classes that occur, ascending
};

/// How often each sample of an order came before.
std::vector<uint32_t> count_visits(std::span<const uint32_t> order);

} // namespace mome::data

// A sequence of draws of the counter generator: value k is a pure function of (seed, use, stream).
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "runtime/philox.h"

namespace mome::data {

class Draws {
public:
  Draws(uint64_t seed, RandomUse use, uint32_t stream) : seed(seed), use(use), stream(stream) {}

  uint64_t bits() {
    const PhiloxCounter r = random_bits(seed, use, stream, count++);
    return join_bits(r[0], r[1]);
  }
  /// Uniform in [0, 1).
  double unit() { return double(bits() >> 11) * 0x1p-53; }
  double between(double low, double high) { return low + (high - low) * unit(); }
  uint64_t below(uint64_t n) { return scale_below(bits(), n); }
  bool chance(double p) { return unit() < p; }
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - unit()));
    return radius * std::cos(2 * std::numbers::pi * unit());
  }

private:
  uint64_t seed;
  RandomUse use;
  uint32_t stream;
  uint64_t count = 0;
};

} // namespace mome::data

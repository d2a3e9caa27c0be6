#include "runtime/train/mixup.h"

#include <cmath>
#include <numbers>

#include "runtime/philox.h"

namespace mome::train {
namespace {

/// Uniform numbers in (0, 1): draw after draw of one place in training.
class Uniform {
public:
  Uniform(int64_t seed, int64_t step, int64_t sample)
      : seed(uint64_t(seed)), place(uint64_t(step) << 32 ^ uint64_t(sample)) {}

  double next() {
    const PhiloxCounter r = random_bits(seed, RandomUse::mixup, draw++, place);
    return (double(join_bits(r[0], r[1]) >> 11) + 0.5) * 0x1p-53;
  }
  double normal() {
    const double radius = std::sqrt(-2 * std::log(next()));
    return radius * std::cos(2 * std::numbers::pi * next());
  }

private:
  uint64_t seed, place;
  uint32_t draw = 0;
};

/// The logarithm of a Gamma(shape) number: Marsaglia and Tsang 2000; below 1 by way of shape + 1.
double log_gamma_draw(double shape, Uniform &uniform) {
  const double boost = shape < 1 ? std::log(uniform.next()) / shape : 0;
  const double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = uniform.normal(), root = 1 + c * x, v = root * root * root;
    if (root > 0 && std::log(uniform.next()) < 0.5 * x * x + d - d * v + d * std::log(v)) {
      return std::log(d * v) + boost;
    }
  }
}

} // namespace

double mixup_share(double alpha, int64_t seed, int64_t step, int64_t sample) {
  if (!(alpha > 0)) {
    return 1;
  }
  Uniform uniform(seed, step, sample);
  const double x = log_gamma_draw(alpha, uniform), y = log_gamma_draw(alpha, uniform);
  return 1 / (1 + std::exp(y - x)); // of logarithms: small shapes give numbers near 0
}

} // namespace mome::train

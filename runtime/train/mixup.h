// The share of mixup: a sample of the batch keeps lambda of itself and takes the rest from its
// neighbour. lambda ~ Beta(alpha, alpha), one draw per micro-batch, a pure function of (seed, step,
// sample).
#pragma once

#include <cstdint>

namespace mome::train {

/// alpha = 0: 1, nothing is mixed.
double mixup_share(double alpha, int64_t seed, int64_t step, int64_t sample);

} // namespace mome::train

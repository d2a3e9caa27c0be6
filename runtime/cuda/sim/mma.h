// What mma and wgmma share.
#pragma once

#include <cstdint>

namespace mome::ptxsim {

/// c + sum a[i] b[i * stride] in an order by the seed, each sum truncated to f32.
double perturbed_dot(double c, const double *a, const double *b, int stride, int k, uint64_t seed);

} // namespace mome::ptxsim

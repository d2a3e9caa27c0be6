// Row sums of the interpreter.
#ifndef MOME_DIALECTS_NN_ROWMATH_H
#define MOME_DIALECTS_NN_ROWMATH_H

#include "llvm/ADT/ArrayRef.h"

#include <algorithm>
#include <cmath>

namespace mome::nn {

/// ln sum e^x, without overflow; -inf if all x are -inf.
inline double logsumexp(llvm::ArrayRef<double> x) {
  double max = -INFINITY, sum = 0.0;
  for (double value : x) {
    max = std::isnan(value) ? value : std::max(max, value);
  }
  if (std::isinf(max)) {
    return max;
  }
  for (double value : x) {
    sum += std::exp(value - max);
  }
  return max + std::log(sum);
}

} // namespace mome::nn
#endif

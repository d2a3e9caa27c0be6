// Quotients and exponentials of f32 by the instructions that a CUDA device has for them, where a
// processor wants long division and a polynomial.
#ifndef MOME_PASSES_DEVICEMATH_H
#define MOME_PASSES_DEVICEMATH_H

#include "mlir/IR/PatternMatch.h"

namespace mome {

/// Before those of approximate-math: of `arith.divf` and `math.exp`, scalars and vectors.
void populateDeviceMathPatterns(mlir::RewritePatternSet &patterns);

} // namespace mome
#endif

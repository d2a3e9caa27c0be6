// The inverse error function, which nn.erfinv and the normal random numbers share. Defined in
// Elementwise.cpp.
#ifndef MOME_DIALECTS_NN_ERFINV_H
#define MOME_DIALECTS_NN_ERFINV_H

#include "dialects/NN/Expr.h"

namespace mome::nn {

/// erf^-1 to all digits of f64; infinite at -1 and 1, NaN outside.
double erfInv(double x);
/// erf^-1 in scalar code, to the digits of f32.
ScalarExpr emitErfInv(ScalarExpr x);

} // namespace mome::nn
#endif

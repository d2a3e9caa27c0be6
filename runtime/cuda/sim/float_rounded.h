// Arithmetic that rounds toward zero, down or up, by the processor's rounding mode; and division
// approximately.
#pragma once

#include "runtime/cuda/sim/program.h"

namespace mome::ptxsim {

/// add, sub, mul, fma, mad, div, rcp, sqrt of f32 and f64; Inst::sub is the Round, flags: 1 ftz,
/// 2 sat. Null for what there is not.
Handler rounded_handler(std::string_view op, Type type);
Handler division_handler(bool approximate, bool ftz);

} // namespace mome::ptxsim

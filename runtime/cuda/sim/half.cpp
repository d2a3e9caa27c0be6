#include "runtime/cuda/sim/half.h"

namespace mome::ptxsim {
namespace {

/// |x| in units of `quantum`, rounded to an integer.
double round_units(double units, bool negative, Round round) {
  const double low = std::floor(units), part = units - low;
  if (part == 0) {
    return low;
  }
  switch (round) {
  case Round::zero:
    return low;
  case Round::down:
    return low + negative;
  case Round::up:
    return low + !negative;
  case Round::away:
    return low + (part >= 0.5);
  case Round::odd:
    return low + (std::fmod(low, 2) == 0);
  case Round::nearest:
    break;
  }
  return low + (part > 0.5 || (part == 0.5 && std::fmod(low, 2) == 1));
}

} // namespace

uint32_t encode(double x, Format f, Round round, bool saturate) {
  const uint32_t sign = std::signbit(x) ? 1u << (f.exponent_bits + f.mantissa_bits) : 0;
  const uint32_t nan = (1u << (f.exponent_bits + f.mantissa_bits)) - 1;
  const uint32_t infinity = ((1u << f.exponent_bits) - 1) << f.mantissa_bits;
  const uint32_t largest = f.has_infinity ? infinity - 1 : nan - 1;
  if (std::isnan(x)) {
    return nan;
  }
  const double magnitude = std::fabs(x);
  const int bias = (1 << (f.exponent_bits - 1)) - 1;
  if (!std::isinf(x)) {
    int exponent = magnitude == 0 ? 1 - bias : std::max(std::ilogb(magnitude), 1 - bias);
    double units = round_units(std::ldexp(magnitude, f.mantissa_bits - exponent), x < 0, round);
    // `units` counts from the start of the binade, whose implicit one adds to the exponent field.
    const uint64_t code = uint64_t(exponent + bias - 1) << f.mantissa_bits;
    if (exponent + bias < (1 << f.exponent_bits) + 1 && code + uint64_t(units) <= largest) {
      return sign | uint32_t(code + uint64_t(units));
    }
  }
  const bool toward_zero = round == Round::zero || round == Round::odd ||
                           (round == Round::down && !sign) || (round == Round::up && sign);
  if (saturate || (toward_zero && !std::isinf(x))) {
    return sign | largest;
  }
  return sign | (f.has_infinity ? infinity : nan);
}

double decode(uint32_t code, Format f) {
  const uint32_t mantissa = code & ((1u << f.mantissa_bits) - 1);
  const int exponent = int(code >> f.mantissa_bits) & ((1 << f.exponent_bits) - 1);
  const int bias = (1 << (f.exponent_bits - 1)) - 1, top = (1 << f.exponent_bits) - 1;
  const double sign = code >> (f.exponent_bits + f.mantissa_bits) & 1 ? -1 : 1;
  if (exponent == top && (f.has_infinity || mantissa == (1u << f.mantissa_bits) - 1)) {
    return f.has_infinity && mantissa == 0 ? sign * HUGE_VAL : std::nan("");
  }
  const double fraction = mantissa + (exponent == 0 ? 0 : std::ldexp(1, f.mantissa_bits));
  return sign * std::ldexp(fraction, std::max(exponent, 1) - bias - f.mantissa_bits);
}

} // namespace mome::ptxsim

// Small floating-point formats, in software, with every rounding.
//
// encode() rounds a double once, correctly, into any format of 1 sign bit; the two fast ones below
// are what arithmetic uses all the time.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace mome::ptxsim {

enum class Round : uint8_t { nearest, zero, down, up, away, odd };

struct Format {
  int exponent_bits, mantissa_bits;
  bool has_infinity; // e4m3 has none: its top code but NaN is a number
};
constexpr Format f16_format{5, 10, true}, bf16_format{8, 7, true}, tf32_format{8, 10, true},
    e4m3_format{4, 3, false}, e5m2_format{5, 2, true};

/// The code of `x` in `format`; `saturate` clips to the largest finite value. NaN: all ones but the
/// sign.
uint32_t encode(double x, Format format, Round round, bool saturate = false);
double decode(uint32_t code, Format format);

inline float from_bf16(uint16_t bits) {
  return std::bit_cast<float>(uint32_t{bits} << 16);
}
inline uint16_t to_bf16(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t rounded = bits + 0x7fff + ((bits >> 16) & 1);
  return uint16_t((bits & 0x7fffffff) > 0x7f800000 ? 0x7fff : rounded >> 16);
}

inline float from_f16(uint16_t bits) {
  const uint32_t sign = uint32_t(bits & 0x8000) << 16, rest = bits & 0x7fff;
  // Shifted into place the exponent is 112 too small, which one multiplication mends, for
  // subnormals as well.
  const float magnitude = std::bit_cast<float>(rest << 13) * 0x1p112f;
  const uint32_t special = 0x7f800000 | (rest & 0x3ff) << 13;
  return std::bit_cast<float>(sign |
                              (rest >= 0x7c00 ? special : std::bit_cast<uint32_t>(magnitude)));
}
inline uint16_t to_f16(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x), sign = (bits >> 16) & 0x8000;
  const uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) {
    return 0x7fff;
  }
  if (magnitude >= 0x477ff000) { // rounds to 65536 or more
    return uint16_t(sign | 0x7c00);
  }
  if (magnitude < 0x38800000) { // subnormal: adding 0.5 puts the last place where f16 has it
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return uint16_t(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000));
  }
  const uint32_t rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
  return uint16_t(sign | ((rounded - 0x38000000) >> 13));
}

} // namespace mome::ptxsim

// Pieces of floating-point arithmetic: flushing, canonical NaNs, minima, exact sums.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "runtime/cuda/sim/half.h"

namespace mome::ptxsim {

/// A subnormal becomes zero of the same sign (.ftz).
inline float flush(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  return std::bit_cast<float>(bits & 0x7f800000 ? bits : bits & 0x80000000);
}
/// Arithmetic gives one NaN.
inline float canonical(float x) {
  return x != x ? std::bit_cast<float>(0x7fffffffu) : x;
}
inline double canonical(double x) {
  return x != x ? std::bit_cast<double>(0x7fffffffffffffffull) : x;
}
template <class T> T saturate(T x) {
  return x > T(0) ? (x < T(1) ? x : T(1)) : T(0);
}

/// The number wins over a NaN; -0 is less than +0.
template <class T> T min_number(T a, T b) {
  const T least = a < b ? a : b < a ? b : std::signbit(a) ? a : b;
  return a != a ? b : b != b ? a : least;
}
template <class T> T max_number(T a, T b) {
  const T most = a > b ? a : b > a ? b : std::signbit(a) ? b : a;
  return a != a ? b : b != b ? a : most;
}

/// a * b + c rounded to a float whose last bit is 1 when it is inexact: rounding that once more to
/// 14 bits or fewer is the same as rounding the exact value.
inline float fma_to_odd(float a, float b, float c) {
  const double product = double(a) * b; // exact: 48 bits
  double sum = product + c;
  const double bb = sum - product; // the sum's error, by Knuth
  const double error = (product - (sum - bb)) + (c - bb);
  if (error != 0 && std::isfinite(sum)) {
    uint64_t bits = std::bit_cast<uint64_t>(sum);
    if (!(bits & 1)) { // away from or toward zero, to the odd neighbour on the error's side
      bits += (error > 0) == (sum > 0) ? 1 : -1;
    }
    sum = std::bit_cast<double>(bits);
  }
  float rounded = float(sum);
  if (double(rounded) != sum && sum == sum) {
    uint32_t bits = std::bit_cast<uint32_t>(rounded);
    if (std::fabs(double(rounded)) > std::fabs(sum)) {
      bits -= 1;
    }
    rounded = std::bit_cast<float>(bits | 1);
  }
  return rounded;
}

/// A number in [-1, 1] that depends on the bits and the seed alone.
inline double jitter(uint64_t bits, uint64_t seed) {
  uint64_t x = bits * 0x9e3779b97f4a7c15 ^ seed * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 31)) * 0x94d049bb133111eb;
  return double(int64_t(x ^ (x >> 29))) * 0x1p-63;
}

} // namespace mome::ptxsim

#include "tools/mome-bench-gpu/numbers.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace mome {
namespace {

/// The least magnitude that a difference is compared with.
constexpr double least_scale = 1e-6;

struct Bf16 { // f32 without its lower half
  uint16_t bits;
};

template <typename Use> auto with_type(DType type, Use use) {
  switch (type) {
  case DType::f64:
    return use(double());
  case DType::bf16:
    return use(Bf16());
  case DType::i32:
    return use(int32_t());
  case DType::i64:
    return use(int64_t());
  case DType::i1:
    return use(uint8_t());
  case DType::f32:
    break;
  }
  return use(float());
}

template <typename T> double value_of(T x) {
  if constexpr (requires { x.bits; }) {
    return std::bit_cast<float>(uint32_t(x.bits) << 16);
  } else {
    return double(x);
  }
}

template <typename T> T make(uint64_t random, float low, float high) {
  if constexpr (std::is_integral_v<T>) {
    return T(random >> 63);
  } else {
    const float value = low + (high - low) * float(random >> 40) * 0x1p-24f;
    if constexpr (requires { T().bits; }) {
      return {uint16_t(std::bit_cast<uint32_t>(value) >> 16)};
    } else {
      return value;
    }
  }
}

template <typename T> T load(const std::byte *at, uint64_t i) {
  T x;
  std::memcpy(&x, at + i * sizeof(T), sizeof(T));
  return x;
}

} // namespace

void fill_random(std::span<std::byte> bytes, DType type, NumberRange range, uint64_t seed) {
  const bool positive = range == NumberRange::positive;
  const float low = positive ? 0.1f : -1.0f, high = positive ? 0.9f : 1.0f;
  with_type(type, [&](auto sample) {
    using T = decltype(sample);
    uint64_t state = seed;
    for (size_t i = 0; i < bytes.size() / sizeof(T); ++i) {
      state = state * 6364136223846793005 + 1442695040888963407;
      const T x = make<T>(state, low, high);
      std::memcpy(&bytes[i * sizeof(T)], &x, sizeof(T));
    }
  });
}

bool are_bf16(std::span<const std::byte> floats) {
  for (size_t i = 0; i < floats.size() / sizeof(uint32_t); ++i) {
    if (load<uint32_t>(floats.data(), i) & 0xffff) {
      return false;
    }
  }
  return true;
}

bool has_nan(std::span<const std::byte> bytes, DType type) {
  return with_type(type, [&](auto sample) {
    using T = decltype(sample);
    bool found = false;
    for (size_t i = 0; i < bytes.size() / sizeof(T); ++i) {
      found |= std::isnan(value_of(load<T>(bytes.data(), i)));
    }
    return found;
  });
}

Difference compare(DType type, const std::byte *expected, const std::byte *found,
                   const uint8_t *written, uint64_t bytes) {
  return with_type(type, [&](auto sample) {
    using T = decltype(sample);
    Difference result;
    double scale = least_scale;
    for (uint64_t i = 0; i < bytes / sizeof(T); ++i) {
      const double x = value_of(load<T>(expected, i));
      scale = std::isfinite(x) ? std::max(scale, std::abs(x)) : scale;
      const uint8_t *flags = written == nullptr ? nullptr : written + i * sizeof(T);
      if (flags != nullptr && std::find(flags, flags + sizeof(T), 0) != flags + sizeof(T)) {
        continue;
      }
      ++result.elements;
      const double y = value_of(load<T>(found, i));
      if (x == y || (std::isnan(x) && std::isnan(y))) {
        continue;
      }
      const double difference = std::abs(x - y);
      result.error =
          std::max(result.error,
                   std::isnan(difference) ? std::numeric_limits<double>::infinity() : difference);
    }
    result.error /= scale;
    return result;
  });
}

} // namespace mome

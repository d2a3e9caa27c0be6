// Numbers that kernels are given, and the difference of what two devices make of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/tensor.h"

namespace mome {

/// Where generated floats lie: around zero, or, for logarithms and roots, in (0.1, 0.9). Integers are 0 or
/// 1 in both.
enum class NumberRange { around_zero, positive };

/// Fills a tensor; the same `seed` gives the same numbers.
void fill_random(std::span<std::byte> bytes, DType type, NumberRange range, uint64_t seed);

/// True if a float among these is NaN.
bool has_nan(std::span<const std::byte> bytes, DType type);

/// What results may differ by from the processor's, as a part of the tensor's own largest magnitude (at
/// least 1e-6). docs/numerics.md says where the numbers come from.
struct Tolerances {
  double wide = 1e-5, bf16 = 0x1p-7;
  double of(DType type) const { return type == DType::bf16 ? bf16 : wide; }
};

/// The largest difference as such a part, infinite where only one is NaN. Of the elements whose bytes are
/// all set in `written`; null: of all.
struct Difference {
  double error = 0;
  uint64_t elements = 0; // that were compared
};
Difference compare(DType type, const std::byte *expected, const std::byte *found,
                   const uint8_t *written, uint64_t bytes);

} // namespace mome

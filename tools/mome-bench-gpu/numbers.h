// Numbers that kernels are given, and the difference of what two devices make of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/tensor.h"
#include "tools/mome-bench-gpu/tensor_cores.h"

namespace mome {

/// Where generated floats lie: around zero, or, for logarithms and roots, in (0.1, 0.9). Integers are 0 or
/// 1 in both.
enum class NumberRange { around_zero, positive };

/// Fills a tensor; the same `seed` gives the same numbers.
void fill_random(std::span<std::byte> bytes, DType type, NumberRange range, uint64_t seed);

/// True if f32 are all bf16, widened: results that a kernel rounded and goes on with.
bool are_bf16(std::span<const std::byte> floats);

/// True if a float among these is NaN.
bool has_nan(std::span<const std::byte> bytes, DType type);

/// What results may differ by from the processor's, as a part of the tensor's own largest magnitude (at
/// least 1e-6). docs/numerics.md says where the numbers come from.
struct Tolerances {
  double wide = 1e-5, bf16 = 0x1p-7;
  /// f32 results of tensor cores: of bf16, and of f32 that they round to tf32.
  double tensor = 3e-5, tf32 = 1e-3;
  double of(DType type, Multiplier multiplier) const {
    return type == DType::bf16              ? bf16
           : multiplier == Multiplier::tf32 ? std::max(wide, tf32)
           : multiplier == Multiplier::bf16 ? std::max(wide, tensor)
                                            : wide;
  }
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

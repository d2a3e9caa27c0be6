// Finding the first NaN or infinity: `--check-numerics`.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "runtime/package.h"

namespace mome {

struct BadNumber {
  size_t index; // of the element in memory order
  double value; // NaN, inf or -inf
};

/// The first element that is not finite; none for integer types.
std::optional<BadNumber> find_bad_number(DType type, std::span<const std::byte> bytes);

/// "backward nn.linear of experts.acc.mlp at model.mome:12:7": a dispatch in a message.
std::string describe_dispatch(const Dispatch &dispatch);

} // namespace mome

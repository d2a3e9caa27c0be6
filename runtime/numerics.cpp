#include "runtime/numerics.h"

#include <cstring>

#include "runtime/text.h"

namespace mome {
namespace {

/// `Bits` are finite unless all bits of `exponent` are set.
template <typename Bits, typename ToDouble>
std::optional<BadNumber> scan(std::span<const std::byte> bytes, Bits exponent, ToDouble to_double) {
  for (size_t i = 0; i < bytes.size() / sizeof(Bits); ++i) {
    Bits bits;
    std::memcpy(&bits, bytes.data() + i * sizeof bits, sizeof bits);
    if ((bits & exponent) == exponent) {
      return BadNumber{i, to_double(bits)};
    }
  }
  return std::nullopt;
}

double from_f32(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

double from_f64(uint64_t bits) {
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

} // namespace

std::optional<BadNumber> find_bad_number(DType type, std::span<const std::byte> bytes) {
  switch (type) {
  case DType::f32:
    return scan<uint32_t>(bytes, 0x7f800000, from_f32);
  case DType::f64:
    return scan<uint64_t>(bytes, 0x7ff0000000000000, from_f64);
  case DType::bf16:
    return scan<uint16_t>(bytes, 0x7f80,
                          [](uint16_t bits) { return from_f32(uint32_t{bits} << 16); });
  case DType::i32:
  case DType::i64:
  case DType::i1:
    return std::nullopt;
  }
  return std::nullopt;
}

std::string describe_dispatch(const Dispatch &dispatch) {
  std::string text = std::string(phase_name(dispatch.phase)) + " " +
                     (dispatch.op.empty() ? "operation" : dispatch.op);
  if (!dispatch.scope.empty()) {
    text += " of " + join_names(dispatch.scope, 4);
  }
  if (!dispatch.lines.empty()) {
    text += " at " + join_names(dispatch.lines, 4);
  }
  return text;
}

} // namespace mome

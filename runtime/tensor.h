// Element types, and views of tensors in memory or in a mapped file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mome {

/// In the order of fb::DType.
enum class DType : uint8_t { f32, f64, bf16, i32, i64, i1 };
/// In the order of fb::BindKind: how the host fills or reads a tensor (docs/levels.md).
enum class BindKind : uint8_t {
  input,
  label,
  presence,
  valid,
  param,
  state,
  moment,
  grad,
  scalar,
  sum,
  loss,
  metric,
  output,
  tap
};

size_t dtype_size(DType type);
std::string_view dtype_name(DType type);        // "f32"
std::string_view safetensors_dtype(DType type); // "F32"
std::optional<DType> parse_safetensors_dtype(std::string_view name);
std::string_view kind_name(BindKind kind); // "param"
std::optional<BindKind> parse_kind(std::string_view name);

/// "[2, 3]"
std::string shape_text(std::span<const int64_t> shape);

/// A tensor's bytes, row-major; borrowed.
struct TensorView {
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};

} // namespace mome

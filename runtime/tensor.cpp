#include "runtime/tensor.h"

#include <algorithm>
#include <array>

namespace mome {
namespace {

constexpr std::array<std::string_view, 6> type_names = {"f32", "f64", "bf16", "i32", "i64", "i1"};
constexpr std::array<std::string_view, 6> file_names = {"F32", "F64", "BF16", "I32", "I64", "BOOL"};
constexpr std::array<size_t, 6> type_sizes = {4, 8, 2, 4, 8, 1};
constexpr std::array<std::string_view, 14> kind_names = {
    "input", "label",  "presence", "valid", "param",  "state",  "moment",
    "grad",  "scalar", "sum",      "loss",  "metric", "output", "tap"};

template <typename T, size_t N>
std::optional<T> parse(const std::array<std::string_view, N> &names, std::string_view name) {
  const auto it = std::find(names.begin(), names.end(), name);
  return it == names.end() ? std::nullopt : std::optional(T(it - names.begin()));
}

} // namespace

size_t dtype_size(DType type) {
  return type_sizes[size_t(type)];
}
std::string_view dtype_name(DType type) {
  return type_names[size_t(type)];
}
std::string_view safetensors_dtype(DType type) {
  return file_names[size_t(type)];
}
std::optional<DType> parse_safetensors_dtype(std::string_view name) {
  return parse<DType>(file_names, name);
}
std::string_view kind_name(BindKind kind) {
  return kind_names[size_t(kind)];
}
std::optional<BindKind> parse_kind(std::string_view name) {
  return parse<BindKind>(kind_names, name);
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + "]";
}

} // namespace mome

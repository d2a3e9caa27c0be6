#include "runtime/cuda/sim/types.h"

#include <array>
#include <utility>

namespace mome::ptxsim {
namespace {

struct TypeRow {
  std::string_view name;
  int size;
};

constexpr std::array<TypeRow, 29> type_rows = {{
    {"none", 0},  {"pred", 0},   {"b8", 1},     {"u8", 1},    {"s8", 1},     {"b16", 2},
    {"u16", 2},   {"s16", 2},    {"f16", 2},    {"bf16", 2},  {"b32", 4},    {"u32", 4},
    {"s32", 4},   {"f32", 4},    {"tf32", 4},   {"f16x2", 4}, {"bf16x2", 4}, {"u16x2", 4},
    {"s16x2", 4}, {"e4m3x2", 2}, {"e5m2x2", 2}, {"e4m3", 1},  {"e5m2", 1},   {"b64", 8},
    {"u64", 8},   {"s64", 8},    {"f64", 8},    {"f32x2", 8}, {"b128", 16},
}};

constexpr std::array<std::string_view, 7> space_names = {"generic", "global", "shared", "local",
                                                         "param",   "const",  "reg"};

} // namespace

std::optional<Type> parse_type(std::string_view word) {
  for (size_t i = 1; i < type_rows.size(); ++i) {
    if (type_rows[i].name == word) {
      return Type(i);
    }
  }
  return std::nullopt;
}

std::string_view type_name(Type type) {
  return type_rows[size_t(type)].name;
}

int type_size(Type type) {
  return type_rows[size_t(type)].size;
}

std::optional<Space> parse_space(std::string_view word) {
  for (size_t i = 1; i < space_names.size(); ++i) {
    if (space_names[i] == word) {
      return Space(i);
    }
  }
  // shared::cta, param::entry ...: the sub-space changes nothing in a cluster of one block
  if (word == "shared::cta" || word == "shared::cluster") {
    return Space::shared;
  }
  if (word == "param::entry" || word == "param::func") {
    return Space::param;
  }
  return std::nullopt;
}

std::string_view space_name(Space space) {
  return space_names[size_t(space)];
}

} // namespace mome::ptxsim

// The PTX vocabulary that lexer, parser and decoder share: element types and state spaces.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace mome::ptxsim {

enum class Type : uint8_t {
  none,
  pred,
  b8,
  u8,
  s8,
  b16,
  u16,
  s16,
  f16,
  bf16,
  b32,
  u32,
  s32,
  f32,
  tf32,
  f16x2,
  bf16x2,
  u16x2,
  s16x2,
  e4m3x2,
  e5m2x2,
  e4m3,
  e5m2,
  b64,
  u64,
  s64,
  f64,
  f32x2,
  b128,
};

/// "u32" -> Type::u32; nothing for words that are no type.
std::optional<Type> parse_type(std::string_view word);
std::string_view type_name(Type type);
/// Bytes of one value; pred has 0.
int type_size(Type type);
inline bool is_signed(Type t) {
  return t == Type::s8 || t == Type::s16 || t == Type::s32 || t == Type::s64;
}
/// Scalar f16, bf16, f32, f64 (tf32 counts as f32).
inline bool is_float(Type t) {
  return t == Type::f16 || t == Type::bf16 || t == Type::f32 || t == Type::tf32 || t == Type::f64;
}

enum class Space : uint8_t { generic, global, shared, local, param, constant, reg };

std::optional<Space> parse_space(std::string_view word);
std::string_view space_name(Space space);

} // namespace mome::ptxsim

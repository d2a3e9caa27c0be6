// PTX text to tokens.
//
// A word keeps its dots ("ld.global.v2.f32", ".visible", "%tid.x", "$L__BB0_2"): what they mean
// depends on where it stands, which the parser knows. Comments and line directives vanish.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mome::ptxsim {

enum class Token : uint8_t { word, integer, real32, real64, string, punctuation, end };

struct Lexeme {
  Token kind = Token::end;
  std::string_view text; // points into the source
  uint64_t bits = 0;     // integer value, or the bits of the real
  uint32_t line = 0, column = 0;
};

/// `name` is for messages. Throws Error (mismatch) at "NAME:LINE:COLUMN".
std::vector<Lexeme> lex(std::string_view text, const std::string &name);

} // namespace mome::ptxsim

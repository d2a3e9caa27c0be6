// Text to tokens. Newlines are tokens only where they can end a statement: not inside ( or [, not
// after an operator, comma or =.
#pragma once

#include "frontend/syntax/diagnostics.h"

namespace mome::syntax {

enum class TokenKind : uint8_t { name, integer, real, string, punctuation, newline, end };

struct Token {
  TokenKind kind = TokenKind::end;
  Range range;
  std::string text; // names and punctuation as written; strings without quotes, escapes resolved
  int64_t integer = 0;
  double real = 0;
  bool joined = false; // no space before it: `3s`

  bool is(std::string_view punctuation) const {
    return kind == TokenKind::punctuation && text == punctuation;
  }
  bool named(std::string_view name) const { return kind == TokenKind::name && text == name; }
};

struct Comment {
  Range range;
};

struct Tokens {
  std::vector<Token> tokens; // ends with one `end`
  std::vector<Comment> comments;
  std::vector<uint32_t> errors; // where problems were reported, in order
};

/// Lexes one file; problems are reported and skipped, so that the parser always has something to
/// read.
Tokens lex(const SourceManager &sources, int32_t file, Diagnostics &diagnostics);

} // namespace mome::syntax

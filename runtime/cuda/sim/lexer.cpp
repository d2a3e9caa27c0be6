#include "runtime/cuda/sim/lexer.h"

#include <bit>
#include <charconv>

#include "runtime/error.h"

namespace mome::ptxsim {
namespace {

bool word_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c == '%' ||
         c == '.';
}
bool digit(char c) {
  return c >= '0' && c <= '9';
}
bool word_part(char c) {
  return (word_start(c) && c != '%') || digit(c);
}
int hex_value(char c) {
  if (digit(c)) {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

class Lexer {
public:
  Lexer(std::string_view text, const std::string &name) : text(text), name(name) {}

  std::vector<Lexeme> run() {
    while (skip_blanks()) {
      lexemes.push_back(next());
    }
    lexemes.push_back({Token::end, {}, 0, line, column()});
    return std::move(lexemes);
  }

private:
  std::string_view text;
  const std::string &name;
  std::vector<Lexeme> lexemes;
  size_t at = 0, line_start = 0;
  uint32_t line = 1;

  uint32_t column() const { return uint32_t(at - line_start + 1); }
  char peek(size_t ahead = 0) const { return at + ahead < text.size() ? text[at + ahead] : '\0'; }

  [[noreturn]] void fail(const std::string &what, const char *hint) const {
    throw package_error(name + ":" + std::to_string(line) + ":" + std::to_string(column()), what,
                        hint);
  }

  void new_line() {
    ++at;
    ++line;
    line_start = at;
  }
  void skip_line() {
    while (at < text.size() && text[at] != '\n') {
      ++at;
    }
  }

  /// To the next token; false at the end of the text.
  bool skip_blanks() {
    while (at < text.size()) {
      const char c = text[at];
      if (c == '\n') {
        new_line();
      } else if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v') {
        ++at;
      } else if (c == '/' && peek(1) == '/') {
        skip_line();
      } else if (c == '#' && line_start == at) {
        skip_line(); // a preprocessor's line marker
      } else if (c == '/' && peek(1) == '*') {
        skip_comment();
      } else if (c == '\0' && at + 1 == text.size()) {
        return false; // a terminator that was counted
      } else {
        return true;
      }
    }
    return false;
  }

  void skip_comment() {
    const size_t end = text.find("*/", at + 2);
    if (end == text.npos) {
      fail("a comment that does not end", "is the text cut off?");
    }
    while (at < end) {
      text[at] == '\n' ? new_line() : void(++at);
    }
    at = end + 2;
  }

  Lexeme next() {
    Lexeme token{Token::punctuation, {}, 0, line, column()};
    const size_t begin = at;
    const char c = peek();
    if (digit(c)) {
      number(token);
    } else if (c == '.' && digit(peek(1))) {
      decimal_real(token);
    } else if (word_start(c)) {
      do {
        ++at;
      } while (word_part(peek()) ||
               (peek() == ':' && peek(1) == ':' && word_part(peek(2)) && ++at));
      token.kind = Token::word;
    } else if (c == '"') {
      string(token);
    } else if (std::string_view("{}[]()<>,;:@!|+-=*&^~/?").find(c) != std::string_view::npos) {
      ++at;
    } else {
      fail(c > 32 && c < 127 ? std::string("unexpected character '") + c + "'"
                             : "unexpected byte " + std::to_string(uint8_t(c)),
           "is this PTX text?");
    }
    if (token.text.empty()) {
      token.text = text.substr(begin, at - begin);
    }
    return token;
  }

  void string(Lexeme &token) {
    const size_t begin = ++at;
    while (peek() != '"') {
      if (at >= text.size() || peek() == '\n') {
        fail("a string that does not end", "is the text cut off?");
      }
      at += peek() == '\\' && at + 1 < text.size() ? 2 : 1;
    }
    token.kind = Token::string;
    token.text = text.substr(begin, at - begin);
    ++at;
  }

  void digits(Lexeme &token, unsigned base, size_t skip) {
    at += skip;
    const size_t begin = at;
    for (int v; (v = hex_value(peek())) >= 0 && unsigned(v) < base; ++at) {
      if (token.bits > (UINT64_MAX - unsigned(v)) / base) {
        fail("an integer of more than 64 bits", "");
      }
      token.bits = token.bits * base + unsigned(v);
    }
    if (at == begin) {
      fail("an integer without digits", "");
    }
    if (peek() == 'U') {
      ++at;
    }
  }

  void number(Lexeme &token) {
    token.kind = Token::integer;
    const char second = peek(1);
    if (peek() == '0' && (second == 'f' || second == 'F' || second == 'd' || second == 'D')) {
      const bool wide = second == 'd' || second == 'D';
      const size_t begin = at + 2;
      digits(token, 16, 2);
      if (at - begin != (wide ? 16u : 8u)) {
        fail("a real of the wrong length", "0f takes 8 hexadecimal digits, 0d takes 16");
      }
      token.kind = wide ? Token::real64 : Token::real32;
    } else if (peek() == '0' && (second == 'x' || second == 'X')) {
      digits(token, 16, 2);
    } else if (peek() == '0' && (second == 'b' || second == 'B')) {
      digits(token, 2, 2);
    } else if (is_decimal_real()) {
      decimal_real(token);
    } else {
      const bool octal = peek() == '0' && digit(second);
      digits(token, octal ? 8 : 10, 0);
    }
  }

  bool is_decimal_real() const {
    size_t i = at;
    while (i < text.size() && digit(text[i])) {
      ++i;
    }
    return i < text.size() && (text[i] == '.' || text[i] == 'e' || text[i] == 'E');
  }

  void decimal_real(Lexeme &token) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), value);
    if (error != std::errc()) {
      fail("a real that cannot be read", "");
    }
    at = size_t(end - text.data());
    token.kind = Token::real64;
    token.bits = std::bit_cast<uint64_t>(value);
  }
};

} // namespace

std::vector<Lexeme> lex(std::string_view text, const std::string &name) {
  return Lexer(text, name).run();
}

} // namespace mome::ptxsim

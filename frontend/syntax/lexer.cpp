#include "frontend/syntax/lexer.h"

#include <algorithm>
#include <charconv>

namespace mome::syntax {
namespace {

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_name(char c) {
  return is_name_start(c) || (c >= '0' && c <= '9');
}
bool is_sign(char c) {
  return c != '\0' && std::string_view("()[]{}<>=+-*/^,:.").find(c) != std::string_view::npos;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

constexpr size_t largest_file = 4 << 20; // keeps hostile files from filling the memory

/// Offset of the first byte that is not UTF-8, or npos.
size_t first_invalid_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    size_t length = utf8_length(text, i);
    if (length == 0) {
      return i;
    }
    i += length;
  }
  return std::string_view::npos;
}

class Lexer {
public:
  Lexer(const SourceManager &sources, int32_t file, Diagnostics &diagnostics)
      : text_(sources.file(file).text), file_(file), diagnostics_(diagnostics) {}

  Tokens run() {
    if (text_.size() > largest_file) {
      report(range(0, 0), "E0106",
             "the file has " + std::to_string(text_.size()) +
                 " bytes; a .mome file has at most 4 MiB");
      text_ = {};
    }
    if (size_t bad = first_invalid_utf8(text_); bad != std::string_view::npos) {
      report(range(bad, bad + 1), "E0101", "the file is not UTF-8 text");
      text_ = {}; // what follows would be noise
    }
    if (text_.starts_with("\xEF\xBB\xBF")) { // a byte order mark
      at_ = 3;
    }
    while (at_ < text_.size()) {
      next();
    }
    push(TokenKind::newline, at_, at_);
    push(TokenKind::end, at_, at_);
    return std::move(result_);
  }

private:
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  Range range(size_t begin, size_t end) const { return {file_, uint32_t(begin), uint32_t(end)}; }

  void report(Range range, std::string_view code, std::string message) {
    diagnostics_.error(range, code, std::move(message));
    result_.errors.push_back(range.begin);
  }

  Token &push(TokenKind kind, size_t begin, size_t end) {
    Token token;
    token.kind = kind;
    token.range = range(begin, end);
    token.text = std::string(text_.substr(begin, end - begin));
    token.joined = begin == last_end_ && begin > 0;
    last_end_ = end;
    result_.tokens.push_back(std::move(token));
    return result_.tokens.back();
  }

  void next() {
    char c = peek();
    if (c == '\n') {
      newline();
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++at_;
    } else if (c == '/' && peek(1) == '/') {
      size_t begin = at_;
      while (at_ < text_.size() && text_[at_] != '\n') {
        ++at_;
      }
      result_.comments.push_back({range(begin, at_)});
    } else if (is_name_start(c)) {
      size_t begin = at_;
      while (is_name(peek())) {
        ++at_;
      }
      push(TokenKind::name, begin, at_);
    } else if (is_digit(c)) {
      number();
    } else if (c == '"') {
      string();
    } else {
      punctuation();
    }
  }

  void newline() {
    size_t begin = at_++;
    bool inside = !brackets_.empty() && brackets_.back() != '{';
    if (!inside && !continues()) {
      push(TokenKind::newline, begin, begin + 1);
    }
  }

  /// True if the last token leaves the statement open.
  bool continues() const {
    if (result_.tokens.empty() || result_.tokens.back().kind == TokenKind::newline) {
      return true; // nothing to end
    }
    const Token &last = result_.tokens.back();
    if (last.named("and") || last.named("or") || last.named("not")) {
      return true;
    }
    static constexpr std::string_view open[] = {
        ",", "=", "+", "-", "*", "/", "^", "<", "<=", ">", ">=", "==", "!=", "..", ":", "->", "."};
    for (std::string_view text : open) {
      if (last.is(text)) {
        // `experts.*` and `experts.**` end a pattern.
        return !(text == "*" && result_.tokens.size() > 1 &&
                 result_.tokens[result_.tokens.size() - 2].is("."));
      }
    }
    return false;
  }

  void number() {
    size_t begin = at_;
    bool real = false;
    while (is_digit(peek())) {
      ++at_;
    }
    if (peek() == '.' && is_digit(peek(1))) { // not the range `0..n`
      real = true;
      ++at_;
      while (is_digit(peek())) {
        ++at_;
      }
    }
    if ((peek() == 'e' || peek() == 'E') &&
        (is_digit(peek(1)) || ((peek(1) == '-' || peek(1) == '+') && is_digit(peek(2))))) {
      real = true;
      at_ += 2;
      while (is_digit(peek())) {
        ++at_;
      }
    }
    Token &token = push(real ? TokenKind::real : TokenKind::integer, begin, at_);
    const char *first = text_.data() + begin, *last = text_.data() + at_;
    bool fits = std::from_chars(first, last, token.real).ec == std::errc();
    if (!real) {
      fits = std::from_chars(first, last, token.integer).ec == std::errc();
    }
    if (!fits) {
      report(token.range, "E0104", "the number does not fit into 64 bits");
    }
  }

  void string() {
    size_t begin = at_++;
    std::string value;
    while (at_ < text_.size() && peek() != '"' && peek() != '\n') {
      if (peek() == '\\' && peek(1) != '\n' && at_ + 1 < text_.size()) {
        static constexpr std::string_view escapes = "\"\\nt", meanings = "\"\\\n\t";
        size_t which = escapes.find(peek(1));
        if (which == std::string_view::npos) {
          report(range(at_, at_ + 2), "E0105",
                 "there is no such escape; a backslash itself is written \\\\");
        }
        value += which == std::string_view::npos ? peek(1) : meanings[which];
        at_ += 2;
      } else {
        value += text_[at_++];
      }
    }
    bool closed = peek() == '"';
    at_ += closed;
    Token &token = push(TokenKind::string, begin, at_);
    token.text = std::move(value);
    if (!closed) {
      report(token.range, "E0103", "the string is never closed");
    }
  }

  void punctuation() {
    static constexpr std::string_view pairs[] = {"->", "..", "==", "!=", "<=", ">=", "**"};
    std::string_view rest = text_.substr(at_);
    for (std::string_view pair : pairs) {
      if (rest.starts_with(pair)) {
        push(TokenKind::punctuation, at_, at_ + 2);
        at_ += 2;
        return;
      }
    }
    char c = peek();
    if (!is_sign(c)) {
      unknown();
      return;
    }
    push(TokenKind::punctuation, at_, at_ + 1);
    ++at_;
    if (c == '(' || c == '[' || c == '{') {
      brackets_.push_back(c);
    } else if (c == '}') { // closes what was left open since its brace, so that lines end again
      size_t brace = brackets_.rfind('{');
      brackets_.resize(brace == std::string::npos ? 0 : brace);
    } else if (!brackets_.empty() && brackets_.back() == (c == ')' ? '(' : c == ']' ? '[' : '\0')) {
      brackets_.pop_back();
    }
  }

  /// Characters without meaning, a run of them as one error; some are habits from other languages.
  void unknown() {
    size_t begin = at_;
    char c = peek();
    do {
      ++at_;
    } while (at_ < text_.size() && (static_cast<unsigned char>(peek()) > ' ' || peek() == '\0') &&
             !is_name(peek()) && !is_sign(peek()) && peek() != '"');
    std::string_view hint = c == ';'    ? ": a statement ends with its line"
                            : c == '#'  ? ": a comment starts with //"
                            : c == '\'' ? ": a string is written in double quotes"
                            : c == '&'  ? ": write `and`"
                            : c == '|'  ? ": write `or`"
                            : c == '!'  ? ": write `not`"
                                        : "";
    report(range(begin, at_), "E0102", "this has no meaning here" + std::string(hint));
    if (c == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (c == '\'') {
      size_t close = text_.find('\'', at_);
      at_ = close < text_.find('\n', at_) ? close + 1 : at_;
      push(TokenKind::string, begin, at_); // stands for what was meant
    }
  }

  std::string_view text_;
  int32_t file_;
  Diagnostics &diagnostics_;
  size_t at_ = 0, last_end_ = 0;
  std::string brackets_;
  Tokens result_;
};

} // namespace

Tokens lex(const SourceManager &sources, int32_t file, Diagnostics &diagnostics) {
  return Lexer(sources, file, diagnostics).run();
}

} // namespace mome::syntax

#include "frontend/syntax/parser.h"

#include "frontend/syntax/parser_base.h"

#include <algorithm>

namespace mome::syntax {

constexpr int max_depth = 200;

File parse(const SourceManager &sources, int32_t id, Diagnostics &diagnostics) {
  File file;
  file.id = id;
  Parser(lex(sources, id, diagnostics), diagnostics).parse_file(file);
  return file;
}

void Parser::parse_file(File &file) {
  for (skip_newlines(); !at_end(); skip_newlines()) {
    begin_statement();
    unclosed_ = false;
    braces_ = 0;
    if (accept_name("import")) {
      file.imports.push_back(import());
    } else if (peek().named("block") || peek().named("model")) {
      bool model = take().text == "model";
      (model ? file.models : file.blocks).push_back(block(model));
    } else if (peek().named("train") || peek().named("data")) {
      bool train = take().text == "train";
      file.sections.push_back(section(train));
    } else {
      std::optional<std::string> guess =
          at_name() ? nearest(peek().text, {"import", "block", "model", "train", "data"})
                    : std::nullopt;
      error(peek().range, "E0110",
            "expected import, block, model, train or data" +
                (guess ? "; did you mean '" + *guess + "'?" : ""));
      take();
    }
    if (!panicking_) {
      end_statement();
    }
    if (panicking_ && !unclosed_) {
      recover(0);
    }
  }
}

const Token &Parser::take() {
  const Token &token = tokens_[at_];
  if (at_ + 1 < tokens_.size()) {
    ++at_;
  }
  if (token.is("{")) {
    ++braces_;
  } else if (token.is("}") && braces_ > 0) {
    --braces_;
  }
  return token;
}

bool Parser::accept(std::string_view punctuation) {
  if (!peek().is(punctuation)) {
    return false;
  }
  take();
  return true;
}

bool Parser::accept_name(std::string_view name) {
  if (!peek().named(name)) {
    return false;
  }
  take();
  return true;
}

bool Parser::expect(std::string_view punctuation, std::string_view why) {
  if (accept(punctuation)) {
    return true;
  }
  error(peek().range, "E0111", "expected '" + std::string(punctuation) + "' " + std::string(why));
  return false;
}

bool Parser::expect_close(std::string_view bracket, std::string_view why, Range opening) {
  if (accept(bracket)) {
    return true;
  }
  if (Diagnostic *diagnostic = error(
          peek().range, "E0111", "expected '" + std::string(bracket) + "' " + std::string(why))) {
    diagnostic->note("opened here", opening);
  }
  return false;
}

std::optional<Identifier> Parser::expect_name(std::string_view what) {
  if (at_name()) {
    const Token &token = take();
    return Identifier{token.text, token.range};
  }
  error(peek().range, "E0112", "expected " + std::string(what));
  return std::nullopt;
}

void Parser::skip_newlines() {
  while (peek().kind == TokenKind::newline) {
    take();
  }
}

void Parser::end_statement() {
  if (peek().kind == TokenKind::newline) {
    take();
  } else if (!peek().is("}") && !at_end()) {
    error(peek().range, "E0113", "expected the end of the line");
  }
}

void Parser::recover(int braces) {
  for (; !at_end(); take()) {
    if (braces_ == braces && peek().is("}") && braces > 0) {
      break;
    }
    if (braces_ == braces && peek().kind == TokenKind::newline) {
      take();
      break;
    }
  }
  panicking_ = false;
}

void Parser::begin_statement() {
  panicking_ = false;
  statement_begin_ = peek().range.begin;
}

Diagnostic *Parser::error(Range range, std::string_view code, std::string message) {
  if (panicking_) {
    return nullptr;
  }
  panicking_ = true;
  auto lexed = std::lower_bound(lexer_errors_.begin(), lexer_errors_.end(), statement_begin_);
  if (lexed != lexer_errors_.end() && *lexed <= range.begin) {
    return nullptr; // most likely its consequence
  }
  return &diagnostics_.error(range, code, std::move(message));
}

bool Parser::too_deep() {
  if (depth_ <= max_depth) {
    return false;
  }
  error(peek().range, "E0114", "nested more than " + std::to_string(max_depth) + " levels deep");
  return true;
}

} // namespace mome::syntax

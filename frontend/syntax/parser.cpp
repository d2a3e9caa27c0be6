#include "frontend/syntax/parser.h"

#include "frontend/syntax/parser_base.h"

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
    panicking_ = false;
    if (accept_name("import")) {
      file.imports.push_back(import());
    } else if (peek().named("block") || peek().named("model")) {
      bool model = take().text == "model";
      (model ? file.models : file.blocks).push_back(block(model));
    } else if (peek().named("train") || peek().named("data")) {
      bool train = take().text == "train";
      file.sections.push_back(section(train));
    } else {
      error(peek().range, "E0110", "expected import, block, model, train or data");
      take();
    }
    if (panicking_) {
      recover();
    }
  }
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

void Parser::recover() {
  int braces = 0;
  while (!at_end()) {
    if (peek().is("{")) {
      ++braces;
    } else if (peek().is("}") && braces-- == 0) {
      break;
    } else if (peek().kind == TokenKind::newline && braces == 0) {
      take();
      break;
    }
    take();
  }
  panicking_ = false;
}

void Parser::error(Range range, std::string_view code, std::string message) {
  if (!panicking_) {
    diagnostics_.error(range, code, std::move(message));
  }
  panicking_ = true;
}

bool Parser::too_deep() {
  if (depth_ <= max_depth) {
    return false;
  }
  error(peek().range, "E0114", "nested more than " + std::to_string(max_depth) + " levels deep");
  return true;
}

} // namespace mome::syntax

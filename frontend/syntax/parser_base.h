// What the rooms of the parser share: the token cursor and error recovery. The grammar is split by
// subject: parse_expressions.cpp, parse_statements.cpp, parse_sections.cpp.
#pragma once

#include "frontend/syntax/ast.h"
#include "frontend/syntax/lexer.h"

namespace mome::syntax {

class Parser {
public:
  Parser(Tokens tokens, Diagnostics &diagnostics)
      : tokens_(std::move(tokens.tokens)), lexer_errors_(std::move(tokens.errors)),
        diagnostics_(diagnostics) {}
  void parse_file(File &file);

private:
  // --- Cursor
  const Token &peek(size_t ahead = 0) const {
    return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
  }
  const Token &take();
  Range last() const { return tokens_[at_ ? at_ - 1 : 0].range; }
  bool at_end() const { return peek().kind == TokenKind::end; }
  bool at_name() const { return peek().kind == TokenKind::name; }
  bool accept(std::string_view punctuation);
  bool accept_name(std::string_view name);
  /// Takes the punctuation or reports that it is missing.
  bool expect(std::string_view punctuation, std::string_view why);
  /// The same for a closing bracket; the error points at the opening one, too.
  bool expect_close(std::string_view bracket, std::string_view why, Range opening);
  std::optional<Identifier> expect_name(std::string_view what);
  void skip_newlines();
  /// Ends a statement: a newline, or the closing brace that follows it.
  void end_statement();
  /// Skips to the end of the statement that cannot be read, in the body where `braces` are open.
  void recover(int braces);
  /// Starts a statement: its errors are reported again.
  void begin_statement();
  /// Reports the first error of a statement, unless the lexer did; null for the rest of it.
  Diagnostic *error(Range range, std::string_view code, std::string message);

  // --- Expressions
  ExprPtr expression();
  ExprPtr operators(int loosest);
  ExprPtr prefixed(int loosest);
  ExprPtr postfix();
  ExprPtr primary();
  ExprPtr bracketed(std::string_view close);
  ExprPtr braced_comprehension();
  void for_clauses(Expr &comprehension);
  ExprPtr label_or_name();
  std::vector<LabelPart> label_parts();
  bool at_label() const;
  /// Closes a node: its depth follows from its children. Null (and an error) if it is too deep.
  ExprPtr finish(ExprPtr node);
  void arguments(Expr &call);
  void subscripts(Expr &index);
  ExprPtr number();
  TypeRef type();

  // --- Statements
  Body body(bool model);
  bool at_declaration() const;
  std::unique_ptr<Statement> statement(bool model);
  std::unique_ptr<Statement> model_statement();
  std::unique_ptr<Statement> not_a_statement(const Expr &value);
  std::unique_ptr<Statement> assignment();
  bool storage(Statement &statement);
  std::unique_ptr<Statement> if_statement(bool model);
  std::unique_ptr<Statement> metric_statement();
  std::vector<Binding> bindings(bool values_required);
  std::vector<Binding> braced_bindings();
  std::unique_ptr<Block> block(bool model);

  // --- Sections
  Import import();
  std::unique_ptr<Section> section(bool train);
  void setting(Section &section);
  SettingItem setting_item(std::string_view keyword, bool nested);
  std::vector<SettingItem> setting_body();
  std::string pattern();

  /// Guards recursion: deep nesting is an error, not a crash.
  struct Depth {
    Parser &parser;
    explicit Depth(Parser &parser) : parser(parser) { ++parser.depth_; }
    ~Depth() { --parser.depth_; }
  };
  bool too_deep();

  std::vector<Token> tokens_;
  std::vector<uint32_t> lexer_errors_;
  Diagnostics &diagnostics_;
  size_t at_ = 0;
  uint32_t statement_begin_ = 0;
  int depth_ = 0;
  int braces_ = 0;            // open at this token
  bool in_subscript_ = false; // `:` is a slice, not a label
  bool panicking_ = false;    // an error was reported in this statement
  bool unclosed_ =
      false; // the closing brace of a body was found missing: its outer bodies end, too
};

} // namespace mome::syntax

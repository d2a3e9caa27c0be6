// The parser's class: declarations are in parser.cpp, statements in parse_body.cpp.
#pragma once

#include <map>

#include "runtime/cuda/sim/lexer.h"
#include "runtime/cuda/sim/ptx.h"

namespace mome::ptxsim {

/// The bits of a real constant as a value of `type` (f16 and bf16 round to nearest even).
uint64_t convert_real(const Operand &value, Type type);

class Parser {
public:
  Parser(std::shared_ptr<const std::string> text, std::string name) {
    module.text = std::move(text);
    module.name = std::move(name);
    tokens = lex(*module.text, module.name);
  }
  Module run();

private:
  struct Range {
    std::string_view prefix;
    uint32_t count;
    int first;
  };
  struct Use { // of a label, before it was found
    std::string_view name;
    size_t instruction, operand;
    Lexeme where;
  };
  struct Scope {
    std::map<std::string_view, int> registers, variables, labels;
    std::vector<Range> ranges;
    std::vector<Use> uses;
  };

  Module module;
  std::vector<Lexeme> tokens;
  size_t at = 0;
  Function *fn = nullptr;
  std::vector<Scope> scopes;

  const Lexeme &peek(size_t ahead = 0) const {
    return tokens[std::min(at + ahead, tokens.size() - 1)];
  }
  const Lexeme &take() {
    const Lexeme &token = tokens[at];
    at += at + 1 < tokens.size();
    return token;
  }
  bool accept(std::string_view text) {
    const bool found = peek().text == text && peek().kind != Token::string;
    if (found) {
      take();
    }
    return found;
  }
  void expect(std::string_view text);
  [[noreturn]] void fail(const Lexeme &at, const std::string &what, const char *hint = "") const;
  static std::string describe(const Lexeme &token);
  std::string_view word(const char *what);
  uint64_t integer(const char *what, uint64_t limit);

  void top_level();
  void skip_directive();
  void skip_braces();
  void declaration();
  void variables(std::vector<Variable> &into, bool external);
  Variable variable_head();
  void variable_name(Variable &v);
  void initializer(Variable &v, uint64_t &at, int depth);
  void function(bool kernel);
  void parameters(std::vector<Variable> &into);
  void function_directives(Function &f);

  void body();
  void statement();
  void close_scope();
  void registers();
  void label(const Lexeme &name);
  void instruction();
  Operand operand();
  Operand atom();
  Operand name(const Lexeme &token);
  Operand constant();
  Operand address();
  std::vector<Operand> operands_until(std::string_view close);
  int find_register(std::string_view name) const;
};

} // namespace mome::ptxsim

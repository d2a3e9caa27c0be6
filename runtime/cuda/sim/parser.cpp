// A recursive-descent parser in one pass over the tokens. Braces open a scope of registers,
// variables and labels, as inline assembly needs; a label that is used before it is defined waits
// in its scope and moves outwards when the scope ends without it.
#include "runtime/cuda/sim/parser.h"

#include <algorithm>

#include "runtime/error.h"

namespace mome::ptxsim {

constexpr uint64_t max_initialized = uint64_t{1} << 28;

const Function *Module::find(std::string_view wanted) const {
  const auto it = std::find_if(functions.begin(), functions.end(),
                               [&](const Function &f) { return f.name == wanted && f.defined; });
  return it == functions.end() ? nullptr : &*it;
}

void Parser::fail(const Lexeme &at, const std::string &what, const char *hint) const {
  throw package_error(module.name + ":" + std::to_string(at.line) + ":" + std::to_string(at.column),
                      what, hint);
}

void Parser::expect(std::string_view text) {
  if (!accept(text)) {
    fail(peek(), "expected '" + std::string(text) + "', found " + describe(peek()));
  }
}

std::string Parser::describe(const Lexeme &token) {
  return token.kind == Token::end ? "the end of the text"
                                  : "'" + std::string(token.text.substr(0, 60)) + "'";
}

std::string_view Parser::word(const char *what) {
  if (peek().kind != Token::word) {
    fail(peek(), std::string("expected ") + what + ", found " + describe(peek()));
  }
  return take().text;
}

uint64_t Parser::integer(const char *what, uint64_t limit) {
  if (peek().kind != Token::integer || peek().bits > limit) {
    fail(peek(), std::string("expected ") + what + ", found " + describe(peek()));
  }
  return take().bits;
}

Module Parser::run() {
  while (peek().kind != Token::end) {
    top_level();
  }
  if (module.version == 0) {
    fail(peek(), "no .version: this is not a PTX module", "PTX begins with .version and .target");
  }
  return std::move(module);
}

void Parser::top_level() {
  const std::string_view first = peek().text;
  if (accept(".version")) {
    const std::string_view number = take().text;
    const size_t dot = number.find('.');
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (dot == 0 || dot == number.npos || dot > 2 || dot + 2 > number.size() ||
        !std::all_of(number.begin(), number.begin() + dot, is_digit) ||
        !is_digit(number[dot + 1])) {
      fail(peek(), "a .version that is no MAJOR.MINOR");
    }
    module.version = std::stoi(std::string(number.substr(0, dot))) * 10 + (number[dot + 1] - '0');
  } else if (accept(".target")) {
    module.target = word("a target");
    while (accept(",")) {
      word("a target option");
    }
  } else if (accept(".address_size")) {
    module.address_size = int(integer(".address_size", 64));
    if (module.address_size != 64) {
      fail(peek(), "only 64-bit addresses are supported");
    }
  } else if (first == ".file" || first == ".pragma" || first == ".loc" || first == ".alias") {
    skip_directive();
  } else if (accept(".section")) {
    word("a section");
    skip_braces();
  } else if (accept("@@DWARF") || accept(";")) {
  } else {
    declaration();
  }
}

/// A line directive (.file, .loc) or one up to ';' (.pragma).
void Parser::skip_directive() {
  const Lexeme first = take();
  const bool to_semicolon = first.text == ".pragma" || first.text == ".alias";
  while (peek().kind != Token::end && (to_semicolon || peek().line == first.line)) {
    if (take().text == ";" && to_semicolon) {
      return;
    }
  }
}

void Parser::skip_braces() {
  expect("{");
  for (int depth = 1; depth > 0;) {
    const Lexeme token = take();
    if (token.kind == Token::end) {
      fail(token, "a '{' that is never closed", "is the text cut off?");
    }
    depth += token.text == "{" && token.kind == Token::punctuation;
    depth -= token.text == "}" && token.kind == Token::punctuation;
  }
}

void Parser::declaration() {
  bool external = false;
  while (peek().text == ".visible" || peek().text == ".extern" || peek().text == ".weak" ||
         peek().text == ".common") {
    external |= take().text == ".extern";
  }
  const Lexeme first = peek();
  if (accept(".entry")) {
    function(true);
  } else if (accept(".func")) {
    function(false);
  } else if (first.kind == Token::word && first.text.starts_with(".") &&
             parse_space(first.text.substr(1))) {
    variables(module.variables, external);
  } else {
    fail(first, "unknown directive " + describe(first));
  }
}

/// `.space [.align N] [.attr] .type name[dims] [= init] {, name...};` Appends to `into`.
void Parser::variables(std::vector<Variable> &into, bool external) {
  Variable prototype = variable_head();
  prototype.external = external;
  do {
    Variable variable = prototype;
    variable_name(variable);
    if (accept("=")) {
      if (variable.size > max_initialized) {
        fail(peek(), "an initialized array of more than 256 MiB");
      }
      variable.init.resize(variable.size);
      uint64_t at = 0;
      initializer(variable, at, 0);
    }
    into.push_back(std::move(variable));
  } while (accept(","));
  expect(";");
}

Variable Parser::variable_head() {
  Variable v;
  v.line = peek().line;
  v.space = *parse_space(word("a state space").substr(1));
  bool typed = false;
  uint32_t lanes = 1;
  while (!typed) {
    const Lexeme at = peek();
    const std::string_view text = word("a type");
    if (text == ".align") {
      v.align = uint32_t(integer("an alignment", 1 << 20));
      if (v.align == 0 || (v.align & (v.align - 1))) {
        fail(at, "an alignment that is no power of two");
      }
    } else if (text == ".v2" || text == ".v4") {
      lanes = uint32_t(text[2] - '0');
    } else if (text == ".ptr") { // of a parameter: .ptr .space .align N
      while (peek().text.starts_with(".") && peek().text != ".align") {
        take();
      }
    } else if (text == ".attribute" || text == ".managed" || text == ".unified") {
      if (accept("(")) {
        while (!accept(")")) {
          if (take().kind == Token::end) {
            fail(at, "an attribute that does not end");
          }
        }
      }
    } else if (text == ".texref" || text == ".samplerref" || text == ".surfref") {
      fail(at, "textures and surfaces are not simulated");
    } else if (const auto type =
                   text.starts_with(".") ? parse_type(text.substr(1)) : std::nullopt) {
      v.type = *type;
      typed = true;
    } else {
      fail(at, "unknown type " + describe(at));
    }
  }
  // `.u64 .ptr .global .align 16 name`
  if (accept(".ptr")) {
    while (peek().text.starts_with(".")) {
      if (take().text == ".align") {
        integer("an alignment", 1 << 20);
      }
    }
  }
  v.size = uint64_t(type_size(v.type)) * lanes;
  v.align = std::max(v.align, uint32_t(v.size));
  return v;
}

void Parser::variable_name(Variable &v) {
  v.name = word("a name");
  while (accept("[")) {
    if (accept("]")) {
      v.size = 0;
      continue;
    }
    const Lexeme at = peek();
    const uint64_t count = integer("an array size", uint64_t{1} << 32);
    v.size *= count;
    if (v.size > uint64_t{1} << 34) {
      fail(at, "an array of more than 16 GiB");
    }
    expect("]");
  }
}

void Parser::initializer(Variable &v, uint64_t &at, int depth) {
  const int size = std::max(type_size(v.type), 1);
  const Lexeme first = peek();
  if (depth > 8) {
    fail(first, "an initializer nested too deeply");
  }
  if (accept("{")) {
    if (accept("}")) {
      return;
    }
    do {
      initializer(v, at, depth + 1);
    } while (accept(","));
    expect("}");
    return;
  }
  // An array without a size takes it from its initializer.
  if (at + uint64_t(size) > v.init.size()) {
    v.init.resize(at + uint64_t(size)), v.size = v.init.size();
  }
  uint64_t bits = 0;
  if (first.kind == Token::word) {
    const bool generic = accept("generic");
    if (generic) {
      expect("(");
    }
    Variable::Reference reference{at, word("a symbol"), 0, generic};
    if (generic) {
      expect(")");
    }
    if (accept("+")) {
      reference.offset = int64_t(integer("an offset", INT32_MAX));
    }
    v.references.push_back(reference);
  } else {
    const Operand value = constant();
    bits = value.kind == Operand::Kind::real ? convert_real(value, v.type) : value.bits;
  }
  for (int i = 0; i < size && i < 8; ++i) {
    v.init[at + uint64_t(i)] = uint8_t(bits >> (8 * i));
  }
  at += uint64_t(size);
}

void Parser::function(bool kernel) {
  Function f;
  f.kernel = kernel;
  f.line = peek().line;
  if (peek().text == "(") {
    parameters(f.returns);
  }
  f.name = word("a function's name");
  if (peek().text == "(") {
    parameters(f.params);
  }
  function_directives(f);
  if (!accept(";")) {
    f.defined = true;
    fn = &f;
    scopes.clear();
    body();
    fn = nullptr;
  }
  module.functions.push_back(std::move(f));
}

void Parser::parameters(std::vector<Variable> &into) {
  expect("(");
  while (!accept(")")) {
    if (peek().text == ".reg") {
      fail(peek(), "parameters in registers are not supported");
    }
    if (!peek().text.starts_with(".param")) {
      fail(peek(), "expected .param, found " + describe(peek()));
    }
    Variable v = variable_head();
    variable_name(v);
    into.push_back(v);
    if (peek().text != ")") {
      expect(",");
    }
  }
}

void Parser::function_directives(Function &f) {
  const auto three = [&](std::array<uint32_t, 3> &out) {
    out = {uint32_t(integer("a size", 1 << 20)), 1, 1};
    for (size_t i = 1; i < 3 && accept(","); ++i) {
      out[i] = uint32_t(integer("a size", 1 << 20));
    }
  };
  for (;;) {
    std::array<uint32_t, 3> ignored;
    if (accept(".maxntid")) {
      three(f.max_threads);
    } else if (accept(".reqntid")) {
      three(f.required_threads);
    } else if (accept(".minnctapersm")) {
      f.min_blocks = uint32_t(integer("a count", 1 << 20));
    } else if (accept(".maxnreg") || accept(".maxnctapersm") || accept(".maxclusterrank")) {
      integer("a count", 1 << 20);
    } else if (accept(".explicitcluster") || accept(".noreturn") || accept(".blocksareclusters")) {
    } else if (accept(".reqnctapercluster")) {
      three(ignored);
      if (ignored != std::array<uint32_t, 3>{1, 1, 1}) {
        fail(peek(), "clusters of more than one block are not simulated");
      }
    } else if (accept(".pragma")) {
      while (take().text != ";" && peek().kind != Token::end) {
      }
    } else if (peek().text == ".attribute" || peek().text == ".abi_preserve") {
      take();
      while (peek().text != "{" && peek().text != ";" && peek().kind != Token::end) {
        take();
      }
    } else {
      return;
    }
  }
}

Module parse(std::string text, std::string name) {
  auto owned = std::make_shared<const std::string>(std::move(text));
  return Parser(std::move(owned), std::move(name)).run();
}

} // namespace mome::ptxsim

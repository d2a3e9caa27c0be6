// Statements of a function: registers, variables, labels, instructions and their operands.
#include <algorithm>
#include <bit>
#include <charconv>

#include "runtime/cuda/sim/half.h"
#include "runtime/cuda/sim/parser.h"

namespace mome::ptxsim {

namespace {
constexpr size_t max_registers = 1 << 20, max_depth = 64;
}

uint64_t convert_real(const Operand &value, Type type) {
  const double wide = value.single ? double(std::bit_cast<float>(uint32_t(value.bits)))
                                   : std::bit_cast<double>(value.bits);
  switch (type_size(type)) {
  case 8:
    return value.single ? std::bit_cast<uint64_t>(wide) : value.bits;
  case 4:
    return value.single ? value.bits : std::bit_cast<uint32_t>(float(wide));
  case 2:
    return type == Type::bf16 ? to_bf16(float(wide)) : to_f16(float(wide));
  default:
    return uint64_t(int64_t(wide));
  }
}

void Parser::body() {
  expect("{");
  scopes.emplace_back();
  while (!scopes.empty()) {
    if (peek().kind == Token::end) {
      fail(peek(), "a function that does not end", "is the text cut off?");
    }
    statement();
  }
}

void Parser::statement() {
  const Lexeme first = peek();
  if (accept("{")) {
    if (scopes.size() >= max_depth) {
      fail(first, "braces nested too deeply");
    }
    scopes.emplace_back();
  } else if (accept("}")) {
    close_scope();
  } else if (accept(";")) {
  } else if (accept(".reg")) {
    registers();
  } else if (first.text == ".loc" || first.text == ".file" || first.text == ".pragma") {
    skip_directive();
  } else if (first.kind == Token::word && peek(1).text == ":") {
    at += 2;
    label(first);
  } else if (first.kind == Token::word && first.text.starts_with(".") &&
             parse_space(first.text.substr(1))) {
    const size_t before = fn->variables.size();
    variables(fn->variables, false);
    for (size_t i = before; i < fn->variables.size(); ++i) {
      if (!scopes.back().variables.emplace(fn->variables[i].name, int(i)).second) {
        fail(first, "'" + std::string(fn->variables[i].name) + "' is declared twice");
      }
    }
  } else if (accept("@")) {
    --at;
    instruction();
  } else if (first.kind == Token::word && !first.text.starts_with(".")) {
    instruction();
  } else {
    fail(first, "expected a statement, found " + describe(first));
  }
}

void Parser::close_scope() {
  Scope scope = std::move(scopes.back());
  scopes.pop_back();
  for (Use &use : scope.uses) {
    const auto found = scope.labels.find(use.name);
    if (found != scope.labels.end()) {
      fn->instructions[use.instruction].operands[use.operand].index = found->second;
    } else if (!scopes.empty()) {
      scopes.back().uses.push_back(use);
    } else {
      fail(use.where, "unknown name '" + std::string(use.name) + "'");
    }
  }
}

/// `.reg .type a, b<N>;`
void Parser::registers() {
  const Lexeme where = peek();
  const std::string_view text = word("a type");
  const auto type = text.starts_with(".") ? parse_type(text.substr(1)) : std::nullopt;
  if (!type) {
    fail(where, "unknown register type " + describe(where));
  }
  do {
    const Lexeme at_name = peek();
    const std::string_view name = word("a register's name");
    uint32_t count = 1;
    const int first = int(fn->registers.size());
    if (accept("<")) {
      count = uint32_t(integer("a count", max_registers));
      expect(">");
      scopes.back().ranges.push_back({name, count, first});
    } else if (!scopes.back().registers.emplace(name, first).second) {
      fail(at_name, "register '" + std::string(name) + "' is declared twice");
    }
    if (fn->registers.size() + count > max_registers) {
      fail(at_name, "more than a million registers");
    }
    fn->registers.insert(fn->registers.end(), count, *type);
  } while (accept(","));
  expect(";");
}

void Parser::label(const Lexeme &name) {
  Scope &scope = scopes.back();
  if (accept(".branchtargets")) {
    // Its labels are the operands of a pseudo-instruction, so that scoping applies to them.
    Instruction table;
    table.opcode = table.text = "$branchtargets";
    table.line = name.line;
    table.column = name.column;
    const size_t number = fn->instructions.size();
    do {
      scope.uses.push_back({peek().text, number, table.operands.size(), peek()});
      Operand target;
      target.kind = Operand::Kind::label;
      target.name = word("a label");
      table.operands.push_back(target);
    } while (accept(","));
    fn->instructions.push_back(std::move(table));
    fn->branch_tables.push_back({name.text, int(number)});
    expect(";");
    return;
  }
  if (peek().text == ".callprototype" || peek().text == ".calltargets") {
    while (peek().kind != Token::end && !accept(";")) {
      take();
    }
    return;
  }
  const int index = int(fn->labels.size());
  if (!scope.labels.emplace(name.text, index).second) {
    fail(name, "label '" + std::string(name.text) + "' is defined twice");
  }
  fn->labels.push_back({name.text, int(fn->instructions.size())});
}

void Parser::instruction() {
  Instruction i;
  i.line = peek().line;
  i.column = peek().column;
  if (accept("@")) {
    i.guard_negated = accept("!");
    const Lexeme where = peek();
    i.guard = find_register(word("a predicate"));
    if (i.guard < 0 || fn->registers[size_t(i.guard)] != Type::pred) {
      fail(where, describe(where) + " is no predicate register");
    }
    i.line = peek().line;
    i.column = peek().column;
  }
  i.text = word("an instruction");
  size_t begin = i.text.find('.');
  i.opcode = i.text.substr(0, begin);
  while (begin != i.text.npos) {
    const size_t end = i.text.find('.', begin + 1);
    i.modifiers.push_back(i.text.substr(begin + 1, end - begin - 1));
    begin = end;
  }
  const size_t number = fn->instructions.size();
  while (!accept(";")) {
    const Lexeme where = peek();
    i.operands.push_back(operand());
    if (i.operands.back().kind == Operand::Kind::label) {
      scopes.back().uses.push_back({i.operands.back().name, number, i.operands.size() - 1, where});
    }
    if (peek().text != ";") {
      expect(",");
    }
  }
  fn->instructions.push_back(std::move(i));
}

std::vector<Operand> Parser::operands_until(std::string_view close) {
  std::vector<Operand> list;
  while (!accept(close)) {
    list.push_back(atom());
    if (peek().text != close) {
      expect(",");
    }
  }
  return list;
}

Operand Parser::operand() {
  if (accept("{")) {
    Operand o;
    o.kind = Operand::Kind::vector;
    o.parts = operands_until("}");
    return o;
  }
  if (accept("(")) {
    Operand o;
    o.kind = Operand::Kind::list;
    o.parts = operands_until(")");
    return o;
  }
  if (accept("[")) {
    return address();
  }
  Operand first = atom();
  if (accept("|")) {
    Operand pair;
    pair.kind = Operand::Kind::pair;
    pair.parts = {std::move(first), atom()};
    return pair;
  }
  return first;
}

Operand Parser::address() {
  Operand o;
  o.kind = Operand::Kind::address;
  o.parts.push_back(atom());
  // `[a+-16]` and `[a-16]` are both written by compilers.
  while (peek().text == "+" || peek().text == "-") {
    bool minus = take().text == "-";
    while (peek().text == "+" || peek().text == "-") {
      minus ^= take().text == "-";
    }
    const int64_t value = int64_t(integer("an offset", INT64_MAX));
    o.offset += minus ? -value : value;
  }
  if (accept(",")) {
    expect("{");
    for (Operand &c : operands_until("}")) {
      o.parts.push_back(std::move(c));
    }
  }
  expect("]");
  return o;
}

/// A register, constant or name, possibly negated.
Operand Parser::atom() {
  bool negated = false;
  while (accept("!")) {
    negated = !negated;
  }
  if (peek().kind == Token::word) {
    Operand o = name(take());
    o.negated = negated;
    const bool symbolic = o.kind == Operand::Kind::symbol || o.kind == Operand::Kind::variable ||
                          o.kind == Operand::Kind::parameter;
    if (symbolic && peek().text == "+" && peek(1).kind == Token::integer) {
      take();
      o.offset = int64_t(integer("an offset", INT64_MAX));
    }
    return o;
  }
  return constant();
}

Operand Parser::constant() {
  bool minus = false, invert = false;
  for (; peek().text == "-" || peek().text == "+" || peek().text == "~"; take()) {
    minus ^= peek().text == "-", invert ^= peek().text == "~";
  }
  const Lexeme token = take();
  Operand o;
  o.bits = token.bits;
  switch (token.kind) {
  case Token::integer:
    o.bits = invert ? ~o.bits : o.bits;
    o.bits = minus ? 0 - o.bits : o.bits;
    return o;
  case Token::real32:
    o.kind = Operand::Kind::real;
    o.single = true;
    o.bits ^= minus ? uint64_t{1} << 31 : 0;
    return o;
  case Token::real64:
    o.kind = Operand::Kind::real;
    o.bits ^= minus ? uint64_t{1} << 63 : 0;
    return o;
  default:
    fail(token, "expected an operand, found " + describe(token));
  }
}

Operand Parser::name(const Lexeme &token) {
  Operand o;
  o.name = token.text;
  o.index = find_register(token.text);
  if (o.index >= 0) {
    o.kind = Operand::Kind::reg;
    return o;
  }
  if (token.text == "_") {
    o.kind = Operand::Kind::wildcard;
    return o;
  }
  for (size_t s = scopes.size(); s-- > 0;) {
    const auto found = scopes[s].variables.find(token.text);
    if (found != scopes[s].variables.end()) {
      o.kind = Operand::Kind::variable;
      o.index = found->second;
      return o;
    }
  }
  const auto same_name = [&](const Variable &v) { return v.name == token.text; };
  for (const auto *list : {&fn->params, &fn->returns}) {
    const auto found = std::find_if(list->begin(), list->end(), same_name);
    if (found != list->end()) {
      o.kind = Operand::Kind::parameter;
      o.index = int(found - list->begin()) + (list == &fn->returns ? int(fn->params.size()) : 0);
      return o;
    }
  }
  if (std::any_of(module.variables.begin(), module.variables.end(), same_name) ||
      std::any_of(module.functions.begin(), module.functions.end(),
                  [&](const Function &f) { return f.name == token.text; }) ||
      token.text == fn->name) {
    o.kind = Operand::Kind::symbol;
    return o;
  }
  if (token.text.starts_with("%") || token.text.starts_with("WARP_SZ")) {
    o.kind = Operand::Kind::special;
    return o;
  }
  if (std::any_of(fn->branch_tables.begin(), fn->branch_tables.end(),
                  [&](const Label &l) { return l.name == token.text; })) {
    o.kind = Operand::Kind::symbol;
    return o;
  }
  o.kind = Operand::Kind::label;
  return o;
}

int Parser::find_register(std::string_view name) const {
  size_t digits = name.size();
  while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9') {
    --digits;
  }
  uint32_t number = UINT32_MAX;
  const bool canonical = digits < name.size() && (name[digits] != '0' || digits + 1 == name.size());
  if (canonical && name.size() - digits < 9) {
    std::from_chars(name.data() + digits, name.data() + name.size(), number);
  }
  for (size_t s = scopes.size(); s-- > 0;) {
    const auto found = scopes[s].registers.find(name);
    if (found != scopes[s].registers.end()) {
      return found->second;
    }
    for (const Range &range : scopes[s].ranges) {
      if (range.prefix == name.substr(0, digits) && number < range.count) {
        return range.first + int(number);
      }
    }
  }
  return -1;
}

} // namespace mome::ptxsim

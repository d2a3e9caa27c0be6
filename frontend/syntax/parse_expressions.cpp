// Expressions: operators by precedence, labels, calls, subscripts, comprehensions, types.
#include "frontend/syntax/parser_base.h"

#include <algorithm>
#include <utility>

namespace mome::syntax {
namespace {

/// How tightly an operator binds; 0: the token is none.
enum Precedence {
  none,
  disjunction,
  conjunction,
  negation,
  comparison,
  range,
  sum,
  product,
  sign,
  power
};

Precedence precedence(const Token &token) {
  struct Entry {
    std::string_view op;
    Precedence precedence;
  };
  static constexpr Entry table[] = {{"or", disjunction}, {"and", conjunction}, {"==", comparison},
                                    {"!=", comparison},  {"<", comparison},    {"<=", comparison},
                                    {">", comparison},   {">=", comparison},   {"..", range},
                                    {"+", sum},          {"-", sum},           {"*", product},
                                    {"/", product},      {"^", power},         {"**", power}};
  if (token.kind == TokenKind::name || token.kind == TokenKind::punctuation) {
    for (const Entry &entry : table) {
      if (token.text == entry.op) {
        return entry.precedence;
      }
    }
  }
  return none;
}

ExprPtr make(ExprKind kind, Range range) {
  return std::make_unique<Expr>(kind, range);
}

ExprPtr make_name(const Token &token) {
  ExprPtr name = make(ExprKind::name, token.range);
  name->text = token.text;
  if (token.text == "true" || token.text == "false") {
    name->kind = ExprKind::boolean;
    name->boolean = token.text == "true";
  }
  return name;
}

} // namespace

ExprPtr Parser::expression() {
  return operators(disjunction);
}

ExprPtr Parser::finish(ExprPtr node) {
  constexpr int deepest = 200;
  int depth = 0;
  auto consider = [&](const ExprPtr &child) {
    depth = std::max(depth, child ? int(child->depth) : 0);
  };
  for (const ExprPtr &child : node->children) {
    consider(child);
  }
  for (const Argument &argument : node->arguments) {
    consider(argument.value);
  }
  for (const Subscript &subscript : node->subscripts) {
    consider(subscript.index), consider(subscript.begin), consider(subscript.end),
        consider(subscript.step);
  }
  for (const LabelPart &part : node->label) {
    consider(part.index);
  }
  for (const ForClause &clause : node->clauses) {
    consider(clause.iterable);
  }
  consider(node->condition);
  if (depth >= deepest) {
    error(node->range, "E0114",
          "the expression is more than " + std::to_string(deepest) + " levels deep");
    return nullptr;
  }
  node->depth = uint16_t(depth + 1);
  return node;
}

/// Operators that bind at least as tightly as `loosest`, by precedence climbing.
ExprPtr Parser::operators(int loosest) {
  Depth depth(*this);
  if (too_deep()) {
    return nullptr;
  }
  ExprPtr left = prefixed(loosest);
  for (int level; left && (level = precedence(peek())) >= loosest && level != none;) {
    const Token &op = take();
    if (peek().is("=") && peek().joined) {
      error(op.range.to(peek().range), "E0125",
            "there is no '" + op.text + "=': write `x = x " + op.text + " ...`");
      return nullptr;
    }
    // A power groups to the right, everything else to the left.
    ExprPtr right = operators(level == power ? level : level + 1);
    if (!right) {
      return nullptr;
    }
    ExprPtr node = make(ExprKind::binary, left->range.to(right->range));
    node->text = op.text == "**" ? "^" : op.text;
    node->children.push_back(std::move(left));
    node->children.push_back(std::move(right));
    left = finish(std::move(node));
    if (left && (level == comparison || level == range) && precedence(peek()) == level) {
      error(peek().range, "E0124",
            "'" + peek().text + "' does not chain" +
                (level == comparison ? ": join two comparisons with `and`" : ""));
      return nullptr;
    }
  }
  return left;
}

/// `-x` and `not x`: `-x ^ 2` is -(x ^ 2), `not a == b` is not (a == b).
ExprPtr Parser::prefixed(int loosest) {
  bool minus = peek().is("-");
  if (!minus && !peek().named("not")) {
    return postfix();
  }
  if (!minus && loosest > negation) {
    error(peek().range, "E0115", "`not` needs brackets here: it binds looser than this operator");
    return nullptr;
  }
  const Token &op = take();
  ExprPtr operand = operators(minus ? sign : negation);
  if (!operand) {
    return nullptr;
  }
  ExprPtr node = make(ExprKind::unary, op.range.to(operand->range));
  node->text = op.text;
  node->children.push_back(std::move(operand));
  return finish(std::move(node));
}

ExprPtr Parser::postfix() {
  ExprPtr value = primary();
  while (value) {
    if (peek().is("(")) {
      ExprPtr call = make(ExprKind::call, value->range);
      call->children.push_back(std::move(value));
      arguments(*call);
      value = finish(std::move(call));
    } else if (peek().is("[")) {
      ExprPtr index = make(ExprKind::index, value->range);
      index->children.push_back(std::move(value));
      subscripts(*index);
      value = finish(std::move(index));
    } else if (peek().is(".") && peek(1).kind == TokenKind::name) {
      take();
      ExprPtr attribute = make(ExprKind::attribute, value->range.to(peek().range));
      attribute->text = take().text;
      attribute->children.push_back(std::move(value));
      value = finish(std::move(attribute));
    } else {
      break;
    }
    if (panicking_) {
      return nullptr;
    }
  }
  return value;
}

ExprPtr Parser::primary() {
  Depth depth(*this);
  if (too_deep()) {
    return nullptr;
  }
  const Token &token = peek();
  switch (token.kind) {
  case TokenKind::name:
    return token.named("for") ? braced_comprehension() : label_or_name();
  case TokenKind::integer:
  case TokenKind::real:
    return number();
  case TokenKind::string: {
    ExprPtr string = make(ExprKind::string, token.range);
    string->text = take().text;
    return string;
  }
  case TokenKind::punctuation:
    if (token.is("(") || token.is("[")) {
      return bracketed(take().text == "(" ? ")" : "]");
    }
    break;
  default:
    break;
  }
  error(token.range, "E0115",
        token.kind == TokenKind::newline || at_end()
            ? "expected an expression before the line ends"
            : "expected an expression, found '" + token.text + "'");
  return nullptr;
}

ExprPtr Parser::number() {
  const Token &token = take();
  ExprPtr value =
      make(token.kind == TokenKind::integer ? ExprKind::integer : ExprKind::real, token.range);
  value->integer = token.integer;
  value->real = token.real;
  bool unit = (peek().named("s") && peek().joined) || peek().named("epoch") ||
              peek().named("epochs") || peek().named("step") || peek().named("steps");
  if (unit) {
    ExprPtr quantity = make(ExprKind::quantity, token.range.to(peek().range));
    quantity->text = take().text;
    quantity->real = token.kind == TokenKind::integer ? double(token.integer) : token.real;
    return quantity;
  }
  return value;
}

/// After ( or [: a parenthesised expression, a list, or a comprehension in brackets.
ExprPtr Parser::bracketed(std::string_view close) {
  Range open = last();
  bool outer = std::exchange(in_subscript_, false);
  ExprPtr list = make(ExprKind::list, open);
  bool comma = close == "]";
  while (!peek().is(close) && !panicking_) {
    ExprPtr item = expression();
    if (!item) {
      break;
    }
    if (peek().named("for")) {
      ExprPtr comprehension = make(ExprKind::comprehension, item->range);
      comprehension->children.push_back(std::move(item));
      for_clauses(*comprehension);
      item = finish(std::move(comprehension));
    }
    if (!item) {
      break;
    }
    list->children.push_back(std::move(item));
    if (!accept(",")) {
      break;
    }
    comma = true;
  }
  in_subscript_ = outer;
  if (!expect_close(close, "to close the bracket", open)) {
    return nullptr;
  }
  list->range = open.to(last());
  if (list->children.size() == 1 &&
      (!comma || list->children[0]->kind == ExprKind::comprehension)) {
    ExprPtr only = std::move(list->children[0]); // (x) is x; [f(e) for e in E] is the comprehension
    only->range = list->range;
    return only;
  }
  return finish(std::move(list));
}

/// `NAME in VALUE, NAME in VALUE if CONDITION`, the first `for` not yet taken.
void Parser::for_clauses(Expr &comprehension) {
  accept_name("for");
  do {
    std::optional<Identifier> variable = expect_name("the loop's variable");
    if (!variable || !accept_name("in")) {
      error(peek().range, "E0116", "expected 'in' and what to run over, as in `for e in E`");
      return;
    }
    ExprPtr iterable = expression();
    if (!iterable) {
      return;
    }
    comprehension.clauses.push_back({*variable, std::move(iterable)});
  } while (peek().is(",") && peek(1).kind == TokenKind::name && peek(2).named("in") && accept(","));
  if (accept_name("if")) {
    comprehension.condition = expression();
  }
  comprehension.range = comprehension.range.to(last());
}

/// `for e in E { value }`.
ExprPtr Parser::braced_comprehension() {
  ExprPtr comprehension = make(ExprKind::comprehension, peek().range);
  comprehension->braced = true;
  for_clauses(*comprehension);
  if (panicking_ || !expect("{", "before the value of the comprehension")) {
    return nullptr;
  }
  bool outer = std::exchange(in_subscript_, false);
  skip_newlines();
  ExprPtr value = expression();
  skip_newlines();
  in_subscript_ = outer;
  if (!value || !expect("}", "after the value of the comprehension")) {
    return nullptr;
  }
  comprehension->children.push_back(std::move(value));
  comprehension->range = comprehension->range.to(last());
  return finish(std::move(comprehension));
}

/// Looks ahead over `NAME ('.' NAME | '[' .. ']')* ':'`.
bool Parser::at_label() const {
  if (in_subscript_) {
    return false;
  }
  size_t i = 1;
  while (true) {
    if (peek(i).is(".") && peek(i + 1).kind == TokenKind::name) {
      i += 2;
    } else if (peek(i).is("[")) {
      int open = 0;
      do {
        open += peek(i).is("[") - peek(i).is("]");
        ++i;
      } while (open > 0 && peek(i).kind != TokenKind::end && peek(i).kind != TokenKind::newline);
    } else {
      return peek(i).is(":");
    }
  }
}

ExprPtr Parser::label_or_name() {
  bool same = peek().named("same") && peek(1).kind == TokenKind::name &&
              !in_subscript_; // `same enc: Encoder(y)`
  if (same) {
    take();
  }
  if (!at_label()) {
    if (same) {
      error(peek().range, "E0123",
            "`same` shares a label's parameters: write `same enc: Encoder(y)`");
    }
    return make_name(take());
  }
  ExprPtr label = make(ExprKind::label, peek().range);
  label->boolean = same;
  label->label = label_parts();
  if (panicking_) {
    return nullptr;
  }
  if (!at_name() || !peek(1).is("(")) {
    bool storage = peek().named("param") || peek().named("state");
    error(peek().range, "E0117",
          storage ? "`" + peek().text + "` must be the whole right-hand side of an assignment"
                  : "a label names a call: write it as `name: linear(x, 8)`");
    return nullptr;
  }
  ExprPtr call = make(ExprKind::call, peek().range);
  call->children.push_back(make_name(take()));
  arguments(*call);
  label->range = label->range.to(call->range);
  label->children.push_back(panicking_ ? nullptr : finish(std::move(call)));
  return panicking_ ? nullptr : finish(std::move(label));
}

/// `mlp.c_fc:`, `blocks[l]:`, the colon included.
std::vector<LabelPart> Parser::label_parts() {
  const Token &first = take();
  std::vector<LabelPart> parts;
  parts.push_back({first.text, nullptr, first.range});
  while (!accept(":") && !panicking_) {
    if (accept(".")) {
      const Token &part = take();
      parts.push_back({part.text, nullptr, part.range});
      continue;
    }
    Range open = take().range;
    ExprPtr index = expression();
    if (index && expect_close("]", "after the index of the label", open)) {
      parts.push_back({"", std::move(index), open.to(last())});
    }
  }
  return parts;
}

void Parser::arguments(Expr &call) {
  Range open = take().range;
  bool outer = std::exchange(in_subscript_, false);
  while (!peek().is(")") && !panicking_) {
    Argument argument;
    if (at_name() && peek(1).is("=")) {
      const Token &name = take();
      argument.name = {name.text, name.range};
      take();
    }
    argument.value = expression();
    if (!argument.value) {
      break;
    }
    if (peek().named("for")) { // sum(x for e in E)
      ExprPtr comprehension = make(ExprKind::comprehension, argument.value->range);
      comprehension->children.push_back(std::move(argument.value));
      for_clauses(*comprehension);
      argument.value = finish(std::move(comprehension));
    }
    if (!argument.value) {
      break;
    }
    call.arguments.push_back(std::move(argument));
    if (!accept(",")) {
      break;
    }
  }
  in_subscript_ = outer;
  expect_close(")", "to close the call", open);
  call.range = call.range.to(last());
}

void Parser::subscripts(Expr &index) {
  Range open = take().range;
  bool outer = std::exchange(in_subscript_, true);
  while (!peek().is("]") && !panicking_) {
    Subscript subscript;
    subscript.range = peek().range;
    auto bound = [&]() -> ExprPtr {
      return peek().is(":") || peek().is(",") || peek().is("]") ? nullptr : expression();
    };
    ExprPtr first = bound();
    if (accept(":")) {
      subscript.slice = true;
      subscript.begin = std::move(first);
      subscript.end = bound();
      if (accept(":")) {
        subscript.step = bound();
      }
    } else if (!first) {
      error(peek().range, "E0115", "expected an index or a slice");
    } else {
      subscript.index = std::move(first);
    }
    subscript.range = subscript.range.to(last());
    index.subscripts.push_back(std::move(subscript));
    if (!accept(",")) {
      break;
    }
  }
  in_subscript_ = outer;
  if (index.subscripts.empty()) {
    error(peek().range, "E0115", "expected an index");
  }
  expect_close("]", "to close the subscript", open);
  index.range = index.range.to(last());
}

TypeRef Parser::type() {
  TypeRef result;
  result.range = peek().range;
  if (!at_name() && !peek().is("[")) {
    error(peek().range, "E0112",
          "expected a type, as in `video[3, 8, 224, 224]`, `[B, N, D]` or `int`");
    return result;
  }
  if (at_name()) {
    result.name = take().text;
  }
  Range open = peek().range;
  if (accept("[")) {
    while (!peek().is("]") && !panicking_) {
      if (ExprPtr dim = expression()) {
        result.dims.push_back(std::move(dim));
      }
      if (!accept(",")) {
        break;
      }
    }
    expect_close("]", "to close the shape", open);
  }
  result.range = result.range.to(last());
  return result;
}

} // namespace mome::syntax

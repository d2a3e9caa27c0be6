// Blocks, models and the statements in them. Keywords are contextual: `loss cls = ...` declares,
// `loss = ...` assigns.
#include "frontend/syntax/parser_base.h"

#include <algorithm>

namespace mome::syntax {

namespace {

constexpr std::string_view model_keywords[] = {"hyper",  "modality", "label", "experts",
                                               "gate",   "head",     "loss",  "metric",
                                               "output", "tap",      "preset"};

bool is_model_keyword(const Token &token) {
  return std::any_of(std::begin(model_keywords), std::end(model_keywords),
                     [&](std::string_view word) { return token.named(word); });
}

} // namespace

std::unique_ptr<Block> Parser::block(bool model) {
  auto result = std::make_unique<Block>();
  result->range = last();
  std::optional<Identifier> name = expect_name(model ? "the model's name" : "the block's name");
  Range open = peek().range;
  if (!name || !expect("(", "before the parameters")) {
    return result;
  }
  result->name = *name;
  while (!peek().is(")") && !panicking_) {
    Parameter parameter;
    if (std::optional<Identifier> id = expect_name("a parameter")) {
      parameter.name = *id;
    }
    if (accept(":")) {
      parameter.type = type();
    }
    if (accept("=")) {
      parameter.fallback = expression();
    }
    result->parameters.push_back(std::move(parameter));
    if (!accept(",")) {
      break;
    }
  }
  if (panicking_ || !expect_close(")", "after the parameters", open)) {
    return result;
  }
  if (accept("->")) {
    result->result = type();
  }
  result->body = body(model);
  result->range = result->range.to(last());
  return result;
}

/// True before `block NAME (`, `train NAME of`, ...: no statement begins like that.
bool Parser::at_declaration() const {
  const Token &first = peek();
  if (first.named("import")) {
    return peek(1).kind == TokenKind::string;
  }
  return peek(1).kind == TokenKind::name &&
         (((first.named("block") || first.named("model")) && peek(2).is("(")) ||
          (first.named("train") && peek(2).named("of")) ||
          (first.named("data") && peek(2).named("for")));
}

Body Parser::body(bool model) {
  Body result;
  Depth depth(*this);
  Range open = peek().range;
  if (too_deep() || !expect("{", "before the body")) {
    return result;
  }
  int inside = braces_;
  for (skip_newlines(); !peek().is("}") && !at_end() && !at_declaration(); skip_newlines()) {
    begin_statement();
    if (std::unique_ptr<Statement> next = statement(model); next && !panicking_) {
      next->range = next->range.to(last());
      end_statement();
      result.push_back(std::move(next));
    }
    if (unclosed_) {
      return result;
    }
    if (panicking_) {
      recover(inside);
    }
  }
  unclosed_ = !expect_close("}", "to close the body", open);
  return result;
}

std::unique_ptr<Statement> Parser::statement(bool model) {
  const Token &first = peek();
  auto make = [&](StatementKind kind) { return std::make_unique<Statement>(kind, first.range); };
  auto only_in_blocks = [&] {
    if (model) {
      diagnostics_.error(first.range, "E0219",
                         "'" + first.text + "' stands in a block, not in a model");
    }
  };
  bool declares = at_name() && !peek(1).is("=") && !peek(1).is(",") && !peek(1).is(":");
  if (declares && first.named("for")) {
    take();
    auto result = make(StatementKind::for_);
    std::optional<Identifier> variable = expect_name("the loop's variable");
    if (!variable || !accept_name("in")) {
      error(peek().range, "E0116", "expected 'in' and what to run over, as in `for l in 0..depth`");
      return nullptr;
    }
    result->clause = ForClause{*variable, expression()};
    result->body = body(model);
    return result;
  }
  if (declares && first.named("if")) {
    return if_statement(model);
  }
  if (declares && first.named("return")) {
    take();
    only_in_blocks();
    auto result = make(StatementKind::return_);
    result->value = expression();
    if (result->value && peek().is(",")) { // return a, b
      ExprPtr list = std::make_unique<Expr>(ExprKind::list, result->value->range);
      list->children.push_back(std::move(result->value));
      while (accept(",") && !panicking_) {
        list->children.push_back(expression());
      }
      list->range = list->range.to(last());
      result->value = panicking_ ? nullptr : finish(std::move(list));
    }
    return result;
  }
  if (declares && first.named("yield")) {
    take();
    only_in_blocks();
    auto result = make(StatementKind::yield);
    result->bindings = bindings(true);
    return result;
  }
  bool name_follows = peek(1).kind == TokenKind::name;
  if (first.named("update") && name_follows) {
    take();
    auto result = make(StatementKind::update);
    result->names.push_back(*expect_name("the state"));
    if (expect("=", "after the state's name")) {
      result->value = expression();
    }
    return result;
  }
  if (first.named("state") && name_follows) {
    take();
    auto result = make(StatementKind::state);
    result->names.push_back(*expect_name("the state's name"));
    result->type = type();
    if (expect("=", "before the state's first value")) {
      result->value = expression();
    }
    return result;
  }
  if (name_follows && is_model_keyword(first)) {
    if (!model && !first.named("tap")) {
      diagnostics_.error(first.range, "E0219",
                         "'" + first.text + "' stands in a model, not in a block");
    }
    return model_statement();
  }
  if (at_name() && (peek(1).is("=") || peek(1).is(","))) {
    return assignment();
  }
  auto result = make(StatementKind::call);
  result->value = expression();
  if (result->value && result->value->kind != ExprKind::call &&
      result->value->kind != ExprKind::label) {
    return not_a_statement(*result->value);
  }
  return result;
}

/// Reports an expression that stands alone, with a guess at what was meant.
std::unique_ptr<Statement> Parser::not_a_statement(const Expr &value) {
  if (value.kind == ExprKind::name && value.text == "else") {
    error(value.range, "E0126", "`else` stands on the line of the closing brace: `} else {`");
  } else if (value.kind == ExprKind::name && at_name()) { // `los cls = ...`
    std::vector<std::string> known = {"for", "if", "return", "yield", "update", "state"};
    known.insert(known.end(), std::begin(model_keywords), std::end(model_keywords));
    std::optional<std::string> guess = nearest(value.text, known);
    error(value.range, "E0126",
          "no statement begins with '" + value.text + "'" +
              (guess ? "; did you mean '" + *guess + "'?" : ""));
  } else if (peek().is("=")) {
    error(value.range, "E0125", "only a name can be assigned to");
  } else {
    error(value.range, "E0118", "this value is never used: assign it to a name");
  }
  return nullptr;
}

std::unique_ptr<Statement> Parser::if_statement(bool model) {
  Depth depth(*this);
  auto result = std::make_unique<Statement>(StatementKind::if_, take().range);
  if (too_deep()) {
    return nullptr;
  }
  result->value = expression();
  result->body = body(model);
  if (accept_name("else")) {
    if (peek().named("if")) {
      if (std::unique_ptr<Statement> next = if_statement(model)) {
        next->range = next->range.to(last());
        result->otherwise.push_back(std::move(next));
      }
    } else {
      result->otherwise = body(model);
    }
  }
  return result;
}

/// `a, b = value`, or `name = param [..] = init` / `name = state [..] = init`.
std::unique_ptr<Statement> Parser::assignment() {
  auto result = std::make_unique<Statement>(StatementKind::assign, peek().range);
  do {
    std::optional<Identifier> name = expect_name("a name to assign to");
    if (!name) {
      return nullptr;
    }
    result->names.push_back(*name);
  } while (accept(","));
  if (!expect("=", "after the names")) {
    return nullptr;
  }
  if (!storage(*result)) {
    return nullptr;
  }
  result->value = expression();
  result->range = result->range.to(last());
  return result;
}

/// After the = of an assignment: `label: param [1, C] =`, if it is that. False after an error.
bool Parser::storage(Statement &statement) {
  size_t start = at_;
  std::vector<LabelPart> label;
  if (at_name() && at_label()) {
    label = label_parts();
  }
  bool param = peek().named("param"), state = peek().named("state");
  if (panicking_ || (!param && !state) || (!peek(1).is("[") && peek(1).kind != TokenKind::name)) {
    at_ = start; // an expression, which may begin with a label, too
    return !panicking_;
  }
  take();
  statement.kind = param ? StatementKind::param : StatementKind::state;
  statement.label = std::move(label);
  statement.type = type();
  return !panicking_ && expect("=", "before the first value, as in `param [1, 8] = zeros`");
}

/// A declaration that only a model may hold.
std::unique_ptr<Statement> Parser::model_statement() {
  const Token &keyword = peek();
  auto start = [&](StatementKind kind) {
    auto result = std::make_unique<Statement>(kind, take().range);
    return result;
  };
  auto named = [&](Statement &statement) { statement.names.push_back(*expect_name("a name")); };
  auto valued = [&](Statement &statement) {
    if (expect("=", "before the value")) {
      statement.value = expression();
    }
  };
  std::unique_ptr<Statement> result;
  if (keyword.named("hyper")) {
    result = start(StatementKind::hyper);
    result->bindings = bindings(true);
  } else if (keyword.named("modality") || keyword.named("label")) {
    result = start(keyword.named("label") ? StatementKind::label : StatementKind::modality);
    named(*result);
    if (expect(":", "before the type, as in `rgb: video[3, 8, 224, 224]`")) {
      result->type = type();
    }
    result->optional = accept_name("optional");
  } else if (keyword.named("experts")) {
    result = start(StatementKind::experts);
    named(*result);
    if (peek().is("{")) {
      result->bindings = braced_bindings();
    } else {
      valued(*result);
    }
  } else if (keyword.named("gate") || keyword.named("head") || keyword.named("tap")) {
    result = start(keyword.named("gate")   ? StatementKind::gate
                   : keyword.named("head") ? StatementKind::head
                                           : StatementKind::tap);
    named(*result);
    valued(*result);
  } else if (keyword.named("loss")) {
    result = start(StatementKind::loss);
    named(*result);
    if (accept("(")) {
      if (!accept_name("weight") || !expect("=", "after 'weight'")) {
        error(peek().range, "E0119",
              "a loss takes a weight only, as in `loss intra(weight = alpha) = ...`");
        return result;
      }
      result->weight = expression();
      expect(")", "after the weight");
    }
    valued(*result);
  } else if (keyword.named("metric")) {
    return metric_statement();
  } else if (keyword.named("output")) {
    result = start(StatementKind::output);
    result->bindings = bindings(false);
  } else if (keyword.named("preset")) {
    result = start(StatementKind::preset);
    named(*result);
    result->bindings = braced_bindings();
  } else {
    return nullptr;
  }
  result->range = result->range.to(last());
  return result;
}

/// `metric top1 = accuracy(..)` or `metric mean1 { sum c = ..  value = .. }`.
std::unique_ptr<Statement> Parser::metric_statement() {
  auto result = std::make_unique<Statement>(StatementKind::metric, take().range);
  result->names.push_back(*expect_name("the metric's name"));
  if (!accept("{")) {
    if (expect("=", "before the value")) {
      result->value = expression();
    }
    return result;
  }
  Range open = last();
  for (skip_newlines(); !peek().is("}") && !at_end() && !panicking_; skip_newlines()) {
    if (accept_name("sum")) {
      std::optional<Identifier> name = expect_name("the accumulator's name");
      if (name && expect("=", "before what is summed")) {
        result->bindings.push_back({*name, expression()});
      }
    } else if (accept_name("value")) {
      if (expect("=", "before the value")) {
        result->value = expression();
      }
    } else {
      error(peek().range, "E0120", "a metric holds `sum NAME = ...` and `value = ...`");
    }
  }
  expect_close("}", "to close the metric", open);
  if (!result->value) {
    error(result->range.to(last()), "E0120", "the metric has no `value = ...`");
  }
  return result;
}

std::vector<Binding> Parser::bindings(bool values_required) {
  std::vector<Binding> result;
  do {
    std::optional<Identifier> name = expect_name("a name");
    if (!name) {
      break;
    }
    Binding binding{*name, nullptr};
    if (peek().is("=") || values_required) {
      if (!expect("=", "before the value")) {
        break;
      }
      binding.value = expression();
    }
    result.push_back(std::move(binding));
  } while (accept(",") && !peek().is("}"));
  return result;
}

/// `{ a = 1, b = 2 }`, separated by commas, newlines, or just space.
std::vector<Binding> Parser::braced_bindings() {
  std::vector<Binding> result;
  Range open = peek().range;
  if (!expect("{", "before the values")) {
    return result;
  }
  for (skip_newlines(); !peek().is("}") && !at_end() && !panicking_; skip_newlines()) {
    for (Binding &binding : bindings(true)) {
      result.push_back(std::move(binding));
    }
  }
  expect_close("}", "after the values", open);
  return result;
}

} // namespace mome::syntax

// Blocks, models and the statements in them. Keywords are contextual: `loss cls = ...` declares, `loss = ...` assigns.
#include "frontend/syntax/parser_base.h"

namespace mome::syntax {

std::unique_ptr<Block> Parser::block(bool model) {
  auto result = std::make_unique<Block>();
  result->range = last();
  std::optional<Identifier> name = expect_name(model ? "the model's name" : "the block's name");
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
  if (panicking_ || !expect(")", "after the parameters")) {
    return result;
  }
  if (accept("->")) {
    result->result = type();
  }
  result->body = body(model);
  result->range = result->range.to(last());
  return result;
}

Body Parser::body(bool model) {
  Body result;
  Depth depth(*this);
  if (too_deep() || !expect("{", "before the body")) {
    return result;
  }
  for (skip_newlines(); !peek().is("}") && !at_end(); skip_newlines()) {
    panicking_ = false;
    if (std::unique_ptr<Statement> next = statement(model); next && !panicking_) {
      end_statement();
      result.push_back(std::move(next));
    }
    if (panicking_) {
      recover();
    }
  }
  expect("}", "to close the body");
  return result;
}

std::unique_ptr<Statement> Parser::statement(bool model) {
  const Token &first = peek();
  auto make = [&](StatementKind kind) { return std::make_unique<Statement>(kind, first.range); };
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
    auto result = make(StatementKind::return_);
    result->value = expression();
    return result;
  }
  if (declares && first.named("yield")) {
    take();
    auto result = make(StatementKind::yield);
    result->bindings = bindings(true);
    return result;
  }
  bool nameFollows = peek(1).kind == TokenKind::name;
  if (first.named("update") && nameFollows) {
    take();
    auto result = make(StatementKind::update);
    result->names.push_back(*expect_name("the state"));
    if (expect("=", "after the state's name")) {
      result->value = expression();
    }
    return result;
  }
  if (first.named("state") && nameFollows) {
    take();
    auto result = make(StatementKind::state);
    result->names.push_back(*expect_name("the state's name"));
    result->type = type();
    if (expect("=", "before the state's first value")) {
      result->value = expression();
    }
    return result;
  }
  if (model && nameFollows) {
    if (std::unique_ptr<Statement> result = model_statement()) {
      return result;
    }
  }
  if (at_name() && (peek(1).is("=") || peek(1).is(","))) {
    return assignment();
  }
  auto result = make(StatementKind::call);
  result->value = expression();
  if (result->value && result->value->kind != ExprKind::call && result->value->kind != ExprKind::label) {
    error(result->value->range, "E0118", "this value is never used: assign it to a name");
  }
  return result;
}

std::unique_ptr<Statement> Parser::if_statement(bool model) {
  auto result = std::make_unique<Statement>(StatementKind::if_, take().range);
  result->value = expression();
  result->body = body(model);
  if (accept_name("else")) {
    if (peek().named("if")) {
      result->otherwise.push_back(if_statement(model));
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
  bool param = peek().named("param"), state = peek().named("state");
  if ((param || state) && (peek(1).is("[") || peek(1).kind == TokenKind::name)) {
    take();
    result->kind = param ? StatementKind::param : StatementKind::state;
    result->type = type();
    if (!expect("=", "before the first value, as in `param [1, 8] = zeros`")) {
      return nullptr;
    }
  }
  result->value = expression();
  result->range = result->range.to(last());
  return result;
}

/// A declaration that only a model may hold; null (and nothing taken) if this is none.
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
    result = start(keyword.named("gate") ? StatementKind::gate : keyword.named("head") ? StatementKind::head : StatementKind::tap);
    named(*result);
    valued(*result);
  } else if (keyword.named("loss")) {
    result = start(StatementKind::loss);
    named(*result);
    if (accept("(")) {
      if (!accept_name("weight") || !expect("=", "after 'weight'")) {
        error(peek().range, "E0119", "a loss takes a weight only, as in `loss intra(weight = alpha) = ...`");
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
  for (skip_newlines(); !peek().is("}") && !panicking_; skip_newlines()) {
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
  expect("}", "to close the metric");
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
  } while (accept(","));
  return result;
}

/// `{ a = 1, b = 2 }`, separated by commas, newlines, or just space.
std::vector<Binding> Parser::braced_bindings() {
  std::vector<Binding> result;
  if (!expect("{", "before the values")) {
    return result;
  }
  for (skip_newlines(); !peek().is("}") && !at_end() && !panicking_; skip_newlines()) {
    for (Binding &binding : bindings(true)) {
      result.push_back(std::move(binding));
    }
  }
  expect("}", "after the values");
  return result;
}

} // namespace mome::syntax

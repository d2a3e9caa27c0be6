// Statements of blocks.
#include "frontend/elaborate/Elaborator.h"

namespace mome::elaborate {

using namespace syntax;

void Elaborator::run(const Body &body) {
  for (const auto &statement : body) {
    if (frames.back().returned) {
      return;
    }
    run(*statement);
  }
}

void Elaborator::run(const Statement &statement) {
  Frame &frame = frames.back();
  switch (statement.kind) {
  case StatementKind::assign:
    return runAssign(statement);
  case StatementKind::param:
  case StatementKind::state:
    return runDeclareTensor(statement);
  case StatementKind::update: {
    const Identifier &name = statement.names[0];
    auto state = frame.states.find(name.name);
    if (state == frame.states.end()) {
      report(name.range, "E0212", "'" + name.name + "' is no state of this block");
      return;
    }
    Value next = evaluate(*statement.value);
    std::optional<Tensor> value = tensor(next);
    if (!value) {
      if (!next.poisoned()) {
        report(statement.value->range, "E0302", "a state's next value is a tensor, not " + describe(next));
      }
      return;
    }
    std::string outer = std::exchange(callPath, frame.path);
    update(state->second, *value);
    callPath = outer;
    if (training()) {
      frame.assign(statement.names[0].name, *value);
    }
    return;
  }
  case StatementKind::yield:
    return runYield(statement);
  case StatementKind::return_:
    frame.returned = evaluate(*statement.value);
    return;
  case StatementKind::for_:
    return runFor(statement);
  case StatementKind::if_:
    if (std::optional<bool> holds = condition(*statement.value)) {
      run(*holds ? statement.body : statement.otherwise);
    }
    return;
  case StatementKind::call:
    evaluate(*statement.value);
    return;
  case StatementKind::tap:
    return runTap(statement);
  default:
    return runModel(statement);
  }
}

/// In evaluation, and only there: a tap is looked at, not trained. In a block it has the block's path.
void Elaborator::runTap(const Statement &statement) {
  if (mode != model::Mode::eval) {
    return;
  }
  Value value = evaluate(*statement.value);
  const std::string &path = frames.back().path, &name = statement.names[0].name;
  if (std::optional<Tensor> x = tensor(value)) {
    model::TapOp::create(builder, loc(statement.range), path.empty() ? name : path + "." + name, x->value);
  } else if (!value.poisoned()) {
    report(statement.value->range, "E0302", "a tap is a tensor, not " + describe(value));
  }
}

void Elaborator::runAssign(const Statement &statement) {
  Value value = evaluate(*statement.value);
  Frame &frame = frames.back();
  if (statement.names.size() == 1) {
    if (value.get<None>()) {
      value = report(statement.value->range, "E0213", "this call returns nothing");
    }
    frame.assign(statement.names[0].name, value);
    return;
  }
  const List *list = value.list();
  if (!value.poisoned() && (!list || list->size() != statement.names.size())) {
    value = report(statement.range, "E0214", "cannot unpack " + describe(value) + " into " + std::to_string(statement.names.size()) + " names");
  }
  for (size_t i = 0; i < statement.names.size(); ++i) {
    frame.assign(statement.names[i].name, value.poisoned() ? Value() : (*list)[i]);
  }
}

void Elaborator::runFor(const Statement &statement) {
  std::optional<List> list = elements(evaluate(*statement.clause->iterable), statement.clause->iterable->range);
  if (!list) {
    return;
  }
  for (Value &element : *list) {
    frames.back().scopes.push_back({{statement.clause->variable.name, element}});
    int errorsBefore = diagnostics.errors();
    run(statement.body);
    frames.back().scopes.pop_back();
    if (diagnostics.errors() > errorsBefore || frames.back().returned) {
      return; // further turns would only repeat the error
    }
  }
}

void Elaborator::runYield(const Statement &statement) {
  Frame &frame = frames.back();
  std::vector<std::string> fields;
  for (const Binding &binding : statement.bindings) {
    fields.push_back(binding.name.name);
  }
  if (!frame.yield_fields.empty() && frame.yield_fields != fields) {
    report(statement.range, "E0215", "every yield of a block names the same fields in the same order");
    return;
  }
  frame.yield_fields = fields;
  for (const Binding &binding : statement.bindings) {
    frame.yields[binding.name.name].push_back(evaluate(*binding.value));
  }
}

std::optional<llvm::SmallVector<int64_t>> Elaborator::shapeOf(const TypeRef &type) {
  llvm::SmallVector<int64_t> shape;
  for (const ExprPtr &dim : type.dims) {
    std::optional<int64_t> extent = integer(*dim, "an extent");
    if (!extent) {
      return std::nullopt;
    }
    if (*extent < 1) {
      report(dim->range, "E0303", "an extent must be positive, not " + std::to_string(*extent));
      return std::nullopt;
    }
    shape.push_back(*extent);
  }
  return shape;
}

/// name = param [..] = init; state name [..] = init.
void Elaborator::runDeclareTensor(const Statement &statement) {
  const std::string &name = statement.names[0].name;
  std::optional<llvm::SmallVector<int64_t>> shape = shapeOf(*statement.type);
  Value init = evaluate(*statement.value);
  if (std::optional<double> number = init.number()) {
    init = Initializer{"constant", {*number}};
  }
  if (!shape || init.poisoned()) {
    frames.back().assign(name, Poison{});
    return;
  }
  if (!init.get<Initializer>()) {
    frames.back().assign(name, report(statement.value->range, "E0302", "a parameter starts from an initialiser like trunc_normal(0.02), not " + describe(init)));
    return;
  }
  std::optional<std::string> leaf = statement.label.empty() ? name : labelPath(statement.label);
  if (!leaf) {
    frames.back().assign(name, Poison{});
    return;
  }
  std::string outerPath = std::exchange(callPath, frames.back().path);
  const Expr *outerCall = std::exchange(currentCall, statement.value.get());
  bool isParam = statement.kind == StatementKind::param;
  Tensor value = isParam ? parameter(*leaf, *shape, *init.get<Initializer>()) : state(*leaf, *shape, *init.get<Initializer>());
  callPath = outerPath;
  currentCall = outerCall;
  if (!isParam) {
    frames.back().states[name] = *leaf;
  }
  frames.back().assign(name, value);
}

} // namespace mome::elaborate

// The statements of a model: hypers, modalities, experts, gate, head, losses and outputs.
#include "frontend/elaborate/Elaborator.h"

namespace mome::elaborate {

using namespace syntax;

void Elaborator::runModel(const Statement &statement) {
  switch (statement.kind) {
  case StatementKind::hyper:
    return runHyper(statement);
  case StatementKind::modality:
  case StatementKind::label:
    return runModality(statement);
  case StatementKind::experts:
    return runExperts(statement);
  case StatementKind::gate:
    return runGate(statement);
  case StatementKind::head:
    return runHead(statement);
  case StatementKind::loss:
    return runLoss(statement);
  case StatementKind::metric:
    return mode == model::Mode::eval ? runMetric(statement) : void();
  case StatementKind::output:
    return runOutput(statement);
  case StatementKind::preset:
    return; // read before the graphs
  default:
    report(statement.range, "E0219", "this statement cannot stand here");
  }
}

void Elaborator::runHyper(const Statement &statement) {
  for (const Binding &binding : statement.bindings) {
    Value value = evaluate(*binding.value);
    std::optional<double> number = value.number();
    if (!number) {
      if (!value.poisoned()) {
        report(binding.value->range, "E0302", "a hyper is a number, not " + describe(value));
      }
      frames.back().assign(binding.name.name, Poison{});
      continue;
    }
    declareScalar(binding.name.name, model::ScalarKind::hyper, *number, builder.getF32Type(), loc(binding.name.range));
    auto type = mlir::RankedTensorType::get({}, builder.getF32Type());
    frames.back().assign(binding.name.name, Tensor{model::ReadOp::create(builder, loc(binding.name.range), type, binding.name.name)});
  }
}

Tensor Elaborator::mixNeighbours(Tensor x, syntax::Range range) {
  declareScalar(mixup, model::ScalarKind::host, 1, builder.getF32Type(), loc(range));
  TensorOps t = ops(range);
  auto scalar = mlir::RankedTensorType::get({}, builder.getF32Type());
  Tensor share{model::ReadOp::create(builder, loc(range), scalar, mixup)};
  Tensor neighbour{nn::RollOp::create(builder, loc(range), x.value, 1, 0), true};
  return t.add(t.mul(x, share), t.mul(neighbour, t.sub(t.scalar(1), share)));
}

std::optional<int64_t> Elaborator::classesOf(Tensor y) {
  auto read = y.value.getDefiningOp<model::ReadOp>();
  auto found = read ? declared.find(read.getSource().str()) : declared.end();
  auto label = found == declared.end() ? nullptr : llvm::dyn_cast<model::LabelOp>(found->second);
  return label ? std::optional<int64_t>(label.getClasses()) : std::nullopt;
}

void Elaborator::runModality(const Statement &statement) {
  const Identifier &name = statement.names[0];
  const TypeRef &type = *statement.type;
  std::optional<llvm::SmallVector<int64_t>> shape = shapeOf(type);
  mlir::Operation *&declaration = declared[name.name];
  if (!shape) {
    frames.back().assign(name.name, Poison{});
    return;
  }
  if (statement.kind == StatementKind::label) {
    if (type.name != "class" || shape->size() != 1) {
      report(type.range, "E0310", "a label is class[N]");
      return;
    }
    if (!declaration) {
      declaration = model::LabelOp::create(declarations, loc(name.range), name.name, (*shape)[0]);
    }
    auto labels = mlir::RankedTensorType::get({batch}, builder.getI32Type());
    Tensor y{model::ReadOp::create(builder, loc(name.range), labels, name.name), true};
    if (!mixup.empty()) {
      auto type = mlir::RankedTensorType::get({batch, (*shape)[0]}, builder.getF32Type());
      y = mixNeighbours({nn::OneHotOp::create(builder, loc(name.range), type, y.value), true}, name.range);
    }
    frames.back().assign(name.name, y);
    return;
  }
  if ((type.name != "video" && type.name != "tensor") || (type.name == "video" && shape->size() != 4) || shape->empty()) {
    report(type.range, "E0310", "a modality is video[C, T, H, W] or tensor[...]");
    return;
  }
  int64_t index = modalities.size();
  if (!declaration) {
    auto sample = mlir::RankedTensorType::get(*shape, builder.getF32Type());
    declaration = model::ModalityOp::create(declarations, loc(name.range), name.name, sample, index, statement.optional);
  }
  shape->insert(shape->begin(), batch);
  auto batched = mlir::RankedTensorType::get(*shape, builder.getF32Type());
  Tensor value{model::ReadOp::create(builder, loc(name.range), batched, name.name), true};
  if (!mixup.empty()) {
    value = mixNeighbours(value, name.range);
  }
  modalities.push_back({name.name, index, statement.optional, value});
  frames.back().assign(name.name, modalities.back());
  frames.back().scopes.front()["modalities"] = List(modalities.begin(), modalities.end());
}

//===-- Parts ------------------------------------------------------------------------------------===//

/// Replaces every tensor in `value`, in a fixed order, by what `replace` gives for it.
static void mapTensors(Value &value, const std::function<Tensor(Tensor)> &replace) {
  if (auto *tensor = std::get_if<Tensor>(&value.data)) {
    *tensor = replace(*tensor);
  } else if (value.list()) {
    List copy = *value.list();
    for (Value &element : copy) {
      mapTensors(element, replace);
    }
    value = copy;
  } else if (auto *expert = value.get<ExpertRef>()) {
    Expert copy = **expert;
    for (auto &field : copy.yields) {
      for (Value &element : field.second) {
        mapTensors(element, replace);
      }
    }
    value = ExpertRef(std::make_shared<Expert>(std::move(copy)));
  }
}

template <typename PartOp>
Value Elaborator::inPart(llvm::StringRef name, const std::string &path, syntax::Range range, const std::function<Value()> &body) {
  auto block = std::make_unique<mlir::Block>();
  auto statesBefore = stateValues;
  mlir::OpBuilder::InsertPoint outside = builder.saveInsertionPoint();
  std::string outerPath = std::exchange(frames.back().path, path);
  builder.setInsertionPointToEnd(block.get());
  Value result = body();
  llvm::SmallVector<mlir::Value> yielded;
  mapTensors(result, [&](Tensor t) {
    yielded.push_back(t.value);
    return t;
  });
  // A state that the part changed leaves it as one more result; one that it only read is read again outside.
  llvm::SmallVector<std::string> changed;
  for (auto it = stateValues.begin(); it != stateValues.end();) {
    auto [path, state] = *it;
    bool inside = state.value.getParentBlock() == block.get();
    auto read = state.value.getDefiningOp<model::ReadOp>();
    if (inside && read && read.getSource() == path) {
      it = stateValues.erase(it);
      continue;
    }
    if (inside) {
      changed.push_back(path);
      yielded.push_back(state.value);
    }
    ++it;
  }
  model::YieldOp::create(builder, loc(range), yielded);
  builder.restoreInsertionPoint(outside);
  frames.back().path = outerPath;
  if (result.poisoned()) {
    // Ops of the abandoned block may be used by nothing outside it.
    block->dropAllReferences();
    stateValues = statesBefore;
    return result;
  }
  auto part = PartOp::create(builder, loc(range), mlir::TypeRange(mlir::ValueRange(yielded)), name);
  part.getBody().push_back(block.release());
  unsigned next = 0;
  mapTensors(result, [&](Tensor t) { return Tensor{part.getResult(next++), t.batched}; });
  for (const std::string &state : changed) {
    stateValues[state].value = part.getResult(next++);
  }
  return result;
}

void Elaborator::runExperts(const Statement &statement) {
  auto experts = std::make_shared<Experts>();
  bool good = true;
  auto add = [&](const std::string &name, const Expr &expr) {
    Value value = inPart<model::ExpertOp>(name, "experts." + name, expr.range, [&] { return evaluate(expr); });
    auto *record = value.get<ExpertRef>();
    if (!record) {
      good = false;
      if (!value.poisoned()) {
        report(expr.range, "E0312", "an expert must yield tokens, as in `yield cls = ..., st = ...`, not be " + describe(value));
      }
      return;
    }
    Expert expert = **record;
    expert.name = name;
    expert.index = experts->experts.size();
    experts->experts.push_back(std::make_shared<Expert>(std::move(expert)));
  };
  for (const Binding &binding : statement.bindings) {
    add(binding.name.name, *binding.value);
  }
  if (statement.value && statement.value->kind == ExprKind::comprehension && statement.value->clauses.size() == 1) {
    const Expr &comprehension = *statement.value;
    int number = 0;
    good = forEach(comprehension, 0, [&] {
      Value element = *frames.back().find(comprehension.clauses[0].variable.name);
      auto *modality = element.get<Modality>();
      auto *text = element.get<std::string>();
      add(modality ? modality->name : text ? *text : std::to_string(number), *comprehension.children[0]);
      ++number;
      return good;
    });
  } else if (statement.value) {
    report(statement.value->range, "E0312", "write experts as `for m in modalities { ... }` or as `{ rgb = ...  skel = ... }`");
    good = false;
  }
  frames.back().assign(statement.names[0].name, good && !experts->experts.empty() ? Value(ExpertsRef(experts)) : Value());
}

/// The only experts in scope: what a gate weighs.
static ExpertsRef findExperts(const Frame &frame) {
  for (const auto &scope : frame.scopes) {
    for (const auto &entry : scope) {
      if (auto *experts = entry.second.get<ExpertsRef>()) {
        return *experts;
      }
    }
  }
  return nullptr;
}

void Elaborator::runGate(const Statement &statement) {
  const std::string &name = statement.names[0].name;
  ExpertsRef experts = findExperts(frames.back());
  Value value = inPart<model::GateOp>(name, "gate." + name, statement.range, [&] { return evaluate(*statement.value); });
  auto *weights = value.get<Tensor>();
  if (!weights) {
    if (!value.poisoned()) {
      report(statement.value->range, "E0313", "a gate must be a tensor [B, N], not " + describe(value));
    }
    frames.back().assign(name, Poison{});
    return;
  }
  int64_t count = experts ? experts->experts.size() : 0;
  if (weights->rank() != 2 || weights->shape()[0] != batch || weights->shape()[1] != count) {
    frames.back().assign(name, report(statement.value->range, "E0313", "a gate over " + std::to_string(count) + " experts must be [B, " + std::to_string(count) + "], not " + describe(value)));
    return;
  }
  frames.back().assign(name, Weights{*weights, experts});
}

void Elaborator::runHead(const Statement &statement) {
  const std::string &name = statement.names[0].name;
  Value value = inPart<model::HeadOp>(name, "head." + name, statement.range, [&] { return evaluate(*statement.value); });
  frames.back().assign(name, value);
  if (std::optional<Tensor> t = tensor(value)) {
    model::OutputOp::create(builder, loc(statement.range), name, t->value); // what the model answers
  }
}

void Elaborator::runLoss(const Statement &statement) {
  const std::string &name = statement.names[0].name;
  Value value = inPart<model::TermOp>(name, "loss." + name, statement.range, [&]() -> Value {
    Value result = evaluate(*statement.value);
    if (std::optional<double> number = result.number()) { // mean over no pairs at all
      return ops(statement.value->range).scalar(*number);
    }
    return result;
  });
  if (value.poisoned()) {
    return;
  }
  auto *term = value.get<Tensor>();
  if (!term || term->rank() != 0) {
    report(statement.value->range, "E0314", "a loss must be one number per batch, not " + describe(value));
    return;
  }
  mlir::Value weight;
  if (statement.weight) {
    Value w = evaluate(*statement.weight);
    if (std::optional<double> number = w.number()) {
      weight = ops(statement.weight->range).scalar(*number).value;
    } else if (auto *t = w.get<Tensor>(); t && t->rank() == 0) {
      weight = t->value;
    } else if (!w.poisoned()) {
      report(statement.weight->range, "E0314", "a loss weight must be a number, not " + describe(w));
      return;
    }
  }
  model::LossOp::create(builder, loc(statement.range), name, term->value, weight);
  frames.back().assign(name, *term);
}

void Elaborator::runOutput(const Statement &statement) {
  for (const Binding &binding : statement.bindings) {
    Value value;
    if (binding.value) {
      value = evaluate(*binding.value);
    } else if (Value *found = frames.back().find(binding.name.name)) {
      value = *found;
    } else {
      report(binding.name.range, "E0205", "'" + binding.name.name + "' is not defined here");
    }
    if (std::optional<Tensor> t = tensor(value)) {
      // A head is an output already.
      bool isHead = llvm::any_of(builder.getBlock()->getOps<model::OutputOp>(), [&](model::OutputOp output) {
        return output.getName() == binding.name.name && output.getValue() == t->value;
      });
      if (!isHead) {
        model::OutputOp::create(builder, loc(binding.name.range), binding.name.name, t->value);
      }
    } else if (!value.poisoned()) {
      report(binding.name.range, "E0302", "an output must be a tensor, not " + describe(value));
    }
  }
}

} // namespace mome::elaborate

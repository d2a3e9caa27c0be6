// The model: its parameters, graphs, modalities, experts, gate, head, losses and metrics.
#include "frontend/elaborate/Elaborator.h"

#include "llvm/ADT/StringExtras.h"

namespace mome::elaborate {

using namespace syntax;

mlir::OwningOpRef<mlir::ModuleOp> Elaborator::run(const Module &module) {
  if (module.models.size() != 1) {
    report({}, "E0217", module.path + " holds " + std::to_string(module.models.size()) + " models; a compilation needs exactly one");
    return nullptr;
  }
  const auto &[model, owner] = module.models.begin()->second;
  const Block &block = *model;
  modelSyntax = &block;
  mlir::Location where = loc(block.name.range);
  mlir::OwningOpRef<mlir::ModuleOp> top = mlir::ModuleOp::create(where, llvm::StringRef(block.name.name));
  builder.setInsertionPointToStart(top->getBody());
  modelOp = model::ModelOp::create(builder, where, block.name.name);
  modelOp.getBody().emplaceBlock();

  Frame frame;
  frame.module = owner;
  frames.push_back(std::move(frame));
  if (!bindModelParameters(block)) {
    return nullptr;
  }
  std::optional<int64_t> evalBatch = options.eval_batch;
  for (const auto &section : module.file.sections) {
    if (section->model.name != block.name.name) {
      report(section->model.range, "E0205", "'" + section->model.name + "' is not the model of this file");
      continue;
    }
    if (!section->train) {
      continue;
    }
    int64_t trainBatch = options.batch.value_or(1), sectionEval = 0;
    for (const Setting &setting : section->settings) {
      bool isBatch = setting.keyword.name == "batch" && !options.batch, isEval = setting.keyword.name == "eval_batch";
      if ((isBatch || isEval) && !setting.items.empty() && setting.items[0].value) {
        if (std::optional<int64_t> value = integer(*setting.items[0].value, "a batch size")) {
          (isBatch ? trainBatch : sectionEval) = *value;
        }
      }
    }
    if (trainBatch < 1) {
      report(section->name.range, "E0401", "the batch must be positive");
      continue;
    }
    bool mixes = llvm::any_of(section->settings, [](const Setting &setting) { return setting.keyword.name == "mixup"; });
    mixup = mixes ? section->name.name + ".mixup_now" : "";
    elaborateGraph(block, section->name.name, model::Mode::train, trainBatch);
    mixup.clear();
    evalBatch = evalBatch ? evalBatch : std::optional(sectionEval ? sectionEval : trainBatch);
    if (diagnostics.failed()) {
      return nullptr; // the eval graph would repeat every message
    }
  }
  // Without a train section there is the eval graph alone.
  elaborateGraph(block, "eval", model::Mode::eval, evalBatch.value_or(options.batch.value_or(1)));
  for (const auto &section : module.file.sections) {
    checkGraphName(*section);
    if (!diagnostics.failed()) {
      elaborateSection(*section);
    }
  }
  return diagnostics.failed() ? nullptr : std::move(top);
}

/// A train section's graph is a symbol of the model, beside the eval graph, modalities, parameters and
/// scalars like `step`.
void Elaborator::checkGraphName(const Section &section) {
  llvm::StringRef name = section.name.name;
  auto isOfThatName = [&](mlir::Operation &op) {
    auto symbol = op.getAttrOfType<mlir::StringAttr>(mlir::SymbolTable::getSymbolAttrName());
    return symbol && symbol.getValue() == name;
  };
  if (section.train && llvm::count_if(modelOp.getBody().front(), isOfThatName) > 1) {
    report(section.name.range, "E0203",
           ("the model has something else named '" + name + "': name the section otherwise, as in `train fit of ...`").str());
  }
}

/// Reads -D text as an integer, a number, a boolean, or a string.
static Value parseDefine(const std::string &text) {
  int64_t integer;
  double real;
  if (!llvm::StringRef(text).getAsInteger(10, integer)) {
    return integer;
  }
  if (!llvm::StringRef(text).getAsDouble(real)) {
    return real;
  }
  if (text == "true" || text == "false") {
    return text == "true";
  }
  return text;
}

bool Elaborator::bindModelParameters(const Block &block) {
  const Statement *preset = nullptr;
  std::vector<std::string> presets;
  for (const auto &statement : block.body) {
    if (statement->kind == StatementKind::preset) {
      presets.push_back(statement->names[0].name);
      preset = statement->names[0].name == options.preset ? statement.get() : preset;
    }
  }
  if (!options.preset.empty() && !preset) {
    report(block.name.range, "E0218", "the model has no preset '" + options.preset + "'" + (presets.empty() ? "" : "; it has " + llvm::join(presets, ", ")));
    return false;
  }
  std::vector<std::string> names;
  for (const syntax::Parameter &parameter : block.parameters) {
    names.push_back(parameter.name.name);
  }
  for (const auto &statement : block.body) {
    for (const Binding &binding : statement->kind == StatementKind::preset ? llvm::ArrayRef(statement->bindings) : llvm::ArrayRef<Binding>()) {
      if (!llvm::is_contained(names, binding.name.name)) {
        auto guess = nearest(binding.name.name, names);
        report(binding.name.range, "E0205", "the model has no parameter '" + binding.name.name + "'" + (guess ? "; did you mean '" + *guess + "'?" : ""));
        return false;
      }
    }
  }
  for (const syntax::Parameter &parameter : block.parameters) {
    const std::string &name = parameter.name.name;
    Value value;
    syntax::Range where = parameter.name.range;
    if (auto define = options.defines.find(name); define != options.defines.end()) {
      value = parseDefine(define->second);
      const auto *named = frames.back().module->findBlock(define->second);
      if (parameter.type && parameter.type->name == "block" && named) {
        value = BlockRef{named->first, named->second};
      }
    } else {
      const Expr *expr = parameter.fallback.get();
      if (preset) {
        for (const Binding &binding : preset->bindings) {
          expr = binding.name.name == name ? binding.value.get() : expr;
        }
      }
      if (!expr) {
        report(where, "E0207", "the model needs -D " + name + "=...");
        return false;
      }
      where = expr->range;
      value = evaluate(*expr);
    }
    if (value.poisoned() || !checkType(frames.back(), parameter, value, where)) {
      return false;
    }
    frames.back().scopes.front()[name] = value;
  }
  for (const auto &define : options.defines) {
    if (!llvm::is_contained(names, define.first)) {
      report(block.name.range, "E0207", "-D " + define.first + ": the model has no parameter of that name" + (names.empty() ? "" : "; it has " + llvm::join(names, ", ")));
      return false;
    }
  }
  modelParameters = frames.back().scopes.front();
  return true;
}

void Elaborator::elaborateGraph(const Block &block, llvm::StringRef name, model::Mode graphMode, int64_t graphBatch) {
  mode = graphMode;
  batch = graphBatch;
  modalities.clear();
  graphParameters.clear();
  stateValues.clear();
  rngCalls.clear();
  callPath.clear();
  currentCall = nullptr;
  frames.resize(1);
  frames.back().scopes = {modelParameters};
  frames.back().scopes.front()["B"] = batch;

  builder.setInsertionPointToEnd(&modelOp.getBody().front());
  auto graph = model::GraphOp::create(builder, loc(block.name.range), name, mode, batch);
  mlir::Block &body = graph.getBody().emplaceBlock();
  mlir::Operation *firstGraph = &*llvm::find_if(modelOp.getBody().front(), [](mlir::Operation &op) { return llvm::isa<model::GraphOp>(op); });
  declarations.setInsertionPoint(firstGraph);
  builder.setInsertionPointToEnd(&body);
  run(block.body);
  if (mode == model::Mode::train) {
    for (const auto &[path, value] : stateValues) {
      auto read = value.value.getDefiningOp<model::ReadOp>();
      if (!read || read.getSource() != path) {
        model::UpdateOp::create(builder, loc(block.name.range), path, value.value);
      }
    }
  }
}

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

//===-- Metrics and outputs ----------------------------------------------------------------------===//

/// Metrics are sums over all samples and a value of the sums. `metric m = x` averages a per-sample x; class_mean_accuracy
/// is the mean over classes present of the confusion matrix's recall.
void Elaborator::runMetric(const Statement &statement) {
  const std::string &name = statement.names[0].name;
  std::vector<std::string> sumNames;
  std::vector<Tensor> sums;
  TensorOps t = ops(statement.range);
  const Expr *value = statement.value.get();
  std::function<Value(std::vector<Tensor>)> finish;
  bool classMean = statement.bindings.empty() && value && value->kind == ExprKind::call && value->children[0]->text == "class_mean_accuracy";
  if (!statement.bindings.empty()) {
    for (const Binding &binding : statement.bindings) {
      Value sum = evaluate(*binding.value);
      auto *x = sum.get<Tensor>();
      if (!x || x->batched) {
        if (!sum.poisoned()) {
          report(binding.value->range, "E0315", "a sum is a tensor without batch axis, not " + describe(sum));
        }
        return;
      }
      sumNames.push_back(binding.name.name);
      sums.push_back(*x);
    }
    finish = [&](std::vector<Tensor> totals) {
      frames.back().scopes.push_back({});
      for (size_t i = 0; i < totals.size(); ++i) {
        frames.back().scopes.back()[sumNames[i]] = totals[i];
      }
      Value result = evaluate(*value);
      frames.back().scopes.pop_back();
      return result;
    };
  } else if (classMean) {
    Value confusion = callBuiltin(*findBuiltin("confusion"), *value, frames.back().path);
    if (confusion.poisoned()) {
      return;
    }
    sumNames = {"confusion"};
    sums = {*confusion.get<Tensor>()};
    finish = [&](std::vector<Tensor> totals) -> Value {
      TensorOps in = ops(statement.range);
      in.validMask = nullptr;
      Tensor counts = in.reduceSum(totals[0], {1}), ones = in.splat(counts.shape(), 1.0);
      Tensor present = in.binary<nn::MinimumOp>(counts, ones);
      Tensor eye = in.diagonal(totals[0]);
      Tensor recall = in.div(eye, in.binary<nn::MaximumOp>(counts, ones));
      return in.div(in.reduceSum(recall, {0}), in.binary<nn::MaximumOp>(in.reduceSum(present, {0}), in.scalar(1.0)));
    };
  } else {
    Value perSample = evaluate(*value);
    auto *x = perSample.get<Tensor>();
    if (!x || !x->batched || x->rank() != 1) {
      if (!perSample.poisoned()) {
        report(statement.value->range, "E0315", "a metric written with '=' averages one number per sample [B], not " + describe(perSample));
      }
      return;
    }
    sumNames = {"sum", "count"};
    sums = {t.batchSum(*x), t.reduceSum(t.validMask(), {0})};
    finish = [&](std::vector<Tensor> totals) -> Value {
      TensorOps in = ops(statement.range);
      return in.div(totals[0], in.binary<nn::MaximumOp>(totals[1], in.scalar(1.0)));
    };
  }
  llvm::SmallVector<mlir::Value> operands;
  llvm::SmallVector<llvm::StringRef> names(sumNames.begin(), sumNames.end());
  for (Tensor sum : sums) {
    operands.push_back(sum.value);
  }
  auto metric = model::MetricOp::create(builder, loc(statement.range), name, builder.getStrArrayAttr(names), operands);
  mlir::Block &body = metric.getValue().emplaceBlock();
  std::vector<Tensor> totals;
  for (mlir::Value operand : operands) {
    totals.push_back({body.addArgument(operand.getType(), loc(statement.range))});
  }
  mlir::OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&body);
  Value result = finish(totals);
  auto *scalar = result.get<Tensor>();
  if (!scalar || scalar->rank() != 0) {
    if (!result.poisoned()) {
      report(statement.range, "E0315", "a metric's value must be one number, not " + describe(result));
    }
    return;
  }
  model::YieldOp::create(builder, loc(statement.range), scalar->value);
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

// The model: its parameters, and a graph for each use. What stands in a graph: ModelStatements.cpp,
// Metrics.cpp.
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
    syntax::Range batchRange = section->name.range;
    for (const Setting &setting : section->settings) {
      bool isBatch = setting.keyword.name == "batch" && !options.batch, isEval = setting.keyword.name == "eval_batch";
      if ((isBatch || isEval) && !setting.items.empty() && setting.items[0].value) {
        if (std::optional<int64_t> value = integer(*setting.items[0].value, "a batch size")) {
          (isBatch ? trainBatch : sectionEval) = *value;
          batchRange = isBatch ? setting.range : batchRange;
        }
      }
    }
    if (trainBatch < 1) {
      report(batchRange, "E0401", "the batch must be positive");
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
  }
  if (diagnostics.failed()) {
    return nullptr;
  }
  for (const auto &section : module.file.sections) {
    elaborateSection(*section);
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

} // namespace mome::elaborate

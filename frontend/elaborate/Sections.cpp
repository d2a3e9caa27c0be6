// Train and data sections: numbers become named scalars, policies become JSON for the runtime
// (runtime/train/config.h), parameter groups are resolved per parameter.
#include "frontend/elaborate/SectionElaborator.h"

#include "llvm/ADT/StringExtras.h"

namespace mome::elaborate {

using namespace syntax;
namespace json = llvm::json;

void Elaborator::elaborateSection(const Section &section) {
  SectionElaborator inner(*this, section);
  section.train ? inner.train() : inner.data();
}

std::vector<model::ParamOp> SectionElaborator::parameters() {
  std::vector<model::ParamOp> result;
  for (auto param : e.modelOp.getBody().front().getOps<model::ParamOp>()) {
    result.push_back(param);
  }
  return result;
}

std::vector<std::string> SectionElaborator::parameterPaths() {
  std::vector<std::string> paths;
  for (model::ParamOp param : parameters()) {
    paths.push_back(param.getSymName().str());
  }
  return paths;
}

/// False after reporting that there is no optimizer.
bool SectionElaborator::readSettings() {
  static const std::map<std::string, Handler> handlers = {
      {"batch", &SectionElaborator::batch},
      {"eval_batch", &SectionElaborator::batch},
      {"accumulate", &SectionElaborator::batch},
      {"precision", &SectionElaborator::precision},
      {"optimizer", &SectionElaborator::optimizer},
      {"group", &SectionElaborator::group},
      {"scale", &SectionElaborator::scale},
      {"seed", &SectionElaborator::seed},
      {"mixup", &SectionElaborator::mixup},
      {"clip", &SectionElaborator::clip},
      {"schedule", &SectionElaborator::schedule},
      {"monitor", &SectionElaborator::monitor},
      {"init", &SectionElaborator::init},
      {"freeze", &SectionElaborator::freeze},
      {"ema", &SectionElaborator::ema},
      {"sampler", &SectionElaborator::sampler},
      {"place", &SectionElaborator::place}};
  bool hasOptimizer = false;
  for (const Setting &setting : section.settings) {
    auto handler = handlers.find(setting.keyword.name);
    if (handler == handlers.end()) {
      std::vector<std::string> names;
      for (const auto &entry : handlers) {
        names.push_back(entry.first);
      }
      error(setting.keyword.range, "E0402",
            "unknown setting '" + setting.keyword.name + "'; known: " + llvm::join(names, ", "));
      continue;
    }
    hasOptimizer |= setting.keyword.name == "optimizer";
    settingRange = setting.range;
    if (checkForm(setting)) {
      (this->*handler->second)(setting);
    }
  }
  settingRange = section.name.range;
  checkRepeats();
  if (!hasOptimizer) {
    error(section.name.range, "E0401",
          "a train section needs an optimizer, as in `optimizer adamw(lr = 1e-3)`");
  }
  return hasOptimizer;
}

/// False after reporting what stands in a setting and would mean nothing.
bool SectionElaborator::checkForm(const Setting &setting) {
  const std::string &name = setting.keyword.name;
  if (setting.items.size() > 1) {
    error(setting.items[1].range, "E0401", "'" + name + "' takes one: write a line for each");
    return false;
  }
  const SettingItem &item = setting.items[0];
  if (!item.body.empty() && name != "group" && name != "monitor" && name != "init") {
    error(item.body[0].range, "E0402", "'" + name + "' takes nothing in braces");
    return false;
  }
  static const std::map<llvm::StringRef, std::vector<llvm::StringRef>> phrases = {
      {"init", {"from"}}, {"freeze", {"until", "epoch"}}};
  bool own = name == "scale" || name == "monitor"; // their methods look at the words
  auto phrase = phrases.find(name);
  for (size_t i = 0; i < item.words.size() && !own; ++i) {
    const Identifier &word = item.words[i];
    if (phrase == phrases.end() || i >= phrase->second.size() || word.name != phrase->second[i]) {
      error(word.range, "E0401", "'" + word.name + "' has no meaning here");
      return false;
    }
  }
  return true;
}

/// Rules add up; of everything else there is one.
void SectionElaborator::checkRepeats() {
  static constexpr llvm::StringRef rules[] = {"group", "scale", "init", "freeze"};
  std::map<llvm::StringRef, const Setting *> first;
  for (const Setting &setting : section.settings) {
    const std::string &name = setting.keyword.name;
    if (!llvm::is_contained(rules, name) && !first.emplace(name, &setting).second) {
      error(setting.keyword.range, "E0401", "'" + name + "' is set twice in this section");
      e.note("the first one is here", first[name]->keyword.range);
    }
  }
}

/// Scalars that no setting asks for.
void SectionElaborator::ownScalars() {
  if (!hasSchedule) {
    scalar("epochs", 1);
    scalar("warmup", 0);
    scalar("warmup_start", 1e-6);
  }
  scalar("seed", seedValue, e.builder.getIntegerType(64));
  hostScalar("grad_scale");
  for (size_t i = 0; i < freezeRules.size() && optimizerKind == "adamw"; ++i) {
    if (freezeRules[i].getAsObject()->get("until")) {
      hostScalar("bias_correction1." + std::to_string(i));
      hostScalar("bias_correction2." + std::to_string(i));
    }
  }
}

/// What the host wants to know besides the settings.
void SectionElaborator::describe() {
  auto graph = mlir::SymbolTable::lookupNearestSymbolFrom<model::GraphOp>(
      e.modelOp, e.builder.getStringAttr(section.name.name));
  auto evalGraph = mlir::SymbolTable::lookupNearestSymbolFrom<model::GraphOp>(
      e.modelOp, e.builder.getStringAttr("eval"));
  if (!e.options.precision.empty() &&
      e.options.precision != "f32") { // also of sections that say nothing
    host["precision"] = e.options.precision;
  }
  host["batch"] = int64_t(graph.getBatch());
  host["eval_batch"] = int64_t(evalGraph.getBatch());
  if (section.after) {
    host["after"] =
        json::Object{{"section", section.after->name},
                     {"checkpoint", section.after_which ? section.after_which->name : "best"}};
  }
  if (!initRules.empty()) {
    host["init"] = std::move(initRules);
  }
  if (!freezeRules.empty()) {
    host["freeze"] = std::move(freezeRules);
  }
}

void SectionElaborator::train() {
  if (!readSettings()) {
    return;
  }
  ownScalars();
  describe();
  mlir::Builder &b = e.builder;
  std::vector<std::string> trained = parameterPaths();
  llvm::erase_if(trained, [&](const std::string &path) { return frozen.count(path) > 0; });
  llvm::SmallVector<mlir::NamedAttribute> membership;
  llvm::SmallVector<mlir::NamedAttribute> flags;
  for (const auto &[path, scalar] : trainable) {
    if (!frozen.count(path)) {
      flags.push_back(b.getNamedAttr(path, b.getStringAttr(scalar)));
    }
  }
  mlir::ArrayAttr groupList = groups.build(b, trained, membership);
  std::string text;
  llvm::raw_string_ostream(text) << json::Value(std::move(host));
  e.builder.setInsertionPointToEnd(&e.modelOp.getBody().front());
  model::TrainOp::create(e.builder, e.loc(section.name.range), section.name.name + ".train",
                         section.name.name, optimizerKind, groupList,
                         b.getDictionaryAttr(membership), b.getDictionaryAttr(flags),
                         hasClip ? b.getStringAttr(full("clip")) : nullptr,
                         hasEma ? b.getStringAttr(full("ema_now")) : nullptr, nesterov, text);
}

/// Data sections reach the runtime setting by setting, as they are written (runtime/data/stream.h).
void SectionElaborator::data() {
  for (const Setting &setting : section.settings) {
    const std::string &keyword = setting.keyword.name;
    if (!llvm::is_contained({"source", "stream", "clip", "train", "val", "test"}, keyword)) {
      error(setting.keyword.range, "E0402",
            "unknown setting '" + keyword + "'; known: source, stream, clip, train, val, test");
      continue;
    }
    json::Array items;
    for (const SettingItem &item : setting.items) {
      if (keyword == "stream" && !e.declared.count(item.name.name)) {
        error(item.range, "E0205", "the model has no modality '" + item.name.name + "'");
      }
      items.push_back(toJson(item));
    }
    host[keyword] = std::move(items);
  }
  if (!host.get("source")) {
    return error(section.name.range, "E0401",
                 "a data section needs a source, as in `source tensors`");
  }
  std::string text;
  llvm::raw_string_ostream(text) << json::Value(std::move(host));
  e.builder.setInsertionPointToEnd(&e.modelOp.getBody().front());
  model::DataOp::create(e.builder, e.loc(section.name.range), section.name.name + ".data", text);
}

} // namespace mome::elaborate

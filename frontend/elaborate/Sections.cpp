// Train and data sections: numbers become named scalars, policies become JSON for the runtime
// (runtime/train/config.h), parameter groups are resolved per parameter.
#include "frontend/elaborate/Elaborator.h"
#include "frontend/elaborate/ParameterGroups.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"

namespace mome::elaborate {

using namespace syntax;
namespace json = llvm::json;

/// Elaborates one section.
class SectionElaborator {
public:
  SectionElaborator(Elaborator &e, const Section &section)
      : e(e), section(section), prefix(section.name.name + "."), groups(full("weight_decay")) {}

  void train();
  void data();

private:
  using Handler = void (SectionElaborator::*)(const Setting &);

  // --- Reading values
  std::optional<double> number(const Expr *expr, llvm::StringRef what);
  /// The settings of `name(a = 1, b = 2)`, or of a bare `name`.
  const Expr *call(const Setting &setting, std::string &name);
  const Expr *argument(const Expr &call, llvm::StringRef name, size_t position);
  void error(syntax::Range range, llvm::StringRef code, const std::string &message) {
    e.report(range, code, message);
  }
  std::string word(const Expr *expr) const;
  json::Value toJson(const Expr &expr);
  json::Value toJson(const SettingItem &item);

  // --- Scalars
  void scalar(llvm::StringRef leaf, double value, mlir::Type type = nullptr);
  void hostScalar(llvm::StringRef leaf);
  void argumentScalar(const Expr &call, llvm::StringRef name, size_t position,
                      std::optional<double> fallback);
  std::string full(llvm::StringRef leaf) const { return prefix + leaf.str(); }

  // --- Settings
  void batch(const Setting &setting);
  void precision(const Setting &setting);
  void optimizer(const Setting &setting);
  void group(const Setting &setting);
  std::vector<std::string> groupMembers(const SettingItem &item);
  void scale(const Setting &setting);
  void clip(const Setting &setting);
  void schedule(const Setting &setting);
  void monitor(const Setting &setting);
  void init(const Setting &setting);
  void freeze(const Setting &setting);
  void ema(const Setting &setting);
  void sampler(const Setting &setting);
  void mixup(const Setting &setting);
  void place(const Setting &setting);
  void seed(const Setting &setting);

  std::vector<model::ParamOp> parameters();
  std::vector<std::string> parameterPaths();

  Elaborator &e;
  const Section &section;
  std::string prefix;
  json::Object host;
  json::Array initRules, freezeRules;
  std::string optimizerKind = "adamw";
  bool nesterov = false, hasClip = false, hasEma = false, hasSchedule = false;
  ParameterGroups groups;
  int groupCount = 0, scaleCount = 0;
  double seedValue = 0;
  std::set<std::string> frozen;
  std::map<std::string, std::string> trainable; // path to the scalar that says so
};

void Elaborator::elaborateSection(const Section &section) {
  SectionElaborator inner(*this, section);
  section.train ? inner.train() : inner.data();
}

//===-- Reading values
//---------------------------------------------------------------------------===//

std::optional<double> SectionElaborator::number(const Expr *expr, llvm::StringRef what) {
  if (!expr) {
    error(section.name.range, "E0401", what.str() + " needs a number");
    return std::nullopt;
  }
  if (expr->kind == ExprKind::quantity) {
    return expr->real;
  }
  Value value = e.evaluate(*expr);
  if (std::optional<double> result = value.number()) {
    return result;
  }
  if (!value.poisoned()) {
    error(expr->range, "E0401", what.str() + " needs a number, not " + e.describe(value));
  }
  return std::nullopt;
}

const Expr *SectionElaborator::call(const Setting &setting, std::string &name) {
  const Expr *expr = setting.items.empty() ? nullptr : setting.items[0].value.get();
  if (expr && expr->kind == ExprKind::call && expr->children[0]->kind == ExprKind::name) {
    name = expr->children[0]->text;
    return expr;
  }
  if (expr && expr->kind == ExprKind::name) {
    name = expr->text;
    return expr;
  }
  error(setting.range, "E0401",
        "'" + setting.keyword.name + "' needs a kind, as in " +
            (setting.keyword.name == "clip"       ? "global_norm(20)"
             : setting.keyword.name == "schedule" ? "cosine(epochs = 100)"
                                                  : "adamw(lr = 1e-3)"));
  return nullptr;
}

const Expr *SectionElaborator::argument(const Expr &call, llvm::StringRef name, size_t position) {
  size_t seen = 0;
  for (const Argument &argument : call.arguments) {
    if (argument.name.name.empty() ? seen++ == position : argument.name.name == name) {
      return argument.value.get();
    }
  }
  return nullptr;
}

std::string SectionElaborator::word(const Expr *expr) const {
  return expr ? std::string(e.sources.text(expr->range)) : std::string();
}

json::Value SectionElaborator::toJson(const Expr &expr) {
  switch (expr.kind) {
  case ExprKind::integer:
    return expr.integer;
  case ExprKind::real:
  case ExprKind::quantity:
    return expr.real;
  case ExprKind::boolean:
    return expr.boolean;
  case ExprKind::string:
  case ExprKind::name:
    return expr.text;
  case ExprKind::unary:
    return expr.children[0]->kind == ExprKind::integer ? json::Value(-expr.children[0]->integer)
                                                       : json::Value(-expr.children[0]->real);
  case ExprKind::list: {
    json::Array array;
    for (const ExprPtr &child : expr.children) {
      array.push_back(toJson(*child));
    }
    return array;
  }
  case ExprKind::binary:
    if (expr.text == "..") {
      return json::Array{toJson(*expr.children[0]), toJson(*expr.children[1])};
    }
    break;
  case ExprKind::call: {
    json::Object object{{"kind", word(expr.children[0].get())}};
    json::Array positional;
    for (const Argument &argument : expr.arguments) {
      if (argument.name.name.empty()) {
        positional.push_back(toJson(*argument.value));
      } else {
        object[argument.name.name] = toJson(*argument.value);
      }
    }
    if (!positional.empty()) {
      object["args"] = std::move(positional);
    }
    return object;
  }
  default:
    break;
  }
  return word(&expr);
}

json::Value SectionElaborator::toJson(const SettingItem &item) {
  json::Object object;
  if (!item.name.name.empty()) {
    object["name"] = item.name.name;
  }
  if (item.value) {
    object["value"] = toJson(*item.value);
  }
  for (size_t i = 0; i + 1 < item.words.size(); ++i) {
    if (item.words[i].name == "on") {
      object["on"] = item.words[i + 1].name;
    }
  }
  json::Array body;
  for (const SettingItem &inner : item.body) {
    body.push_back(toJson(inner));
  }
  if (!body.empty()) {
    object["body"] = std::move(body);
  }
  return object;
}

void SectionElaborator::scalar(llvm::StringRef leaf, double value, mlir::Type type) {
  e.declareScalar(full(leaf), model::ScalarKind::train, value, type ? type : e.builder.getF32Type(),
                  e.loc(section.name.range));
}

void SectionElaborator::hostScalar(llvm::StringRef leaf) {
  e.declareScalar(full(leaf), model::ScalarKind::host, 0, e.builder.getF32Type(),
                  e.loc(section.name.range));
}

void SectionElaborator::argumentScalar(const Expr &call, llvm::StringRef name, size_t position,
                                       std::optional<double> fallback) {
  const Expr *expr = argument(call, name, position);
  if (!expr && fallback) {
    scalar(name, *fallback);
  } else if (std::optional<double> value = number(expr, "'" + name.str() + "'")) {
    scalar(name, *value);
  }
}

//===-- Settings
//---------------------------------------------------------------------------------===//

void SectionElaborator::batch(const Setting &setting) {
  std::optional<double> value = number(setting.items[0].value.get(), setting.keyword.name);
  if (value && *value >= 1) {
    host[setting.keyword.name] = int64_t(*value);
  } else if (value) {
    error(setting.range, "E0401", "'" + setting.keyword.name + "' must be positive");
  }
}

void SectionElaborator::precision(const Setting &setting) {
  std::string kind =
      e.options.precision.empty() ? word(setting.items[0].value.get()) : e.options.precision;
  if (kind != "f32" && kind != "tf32" && kind != "bf16") {
    return error(setting.range, "E0401", "precision is f32, tf32 or bf16, not '" + kind + "'");
  }
  if (kind != "f32") {
    host["precision"] = kind;
  }
}

void SectionElaborator::optimizer(const Setting &setting) {
  const Expr *kind = call(setting, optimizerKind);
  if (!kind) {
    return;
  }
  if (optimizerKind != "adamw" && optimizerKind != "sgd") {
    return error(kind->range, "E0402",
                 "unknown optimizer '" + optimizerKind + "'; known: adamw, sgd");
  }
  argumentScalar(*kind, "lr", 0, optimizerKind == "adamw" ? std::optional(1e-3) : std::nullopt);
  argumentScalar(*kind, "weight_decay", 99, optimizerKind == "adamw" ? 0.01 : 0.0);
  if (optimizerKind == "adamw") {
    const Expr *betas = argument(*kind, "betas", 99);
    double values[2] = {0.9, 0.999};
    if (betas && betas->kind == ExprKind::list && betas->children.size() == 2) {
      for (int i : {0, 1}) {
        values[i] = number(betas->children[i].get(), "a beta").value_or(values[i]);
      }
    } else if (betas) {
      error(betas->range, "E0401", "betas are two numbers, as in (0.9, 0.999)");
    }
    scalar("betas.0", values[0]);
    scalar("betas.1", values[1]);
    argumentScalar(*kind, "eps", 99, 1e-8);
    hostScalar("bias_correction1");
    hostScalar("bias_correction2");
  } else {
    argumentScalar(*kind, "momentum", 99, 0.0);
    const Expr *flag = argument(*kind, "nesterov", 99);
    nesterov = flag && word(flag) == "true";
  }
  hostScalar("lr_now");
  host["optimizer"] = json::Object{{"kind", optimizerKind}};
}

/// `group rank < 2 { weight_decay = 0 }` or `group experts.*.cls_token { lr_scale = 0.1 }`; a later
/// group wins.
void SectionElaborator::group(const Setting &setting) {
  const SettingItem &item = setting.items[0];
  std::string base = "group." + std::to_string(groupCount++) + ".";
  std::vector<std::string> members = groupMembers(item);
  if (members.empty()) {
    return;
  }
  for (const SettingItem &inner : item.body) {
    if (inner.name.name != "weight_decay" && inner.name.name != "lr_scale") {
      return error(inner.range, "E0402",
                   "a group sets weight_decay or lr_scale, not '" + inner.name.name + "'");
    }
    std::optional<double> value = number(inner.value.get(), inner.name.name);
    if (!value) {
      return;
    }
    scalar(base + inner.name.name, *value);
    for (const std::string &path : members) {
      std::string name = full(base + inner.name.name);
      inner.name.name == "lr_scale" ? groups.setScale(path, name) : groups.setDecay(path, name);
    }
  }
}

/// The parameters of a group; none after reporting.
std::vector<std::string> SectionElaborator::groupMembers(const SettingItem &item) {
  std::vector<std::string> members;
  bool byRank = item.pattern.empty();
  if (byRank && (!item.value || item.value->kind != ExprKind::binary ||
                 item.value->children[0]->text != "rank")) {
    error(item.range, "E0401",
          "a group is a path pattern or a rank, as in `group rank < 2 { ... }`");
    return {};
  }
  for (model::ParamOp param : parameters()) {
    bool member = !byRank && covers(item.pattern, param.getSymName());
    if (byRank) {
      Frame &frame = e.frames.back();
      frame.scopes.push_back(
          {{"rank", llvm::cast<mlir::RankedTensorType>(param.getType()).getRank()}});
      member = e.condition(*item.value).value_or(false);
      frame.scopes.pop_back();
    }
    if (member) {
      members.push_back(param.getSymName().str());
    }
  }
  if (members.empty()) {
    error(item.range, "E0403", "this group matches no parameter");
  }
  return members;
}

/// `scale experts.** by 0.1` multiplies the learning rate; `scale experts.*.blocks by 0.75 per
/// layer` multiplies it once for every layer above: the last layer learns at the full rate.
void SectionElaborator::scale(const Setting &setting) {
  const SettingItem &item = setting.items[0];
  bool perLayer =
      item.words.size() == 3 && item.words[1].name == "per" && item.words[2].name == "layer";
  if (item.words.empty() || item.words[0].name != "by" || (item.words.size() != 1 && !perLayer)) {
    return error(setting.range, "E0401",
                 "write `scale PATTERN by 0.1`, or `scale PATTERN by 0.75 per layer`");
  }
  std::optional<double> factor = number(item.extra.get(), "scale");
  if (!factor) {
    return;
  }
  std::string leaf = "scale." + std::to_string(scaleCount++);
  scalar(leaf, *factor);
  std::vector<std::string> paths = parameterPaths();
  std::map<std::string, int64_t> powers;
  if (perLayer && llvm::StringRef(item.pattern).contains("**")) {
    return error(item.range, "E0401",
                 "`per layer` wants the place where the layers are numbered, as in "
                 "experts.*.blocks, without **");
  }
  if (perLayer) {
    powers = layersAbove(item.pattern, paths);
  } else {
    for (const std::string &path : paths) {
      if (covers(item.pattern, path)) {
        powers[path] = 1;
      }
    }
  }
  if (powers.empty()) {
    return error(item.range, "E0403",
                 "'" + item.pattern + "' matches no parameter" +
                     (perLayer ? " below a numbered layer" : ""));
  }
  for (const auto &[path, times] : powers) {
    groups.multiplyScale(path, full(leaf), times);
  }
}

void SectionElaborator::clip(const Setting &setting) {
  std::string kind;
  const Expr *expr = call(setting, kind);
  if (!expr) {
    return;
  }
  if (kind != "global_norm") {
    return error(expr->range, "E0402", "unknown clipping '" + kind + "'; known: global_norm");
  }
  if (std::optional<double> norm = number(argument(*expr, "norm", 0), "global_norm")) {
    scalar("clip", *norm);
    hasClip = true;
  }
}

void SectionElaborator::schedule(const Setting &setting) {
  std::string kind;
  const Expr *expr = call(setting, kind);
  if (!expr) {
    return;
  }
  if (kind != "constant" && kind != "cosine" && kind != "multi_step") {
    return error(expr->range, "E0402",
                 "unknown schedule '" + kind + "'; known: constant, cosine, multi_step");
  }
  hasSchedule = true;
  argumentScalar(*expr, "epochs", 0, std::nullopt);
  argumentScalar(*expr, "warmup", 99, 0.0);
  argumentScalar(*expr, "warmup_start", 99, 1e-6);
  json::Object schedule{{"kind", kind}};
  if (kind == "cosine") {
    argumentScalar(*expr, "end", 99, 0.0);
  } else if (kind == "multi_step") {
    argumentScalar(*expr, "gamma", 99, 0.1);
    const Expr *milestones = argument(*expr, "milestones", 1);
    if (!milestones || milestones->kind != ExprKind::list) {
      return error(expr->range, "E0401", "multi_step needs milestones = [30, 60]");
    }
    schedule["milestones"] = toJson(*milestones);
  }
  host["schedule"] = std::move(schedule);
}

/// `monitor val.mean1 max { every = 1 epoch, patience = 15, keep = best + last }`.
void SectionElaborator::monitor(const Setting &setting) {
  const SettingItem &item = setting.items[0];
  std::string metric = word(item.value.get());
  if (!llvm::StringRef(metric).consume_front("val.")) {
    return error(item.range, "E0401",
                 "only validation decides: monitor val.METRIC, never test data");
  }
  metric = metric.substr(4);
  bool known = metric == "loss";
  e.modelOp.walk([&](model::MetricOp op) { known |= op.getName() == metric; });
  if (!known) {
    return error(item.range, "E0205", "the model has no metric '" + metric + "'");
  }
  json::Object monitor{{"metric", metric},
                       {"mode", item.words.empty() ? "max" : item.words[0].name}};
  for (const SettingItem &inner : item.body) {
    if (inner.name.name == "every" || inner.name.name == "patience") {
      if (std::optional<double> value = number(inner.value.get(), inner.name.name)) {
        if (inner.name.name == "every") {
          monitor["every_epochs"] = *value;
        } else {
          monitor["patience"] = int64_t(*value);
        }
      }
    } else if (inner.name.name == "keep") {
      json::Array keep;
      for (const char *which : {"best", "last"}) {
        if (word(inner.value.get()).find(which) != std::string::npos) {
          keep.push_back(which);
        }
      }
      monitor["keep"] = std::move(keep);
    } else {
      return error(inner.range, "E0402",
                   "monitor knows every, patience and keep, not '" + inner.name.name + "'");
    }
  }
  host["monitor"] = std::move(monitor);
}

void SectionElaborator::init(const Setting &setting) {
  const SettingItem &item = setting.items[0];
  if (!item.extra || item.extra->kind != ExprKind::string) {
    return error(setting.range, "E0401", "write `init PATTERN from \"file.safetensors\"`");
  }
  json::Object rule{{"pattern", item.pattern}, {"file", item.extra->text}};
  json::Array skip;
  for (const SettingItem &inner : item.body) {
    if (inner.name.name == "skip") {
      skip.push_back(inner.value->text);
    } else if (inner.name.name == "map") {
      rule["map"] = word(inner.value.get());
    }
  }
  if (!skip.empty()) {
    rule["skip"] = std::move(skip);
  }
  initRules.push_back(std::move(rule));
}

/// `freeze PATTERN` for good, or `freeze PATTERN until epoch 5`.
void SectionElaborator::freeze(const Setting &setting) {
  const SettingItem &item = setting.items[0];
  std::string index = std::to_string(freezeRules.size());
  json::Object rule{{"pattern", item.pattern}};
  if (item.extra) {
    std::optional<double> until = number(item.extra.get(), "freeze until epoch");
    if (!until) {
      return;
    }
    scalar("freeze." + index + ".until", *until);
    hostScalar("trainable." + index);
    rule["until"] = full("freeze." + index + ".until");
  }
  bool any = false;
  for (model::ParamOp param : parameters()) {
    if (!covers(item.pattern, param.getSymName())) {
      continue;
    }
    any = true;
    if (item.extra) {
      trainable[param.getSymName().str()] = full("trainable." + index); // the later rule wins
    } else {
      frozen.insert(param.getSymName().str());
    }
  }
  if (!any) {
    error(item.range, "E0403", "'" + item.pattern + "' matches no parameter");
  }
  freezeRules.push_back(std::move(rule));
}

void SectionElaborator::ema(const Setting &setting) {
  const Expr *value = setting.items[0].value.get();
  if (value && value->kind == ExprKind::call) {
    value = argument(*value, "decay", 0);
  }
  if (std::optional<double> decay = number(value, "ema")) {
    scalar("ema.decay", *decay);
    hostScalar("ema_now");
    host["ema"] = json::Object{{"decay", full("ema.decay")}};
    hasEma = true;
  }
}

/// `mixup 0.2`: the train graph mixes every sample with its neighbour by shares drawn from Beta(0.2, 0.2).
void SectionElaborator::mixup(const Setting &setting) {
  std::optional<double> alpha = number(setting.items[0].value.get(), "mixup");
  if (alpha && *alpha < 0) {
    return error(setting.range, "E0401", "mixup's alpha is not negative");
  }
  if (alpha) {
    scalar("mixup.alpha", *alpha);
    hostScalar("mixup_now");
    host["mixup"] = json::Object{{"alpha", full("mixup.alpha")}};
  }
}

void SectionElaborator::sampler(const Setting &setting) {
  std::string kind = word(setting.items[0].value.get());
  if (kind != "shuffle" && kind != "inverse_frequency" && kind != "sequential") {
    return error(setting.range, "E0402",
                 "unknown sampler '" + kind + "'; known: shuffle, inverse_frequency, sequential");
  }
  host["sampler"] = json::Object{{"kind", kind}};
}

//===-- Sections
//---------------------------------------------------------------------------------===//

/// A wish: with fewer devices than it speaks of, everything goes to what there is.
void SectionElaborator::place(const Setting &setting) {
  static constexpr llvm::StringRef known[] = {"auto", "data", "expert", "hybrid"};
  const Expr *value = setting.items[0].value.get();
  if (!value || (value->kind != ExprKind::string && !llvm::is_contained(known, word(value)))) {
    error(setting.range, "E0402",
          "place is auto, data, expert, hybrid, or a file's name in quotes");
  }
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

void SectionElaborator::seed(const Setting &setting) {
  std::optional<double> value = number(setting.items[0].value.get(), "seed");
  if (value && (*value < 0 || *value != std::floor(*value))) {
    return error(setting.range, "E0401", "the seed is a whole number, not negative");
  }
  seedValue = value.value_or(0);
}

void SectionElaborator::train() {
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
    (this->*handler->second)(setting);
  }
  if (!hasOptimizer) {
    return error(section.name.range, "E0401",
                 "a train section needs an optimizer, as in `optimizer adamw(lr = 1e-3)`");
  }
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
  auto graph = mlir::SymbolTable::lookupNearestSymbolFrom<model::GraphOp>(
      e.modelOp, e.builder.getStringAttr(section.name.name));
  auto evalGraph = mlir::SymbolTable::lookupNearestSymbolFrom<model::GraphOp>(
      e.modelOp, e.builder.getStringAttr("eval"));
  if (!e.options.precision.empty() && e.options.precision != "f32") { // also of sections that say nothing
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

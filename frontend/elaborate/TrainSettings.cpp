// The settings of a train section, one by one: numbers become named scalars, policies JSON for the
// runtime (runtime/train/config.h).
#include "frontend/elaborate/SectionElaborator.h"

namespace mome::elaborate {

using namespace syntax;
namespace json = llvm::json;

void SectionElaborator::batch(const Setting &setting) {
  std::optional<double> value = number(setting.items[0].value.get(), setting.keyword.name);
  if (value && *value >= 1 && *value == std::floor(*value)) {
    host[setting.keyword.name] = int64_t(*value);
  } else if (value) {
    error(setting.range, "E0401", "'" + setting.keyword.name + "' is a whole number, at least 1");
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
  optimizerKind == "adamw"
      ? checkArguments(*kind, {"lr", "betas", "eps", "weight_decay"}, 1)
      : checkArguments(*kind, {"lr", "momentum", "nesterov", "weight_decay"}, 1);
  argumentScalar(*kind, "lr", 0, optimizerKind == "adamw" ? std::optional(1e-3) : std::nullopt);
  argumentScalar(*kind, "weight_decay", 99, optimizerKind == "adamw" ? 0.01 : 0.0);
  if (optimizerKind == "adamw") {
    const Expr *betas = argument(*kind, "betas", 99);
    double values[2] = {0.9, 0.999};
    if (betas && betas->kind == ExprKind::list && betas->children.size() == 2) {
      for (int i : {0, 1}) {
        values[i] = number(betas->children[i].get(), "a beta").value_or(values[i]);
        if (!(values[i] >= 0 && values[i] < 1)) {
          error(betas->children[i]->range, "E0401", "a beta is at least 0 and less than 1");
        }
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
  if (item.body.empty()) {
    return error(item.range, "E0401",
                 "a group sets something, as in `group rank < 2 { weight_decay = 0 }`");
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
  checkArguments(*expr, {"norm"}, 1);
  std::optional<double> norm = number(argument(*expr, "norm", 0), "global_norm");
  if (norm && *norm <= 0) {
    return error(expr->range, "E0401", "a norm to clip at is positive");
  }
  if (norm) {
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
  if (kind == "multi_step") {
    checkArguments(*expr, {"epochs", "milestones", "gamma", "warmup", "warmup_start"}, 2);
  } else if (kind == "cosine") {
    checkArguments(*expr, {"epochs", "end", "warmup", "warmup_start"}, 1);
  } else {
    checkArguments(*expr, {"epochs", "warmup", "warmup_start"}, 1);
  }
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
  std::string mode = item.words.size() == 1 ? item.words[0].name : "";
  if (mode != "max" && mode != "min") {
    return error(item.range, "E0401",
                 "say which is better, more or less: `monitor val." + metric + " max`, or min");
  }
  json::Object monitor{{"metric", metric}, {"mode", mode}};
  for (const SettingItem &detail : item.body) {
    monitorDetail(detail, monitor);
  }
  host["monitor"] = std::move(monitor);
}

void SectionElaborator::monitorDetail(const SettingItem &detail, json::Object &monitor) {
  llvm::StringRef name = detail.name.name;
  if (name == "every" || name == "patience") {
    std::optional<double> value = number(detail.value.get(), name);
    if (value && *value <= 0) {
      return error(detail.range, "E0401", "'" + name.str() + "' must be positive");
    }
    if (value && name == "every") {
      monitor["every_epochs"] = *value;
    } else if (value) {
      monitor["patience"] = int64_t(*value);
    }
  } else if (name == "keep") {
    json::Array keep;
    llvm::SmallVector<llvm::StringRef> kinds;
    std::string kept = word(detail.value.get());
    llvm::StringRef(kept).split(kinds, '+');
    for (llvm::StringRef kind : kinds) {
      if (kind.trim() != "best" && kind.trim() != "last") {
        return error(detail.range, "E0401",
                     "keep is best, last, or best + last, not '" + kept + "'");
      }
      keep.push_back(kind.trim().str());
    }
    monitor["keep"] = std::move(keep);
  } else {
    error(detail.range, "E0402",
          "monitor knows every, patience and keep, not '" + name.str() + "'");
  }
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
    } else {
      return error(inner.range, "E0402", "init takes `map NAME` and `skip PATTERN` in braces");
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
  std::optional<double> decay = number(value, "ema");
  if (decay && !(*decay >= 0 && *decay < 1)) {
    return error(setting.range, "E0401", "ema's decay is at least 0 and less than 1");
  }
  if (decay) {
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

/// A wish: with fewer devices than it speaks of, everything goes to what there is.
void SectionElaborator::place(const Setting &setting) {
  static constexpr llvm::StringRef known[] = {"auto", "data", "expert", "hybrid"};
  const Expr *value = setting.items[0].value.get();
  if (!value || (value->kind != ExprKind::string && !llvm::is_contained(known, word(value)))) {
    error(setting.range, "E0402",
          "place is auto, data, expert, hybrid, or a file's name in quotes");
  }
}

void SectionElaborator::seed(const Setting &setting) {
  std::optional<double> value = number(setting.items[0].value.get(), "seed");
  if (value && (*value < 0 || *value != std::floor(*value))) {
    return error(setting.range, "E0401", "the seed is a whole number, not negative");
  }
  seedValue = value.value_or(0);
}

} // namespace mome::elaborate

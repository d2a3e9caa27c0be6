#include "runtime/train/config.h"

#include <algorithm>

#include "runtime/json_reader.h"

namespace mome::train {
namespace {

template <typename T>
T choose(JsonObject &o, const std::string &key, const std::string &absent,
         const std::vector<std::pair<std::string_view, T>> &choices) {
  const std::string word = o.text(key, absent);
  std::string known;
  for (const auto &[name, value] : choices) {
    if (name == word) {
      return value;
    }
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  o.fail("'" + key + "' is '" + word + "'; known: " + known);
}

Schedule parse_schedule(JsonObject o) {
  Schedule s;
  s.kind = choose<ScheduleKind>(o, "kind", "constant",
                                {{"constant", ScheduleKind::constant},
                                 {"cosine", ScheduleKind::cosine},
                                 {"multi_step", ScheduleKind::multi_step}});
  s.milestones = o.numbers("milestones");
  if (!std::is_sorted(s.milestones.begin(), s.milestones.end())) {
    o.fail("'milestones' must increase");
  }
  o.done();
  return s;
}

Monitor parse_monitor(JsonObject o) {
  Monitor m;
  m.metric = o.text("metric");
  m.maximize = choose<bool>(o, "mode", "max", {{"max", true}, {"min", false}});
  m.every_epochs = o.number("every_epochs", 1);
  m.patience = o.integer("patience", 0);
  if (o.find("keep") != nullptr) {
    const auto keep = o.texts("keep");
    m.keep_best = std::find(keep.begin(), keep.end(), "best") != keep.end();
    m.keep_last = std::find(keep.begin(), keep.end(), "last") != keep.end();
  }
  if (!(m.every_epochs > 0) || m.patience < 0) {
    o.fail("'every_epochs' must be positive and 'patience' not negative");
  }
  o.done();
  return m;
}

} // namespace

Config parse_config(std::string_view section, std::string_view text) {
  const std::string where = "train section '" + std::string(section) + "'";
  const MakeError bad = [](std::string w, std::string what) {
    return package_error(std::move(w), std::move(what),
                         "compile the model again with the momec of this version");
  };
  const Json json = parse_json(text, where, bad);
  JsonObject o(json, where, bad);
  const auto inner = [&](const Json &value, const std::string &key) {
    return JsonObject(value, where + ", " + key, bad);
  };

  Config c;
  c.section = section;
  c.batch = o.integer("batch");
  c.eval_batch = o.integer("eval_batch", c.batch);
  c.accumulate = o.integer("accumulate", 1);
  c.precision = o.text("precision", "f32");
  if (c.batch < 1 || c.eval_batch < 1 || c.accumulate < 1) {
    o.fail("'batch', 'eval_batch' and 'accumulate' must be positive");
  }
  if (const Json *value = o.find("optimizer")) {
    JsonObject optimizer = inner(*value, "optimizer");
    c.optimizer =
        choose<std::string>(optimizer, "kind", "adamw", {{"adamw", "adamw"}, {"sgd", "sgd"}});
    optimizer.done();
  }
  if (const Json *value = o.find("schedule")) {
    c.schedule = parse_schedule(inner(*value, "schedule"));
  }
  if (const Json *value = o.find("monitor")) {
    c.monitor = parse_monitor(inner(*value, "monitor"));
  }
  for (const Json &value : o.array("init")) {
    JsonObject rule = inner(value, "init");
    c.init.push_back(
        {rule.text("pattern"), rule.text("file"), rule.text("map", ""), rule.texts("skip")});
    rule.done();
  }
  if (const Json *value = o.find("after")) {
    JsonObject after = inner(*value, "after");
    c.after_section = after.text("section");
    c.after_checkpoint =
        choose<std::string>(after, "checkpoint", "best", {{"best", "best"}, {"last", "last"}});
    after.done();
  }
  if (const Json *value = o.find("sampler")) {
    JsonObject sampler = inner(*value, "sampler");
    c.sampler = choose<SamplerKind>(sampler, "kind", "shuffle",
                                    {{"shuffle", SamplerKind::shuffle},
                                     {"inverse_frequency", SamplerKind::inverse_frequency},
                                     {"sequential", SamplerKind::sequential}});
    sampler.done();
  }
  for (const Json &value : o.array("freeze")) {
    JsonObject rule = inner(value, "freeze");
    c.freeze.push_back({rule.text("pattern"), rule.text("until", "")});
    rule.done();
  }
  if (const Json *value = o.find("ema")) {
    JsonObject ema = inner(*value, "ema");
    c.ema_decay = ema.text("decay");
    ema.done();
  }
  if (const Json *value = o.find("mixup")) {
    JsonObject mixup = inner(*value, "mixup");
    c.mixup = mixup.text("alpha");
    mixup.done();
  }
  o.done();
  return c;
}

} // namespace mome::train

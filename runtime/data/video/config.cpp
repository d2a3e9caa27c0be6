#include "runtime/data/video/config.h"

namespace mome::data {
namespace {

template <typename T, size_t N>
T choice(JsonObject &o, std::string_view key, const std::pair<const char *, T> (&values)[N]) {
  const std::string text = o.text(key, values[0].first);
  std::string known;
  for (const auto &[name, value] : values) {
    if (text == name) {
      return value;
    }
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  o.fail("'" + std::string(key) + "' is " + known + ", not '" + text + "'");
}

/// A setting written as a word or as a call.
struct Operation {
  std::string kind;
  Json call;
};
Operation operation(JsonObject &item) {
  const Json &value = item.get("value");
  if (value.is_string()) {
    return {value.get<std::string>(), Json::object()};
  }
  return {value.value("kind", std::string()), value};
}

void parse_clip(const Json &items, const std::string &where, const MakeError &bad,
                VideoConfig &config) {
  for (const Json &item : items) {
    JsonObject o(item, where, bad);
    const Json &value = o.get("value");
    o.done();
    if (value.is_number()) {
      if (value.get<double>() != 3) {
        o.fail("the annotations are chunks of 3s: write `clip 3s`");
      }
    } else if (value == "tsn" || value == "uniform") {
      config.jitter = value == "tsn";
    } else {
      o.fail("a clip is a length and tsn or uniform");
    }
  }
}

void parse_rand_augment(JsonObject &call, const std::string &on, VideoConfig &config) {
  RandAugment a{int(call.integer("n", 4)), call.number("m", 7), call.number("std", 0.5)};
  if (a.count < 0 || a.count > 16 || !(a.magnitude >= 0 && a.magnitude <= 10) ||
      !(a.deviation >= 0)) {
    call.fail("rand_augment takes n from 0 to 16, m from 0 to 10 and std from 0 on");
  }
  config.rand_augment[on] = a;
}

void parse_train(const Json &body, const std::string &where, const MakeError &bad,
                 VideoConfig &config) {
  for (const Json &item : body) {
    JsonObject o(item, where, bad);
    const Operation op = operation(o);
    const std::string on = o.text("on", "");
    o.done();
    JsonObject call(op.call, where + ", " + op.kind, bad);
    call.find("kind");
    if (op.kind == "rand_augment") {
      parse_rand_augment(call, on, config);
    } else if (op.kind == "random_resized_crop") {
      const Json args = call.array("args");
      const Json range = args.size() == 1 && args[0].is_array() ? args[0] : args;
      const bool numbers = range.size() == 2 && range[0].is_number() && range[1].is_number();
      config.min_area = numbers ? range[0].get<double>() : 0;
      config.max_area = numbers ? range[1].get<double>() : 0;
      if (!(config.min_area > 0 && config.min_area <= config.max_area && config.max_area <= 1)) {
        call.fail("it takes a range of areas, as in random_resized_crop(0.08..1)");
      }
    } else if (op.kind == "flip") {
      const std::vector<double> p = call.numbers("args");
      config.flip = p.empty() ? 0.5 : p[0];
      if (p.size() > 1 || !(config.flip >= 0 && config.flip <= 1)) {
        call.fail("flip takes a probability");
      }
    } else if (op.kind != "resize_short" && op.kind != "center_crop") {
      o.fail("'" + op.kind +
             "' is not built in; known: rand_augment, random_resized_crop, flip, resize_short, "
             "center_crop");
    }
    if (!on.empty() && op.kind != "rand_augment") {
      o.fail("'" + op.kind + "' is shared by all modalities: leave `on " + on + "` out");
    }
    call.done();
  }
}

void parse_val(const Json &body, const std::string &where, const MakeError &bad) {
  for (const Json &item : body) {
    JsonObject o(item, where, bad);
    const Operation op = operation(o);
    o.done();
    if (op.kind != "resize_short" && op.kind != "center_crop") {
      o.fail("'" + op.kind + "' is not for validation; known: resize_short, center_crop");
    }
  }
}

void parse_test(const Json &body, const std::string &where, const MakeError &bad,
                VideoConfig &config) {
  for (const Json &item : body) {
    JsonObject o(item, where, bad);
    const std::string name = o.text("name");
    const Json &value = o.get("value");
    o.done();
    const int64_t count = value.is_number_integer() ? value.get<int64_t>() : 0;
    if (name == "clips" && count >= 1 && count <= 100) {
      config.clips = int(count);
    } else if (name == "crops" && (count == 1 || count == 3)) {
      config.crops = int(count);
    } else if (name == "average" && (value == "softmax" || value == "logits")) {
      config.average_softmax = value == "softmax";
    } else {
      o.fail("'" + name + "': write clips = 1..100, crops = 1 or 3, average = softmax or logits");
    }
  }
}

/// `train { ... }` is one item with a body.
Json body_of(const Json &items, const std::string &where, const MakeError &bad) {
  if (items.empty()) {
    return Json::array();
  }
  JsonObject o(items[0], where, bad);
  Json body = o.array("body");
  o.done();
  return body;
}

} // namespace

void parse_video_source(JsonObject &call, VideoConfig &config) {
  using Missing = VideoConfig::Missing;
  config.level = call.text("level", "midlevel");
  config.missing = choice<Missing>(
      call, "missing", {{"drop", Missing::drop}, {"fail", Missing::fail}, {"mask", Missing::mask}});
  config.allow_vfr = choice<bool>(call, "vfr", {{"refuse", false}, {"allow", true}});
}

void parse_video_settings(JsonObject &section, const std::string &where, const MakeError &bad,
                          VideoConfig &config) {
  parse_clip(section.array("clip"), where + ", clip", bad, config);
  parse_train(body_of(section.array("train"), where + ", train", bad), where + ", train", bad,
              config);
  parse_val(body_of(section.array("val"), where + ", val", bad), where + ", val", bad);
  parse_test(body_of(section.array("test"), where + ", test", bad), where + ", test", bad, config);
}

} // namespace mome::data

#include "runtime/data/stream.h"

#include "runtime/json_reader.h"

namespace mome::data {

namespace {

Error bad_section(std::string where, std::string what) {
  return package_error(
      std::move(where), std::move(what),
      "sources are `tensors` and `drive_and_act`, a stream is `NAME = TENSOR or VIEW "
      "{ normalize(MEAN, DEVIATION) }`; docs/data.md lists every setting");
}

SourceConfig::Kind source_kind(JsonObject &o, const std::string &name) {
  if (name == "tensors") {
    return SourceConfig::Kind::tensors;
  }
  if (name == "drive_and_act") {
    return SourceConfig::Kind::drive_and_act;
  }
  o.fail("source '" + name + "' is not built in");
}

void parse_source_item(JsonObject item, const std::string &where, SourceConfig &config) {
  const Json &value = item.get("value");
  item.done();
  if (value.is_string()) {
    config.kind = source_kind(item, value.get<std::string>());
    return;
  }
  JsonObject call(value, where, bad_section);
  config.kind = source_kind(call, call.text("kind"));
  config.split = call.integer("split", 0);
  if (config.kind == SourceConfig::Kind::drive_and_act) {
    parse_video_source(call, config.video);
  }
  call.done();
}

void parse_stream_item(JsonObject item, const std::string &where, SourceConfig &config) {
  const std::string modality = item.text("name");
  Stream stream{item.text("value", modality), 0, 1};
  for (const Json &step : item.array("body")) {
    JsonObject o(step, where + " '" + modality + "'", bad_section);
    JsonObject call(o.get("value"), where + " '" + modality + "'", bad_section);
    o.done();
    if (const std::string kind = call.text("kind"); kind != "normalize") {
      call.fail("'" + kind + "' is not built in");
    }
    const std::vector<double> n = call.numbers("args");
    call.done();
    if (n.size() != 2 || !(n[1] > 0)) {
      call.fail("normalize takes a mean and a positive deviation");
    }
    stream.mean = float(n[0]);
    stream.stddev = float(n[1]);
  }
  item.done();
  config.streams.insert_or_assign(modality, stream);
}

} // namespace

SourceConfig parse_source(std::string_view section, std::string_view text) {
  const std::string where = "data section '" + std::string(section) + "'";
  const Json json = parse_json(text, where, bad_section);
  JsonObject o(json, where, bad_section);
  SourceConfig config;
  config.section = section;
  const Json source = o.array("source");
  if (source.size() != 1) {
    o.fail("it needs one source");
  }
  parse_source_item(JsonObject(source[0], where + ", source", bad_section), where + ", source",
                    config);
  for (const Json &item : o.array("stream")) {
    parse_stream_item(JsonObject(item, where + ", stream", bad_section), where + ", stream",
                      config);
  }
  if (config.kind == SourceConfig::Kind::drive_and_act) {
    parse_video_settings(o, where, bad_section, config.video);
  }
  o.done();
  return config;
}

} // namespace mome::data

#include "runtime/data/stream.h"

#include "runtime/json_reader.h"

namespace mome::data {

namespace {

Error bad_section(std::string where, std::string what) {
  return package_error(std::move(where), std::move(what),
                       "this version of mome reads `source tensors`, with `stream NAME = TENSOR { "
                       "normalize(MEAN, DEVIATION) }`");
}

void parse_source_item(JsonObject item, const std::string &where, SourceConfig &config) {
  const Json &value = item.get("value");
  item.done();
  if (value.is_string()) {
    if (value != "tensors") {
      item.fail("source '" + value.get<std::string>() + "' is not built in");
    }
    return;
  }
  JsonObject call(value, where, bad_section);
  if (const std::string kind = call.text("kind"); kind != "tensors") {
    call.fail("source '" + kind + "' is not built in");
  }
  config.split = call.integer("split", 0);
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
  o.done();
  return config;
}

} // namespace mome::data

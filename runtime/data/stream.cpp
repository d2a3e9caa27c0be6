#include "runtime/data/stream.h"

#include "runtime/json_reader.h"

namespace mome::data {

SourceConfig parse_source(std::string_view section, std::string_view text) {
  const std::string where = "data section '" + std::string(section) + "'";
  const MakeError bad = [](std::string w, std::string what) {
    return package_error(std::move(w), std::move(what),
                         "compile the model again with the momec of this version");
  };
  const Json json = parse_json(text, where, bad);
  JsonObject o(json, where, bad);
  SourceConfig config;
  config.section = section;
  if (const std::string kind = o.text("source"); kind != "tensors") {
    o.fail("source '" + kind + "' is not built in; known: tensors");
  }
  config.split = o.integer("split", 0);
  if (const Json *streams = o.find("streams")) {
    if (!streams->is_object()) {
      o.fail("'streams' must be an object");
    }
    for (const auto &item : streams->items()) {
      JsonObject s(item.value(), where + ", stream '" + item.key() + "'", bad);
      Stream stream{s.text("tensor", item.key()), 0, 1};
      if (s.find("normalize") != nullptr) {
        const std::vector<double> n = s.numbers("normalize");
        if (n.size() != 2 || !(n[1] > 0)) {
          s.fail("'normalize' must be [mean, positive deviation]");
        }
        stream.mean = float(n[0]);
        stream.stddev = float(n[1]);
      }
      s.done();
      config.streams.emplace(item.key(), stream);
    }
  }
  o.done();
  return config;
}

} // namespace mome::data

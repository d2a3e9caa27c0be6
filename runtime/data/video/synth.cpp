// Writes the made-up set.
#include "runtime/data/video/synth.h"

#include <cmath>

#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/video/video.h"

namespace mome::data {

namespace fs = std::filesystem;

namespace {

/// From half size on the bit rates are those measured on the real set; smaller pictures need more
/// bits for a pixel.
video::EncodeOptions encoding(const SynthOptions &options, size_t view, int width, int height) {
  const SynthView &v = synth_view_table[view];
  video::EncodeOptions e;
  e.width = width;
  e.height = height;
  e.rate_num = v.rate;
  e.gop = options.gop;
  e.crf = 20;
  e.preset = options.preset;
  if (e.preset.empty()) {
    e.preset = options.scale >= 0.5 ? "veryfast" : "ultrafast";
  }
  if (options.scale >= 0.5) {
    e.bitrate = int64_t(double(v.bitrate) * options.scale * options.scale);
  }
  return e;
}

int64_t write_video(const SynthPlan &plan, const SynthSession &session, size_t view,
                    const fs::path &root) {
  const SynthView &v = synth_view_table[view];
  const fs::path path = root / v.folder / (session.stem() + "." + v.name + ".mp4");
  fs::create_directories(path.parent_path());
  SynthPainter painter(plan, session, view);
  const auto encoder = video::library().encode(
      path, encoding(plan.options, view, painter.width(), painter.height()));
  const int64_t frames =
      int64_t(std::ceil(session.seconds * v.true_rate + session.offset[view])) + 2;
  for (int64_t f = 0; f < frames; ++f) {
    encoder->add(painter.paint(f));
  }
  encoder->finish();
  return frames;
}

OrderedJson describe(const SynthPlan &plan, int64_t frames) {
  const SynthOptions &o = plan.options;
  int64_t counts[3] = {};
  OrderedJson json = {{"format", 1},        {"seed", o.seed},           {"classes", plan.classes},
                      {"rare", plan.rare},  {"scale", o.scale},         {"subjects", o.subjects},
                      {"chunks", o.chunks}, {"control", o.control},     {"gop", o.gop},
                      {"preset", o.preset}, {"imbalance", o.imbalance}, {"frames", frames}};
  OrderedJson per_class = OrderedJson::object();
  for (const SynthSession &session : plan.sessions) {
    const std::string part(plan.part(0, session.participant));
    const size_t p = part == "train" ? 0 : part == "val" ? 1 : 2;
    for (const SynthChunk &chunk : session.chunks) {
      if (chunk.label < o.classes) {
        ++counts[p];
        OrderedJson &of = per_class[plan.classes[size_t(chunk.label)]];
        if (of.is_null()) {
          of = {{"train", 0}, {"val", 0}, {"test", 0}};
        }
        of[part] = of[part].get<int64_t>() + 1;
      }
    }
  }
  json["samples"] = {{"train", counts[0]}, {"val", counts[1]}, {"test", counts[2]}};
  json["per_class"] = per_class;
  json["ideal_mean1"] = {{"all", ideal_mean1(plan, 7)},
                         {synth_view_table[0].name, ideal_mean1(plan, 1)},
                         {synth_view_table[1].name, ideal_mean1(plan, 2)},
                         {synth_view_table[2].name, ideal_mean1(plan, 4)}};
  return json;
}

} // namespace

OrderedJson synthesise(const SynthOptions &options, const fs::path &root) {
  const SynthPlan plan = plan_synth(options);
  if (fs::exists(root) && !fs::is_empty(root)) {
    throw usage_error(root.string() + " is not empty", "name a new folder");
  }
  video::library(); // before anything is written
  write_synth_tables(plan, root);
  int64_t frames = 0;
  for (const SynthSession &session : plan.sessions) {
    for (size_t view = 0; view < synth_views; ++view) {
      frames += write_video(plan, session, view, root);
    }
  }
  const OrderedJson json = describe(plan, frames);
  replace_file(root / "synth.json", json.dump(2) + "\n");
  return json;
}

} // namespace mome::data

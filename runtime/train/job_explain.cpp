// `mome explain-clip`: where every expert looks in one clip, as pictures, beside the gate's votes.

#include <algorithm>

#include "runtime/data/video/video_source.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/text.h"
#include "runtime/train/attention_map.h"
#include "runtime/train/ema.h"
#include "runtime/train/feed.h"
#include "runtime/train/job.h"
#include "runtime/train/recordings.h"

namespace mome::train {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view expert_prefix = "experts.", tap_suffix = ".attention";

struct Clip {
  std::unique_ptr<data::Source> source;
  uint32_t sample = 0;
};

Clip open_clip(const ExplainRequest &request, const LoadedModel &loaded) {
  const ModelInfo &info = loaded.model->info();
  const data::SourceConfig config = choose_source(info, loaded.data_section);
  const EvalRequest &base = request.base;
  data::SourceOptions options{
      loaded.classes(), model_modalities(info), base.split.value_or(config.split),
      {data::Part::train, data::Part::val, data::Part::test}, false};
  if (!request.in.empty()) {
    options.parts = {data::Part::test};
    const auto videos = named_recording(request.in, info).in_order(info);
    return {data::open_window_source(videos, {request.window, request.window, request.at}, config,
                                     options),
            0};
  }
  Clip clip{data::open_source(base.data, config, options)};
  const std::vector<data::Sample> &samples = clip.source->index().samples;
  const auto it = std::find_if(samples.begin(), samples.end(),
                               [&](const data::Sample &s) { return s.key == request.key; });
  if (it == samples.end()) {
    std::vector<std::string> keys;
    for (const data::Sample &sample : samples) {
      keys.push_back(sample.key);
    }
    throw usage_error("--key " + request.key + ": no sample of that key in " + base.data.string(),
                      suggestion(request.key, keys, "keys are, for example, "));
  }
  clip.sample = uint32_t(it - samples.begin());
  return clip;
}

/// "experts.rgb.transformer.dec.0.attention" of expert rgb is "transformer.dec.0".
std::string block_name(const std::string &tap, const std::string &modality) {
  const size_t begin = expert_prefix.size() + modality.size() + 1;
  return tap.substr(begin, tap.size() - begin - tap_suffix.size());
}

bool belongs_to(const std::string &tap, const std::string &modality) {
  return tap.starts_with(std::string(expert_prefix) + modality + ".") && tap.ends_with(tap_suffix);
}

/// Taps of one expert as pictures, and what they say in numbers.
class Album {
public:
  Album(Model &model, const ModelEntry &entry, fs::path dir)
      : model(model), taps(entry_outputs(model.info(), entry, BindKind::tap)),
        dir(std::move(dir)) {}

  OrderedJson add(const std::string &modality, const ClipView &clip) {
    OrderedJson o;
    o["frames"] = save(modality + ".png", paint_clip(clip, nullptr));
    o["blocks"] = OrderedJson::array();
    for (size_t tap : taps) {
      const ModelTensor &t = model.info().tensors[tap];
      if (!belongs_to(t.name, modality) || t.shape.size() != 4 || t.shape[2] != 1) {
        continue;
      }
      const std::vector<float> values = model.read_floats(tap); // the clip is the first sample
      const std::span of_clip(values.data(), values.size() / size_t(t.shape[0]));
      if (const auto map = attention_map(of_clip, t.shape[1], clip)) {
        o["blocks"].push_back(describe(block_name(t.name, modality), modality, *map, clip));
      }
    }
    return o;
  }

private:
  Model &model;
  std::vector<size_t> taps;
  fs::path dir;

  OrderedJson describe(const std::string &block, const std::string &modality,
                       const AttentionMap &map, const ClipView &clip) {
    OrderedJson o;
    o["block"] = block;
    o["picture"] = save(modality + "." + block + ".png", paint_clip(clip, &map));
    o["on_frames"] = OrderedJson::array();
    float rest = 0;
    for (int64_t f = 0; f < map.frames; ++f) {
      o["on_frames"].push_back(map.frame_share(f));
      rest += map.classes[size_t(f)];
    }
    o["on_class_tokens"] = rest;
    return o;
  }

  std::string save(const std::string &name, const video::Frames &picture) {
    const std::vector<uint8_t> bytes = video::library().encode_png(picture);
    replace_file(dir / name, {reinterpret_cast<const char *>(bytes.data()), bytes.size()});
    return name;
  }
};

ClipView view_of(const data::Batch &batch, size_t m, const data::Modality &modality,
                 const data::Stream &stream) {
  if (modality.shape.size() != 4) {
    throw usage_error("modality '" + modality.name + "' is no video",
                      "explain-clip shows attention over frames");
  }
  return {std::span(batch.inputs[m]).first(modality.elements()), modality.shape[0],
          modality.shape[1], modality.shape[2], modality.shape[3], stream};
}

} // namespace

OrderedJson explain_clip_job(const ExplainRequest &request, const OpenModel &open) {
  const LoadedModel loaded = load_model(request.base, open);
  Model &model = *loaded.model;
  const ModelInfo &info = model.info();
  const ModelEntry *entry = info.entry("explain");
  if (entry == nullptr) {
    throw package_error("model '" + info.model + "'", "its package has no entry 'explain'",
                        "write `tap NAME = attention_weights(q, k, heads)` in a block, as "
                        "models/lib/uniformer_v2.mome does, and compile again");
  }
  const Clip clip = open_clip(request, loaded);
  const EmaSwap averaged(model);
  const data::Index &index = clip.source->index();
  OrderedJson result;
  result["clip"] = index.samples[clip.sample].key;
  result.update(prediction_json(index, run_predict(model, *clip.source, {clip.sample}), 0));

  const std::vector<data::Modality> modalities = model_modalities(info);
  const size_t batch_size = entry_batch(info, *entry);
  data::Batch batch;
  data::assemble(*clip.source, {0, 0, {clip.sample}}, batch_size, batch);
  feed_batch(model, *entry, batch, modalities);
  model.run(*entry);

  fs::create_directories(request.base.out);
  Album album(model, *entry, request.base.out);
  const data::SourceConfig config = choose_source(info, loaded.data_section);
  for (size_t m = 0; m < modalities.size(); ++m) {
    const std::string &name = modalities[m].name;
    result["experts"][name] = album.add(name, view_of(batch, m, modalities[m], config.stream(name)));
  }
  replace_file(request.base.out / "explain.json", result.dump(2) + "\n");
  return result;
}

} // namespace mome::train

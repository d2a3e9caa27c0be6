// `mome predict --in` and `--dir`: predictions along recordings that nobody annotated.

#include <algorithm>
#include <cmath>

#include "runtime/data/video/drive_act.h"
#include "runtime/data/video/video_source.h"
#include "runtime/error.h"
#include "runtime/text.h"
#include "runtime/train/ema.h"
#include "runtime/train/feed.h"
#include "runtime/train/job.h"

namespace mome::train {

namespace fs = std::filesystem;

namespace {

/// One recording: a video for every modality.
struct Recording {
  std::string name;
  std::map<std::string, fs::path> videos; // by modality
};

/// The name of the recording that `path` (below the folder) is one modality of, or "": files are
/// called MODALITY.mp4, NAME.MODALITY.mp4 or, as in Drive&Act, NAME.VIEW.mp4 below a folder VIEW.
std::string recording_name(fs::path path, const std::string &modality, const std::string &view) {
  std::vector<std::string> endings = {modality, view};
  for (const data::CameraView &camera : data::camera_views()) {
    if (view == camera.name) {
      endings.push_back(camera.stem);
    }
  }
  if (const std::string top = path.begin()->string(); top == view || top == view + "_mp4") {
    path = path.lexically_relative(top);
  }
  const std::string file = path.filename().string();
  for (const std::string &ending : endings) {
    if (file == ending + ".mp4") {
      return path.has_parent_path() ? path.parent_path().string() : ".";
    }
    const std::string suffix = "." + ending + ".mp4";
    if (file.ends_with(suffix)) {
      return (path.parent_path() / file.substr(0, file.size() - suffix.size())).string();
    }
  }
  return {};
}

std::vector<Recording> find_recordings(const fs::path &dir, const ModelInfo &info,
                                       const data::SourceConfig &config) {
  if (!fs::is_directory(dir)) {
    throw data_error(dir.string(), "no such folder", "name a folder of videos with --dir");
  }
  std::map<std::string, Recording> found;
  for (const auto &entry : fs::recursive_directory_iterator(dir)) {
    for (const std::string &modality : info.modalities) {
      const std::string name = entry.is_regular_file()
                                   ? recording_name(fs::relative(entry.path(), dir), modality,
                                                    config.stream(modality).tensor)
                                   : std::string();
      if (!name.empty()) {
        found[name].name = name;
        found[name].videos[modality] = entry.path();
      }
    }
  }
  std::vector<Recording> recordings;
  for (auto &[name, recording] : found) {
    recordings.push_back(std::move(recording));
  }
  if (recordings.empty()) {
    throw data_error(dir.string(), "no videos of " + join_names(info.modalities),
                     "call them MODALITY.mp4 or NAME.MODALITY.mp4");
  }
  return recordings;
}

std::vector<fs::path> in_order(const Recording &recording, const ModelInfo &info) {
  std::vector<fs::path> videos;
  for (const std::string &modality : info.modalities) {
    const auto it = recording.videos.find(modality);
    if (it == recording.videos.end()) {
      throw data_error(recording.name, "no video of modality '" + modality + "'",
                       "the model needs " + join_names(info.modalities));
    }
    videos.push_back(it->second);
  }
  return videos;
}

OrderedJson describe(const Recording &recording, const data::Index &index, const Predictions &p,
                     size_t i) {
  const std::string &key = index.samples[p.samples[i]].key;
  OrderedJson o;
  o["source"] = recording.name;
  o["start"] = std::stod(key.substr(0, key.find('-')));
  o["end"] = std::stod(key.substr(key.find('-') + 1));
  const GatheredOutput *logits = p.logits(index.classes.size());
  if (logits != nullptr) {
    const auto row = logits->of(i);
    const auto top = std::max_element(row.begin(), row.end());
    double sum = 0;
    for (float score : row) {
      sum += std::exp(double(score - *top));
    }
    o["predicted"] = index.classes[size_t(top - row.begin())];
    o["probability"] = 1 / sum;
    for (size_t k = 0; k < row.size(); ++k) {
      o["probabilities"][index.classes[k]] = std::exp(double(row[k] - *top)) / sum;
    }
  }
  for (const GatheredOutput &output : p.outputs) {
    if (&output == logits || output.elements > 8) {
      continue;
    }
    for (size_t k = 0; k < output.elements; ++k) {
      const bool named = output.elements == index.modalities.size();
      o["outputs"][output.name][named ? index.modalities[k] : std::to_string(k)] = output.of(i)[k];
    }
  }
  return o;
}

} // namespace

size_t predict_windows_job(const WindowRequest &request, const OpenModel &open,
                           const std::function<void(const OrderedJson &)> &emit) {
  LoadedModel loaded = load_model(request.base, open);
  const ModelInfo &info = loaded.model->info();
  const data::SourceConfig config = choose_source(info, loaded.data_section);
  for (const auto &[modality, video] : request.in) {
    if (std::find(info.modalities.begin(), info.modalities.end(), modality) ==
        info.modalities.end()) {
      throw usage_error("--in: no modality '" + modality + "'",
                        suggestion(modality, info.modalities, "modalities: "));
    }
  }
  const std::vector<Recording> recordings = request.dir.empty()
                                                ? std::vector<Recording>{{"in", request.in}}
                                                : find_recordings(request.dir, info, config);
  const EmaSwap averaged(*loaded.model);
  size_t left_out = 0;
  for (const Recording &recording : recordings) {
    try {
      const auto source = data::open_window_source(
          in_order(recording, info), {request.window, request.stride}, config,
          {loaded.classes(), model_modalities(info), 0, {data::Part::test}, request.base.skip_bad});
      const Predictions p = run_predict(*loaded.model, *source,
                                        source->index().part(data::Part::test), request.base.batch);
      for (size_t i = 0; i < p.samples.size(); ++i) {
        emit(describe(recording, source->index(), p, i));
      }
      left_out += source->bad().count() > 0;
    } catch (const Error &error) {
      if (!request.base.skip_bad || error.exit != Exit::data) {
        throw;
      }
      std::fprintf(stderr, "mome: recording '%s' is skipped: %s: %s\n", recording.name.c_str(),
                   error.where.c_str(), error.message.c_str());
      ++left_out;
    }
  }
  return left_out;
}

} // namespace mome::train

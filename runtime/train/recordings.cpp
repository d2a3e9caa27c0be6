#include "runtime/train/recordings.h"

#include <algorithm>

#include "runtime/data/video/drive_act.h"
#include "runtime/error.h"
#include "runtime/text.h"

namespace mome::train {

namespace fs = std::filesystem;

namespace {

/// The name of the recording that `path` (below the folder) is one modality of, or "".
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

} // namespace

std::vector<fs::path> Recording::in_order(const ModelInfo &info) const {
  std::vector<fs::path> ordered;
  for (const std::string &modality : info.modalities) {
    const auto it = videos.find(modality);
    if (it == videos.end()) {
      throw data_error(name, "no video of modality '" + modality + "'",
                       "the model needs " + join_names(info.modalities));
    }
    ordered.push_back(it->second);
  }
  return ordered;
}

Recording named_recording(const std::map<std::string, fs::path> &videos, const ModelInfo &info) {
  for (const auto &[modality, video] : videos) {
    if (std::find(info.modalities.begin(), info.modalities.end(), modality) ==
        info.modalities.end()) {
      throw usage_error("--in: no modality '" + modality + "'",
                        suggestion(modality, info.modalities, "modalities: "));
    }
  }
  return {"in", videos};
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

} // namespace mome::train

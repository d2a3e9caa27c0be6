// Recordings that nobody annotated: a video for every modality of a model, found in a folder or
// named one by one.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "runtime/data/stream.h"
#include "runtime/train/model.h"

namespace mome::train {

struct Recording {
  std::string name;
  std::map<std::string, std::filesystem::path> videos; // by modality

  /// Its videos in the order of the model's modalities; throws Error (data): one is missing.
  std::vector<std::filesystem::path> in_order(const ModelInfo &info) const;
};

/// Throws Error (usage): a modality that the model does not have.
Recording named_recording(const std::map<std::string, std::filesystem::path> &videos,
                          const ModelInfo &info);

/// All recordings below `dir`: files are called MODALITY.mp4, NAME.MODALITY.mp4 or, as in Drive&Act,
/// NAME.VIEW.mp4 below a folder VIEW. Throws Error (data): there is none.
std::vector<Recording> find_recordings(const std::filesystem::path &dir, const ModelInfo &info,
                                       const data::SourceConfig &config);

} // namespace mome::train

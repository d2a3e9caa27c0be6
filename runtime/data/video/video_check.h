// `mome data check` on a video data set: everything that a training run would meet, found at once.
#pragma once

#include "runtime/data/check.h"

namespace mome::data {

/// Whether the folder holds a set in the format of Drive&Act.
bool is_video_set(const std::filesystem::path &dir);

/// Tables, joins, classes, every video's facts, and three decoded frames of each. `modalities` and
/// `config` as for check_data; without, all views that are there.
CheckReport check_video_set(const std::filesystem::path &dir, int64_t split,
                            const std::vector<std::string> &classes,
                            std::vector<Modality> modalities, SourceConfig config);

} // namespace mome::data

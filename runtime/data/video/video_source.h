// Samples of a video data set as tensors [channels, frames, height, width].
//
// Opening reads the tables, and the index of every video that the parts need: a missing, cut-off or
// uneven video, or one with fewer frames than its annotations, is found before the first step. A
// read then decodes a few frames: a clip is the same bits for any number of threads and in any
// order. Decoders are kept open and lent to one thread at a time.
#pragma once

#include "runtime/data/source.h"

namespace mome::data {

std::unique_ptr<Source> open_video_source(const std::filesystem::path &dir,
                                          const SourceConfig &config, const SourceOptions &options);

/// What `mome predict --in` feeds: one video per modality, each cut into windows of `window` seconds
/// every `stride` seconds, from second `start` on; one sample per window, the last one ends with the
/// shortest video.
struct WindowOptions {
  double window = 3, stride = 0.5, start = 0;
};
std::unique_ptr<Source> open_window_source(const std::vector<std::filesystem::path> &videos,
                                           const WindowOptions &windows, const SourceConfig &config,
                                           const SourceOptions &options);

} // namespace mome::data

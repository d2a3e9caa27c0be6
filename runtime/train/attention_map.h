// Where one query of a video transformer looks: its attention over the tokens of a clip, as pictures.
//
// Tokens are those of UniFormerV2's global blocks: frame by frame a class token, then the patches of
// the frame, row by row (models/lib/uniformer_v2.mome, Extractor).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "runtime/data/stream.h"
#include "runtime/video/video.h"

namespace mome::train {

/// A clip as the model sees it: normalized values, [channels, frames, height, width].
struct ClipView {
  std::span<const float> values;
  int64_t channels = 0, frames = 0, height = 0, width = 0;
  data::Stream stream; // undoes the normalization
};

struct AttentionMap {
  int64_t frames = 0, rows = 0, columns = 0;
  std::vector<float> patches; // [frames, rows, columns]
  std::vector<float> classes; // [frames]: on the class tokens

  /// Of all attention, what is on the patches of a frame.
  float frame_share(int64_t frame) const;
};

/// The mean over heads of `weights`, [heads, tokens]; nothing when so many tokens are not the
/// patches of a clip of this size. The clip may have been made shorter by a whole factor.
std::optional<AttentionMap> attention_map(std::span<const float> weights, int64_t heads,
                                          const ClipView &clip);

/// The frames in a row, enlarged to about 160 pixels each; with a map, the more a place is attended
/// to, the more it glows (the map's maximum is white).
video::Frames paint_clip(const ClipView &clip, const AttentionMap *map);

} // namespace mome::train

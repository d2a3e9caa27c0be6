#include "runtime/train/attention_map.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace mome::train {
namespace {

constexpr int64_t frame_width = 160, gap = 4;

/// Black, red, yellow, white for 0, 1/3, 2/3, 1.
std::array<float, 3> glow(float x) {
  const auto ramp = [x](float from) { return std::clamp(3 * x - from, 0.0f, 1.0f); };
  return {ramp(0), ramp(1), ramp(2)};
}

/// The map at a place of the picture, between the centres of patches linearly; y, x in [0, 1).
float attention_at(const AttentionMap &map, int64_t frame, float y, float x) {
  const auto split = [](float place, int64_t count) {
    const float p = std::clamp(place * float(count) - 0.5f, 0.0f, float(count - 1));
    const int64_t first = std::min(int64_t(p), std::max<int64_t>(count - 2, 0));
    return std::pair(first, p - float(first));
  };
  const auto [row, down] = split(y, map.rows);
  const auto [column, right] = split(x, map.columns);
  const auto at = [&](int64_t r, int64_t c) {
    return map.patches[size_t((frame * map.rows + std::min(r, map.rows - 1)) * map.columns +
                              std::min(c, map.columns - 1))];
  };
  return (1 - down) * ((1 - right) * at(row, column) + right * at(row, column + 1)) +
         down * ((1 - right) * at(row + 1, column) + right * at(row + 1, column + 1));
}

} // namespace

float AttentionMap::frame_share(int64_t frame) const {
  float sum = 0;
  for (int64_t i = 0; i < rows * columns; ++i) {
    sum += patches[size_t(frame * rows * columns + i)];
  }
  return sum;
}

std::optional<AttentionMap> attention_map(std::span<const float> weights, int64_t heads,
                                          const ClipView &clip) {
  const int64_t tokens = int64_t(weights.size()) / heads;
  AttentionMap map;
  for (int64_t frames = clip.frames; frames > 0 && map.frames == 0; --frames) {
    // Square patches: rows x columns in the proportions of the picture.
    const int64_t patches = tokens / frames - 1;
    const int64_t columns = std::llround(
        std::sqrt(double(std::max<int64_t>(patches, 0)) * double(clip.width) / double(clip.height)));
    if (clip.frames % frames == 0 && tokens % frames == 0 && columns > 0 &&
        patches % columns == 0 && clip.width * (patches / columns) == clip.height * columns) {
      map.frames = frames;
      map.columns = columns;
      map.rows = patches / columns;
    }
  }
  if (map.frames == 0) {
    return std::nullopt;
  }
  const int64_t per_frame = 1 + map.rows * map.columns;
  map.classes.assign(size_t(map.frames), 0);
  map.patches.assign(size_t(map.frames * map.rows * map.columns), 0);
  for (int64_t h = 0; h < heads; ++h) {
    for (int64_t t = 0; t < tokens; ++t) {
      const int64_t frame = t / per_frame, token = t % per_frame;
      float &to = token == 0 ? map.classes[size_t(frame)]
                             : map.patches[size_t(frame * (per_frame - 1) + token - 1)];
      to += weights[size_t(h * tokens + t)] / float(heads);
    }
  }
  return map;
}

video::Frames paint_clip(const ClipView &clip, const AttentionMap *map) {
  const int64_t zoom = std::max<int64_t>(1, (frame_width + clip.width - 1) / clip.width);
  const int64_t width = zoom * clip.width, height = zoom * clip.height;
  video::Frames picture;
  picture.count = 1;
  picture.channels = 3;
  picture.height = int(height);
  picture.width = int(clip.frames * (width + gap) - gap);
  picture.pixels.assign(picture.bytes_each(), 255);
  const float most =
      map == nullptr ? 0 : *std::max_element(map->patches.begin(), map->patches.end());
  for (int64_t f = 0; f < clip.frames; ++f) {
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) {
        const int64_t place = (f * clip.height + y / zoom) * clip.width + x / zoom;
        const float heat =
            most > 0 ? attention_at(*map, f * map->frames / clip.frames,
                                    (float(y) + 0.5f) / float(height),
                                    (float(x) + 0.5f) / float(width)) /
                           most
                     : 0;
        const std::array<float, 3> color = glow(heat);
        for (int64_t c = 0; c < 3; ++c) {
          const int64_t plane = std::min(c, clip.channels - 1);
          const float value =
              clip.values[size_t(plane * clip.frames * clip.height * clip.width + place)];
          const float pixel = value * clip.stream.stddev + clip.stream.mean;
          const float mixed = (1 - 0.7f * heat) * pixel + 0.7f * heat * color[size_t(c)];
          picture.pixels[size_t((y * picture.width + f * (width + gap) + x) * 3 + c)] =
              uint8_t(std::lround(std::clamp(mixed, 0.0f, 1.0f) * 255));
        }
      }
    }
  }
  return picture;
}

} // namespace mome::train

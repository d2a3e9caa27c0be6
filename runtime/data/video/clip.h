// Which frames and which part of the picture a take shows. Everything is in relative terms (a
// fraction of the chunk's duration, of the picture's width and height), so that all modalities of a
// sample, whatever their rates and sizes, show the same moments and the same place.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/data/source.h"

namespace mome::data {

/// The seed of a sample's draws.
uint64_t take_seed(const Take &take, const std::string &key);

/// `count` instants of a chunk, in [0, 1): one in every segment, at random in training (with
/// jitter), else where clip `clip` of `clips` has it: (clip + 1) / (clips + 1) of the segment.
std::vector<double> clip_instants(size_t count, const VideoConfig &config, const Take &take,
                                  uint64_t seed);

/// The frames [first, end) at these instants; short chunks repeat frames.
std::vector<uint32_t> clip_frames(const std::vector<double> &instants, int64_t first, int64_t end);

/// A rectangle of the picture, as fractions of its width and height; `flip` mirrors it.
struct Crop {
  double left = 0, top = 0, width = 1, height = 1;
  bool flip = false;
};

/// The crop that all modalities share: random_resized_crop and flip in training. `aspect` is the
/// reference picture's width / height: of the area's aspect ratio, drawn from 3/4 to 4/3 as usual,
/// it makes fractions. Returns the whole picture where the config has no random crop.
Crop random_crop(const VideoConfig &config, double aspect, uint64_t seed);

/// resize_short, then crop: the largest rectangle of the target's aspect, in the middle or, of
/// three crops, at `crop` = 0, 1, 2 along the longer side.
Crop fixed_crop(double aspect, double target_aspect, int crop, int crops);

/// Cuts `crop` out of an 8-bit picture and resizes it with a triangle filter as wide as the
/// reduction asks (as PIL and torch with antialias): values 0..1, [height, width, channels].
class Resampler {
public:
  Resampler(int from_width, int from_height, int channels, const Crop &crop, int width, int height);
  void run(std::span<const uint8_t> from, std::span<float> to);

private:
  struct Tap {
    int first = 0;
    std::vector<float> weights;
  };
  int from_width, channels, width, height;
  std::vector<Tap> columns, rows;
  template <int n> void narrow(float *out) const;
  int first_column = 0, column_count = 0; // of the source, that are needed
  std::vector<float> line;                // one row of the result, not yet narrowed
};

} // namespace mome::data

#include "runtime/data/video/augment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "runtime/data/video/draws.h"

namespace mome::data {
namespace {

using video::Frames;
using Table = std::array<uint8_t, 256>;

constexpr uint8_t outside = 115; // 0.45, the mean that is subtracted later

uint8_t byte(double value) {
  return uint8_t(std::clamp(std::lround(value), 0l, 255l));
}

/// The level of an operation at magnitude `m` of 10; `sign` is +1 or -1.
double level_of(Augmentation kind, double m, double sign) {
  const double share = m / 10;
  switch (kind) {
  case Augmentation::rotate:
    return sign * 30 * share;
  case Augmentation::posterize:
    return 4 - int(share * 4); // bits that stay
  case Augmentation::solarize:
    return 256 - int(share * 256);
  case Augmentation::solarize_add:
    return int(share * 110);
  case Augmentation::color:
  case Augmentation::contrast:
  case Augmentation::brightness:
  case Augmentation::sharpness:
    return std::max(0.1, 1 + sign * 0.9 * share);
  case Augmentation::shear_x:
  case Augmentation::shear_y:
    return sign * 0.3 * share;
  case Augmentation::translate_x:
  case Augmentation::translate_y:
    return sign * 0.45 * share;
  default:
    return 0;
  }
}

template <typename F> void map_bytes(Frames &frames, F f) {
  Table table;
  for (int v = 0; v < 256; ++v) {
    table[size_t(v)] = f(v);
  }
  for (uint8_t &p : frames.pixels) {
    p = table[p];
  }
}

/// A table of its own for every picture and channel, made from the channel's histogram.
template <typename F> void map_channels(Frames &frames, F make) {
  const size_t channels = size_t(frames.channels);
  for (size_t i = 0; i < frames.count; ++i) {
    const std::span<uint8_t> picture = frames.of(i);
    for (size_t c = 0; c < channels; ++c) {
      std::array<int64_t, 256> histogram{};
      for (size_t k = c; k < picture.size(); k += channels) {
        ++histogram[picture[k]];
      }
      const Table table = make(histogram);
      for (size_t k = c; k < picture.size(); k += channels) {
        picture[k] = table[picture[k]];
      }
    }
  }
}

Table identity() {
  Table table;
  for (int v = 0; v < 256; ++v) {
    table[size_t(v)] = uint8_t(v);
  }
  return table;
}

Table stretch(const std::array<int64_t, 256> &histogram) {
  int low = 0, high = 255;
  while (low < 255 && histogram[size_t(low)] == 0) {
    ++low;
  }
  while (high > 0 && histogram[size_t(high)] == 0) {
    --high;
  }
  if (high <= low) {
    return identity();
  }
  Table table;
  for (int v = 0; v < 256; ++v) {
    table[size_t(v)] = byte(std::clamp(255.0 * (v - low) / (high - low), 0.0, 255.0));
  }
  return table;
}

Table equalized(const std::array<int64_t, 256> &histogram) {
  int64_t total = 0, last = 0;
  int used = 0;
  for (int64_t n : histogram) {
    total += n;
    used += n > 0;
    last = n > 0 ? n : last;
  }
  const int64_t step = (total - last) / 255;
  if (used < 2 || step == 0) {
    return identity();
  }
  Table table;
  int64_t sum = step / 2;
  for (size_t v = 0; v < 256; ++v) {
    table[v] = uint8_t(std::min<int64_t>(255, sum / step));
    sum += histogram[v];
  }
  return table;
}

double gray(const uint8_t *pixel, int channels) {
  return channels == 1 ? pixel[0] : 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
}

void color(Frames &frames, double factor) {
  for (size_t k = 0; frames.channels == 3 && k < frames.pixels.size(); k += 3) {
    const double g = std::round(gray(&frames.pixels[k], 3));
    for (size_t c = 0; c < 3; ++c) {
      frames.pixels[k + c] = byte(g + factor * (frames.pixels[k + c] - g));
    }
  }
}

void contrast(Frames &frames, double factor) {
  for (size_t i = 0; i < frames.count; ++i) {
    const std::span<uint8_t> picture = frames.of(i);
    double sum = 0;
    for (size_t k = 0; k < picture.size(); k += size_t(frames.channels)) {
      sum += gray(&picture[k], frames.channels);
    }
    const double mean = std::round(sum * frames.channels / double(picture.size()));
    for (uint8_t &p : picture) {
      p = byte(mean + factor * (p - mean));
    }
  }
}

/// Away from (factor > 1) or towards the picture smoothed by (1 1 1, 1 5 1, 1 1 1) / 13.
void sharpness(Frames &frames, double factor) {
  const int w = frames.width, h = frames.height, n = frames.channels;
  std::vector<uint8_t> before;
  for (size_t i = 0; i < frames.count; ++i) {
    const std::span<uint8_t> picture = frames.of(i);
    before.assign(picture.begin(), picture.end());
    for (int y = 1; y + 1 < h; ++y) {
      for (int k = n; k < (w - 1) * n; ++k) {
        const int at = y * w * n + k;
        int sum = 4 * before[size_t(at)];
        for (int dy = -1; dy <= 1; ++dy) {
          for (int dx = -1; dx <= 1; ++dx) {
            sum += before[size_t(at + (dy * w + dx) * n)];
          }
        }
        const double smooth = std::round(sum / 13.0);
        picture[size_t(at)] = byte(smooth + factor * (before[size_t(at)] - smooth));
      }
    }
  }
}

double cubic(double x) {
  x = std::abs(x);
  constexpr double a = -0.5;
  return x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/// Pixel (x, y) comes from (m0 x + m1 y + m2, m3 x + m4 y + m5), pixel centres at halves.
void affine(Frames &frames, const std::array<double, 6> &m) {
  const int w = frames.width, h = frames.height, n = frames.channels;
  std::vector<uint8_t> before;
  const auto at = [&](int x, int y, int c) -> double {
    return before[size_t((std::clamp(y, 0, h - 1) * w + std::clamp(x, 0, w - 1)) * n + c)];
  };
  for (size_t i = 0; i < frames.count; ++i) {
    const std::span<uint8_t> picture = frames.of(i);
    before.assign(picture.begin(), picture.end());
    for (int y = 0; y < h; ++y) {
      for (int x = 0; x < w; ++x) {
        const double sx = m[0] * (x + 0.5) + m[1] * (y + 0.5) + m[2];
        const double sy = m[3] * (x + 0.5) + m[4] * (y + 0.5) + m[5];
        uint8_t *pixel = &picture[size_t((y * w + x) * n)];
        if (!(sx >= 0 && sx < w && sy >= 0 && sy < h)) {
          std::fill_n(pixel, n, outside);
          continue;
        }
        const int ix = int(std::floor(sx - 0.5)), iy = int(std::floor(sy - 0.5));
        const double fx = sx - 0.5 - ix, fy = sy - 0.5 - iy;
        for (int c = 0; c < n; ++c) {
          double sum = 0;
          for (int dy = -1; dy <= 2; ++dy) {
            double line = 0;
            for (int dx = -1; dx <= 2; ++dx) {
              line += cubic(dx - fx) * at(ix + dx, iy + dy, c);
            }
            sum += cubic(dy - fy) * line;
          }
          pixel[c] = byte(sum);
        }
      }
    }
  }
}

void rotate(Frames &frames, double degrees) {
  const double a = degrees * std::numbers::pi / 180, cx = frames.width / 2.0,
               cy = frames.height / 2.0;
  const double c = std::cos(a), s = std::sin(a);
  affine(frames, {c, -s, cx - c * cx + s * cy, s, c, cy - s * cx - c * cy});
}

} // namespace

std::vector<AugmentStep> draw_augmentations(const RandAugment &config, uint64_t seed,
                                            uint32_t stream) {
  Draws draws(seed, RandomUse::augment, stream);
  std::vector<AugmentStep> steps;
  for (int i = 0; i < config.count; ++i) {
    // Every step takes the same number of draws, used or not.
    const auto kind = Augmentation(draws.below(augmentation_count));
    const bool applied = draws.chance(0.5);
    const double sign = draws.chance(0.5) ? 1 : -1;
    const double m = std::clamp(config.magnitude + config.deviation * draws.normal(), 0.0, 10.0);
    if (applied) {
      steps.push_back({kind, level_of(kind, m, sign)});
    }
  }
  return steps;
}

void apply_augmentation(const AugmentStep &step, Frames &frames) {
  const double level = step.level;
  switch (step.kind) {
  case Augmentation::auto_contrast:
    return map_channels(frames, stretch);
  case Augmentation::equalize:
    return map_channels(frames, equalized);
  case Augmentation::invert:
    return map_bytes(frames, [](int v) { return uint8_t(255 - v); });
  case Augmentation::rotate:
    return rotate(frames, level);
  case Augmentation::posterize: {
    const int bits = int(level);
    return map_bytes(frames, [&](int v) { return uint8_t(v & (0xFF00 >> bits)); });
  }
  case Augmentation::solarize:
    return map_bytes(frames, [&](int v) { return uint8_t(v < level ? v : 255 - v); });
  case Augmentation::solarize_add:
    return map_bytes(frames,
                     [&](int v) { return uint8_t(v < 128 ? std::min(255, v + int(level)) : v); });
  case Augmentation::color:
    return color(frames, level);
  case Augmentation::contrast:
    return contrast(frames, level);
  case Augmentation::brightness:
    return map_bytes(frames, [&](int v) { return byte(level * v); });
  case Augmentation::sharpness:
    return sharpness(frames, level);
  case Augmentation::shear_x:
    return affine(frames, {1, level, 0, 0, 1, 0});
  case Augmentation::shear_y:
    return affine(frames, {1, 0, 0, level, 1, 0});
  case Augmentation::translate_x:
    return affine(frames, {1, 0, level * frames.width, 0, 1, 0});
  case Augmentation::translate_y:
    return affine(frames, {1, 0, 0, 0, 1, level * frames.height});
  }
}

} // namespace mome::data

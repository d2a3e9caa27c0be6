#include "runtime/data/video/clip.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "runtime/data/video/draws.h"
#include "runtime/hash.h"

namespace mome::data {
namespace {

constexpr uint32_t time_stream = 0, place_stream = 1;

uint64_t key_hash(const std::string &key) {
  const std::string hex = xxh3_hex(key);
  uint64_t value = 0;
  std::from_chars(hex.data(), hex.data() + 16, value, 16);
  return value;
}

} // namespace

uint64_t take_seed(const Take &take, const std::string &key) {
  const PhiloxCounter of_sample =
      random_bits(take.seed, RandomUse::augment, take.epoch, key_hash(key));
  const PhiloxCounter r = random_bits(join_bits(of_sample[0], of_sample[1]), RandomUse::augment,
                                      0xFFFFFFFF, take.visit);
  return join_bits(r[0], r[1]);
}

std::vector<double> clip_instants(size_t count, const VideoConfig &config, const Take &take,
                                  uint64_t seed) {
  Draws draws(seed, RandomUse::augment, time_stream);
  const int clips = take.train ? 1 : config.clips;
  const int clip = take.train ? 0 : int(take.take) / config.crops;
  std::vector<double> instants;
  for (size_t i = 0; i < count; ++i) {
    const double within =
        take.train && config.jitter ? draws.unit() : double(clip + 1) / (clips + 1);
    instants.push_back((double(i) + within) / double(count));
  }
  return instants;
}

std::vector<uint32_t> clip_frames(const std::vector<double> &instants, int64_t first, int64_t end) {
  std::vector<uint32_t> frames;
  for (double u : instants) {
    frames.push_back(uint32_t(
        first + std::clamp<int64_t>(int64_t(u * double(end - first)), 0, end - first - 1)));
  }
  return frames;
}

Crop random_crop(const VideoConfig &config, double aspect, uint64_t seed) {
  Draws draws(seed, RandomUse::augment, place_stream);
  Crop crop;
  crop.flip = draws.unit() < config.flip;
  if (config.max_area == 0) {
    return crop;
  }
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double area = draws.between(config.min_area, config.max_area);
    const double ratio = std::exp(draws.between(std::log(3.0 / 4), std::log(4.0 / 3)));
    const double width = std::sqrt(area * ratio / aspect),
                 height = std::sqrt(area * aspect / ratio);
    const double x = draws.unit(), y = draws.unit();
    if (width <= 1 && height <= 1) {
      return {x * (1 - width), y * (1 - height), width, height, crop.flip};
    }
  }
  const Crop middle = fixed_crop(aspect, std::clamp(aspect, 3.0 / 4, 4.0 / 3), 0, 1);
  return {middle.left, middle.top, middle.width, middle.height, crop.flip};
}

Crop fixed_crop(double aspect, double target_aspect, int crop, int crops) {
  const double at = crops == 1 ? 0.5 : double(crop) / (crops - 1);
  if (aspect >= target_aspect) {
    const double width = target_aspect / aspect;
    return {at * (1 - width), 0, width, 1, false};
  }
  const double height = aspect / target_aspect;
  return {0, at * (1 - height), 1, height, false};
}

Resampler::Resampler(int from_width, int from_height, int channels, const Crop &crop, int width,
                     int height)
    : from_width(from_width), channels(channels), width(width), height(height) {
  const auto taps = [](double start, double extent, int from, int to, bool flip) {
    const double step = extent / to, reach = std::max(step, 1.0);
    std::vector<Tap> result(static_cast<size_t>(to));
    for (int i = 0; i < to; ++i) {
      const double centre = start + (i + 0.5) * step;
      const int first = std::clamp(int(std::floor(centre - reach + 0.5)), 0, from - 1);
      const int end = std::clamp(int(std::floor(centre + reach + 0.5)), first + 1, from);
      Tap tap{first, {}};
      double sum = 0;
      for (int k = first; k < end; ++k) {
        tap.weights.push_back(float(std::max(0.0, 1 - std::abs((k + 0.5 - centre) / reach))));
        sum += tap.weights.back();
      }
      if (!(sum > 0)) {
        tap.weights.assign(1, 1);
        sum = 1;
      }
      for (float &w : tap.weights) {
        w = float(w / sum);
      }
      result[size_t(flip ? to - 1 - i : i)] = std::move(tap);
    }
    return result;
  };
  columns = taps(crop.left * from_width, crop.width * from_width, from_width, width, crop.flip);
  rows = taps(crop.top * from_height, crop.height * from_height, from_height, height, false);
  int end = 0;
  first_column = from_width;
  for (const Tap &tap : columns) {
    first_column = std::min(first_column, tap.first);
    end = std::max(end, tap.first + int(tap.weights.size()));
  }
  column_count = end - first_column;
}

// Rows first: sums over whole rows of the source are long contiguous loops.
void Resampler::run(std::span<const uint8_t> from, std::span<float> to) {
  const size_t n = size_t(channels), used = size_t(column_count) * n;
  line.resize(used);
  for (int y = 0; y < height; ++y) {
    const Tap &tap = rows[size_t(y)];
    std::fill(line.begin(), line.end(), 0.0f);
    for (size_t k = 0; k < tap.weights.size(); ++k) {
      const float weight = tap.weights[k] / 255;
      const uint8_t *source =
          from.data() + ((size_t(tap.first) + k) * size_t(from_width) + size_t(first_column)) * n;
      float *sum = line.data();
      for (size_t i = 0; i < used; ++i) {
        sum[i] += weight * float(source[i]);
      }
    }
    float *out = to.data() + size_t(y) * size_t(width) * n;
    n == 3 ? narrow<3>(out) : narrow<1>(out);
  }
}

template <int n> void Resampler::narrow(float *out) const {
  for (int x = 0; x < width; ++x) {
    const Tap &tap = columns[size_t(x)];
    const float *pixel = line.data() + size_t(tap.first - first_column) * n;
    float sum[n] = {};
    for (const float weight : tap.weights) {
      for (int c = 0; c < n; ++c) {
        sum[c] += weight * pixel[c];
      }
      pixel += n;
    }
    std::copy_n(sum, n, out + x * n);
  }
}

} // namespace mome::data

// The pictures of the made-up set. Places are in units of the short side, from the centre square's
// corner, so the square that a model's centre crop keeps looks the same in every view.
#include <algorithm>
#include <cmath>

#include "runtime/data/video/draws.h"
#include "runtime/data/video/synth.h"

namespace mome::data {
namespace {

/// Jumps between corners numbered by bits (right, below): along a side or the diagonal.
constexpr int H = 1, V = 2, X = 3;
constexpr std::array<std::array<int, 2>, 6> motions = {
    {{H, X}, {H, V}, {V, X}, {X, V}, {V, H}, {X, H}}}; // outer jumps, middle jump; the last is idle
constexpr int idle = 5;

int corner(int start, const std::array<int, 2> &motion, double u) {
  const int quarter = std::clamp(int(u * 4), 0, 3);
  int at = start;
  for (int q = 0; q < quarter; ++q) {
    at ^= motion[q == 1];
  }
  return at;
}

/// A cheap hash for pixels: uniform in [-1, 1).
float pixel_noise(uint64_t seed, uint64_t i) {
  uint64_t z = seed + i * 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return float(int32_t(z >> 32)) * 0x1p-31f;
}

int even(double pixels) {
  return std::max(16, int(std::lround(pixels / 2)) * 2);
}

} // namespace

SynthPainter::SynthPainter(const SynthPlan &p, const SynthSession &s, size_t v)
    : plan(p), session(s), view(v), w(even(synth_view_table[v].width * p.options.scale)),
      h(even(synth_view_table[v].height * p.options.scale)) {
  // A participant's surroundings: a slope of light and flat patches, different in every view.
  Draws draws(plan.options.seed, RandomUse::synth,
              uint32_t(100 + session.participant * 4) +
                  (plan.options.control ? 0 : uint32_t(view)));
  const double level = draws.between(0.25, 0.4), across = draws.between(-0.1, 0.1),
               down = draws.between(-0.1, 0.1);
  const uint64_t patches = draws.bits();
  background_cb = draws.between(0.4, 0.6);
  background_cr = draws.between(0.4, 0.6);
  background.resize(size_t(w) * size_t(h));
  for (int y = 0; y < h; ++y) {
    for (int x = 0; x < w; ++x) {
      const double rx = double(x - w / 2) / h, ry = double(y) / h - 0.5;
      const int cell = int(std::floor(rx * 5)) * 64 + int(std::floor(ry * 5));
      background[size_t(y) * size_t(w) + size_t(x)] = float(
          level + across * rx + down * ry + 0.05 * pixel_noise(patches, uint64_t(cell + 4096)));
    }
  }
  luma = background;
  picture.resize(size_t(w) * size_t(h) * 3 / 2);
}

const SynthChunk *SynthPainter::chunk_at(int64_t frame, double &time) const {
  const auto after = std::upper_bound(
      session.chunks.begin(), session.chunks.end(), frame,
      [&](int64_t f, const SynthChunk &c) { return f < c.views[view].frame_start; });
  if (after == session.chunks.begin()) {
    return nullptr;
  }
  const SynthChunk &chunk = *std::prev(after);
  const Showing &s = chunk.views[view];
  if (frame >= s.frame_end) {
    return nullptr;
  }
  time = std::clamp((double(frame) + 0.5 - s.first) / (s.last - s.first), 0.0, 0.9999);
  return &chunk;
}

void SynthPainter::add_spot(const Spot &spot, double contrast) {
  const double px = w / 2.0 + (spot.x - 0.5) * h, py = spot.y * h, r = spot.radius * h;
  const int reach = int(r) + 2;
  for (int y = std::max(0, int(py) - reach); y < std::min(h, int(py) + reach + 1); ++y) {
    for (int x = std::max(0, int(px) - reach); x < std::min(w, int(px) + reach + 1); ++x) {
      const double d = std::hypot(x + 0.5 - px, y + 0.5 - py);
      const double inside = std::clamp(r - d + 0.5, 0.0, 1.0);
      float &value = luma[size_t(y) * size_t(w) + size_t(x)];
      value += float(inside * contrast * (spot.luma - value));
      if (view == 0 && !plan.options.control && inside > 0.5) {
        const size_t chroma = size_t(w) * size_t(h),
                     at = size_t(y / 2) * size_t(w / 2) + size_t(x / 2);
        picture[chroma + at] = uint8_t(128 + 224 * contrast * (spot.cb - 0.5));
        picture[chroma + chroma / 4 + at] = uint8_t(128 + 224 * contrast * (spot.cr - 0.5));
      }
    }
  }
}

void SynthPainter::add_noise(double share, double amplitude, double cell, uint64_t seed) {
  for (int y = 0; y < h; ++y) {
    const uint64_t row = uint64_t(y / cell) << 20;
    for (int x = 0; x < w; ++x) {
      float &value = luma[size_t(y) * size_t(w) + size_t(x)];
      value += float(share) * (0.45f - value) +
               float(amplitude) * pixel_noise(seed, row + uint64_t(x / cell));
    }
  }
}

void SynthPainter::cover(double x, double y, double side, double value) {
  const double px = w / 2.0 + (x - 0.5) * h, py = y * h, half = side * h / 2;
  for (int row = std::max(0, int(py - half)); row < std::min(h, int(py + half)); ++row) {
    for (int col = std::max(0, int(px - half)); col < std::min(w, int(px + half)); ++col) {
      luma[size_t(row) * size_t(w) + size_t(col)] = float(value);
    }
  }
}

void SynthPainter::paint_chunk(const SynthChunk &chunk, double time, uint64_t noise_seed) {
  const Showing &s = chunk.views[view];
  Draws draws(plan.options.seed, RandomUse::synth, 100'000 + chunk.number);
  const bool two = plan.options.classes > 5;
  const int rank =
      chunk.label < plan.options.classes ? plan.rank[size_t(chunk.label)] : plan.options.classes;
  const double cx = draws.between(0.45, 0.55), cy = draws.between(0.45, 0.55);
  const double half = (two ? 0.7 : 1.0) * draws.between(0.115, 0.14);
  const bool swap = draws.chance(0.5);
  const double severity = 1 - s.reliability;
  const double contrast = s.fault == Fault::fade ? s.reliability * s.reliability : 1;
  const double parallax = plan.options.control ? 0 : (double(view) - 1) * 0.02;
  for (int k = 0; k < (two ? 2 : 1); ++k) {
    const int code = !s.visible ? idle : !two ? rank : k == 0 ? rank / 6 : rank % 6;
    const int at = corner(int(draws.below(4)), motions[size_t(code)], time);
    const double side = two ? ((k == 0) != swap ? -0.22 : 0.22) : 0;
    Spot spot{cx + side + parallax + (at & 1 ? half : -half),
              cy + (at & 2 ? half : -half),
              two ? 0.075 : 0.11,
              (k == 0 ? 0.85 : 0.02) + draws.between(-0.05, 0.1),
              0,
              0};
    spot.cb = draws.unit();
    spot.cr = draws.unit();
    add_spot(spot, contrast);
  }
  if (s.fault == Fault::fade) {
    for (float &value : luma) {
      value *= float(0.3 + 0.7 * s.reliability);
    }
  } else if (s.fault == Fault::noise) { // flicker as coarse as a spot, or it would average out
    add_noise(severity * severity, 0.5 * severity * severity, 0.13 * h, noise_seed ^ 0x5DEECE66D);
  } else if (s.fault == Fault::occlusion) { // slides over the square as it gets worse
    const int direction = int(draws.below(4));
    const double away = 1.1 * s.reliability * (direction & 1 ? 1 : -1);
    cover(cx + (direction & 2 ? away : 0), cy + (direction & 2 ? 0 : away), 0.75,
          draws.between(0.1, 0.6));
  }
}

std::span<const uint8_t> SynthPainter::paint(int64_t frame) {
  std::copy(background.begin(), background.end(), luma.begin());
  const size_t pixels = size_t(w) * size_t(h);
  const bool color = view == 0 && !plan.options.control;
  std::fill(picture.begin() + ptrdiff_t(pixels), picture.begin() + ptrdiff_t(pixels + pixels / 4),
            uint8_t(color ? 16 + 224 * background_cb : 128));
  std::fill(picture.begin() + ptrdiff_t(pixels + pixels / 4), picture.end(),
            uint8_t(color ? 16 + 224 * background_cr : 128));
  double time = 0;
  int64_t shown = frame;
  if (const SynthChunk *chunk = chunk_at(frame, time)) {
    const Showing &s = chunk->views[view];
    if (s.fault == Fault::freeze && time > s.reliability) {
      time = s.reliability;
      shown = int64_t(s.first + time * (s.last - s.first));
    }
    const uint64_t noise = (uint64_t(chunk->number) << 32 | uint64_t(view) << 30) + uint64_t(shown);
    paint_chunk(*chunk, time, noise);
  }
  if (!plan.options.control) { // depth speckles
    add_noise(0, view == 2 ? 0.04 : 0.015, 1,
              uint64_t(session.participant) << 40 ^ uint64_t(shown));
  }
  for (size_t i = 0; i < pixels; ++i) {
    picture[i] = uint8_t(16.5f + 219 * std::clamp(luma[i], 0.0f, 1.0f));
  }
  return picture;
}

} // namespace mome::data

#include "runtime/data/video/bench.h"

#include <ctime>

#include <algorithm>
#include <cstdio>

#include "runtime/data/video/clip.h"
#include "runtime/data/video/draws.h"
#include "runtime/data/video/drive_act.h"
#include "runtime/error.h"
#include "runtime/video/video.h"

namespace mome::data {

namespace fs = std::filesystem;

namespace {

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) + double(t.tv_nsec) * 1e-9;
}

/// The views whose annotations and videos are both there.
std::vector<std::string> available_views(const fs::path &root) {
  std::vector<std::string> names;
  const fs::path annotations = annotation_folder(root);
  for (const CameraView &view : camera_views()) {
    if (fs::is_directory(annotations / view.name)) {
      try {
        video_folder(root, view);
        names.push_back(view.name);
      } catch (const Error &) { // not unpacked
      }
    }
  }
  return names;
}

struct Cost {
  double ms = 0, frames = 0;
};

Cost measure(const DriveAct &set, const std::vector<uint32_t> &samples, video::Decode mode,
             const BenchOptions &o) {
  std::vector<std::unique_ptr<video::Decoder>> decoders(set.videos.size());
  const bool color = camera_view(set.views[0], "").color;
  double seconds = 0;
  uint64_t decoded = 0;
  std::vector<float> picture(size_t(o.size) * size_t(o.size) * (color ? 3 : 1));
  for (uint32_t s : samples) {
    const Span &span = set.spans[s][0];
    auto &decoder = decoders[span.video];
    if (decoder == nullptr) { // opening is paid once in a run
      const fs::path &path = set.videos[span.video].path;
      decoder = video::library().open(path, video::load_video_index(path));
    }
    const uint64_t before = decoder->decoded();
    const double start = cpu_seconds();
    video::Frames frames;
    decoder->read(clip_frames(clip_instants(size_t(o.frames), {}, {}, 0), span.first, span.end),
                  color ? video::Pixels::rgb : video::Pixels::luma, mode, frames);
    const Crop crop = fixed_crop(double(frames.width) / frames.height, 1, 0, 1);
    Resampler resampler(frames.width, frames.height, frames.channels, crop, o.size, o.size);
    for (size_t f = 0; f < frames.count; ++f) {
      resampler.run(frames.of(f), picture);
    }
    seconds += cpu_seconds() - start;
    decoded += decoder->decoded() - before;
  }
  return {seconds * 1000 / double(samples.size()), double(decoded) / double(samples.size())};
}

BenchRow bench_view(const fs::path &root, const std::string &view, const BenchOptions &o) {
  SourceConfig config;
  config.streams["m"] = {view, 0, 1};
  const DriveAct set =
      load_drive_act(root, config, {{}, {{"m", {1, o.frames, 8, 8}}}, o.split, {}, false});
  const std::vector<uint32_t> part = set.index.part(Part::train);
  Draws draws(o.seed, RandomUse::test_data, 0);
  std::vector<uint32_t> samples;
  for (int i = 0; i < o.clips; ++i) {
    samples.push_back(part[draws.below(part.size())]);
  }
  const video::VideoIndex index =
      video::load_video_index(set.videos[set.spans[samples[0]][0].video].path);
  const auto keys = std::count_if(index.packets.begin(), index.packets.end(),
                                  [](const video::Packet &p) { return p.key != 0; });
  const Cost naive = measure(set, samples, video::Decode::naive, o);
  const Cost planned = measure(set, samples, video::Decode::planned, o);
  return {view,     index.width, index.height, index.rate(),  double(index.frames()) / double(keys),
          naive.ms, planned.ms,  naive.frames, planned.frames};
}

} // namespace

std::vector<BenchRow> bench_data(const fs::path &root, const BenchOptions &options) {
  std::vector<BenchRow> rows;
  for (const std::string &view : available_views(root)) {
    rows.push_back(bench_view(root, view, options));
  }
  if (rows.empty()) {
    throw data_error(root.string(), "no view has both annotations and videos",
                     "look at the set with: mome data check " + root.string());
  }
  return rows;
}

std::string bench_table(const std::vector<BenchRow> &rows, const std::vector<BenchRow> &other) {
  std::string text;
  char line[256];
  const auto add = [&](const BenchRow &r, const char *set) {
    std::snprintf(line, sizeof line,
                  "%-19s %-9s %4dx%-4d %4.0f Hz %6.1f %9.2f (%5.1f) %9.2f (%5.1f) %9.1f\n",
                  r.view.c_str(), set, r.width, r.height, r.rate, r.gop, r.naive_ms, r.naive_frames,
                  r.planned_ms, r.planned_frames, 1000 / std::max(r.planned_ms, 1e-6));
    text += line;
  };
  std::snprintf(line, sizeof line, "%-19s %-9s %9s %7s %6s %17s %17s %9s\n", "view", "set", "size",
                "rate", "GOP", "naive ms (frames)", "plan ms (frames)", "clips/s");
  text += line;
  double first = 0, second = 0;
  for (const BenchRow &r : rows) {
    add(r, other.empty() ? "" : "raw");
    first += r.naive_ms;
  }
  for (const BenchRow &r : other) {
    add(r, "prepared");
    second += r.planned_ms;
  }
  if (!other.empty()) {
    std::snprintf(
        line, sizeof line,
        "a sample of all views: raw, naive %.2f ms; prepared, planned %.2f ms: %.1f times faster\n",
        first, second, first / std::max(second, 1e-6));
    text += line;
  }
  return text;
}

} // namespace mome::data

#include "runtime/data/video/video_source.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <list>
#include <map>
#include <mutex>

#include "runtime/data/video/augment.h"
#include "runtime/data/video/clip.h"
#include "runtime/data/video/drive_act.h"
#include "runtime/data/video/prepare.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/hash.h"
#include "runtime/video/video.h"

namespace mome::data {

namespace fs = std::filesystem;

namespace {

constexpr size_t max_idle_decoders = 128;
constexpr uint32_t augment_stream = 16; // plus the modality: apart from those of clip.cpp

/// Open decoders, lent to one thread at a time; the one that has been idle longest is closed when
/// there are too many.
class DecoderPool {
public:
  struct Idle {
    uint32_t video;
    std::unique_ptr<video::Decoder> decoder;
  };

  std::unique_ptr<video::Decoder> take(uint32_t video) {
    std::lock_guard lock(mutex);
    for (auto it = idle.begin(); it != idle.end(); ++it) {
      if (it->video == video) {
        std::unique_ptr<video::Decoder> decoder = std::move(it->decoder);
        idle.erase(it);
        return decoder;
      }
    }
    return nullptr;
  }
  void give_back(uint32_t video, std::unique_ptr<video::Decoder> decoder) {
    std::lock_guard lock(mutex);
    idle.push_front({video, std::move(decoder)});
    if (idle.size() > max_idle_decoders) {
      idle.pop_back();
    }
  }

private:
  std::mutex mutex;
  std::list<Idle> idle;
};

void check_shapes(const std::vector<Modality> &modalities) {
  for (const Modality &m : modalities) {
    if (m.shape.size() != 4 || (m.shape[0] != 1 && m.shape[0] != 3)) {
      throw data_error("modality '" + m.name + "'", "its samples are not video",
                       "declare it as video[3, frames, height, width], or with 1 channel");
    }
  }
}

class VideoSource : public Source {
public:
  VideoSource(DriveAct s, const SourceConfig &c, const SourceOptions &o)
      : set(std::move(s)), mods(o.modalities), config(c), parts(o.parts),
        indices(set.videos.size()) {
    bad().skip = o.skip_bad;
    check_shapes(mods);
    for (const Modality &m : mods) {
      streams.push_back(config.stream(m.name));
    }
    video::library(); // a machine without it says so at once
    for (uint32_t s = 0; s < set.index.samples.size(); ++s) {
      if (parts.contains(set.index.samples[s].part)) {
        check_sample(s);
      }
    }
    set.index.hash = content_hash();
    if (set.dropped > 0) {
      std::fprintf(stderr, "mome: %zu samples are left out: a view lacks them\n", set.dropped);
    }
  }

  const Index &index() const override { return set.index; }
  const std::vector<Modality> &modalities() const override { return mods; }
  uint32_t takes() const override { return uint32_t(config.video.clips * config.video.crops); }
  bool average_softmax() const override { return config.video.average_softmax; }

  void read(uint32_t s, size_t m, const Take &take, std::span<float> to) override {
    const Sample &sample = set.index.samples[s];
    if (!parts.contains(sample.part)) {
      throw internal_error(set.index.place(s),
                           "sample '" + sample.key + "' is not in a part this process may read");
    }
    if (!sample.presence[m]) {
      std::fill(to.begin(), to.end(), 0.0f);
      return;
    }
    const uint64_t seed = take_seed(take, sample.key);
    video::Frames frames;
    decode(s, m, take, seed, frames);
    if (take.train) {
      const RandAugment augment = config.video.augment_of(mods[m].name);
      for (const AugmentStep &step :
           draw_augmentations(augment, seed, augment_stream + uint32_t(m))) {
        apply_augmentation(step, frames);
      }
    }
    resample(m, crop_of(s, m, take, seed), frames, to);
  }

private:
  DriveAct set;
  std::vector<Modality> mods;
  std::vector<Stream> streams;
  SourceConfig config;
  std::set<Part> parts;
  std::vector<std::unique_ptr<video::VideoIndex>> indices; // by video; null: not opened
  std::map<uint32_t, std::string> broken;                  // video -> why
  DecoderPool decoders;

  /// The tables' hash and that of the opened videos: size, length and both ends of each.
  std::string content_hash() const {
    std::string text = set.index.hash;
    for (size_t v = 0; v < indices.size(); ++v) {
      if (indices[v] != nullptr) {
        const MappedFile file(set.videos[v].path);
        const auto bytes = file.bytes();
        const size_t end = std::min<size_t>(bytes.size(), 64 << 10);
        text += "\n" + set.videos[v].stem + " " + std::to_string(bytes.size()) + " " +
                xxh3_hex(bytes.first(end)) + xxh3_hex(bytes.last(end));
      }
    }
    return xxh3_hex(text);
  }

  const video::VideoIndex &index_of(uint32_t number, uint32_t s, size_t m) {
    if (indices[number] != nullptr) {
      return *indices[number];
    }
    const fs::path &path = set.videos[number].path;
    if (!fs::exists(path)) {
      throw data_error(set.place(s, m),
                       "video " + path.string() + " of view '" + set.views[m] + "' is missing",
                       "copy it there");
    }
    auto index = std::make_unique<video::VideoIndex>(video::load_video_index(path));
    if (const int64_t uneven = index->uneven_frame(); uneven >= 0 && !config.video.allow_vfr) {
      throw data_error(path.string() + ", frame " + std::to_string(uneven),
                       "the frame rate varies: this frame does not last 1/" +
                           std::to_string(index->rate()) + " s",
                       "write the video at a constant rate, or accept it by its frame numbers with "
                       "vfr = allow in the source");
    }
    indices[number] = std::move(index);
    return *indices[number];
  }

  void check_span(uint32_t s, size_t m) {
    const Span &span = set.spans[s][m];
    if (const auto it = broken.find(span.video); it != broken.end()) {
      throw data_error(set.place(s, m), it->second, "");
    }
    const video::VideoIndex *index = nullptr;
    try {
      index = &index_of(span.video, s, m);
    } catch (const Error &error) {
      if (bad().skip) {
        broken.emplace(span.video, error.where + ": " + error.message);
      }
      throw;
    }
    if (span.end > int64_t(index->frames())) {
      throw data_error(set.place(s, m),
                       "frames " + std::to_string(span.first) + ".." + std::to_string(span.end) +
                           " of view '" + set.views[m] + "', but " +
                           set.videos[span.video].path.string() + " has " +
                           std::to_string(index->frames()) + " frames",
                       "do the annotations belong to this video, and is it whole?");
    }
  }

  void check_sample(uint32_t s) {
    Sample &sample = set.index.samples[s];
    for (size_t m = 0; m < mods.size() && sample.usable; ++m) {
      if (!sample.presence[m]) {
        continue;
      }
      try {
        check_span(s, m);
      } catch (const Error &error) {
        if (!bad().skip || error.exit != Exit::data) {
          throw;
        }
        bad().add(sample.key, error.where + ": " + error.message);
        sample.usable = false;
      }
    }
  }

  void decode(uint32_t s, size_t m, const Take &take, uint64_t seed, video::Frames &frames) {
    const Span &span = set.spans[s][m];
    const std::vector<double> instants =
        clip_instants(size_t(mods[m].shape[1]), config.video, take, seed);
    const std::vector<uint32_t> numbers = clip_frames(instants, span.first, span.end);
    const bool color = mods[m].shape[0] == 3 && camera_view(set.views[m], "").color;
    std::unique_ptr<video::Decoder> decoder = decoders.take(span.video);
    try {
      if (decoder == nullptr) {
        decoder = video::library().open(set.videos[span.video].path, *indices[span.video]);
      }
      decoder->read(numbers, color ? video::Pixels::rgb : video::Pixels::luma,
                    video::Decode::planned, frames);
    } catch (const Error &error) {
      throw Error(error.exit, set.place(s, m),
                  "sample '" + set.index.samples[s].key + "', view '" + set.views[m] +
                      "': " + error.where + ": " + error.message,
                  error.hint);
    }
    decoders.give_back(span.video, std::move(decoder));
  }

  double aspect(uint32_t s, size_t m) const {
    const video::VideoIndex &index = *indices[set.spans[s][m].video];
    return double(index.width) / index.height;
  }

  Crop crop_of(uint32_t s, size_t m, const Take &take, uint64_t seed) const {
    const double target = double(mods[m].shape[3]) / double(mods[m].shape[2]);
    if (!take.train) {
      return fixed_crop(aspect(s, m), target, int(take.take) % config.video.crops,
                        config.video.crops);
    }
    size_t reference = 0; // the first modality that the sample has
    while (!set.index.samples[s].presence[reference]) {
      ++reference;
    }
    const Crop random = random_crop(config.video, aspect(s, reference), seed);
    if (config.video.max_area > 0) {
      return random;
    }
    Crop middle = fixed_crop(aspect(s, m), target, 0, 1);
    middle.flip = random.flip;
    return middle;
  }

  /// Writes [channels, frames, height, width]; luma serves every channel.
  void resample(size_t m, const Crop &crop, const video::Frames &frames,
                std::span<float> to) const {
    const auto &shape = mods[m].shape;
    const size_t channels = size_t(shape[0]), count = size_t(shape[1]);
    const size_t plane = size_t(shape[2] * shape[3]), stored = size_t(frames.channels);
    Resampler resampler(frames.width, frames.height, frames.channels, crop, int(shape[3]),
                        int(shape[2]));
    std::vector<float> picture(plane * stored);
    const Stream &stream = streams[m];
    for (size_t f = 0; f < count; ++f) {
      resampler.run(frames.of(f), picture);
      for (size_t c = 0; c < channels; ++c) {
        float *out = to.data() + (c * count + f) * plane;
        for (size_t i = 0; i < plane; ++i) {
          out[i] = (picture[i * stored + (stored == 1 ? 0 : c)] - stream.mean) / stream.stddev;
        }
      }
    }
  }
};

/// A table of windows over one set of videos, in the shape of a data set.
DriveAct cut_windows(const std::vector<fs::path> &videos, const WindowOptions &w,
                     const SourceConfig &config, const SourceOptions &options) {
  DriveAct set;
  set.index.classes = options.classes;
  set.index.tables.fill("windows");
  std::vector<video::VideoIndex> indices;
  double seconds = std::numeric_limits<double>::infinity();
  for (size_t m = 0; m < videos.size(); ++m) {
    indices.push_back(video::load_video_index(videos[m]));
    seconds = std::min(seconds, double(indices[m].frames()) / indices[m].rate());
    set.views.push_back(config.stream(options.modalities[m].name).tensor);
    set.videos.push_back({set.views[m], videos[m].stem().string(), videos[m]});
    set.index.modalities.push_back(options.modalities[m].name);
    set.tables.push_back({videos[m].string(), videos[m].string(), videos[m].string()});
  }
  if (w.start >= seconds) {
    char length[64];
    std::snprintf(length, sizeof length, "%.3f s long, nothing is at %.3f s", seconds, w.start);
    throw data_error(videos[0].string(), std::string("the videos are ") + length,
                     "ask for an earlier window");
  }
  for (int64_t k = 0; k == 0 || w.start + double(k) * w.stride + w.window <= seconds + 1e-6; ++k) {
    Sample sample;
    char key[64];
    const double start = w.start + double(k) * w.stride, end = std::min(start + w.window, seconds);
    std::snprintf(key, sizeof key, "%.3f-%.3f", start, end);
    sample.key = key;
    sample.part = Part::test;
    sample.shard = sample.line = 0;
    sample.row = k;
    sample.presence.assign(videos.size(), 1);
    std::vector<Span> spans;
    for (size_t m = 0; m < videos.size(); ++m) {
      const int64_t frames = int64_t(indices[m].frames());
      const int64_t first =
          std::clamp<int64_t>(std::llround(start * indices[m].rate()), 0, frames - 1);
      const int64_t last =
          std::clamp<int64_t>(std::llround(end * indices[m].rate()), first + 1, frames);
      spans.push_back({uint32_t(m), 0, first, last});
    }
    set.index.samples.push_back(std::move(sample));
    set.spans.push_back(std::move(spans));
  }
  return set;
}

} // namespace

std::unique_ptr<Source> open_video_source(const fs::path &dir, const SourceConfig &config,
                                          const SourceOptions &options) {
  check_prepared(dir);
  return std::make_unique<VideoSource>(load_drive_act(dir, config, options), config, options);
}

std::unique_ptr<Source> open_window_source(const std::vector<fs::path> &videos,
                                           const WindowOptions &windows, const SourceConfig &config,
                                           const SourceOptions &options) {
  return std::make_unique<VideoSource>(cut_windows(videos, windows, config, options), config,
                                       options);
}

} // namespace mome::data

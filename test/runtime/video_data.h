// A hand-made video set for tests: two sessions per part, three views, one scene that a test paints.
//
// The scene's clock runs from 0; view v shows second t in frame offset + t * rate. Every session has
// four chunks of 3 s and a short one.
#pragma once

#include <cmath>
#include <functional>

#include "runtime/data/video/synth.h"
#include "runtime/data/video/video_source.h"
#include "runtime/video/video.h"
#include "test/runtime/temp_data.h"

namespace mome::test {

struct HandMade {
  static constexpr double lengths[5] = {3, 3, 3, 3, 0.4};
  /// Luma of a picture at relative time u of chunk c: 0..1 at (x, y) in 0..1.
  std::function<double(int session, int chunk, double u, double x, double y)> paint;
  bool b_frames = true;

  static std::string stem(int session) {
    return "vp" + std::to_string(session + 1) + "/run1_2018-01-01-00-00-0" +
           std::to_string(session);
  }
  static double offset(int session, size_t view) { return 2 + 1.7 * session + 2.3 * double(view); }
  static std::filesystem::path video(const std::filesystem::path &root, int session, size_t view) {
    const data::SynthView &v = data::synth_view_table[view];
    return root / v.folder / (stem(session) + "." + v.name + ".mp4");
  }
  static std::filesystem::path table(const std::filesystem::path &root, size_t view,
                                     const std::string &part) {
    return root / "activities_3s" / data::synth_view_table[view].name /
           ("midlevel.chunks_90.split_0." + part + ".csv");
  }

  void write(const std::filesystem::path &root) const {
    for (size_t view = 0; view < data::synth_views; ++view) {
      for (int part = 0; part < 3; ++part) {
        std::string csv =
            "participant_id,file_id,annotation_id,frame_start,frame_end,activity,chunk_id\n";
        for (int session = part * 2; session < part * 2 + 2; ++session) {
          csv += rows(session, view);
          write_video(root, session, view);
        }
        write_text(table(root, view, std::string(data::part_names[size_t(part)])), csv);
      }
    }
  }

private:
  static std::string rows(int session, size_t view) {
    const double rate = data::synth_view_table[view].true_rate, shift = offset(session, view);
    std::string csv;
    double t = 0.5;
    for (int c = 0; c < 5; ++c) {
      const double end = t + lengths[c];
      csv += std::to_string(session + 1) + "," + stem(session) + "." +
             data::synth_view_table[view].name + ",7," +
             std::to_string(std::llround(t * rate + shift)) + "," +
             std::to_string(std::llround(end * rate + shift)) + "," +
             (c % 2 ? "eating" : "looking_or_moving_around (e.g. searching)") + "," +
             std::to_string(c) + "\n";
      t = end;
    }
    return csv;
  }

  void write_video(const std::filesystem::path &root, int session, size_t view) const {
    const data::SynthView &v = data::synth_view_table[view];
    video::EncodeOptions e;
    e.width = view == 0 ? 96 : 52;
    e.height = view == 0 ? 54 : 42;
    e.rate_num = v.rate;
    e.gop = 30;
    e.crf = 10;
    e.b_frames = b_frames ? 2 : 0;
    const auto path = video(root, session, view);
    std::filesystem::create_directories(path.parent_path());
    const auto encoder = video::library().encode(path, e);
    std::vector<uint8_t> picture(size_t(e.width * e.height * 3 / 2), 128);
    for (int f = 0; f < int(13.9 * v.true_rate) + 12; ++f) {
      double t = (f + 0.5 - offset(session, view)) / v.true_rate - 0.5;
      int chunk = 0;
      while (chunk < 4 && t >= lengths[chunk]) {
        t -= lengths[chunk++];
      }
      for (int y = 0; y < e.height; ++y) {
        for (int x = 0; x < e.width; ++x) {
          const double value =
              paint(session, chunk, t / lengths[chunk], (x + 0.5) / e.width, (y + 0.5) / e.height);
          picture[size_t(y * e.width + x)] = uint8_t(16.5 + 219 * value);
        }
      }
      encoder->add(picture);
    }
    encoder->finish();
  }
};

inline std::vector<data::Modality> three_views(int64_t channels, int64_t frames, int64_t size) {
  return {{"rgb", {channels, frames, size, size}},
          {"ir", {channels, frames, size, size}},
          {"depth", {channels, frames, size, size}}};
}

/// The flagship's data section with these settings.
inline data::SourceConfig section(const std::string &settings = "", const std::string &more = "") {
  return data::parse_source("drive_act",
                            R"({"source": [{"value": {"kind": "drive_and_act",
    "level": "midlevel", "split": 0)" +
                                more + R"(}}], "stream": [{"name": "rgb", "value": "kinect_color"},
    {"name": "ir", "value": "kinect_ir"}, {"name": "depth", "value": "kinect_depth"}],
    "clip": [{"value": 3.0}, {"value": "tsn"}])" +
                                settings + "}");
}

} // namespace mome::test

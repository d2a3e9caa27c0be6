#include "runtime/data/video/video_check.h"

#include <algorithm>
#include <map>

#include "runtime/data/video/drive_act.h"
#include "runtime/data/video/prepare.h"
#include "runtime/error.h"
#include "runtime/text.h"
#include "runtime/video/video.h"

namespace mome::data {

namespace fs = std::filesystem;

namespace {

constexpr size_t max_listed = 20;

class VideoCheck {
public:
  VideoCheck(CheckReport &report) : report(report) {}

  template <typename F> void attempt(F f) {
    try {
      f();
    } catch (const Error &error) {
      problem(error.where + ": " + error.message);
    }
  }
  void problem(const std::string &text) {
    if (++problems <= max_listed) {
      report.problems.push_back(text);
    }
  }
  void finish() {
    if (problems > max_listed) {
      report.problems.push_back("... and " + std::to_string(problems - max_listed) + " more");
    }
  }

  void videos(const DriveAct &set) {
    std::map<uint32_t, int64_t> ends; // the highest frame that a table wants, and where
    std::map<uint32_t, std::string> where;
    for (uint32_t s = 0; s < set.spans.size(); ++s) {
      for (size_t m = 0; m < set.views.size(); ++m) {
        const Span &span = set.spans[s][m];
        if (set.index.samples[s].presence[m] && span.end > ends[span.video]) {
          ends[span.video] = span.end;
          where[span.video] = set.place(s, m);
        }
      }
    }
    for (const auto &[number, end] : ends) {
      attempt([&] { one_video(set.videos[number], end, where[number]); });
    }
    for (const auto &[view, facts] : per_view) {
      report.facts["views"][view] = facts;
    }
  }

private:
  CheckReport &report;
  size_t problems = 0;
  std::map<std::string, OrderedJson> per_view;

  void one_video(const ViewVideo &v, int64_t end, const std::string &where) {
    const video::VideoIndex index = video::load_video_index(v.path);
    const auto keys = std::count_if(index.packets.begin(), index.packets.end(),
                                    [](const video::Packet &p) { return p.key != 0; });
    OrderedJson &facts = per_view[v.view];
    if (facts.is_null()) {
      facts = {{"videos", 0},
               {"frames", 0},
               {"bytes", 0},
               {"width", index.width},
               {"height", index.height},
               {"codec", index.codec},
               {"rate", index.rate()},
               {"gop", double(index.frames()) / double(keys)}};
    }
    facts["videos"] = facts["videos"].get<int64_t>() + 1;
    facts["frames"] = facts["frames"].get<int64_t>() + int64_t(index.frames());
    facts["bytes"] = facts["bytes"].get<int64_t>() + index.bytes;
    if (facts["width"] != index.width || facts["height"] != index.height) {
      report.warnings.push_back(v.path.string() + " has another size than the view's first video");
    }
    if (end > int64_t(index.frames())) {
      problem(where + ": wants frames up to " + std::to_string(end) + ", but " + v.path.string() +
              " has " + std::to_string(index.frames()));
    }
    if (const int64_t uneven = index.uneven_frame(); uneven >= 0) {
      problem(v.path.string() + ", frame " + std::to_string(uneven) + ": the frame rate varies");
    }
    const uint32_t last = uint32_t(index.frames() - 1);
    video::Frames frames;
    video::library()
        .open(v.path, index)
        ->read(std::vector<uint32_t>{0, last / 2, last}, video::Pixels::luma,
               video::Decode::planned, frames);
  }
};

void use_views_that_are_there(const fs::path &dir, std::vector<Modality> &modalities,
                              SourceConfig &config, CheckReport &report) {
  const fs::path annotations = annotation_folder(dir);
  for (const CameraView &view : camera_views()) {
    if (!fs::is_directory(annotations / view.name)) {
      continue;
    }
    try {
      video_folder(dir, view);
      modalities.push_back({view.name, {1, 1, 1, 1}});
    } catch (const Error &) {
      report.warnings.push_back("view '" + std::string(view.name) +
                                "' has annotations, but its videos are not here");
    }
  }
  config.kind = SourceConfig::Kind::drive_and_act;
  config.video.missing = VideoConfig::Missing::mask;
}

} // namespace

bool is_video_set(const fs::path &dir) {
  try {
    annotation_folder(dir);
    return true;
  } catch (const Error &) {
    return false;
  }
}

CheckReport check_video_set(const fs::path &dir, int64_t split,
                            const std::vector<std::string> &classes,
                            std::vector<Modality> modalities, SourceConfig config) {
  CheckReport report;
  VideoCheck check(report);
  check.attempt([&] {
    if (modalities.empty()) {
      use_views_that_are_there(dir, modalities, config, report);
    }
    if (modalities.empty()) {
      throw data_error(dir.string(), "no view is here", "unpack the videos beside activities_3s");
    }
    const DriveAct set = load_drive_act(dir, config, {classes, modalities, split, {}, false});
    report.facts["index"] = set.index.hash;
    report.facts["folds"] = 0;
    count_parts(set.index, report);
    const auto partial =
        std::count_if(set.index.samples.begin(), set.index.samples.end(), [](const Sample &s) {
          return std::count(s.presence.begin(), s.presence.end(), 0) > 0;
        });
    if (partial + ptrdiff_t(set.dropped) > 0) {
      report.warnings.push_back(std::to_string(partial + ptrdiff_t(set.dropped)) +
                                " chunks are missing in some view");
    }
    check.attempt([&] { check_prepared(dir); });
    check.videos(set);
  });
  check.finish();
  return report;
}

} // namespace mome::data

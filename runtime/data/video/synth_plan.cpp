// What happens in the made-up set, and its tables.
#include <algorithm>
#include <cmath>

#include "runtime/data/csv.h"
#include "runtime/data/video/draws.h"
#include "runtime/data/video/synth.h"
#include "runtime/error.h"
#include "runtime/files.h"

namespace mome::data {

namespace fs = std::filesystem;

const std::array<SynthView, synth_views> synth_view_table = {
    SynthView{"kinect_color", "kinect_color", 960, 540, 15, 30 * 0.505, 974'000},
    SynthView{"kinect_ir", "kinect_ir", 512, 424, 30, 30, 107'000},
    SynthView{"kinect_depth", "kinect_depth_mp4", 512, 424, 30, 30, 1'804'000}};

namespace {

constexpr double chunk_seconds = 3;
constexpr double good_share = 0.85;

/// Activities of Drive&Act, the most frequent first; the third has a space in its name.
constexpr std::array<std::string_view, 34> activities = {
    "sitting_still",
    "eating",
    "looking_or_moving_around (e.g. searching)",
    "fetching_an_object",
    "placing_an_object",
    "reading_magazine",
    "reading_newspaper",
    "using_multimedia_display",
    "interacting_with_phone",
    "working_on_laptop",
    "talking_on_phone",
    "writing",
    "pressing_automation_button",
    "putting_on_jacket",
    "fastening_seat_belt",
    "drinking",
    "taking_off_jacket",
    "opening_bottle",
    "closing_bottle",
    "unfastening_seat_belt",
    "putting_on_sunglasses",
    "taking_off_sunglasses",
    "preparing_food",
    "opening_laptop",
    "exiting_car",
    "entering_car",
    "closing_laptop",
    "opening_door_inside",
    "opening_door_outside",
    "closing_door_inside",
    "opening_backpack",
    "putting_laptop_into_backpack",
    "closing_door_outside",
    "taking_laptop_from_backpack"};
constexpr std::string_view rare_activity = "closing_backpack";

/// Participants in the order in which splits take them: validation first, then test.
constexpr std::array<int, 15> split_order = {14, 15, 5, 11, 13, 1, 2, 3, 4, 6, 7, 8, 9, 10, 12};

constexpr std::array<std::string_view, 5> run_kinds = {"run1", "run1b", "run1d", "run2", "run2b"};

void check_options(const SynthOptions &o) {
  const auto need = [](bool ok, const char *what, const char *hint) {
    if (!ok) {
      throw usage_error(what, hint);
    }
  };
  need(o.classes >= 2 && o.classes <= int(activities.size()), "--classes", "2 to 34");
  need(o.subjects >= 3 && o.subjects <= 15, "--subjects",
       "3 to 15: one at least for training, validation and test");
  need(o.chunks >= 1 && o.chunks <= 10000, "--chunks", "1 to 10000 in a session");
  need(o.scale >= 0.05 && o.scale <= 1, "--scale", "0.05 to 1");
  need(o.gop >= 1, "--gop", "at least 1");
}

/// Decides the class of one annotation after the other so that frequencies keep to the weights.
class LabelChooser {
public:
  LabelChooser(std::vector<double> w) : weights(std::move(w)), counts(weights.size(), 0) {
    double sum = 0;
    for (double x : weights) {
      sum += x;
    }
    for (double &x : weights) {
      x /= sum;
    }
  }
  int next(Draws &draws, int chunks) {
    double best = -1e30;
    int label = 0;
    for (size_t k = 0; k < weights.size(); ++k) {
      const double lack = weights[k] * (total + chunks) - counts[k] + 3 * draws.unit();
      if (weights[k] > 0 && lack > best) {
        best = lack;
        label = int(k);
      }
    }
    counts[size_t(label)] += chunks;
    total += chunks;
    return label;
  }

private:
  std::vector<double> weights, counts;
  double total = 0;
};

std::vector<int> participants(int subjects) {
  std::vector<int> ids;
  for (int id : split_order) {
    if (id <= subjects) {
      ids.push_back(id);
    }
  }
  return ids;
}

Showing show(const SynthPlan &plan, const SynthSession &session, const SynthChunk &chunk,
             size_t view, Draws &draws) {
  Showing s;
  const double rate = synth_view_table[view].true_rate;
  s.first = chunk.start * rate + session.offset[view];
  s.last = chunk.end * rate + session.offset[view];
  s.frame_start = std::llround(s.first);
  s.frame_end = std::llround(s.last);
  s.visible = plan.sees(view, chunk.label);
  if (plan.options.control) {
    return s;
  }
  const bool good = draws.chance(good_share);
  s.reliability = good ? draws.between(0.6, 1) : draws.between(0, 0.3);
  std::vector<Fault> kinds = {Fault::noise, Fault::occlusion};
  if (view == 0) {
    kinds.push_back(Fault::fade); // the infrared lamp is the sensor's own
  }
  if (plan.part(0, session.participant) == "test") {
    kinds.push_back(Fault::freeze);
  }
  s.fault = kinds[draws.below(kinds.size())];
  return s;
}

/// Annotations of one session: one to five chunks of a class, the last one shorter, gaps between.
void fill_session(SynthPlan &plan, SynthSession &session, LabelChooser &chooser, uint32_t &number) {
  Draws draws(plan.options.seed, RandomUse::synth, 1000 + uint32_t(plan.sessions.size()));
  for (double &offset : session.offset) {
    offset = draws.between(2, 9);
  }
  double time = draws.between(0.5, 2);
  int annotation = int(draws.below(4));
  for (int left = plan.options.chunks; session.annotated && left > 0; ++annotation) {
    const int count = std::min<int>(left, 1 + int(draws.below(5)));
    // The first annotation of the first session has the class that no split knows.
    const bool rare = number == 0;
    const int label = rare ? plan.options.classes : chooser.next(draws, count);
    for (int c = 0; c < count; ++c) {
      SynthChunk chunk;
      chunk.annotation = annotation;
      chunk.chunk = c;
      chunk.label = label;
      chunk.number = number++;
      const bool last = c + 1 == count;
      const double length = !last               ? chunk_seconds
                            : draws.chance(0.2) ? draws.between(0.3, 0.53)
                                                : draws.between(1, chunk_seconds);
      chunk.start = time;
      chunk.end = time += length;
      for (size_t v = 0; v < synth_views; ++v) {
        chunk.views[v] = show(plan, session, chunk, v, draws);
      }
      session.chunks.push_back(chunk);
    }
    left -= rare ? 0 : count;
    time += draws.between(0.1, 1);
  }
  session.seconds = time + draws.between(0.5, 1) + (session.annotated ? 0 : 5);
}

std::string run_name(int participant, int run) {
  char text[64];
  const std::string_view kind = run_kinds[size_t(participant * 3 + run) % 3 + size_t(run) * 2];
  std::snprintf(text, sizeof text, "%.*s_2018-0%d-%02d-1%d-%02d-%02d", int(kind.size()),
                kind.data(), 5 + participant / 8, 1 + participant * 3 % 28,
                run * 2 + participant % 2, participant * 7 % 60, participant * 11 % 60);
  return text;
}

} // namespace

bool SynthPlan::sees(size_t view, int label) const {
  if (options.control || label >= int(rank.size())) {
    return true;
  }
  const int group = rank[size_t(label)] % 8; // 1, 2, 3: seen by color, infrared, depth alone
  return group < 1 || group > 3 || group - 1 == int(view);
}

std::string_view SynthPlan::part(int split, int participant) const {
  std::vector<int> ids = participants(options.subjects);
  const size_t n = ids.size();
  std::rotate(ids.begin(), ids.begin() + ptrdiff_t(size_t(split) * (n / 3) % n), ids.end());
  const size_t val = std::max<size_t>(1, (2 * n + 7) / 15), test = std::max<size_t>(1, n / 5);
  const size_t at = size_t(std::find(ids.begin(), ids.end(), participant) - ids.begin());
  return at < val ? "val" : at < val + test ? "test" : "train";
}

SynthPlan plan_synth(const SynthOptions &options) {
  check_options(options);
  SynthPlan plan;
  plan.options = options;
  plan.rare = rare_activity;
  const size_t n = size_t(options.classes);
  plan.classes.assign(activities.begin(), activities.begin() + ptrdiff_t(n));
  std::sort(plan.classes.begin(), plan.classes.end());
  const double exponent = options.imbalance > 0 ? options.imbalance : n >= 20 ? 1.41 : 1.0;
  std::vector<double> weights;
  for (const std::string &name : plan.classes) {
    plan.rank.push_back(
        int(std::find(activities.begin(), activities.end(), name) - activities.begin()));
    weights.push_back(std::pow(plan.rank.back() + 1, -exponent));
  }
  std::vector<double> without_last = weights; // validation lacks the rarest class
  if (n > 2) {
    without_last[size_t(std::max_element(plan.rank.begin(), plan.rank.end()) - plan.rank.begin())] =
        0;
  }
  LabelChooser train(weights), val(without_last), test(weights);
  uint32_t number = 0;
  for (int id = 1; id <= options.subjects; ++id) {
    const std::string_view part = plan.part(0, id);
    for (int run = 0; run < 2; ++run) {
      SynthSession session;
      session.participant = id;
      session.run = run_name(id, run);
      session.annotated = id != std::min(9, options.subjects) || run == 0; // as vp9 in Drive&Act
      fill_session(plan, session, part == "train" ? train : part == "val" ? val : test, number);
      plan.sessions.push_back(std::move(session));
    }
  }
  return plan;
}

double ideal_mean1(const SynthPlan &plan, unsigned views) {
  std::vector<double> right(plan.classes.size(), 0), count(plan.classes.size(), 0);
  for (const SynthSession &session : plan.sessions) {
    for (const SynthChunk &chunk : session.chunks) {
      if (plan.part(0, session.participant) != "test" || chunk.label >= int(plan.classes.size())) {
        continue;
      }
      int possible = 0;
      for (int k = 0; k < int(plan.classes.size()); ++k) {
        bool excluded = false;
        for (size_t v = 0; v < synth_views; ++v) {
          const bool read = (views >> v & 1) && chunk.views[v].reliability >= 0.5;
          // A readable view tells its classes apart and shows the others as idle.
          excluded |= read && k != chunk.label && (plan.sees(v, chunk.label) || plan.sees(v, k));
        }
        possible += !excluded;
      }
      right[size_t(chunk.label)] += 1.0 / possible;
      count[size_t(chunk.label)] += 1;
    }
  }
  double sum = 0, present = 0;
  for (size_t k = 0; k < right.size(); ++k) {
    if (count[k] > 0) {
      sum += right[k] / count[k];
      ++present;
    }
  }
  return sum / std::max(present, 1.0);
}

namespace {

/// A chunk that one view lacks, as happens in Drive&Act; sets too small to afford it have none.
bool is_missing(const SynthPlan &plan, size_t view, const SynthChunk &chunk) {
  size_t total = 0;
  for (const SynthSession &session : plan.sessions) {
    total += session.chunks.size();
  }
  return view == 0 && chunk.number == 11 && total >= 300;
}

std::string rows(const SynthPlan &plan, size_t view, int split, std::string_view part) {
  std::string text =
      "participant_id,file_id,annotation_id,frame_start,frame_end,activity,chunk_id\n";
  for (const SynthSession &session : plan.sessions) {
    for (const SynthChunk &chunk : session.chunks) {
      const bool rare = chunk.label == plan.options.classes;
      if (is_missing(plan, view, chunk) ||
          (!part.empty() && (rare || plan.part(split, session.participant) != part))) {
        continue;
      }
      const Showing &s = chunk.views[view];
      text += std::to_string(session.participant) + "," + session.stem() + "." +
              synth_view_table[view].name + "," + std::to_string(chunk.annotation) + "," +
              std::to_string(s.frame_start) + "," + std::to_string(s.frame_end) + "," +
              csv_field(rare ? plan.rare : plan.classes[size_t(chunk.label)]) + "," +
              std::to_string(chunk.chunk) + "\n";
    }
  }
  return text;
}

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", value);
  return text;
}

std::string truth(const SynthPlan &plan) {
  std::string text = "key,activity,part";
  for (const SynthView &view : synth_view_table) {
    for (const char *column : {"visible", "fault", "reliability"}) {
      text += std::string(",") + column + "." + view.name;
    }
  }
  text += "\n";
  for (const SynthSession &session : plan.sessions) {
    for (const SynthChunk &chunk : session.chunks) {
      if (chunk.label == plan.options.classes) {
        continue;
      }
      text += session.stem() + ":" + std::to_string(chunk.annotation) + ":" +
              std::to_string(chunk.chunk) + "," + csv_field(plan.classes[size_t(chunk.label)]) +
              "," + std::string(plan.part(0, session.participant));
      for (const Showing &s : chunk.views) {
        text += std::string(s.visible ? ",1," : ",0,") + std::string(fault_names[size_t(s.fault)]) +
                "," + number_text(s.reliability);
      }
      text += "\n";
    }
  }
  return text;
}

} // namespace

void write_synth_tables(const SynthPlan &plan, const fs::path &root) {
  for (size_t view = 0; view < synth_views; ++view) {
    const fs::path dir = root / "activities_3s" / synth_view_table[view].name;
    fs::create_directories(dir);
    replace_file(dir / "midlevel.chunks_90.csv", rows(plan, view, 0, ""));
    for (int split = 0; split < 3; ++split) {
      for (const char *part : {"train", "val", "test"}) {
        replace_file(
            dir / ("midlevel.chunks_90.split_" + std::to_string(split) + "." + part + ".csv"),
            rows(plan, view, split, part));
      }
    }
  }
  replace_file(root / "synth.csv", truth(plan));
}

} // namespace mome::data

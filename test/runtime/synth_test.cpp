// The made-up set: its format, and that classes lie in the order of frames and in nothing else.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "runtime/data/csv.h"
#include "runtime/data/video/draws.h"
#include "test/runtime/video_data.h"

namespace mome::data {
namespace {

using test::slurp;
using test::TempDir;

TEST(Synth, TablesHaveTheFormatOfDriveAct) {
  TempDir dir, again;
  SynthOptions o;
  o.chunks = 30;
  write_synth_tables(plan_synth(o), dir.path());
  write_synth_tables(plan_synth(o), again.path());
  std::map<std::string, std::set<std::string>> parts; // participant -> parts
  std::map<std::string, std::map<std::string, int>> classes;
  std::array<std::map<std::string, std::array<int64_t, 2>>, 3> keys; // per view
  int short_chunks = 0, gaps = 0;
  for (size_t v = 0; v < 3; ++v) {
    for (const char *part : {"train", "val", "test"}) {
      const auto file = test::HandMade::table(dir.path(), v, part);
      EXPECT_EQ(slurp(file), slurp(test::HandMade::table(again.path(), v, part)));
      const Csv csv = parse_csv(slurp(file), file.string());
      EXPECT_EQ(csv.header,
                (std::vector<std::string>{"participant_id", "file_id", "annotation_id",
                                          "frame_start", "frame_end", "activity", "chunk_id"}));
      int64_t last_end = 0;
      std::string last_file;
      for (const auto &r : csv.records) {
        const int64_t start = std::stoll(r[3].text), end = std::stoll(r[4].text);
        EXPECT_LT(start, end);
        EXPECT_LE(end - start, v == 0 ? 47 : 91);
        if (r[1].text == last_file) {
          EXPECT_GE(start, last_end);
          gaps += start > last_end;
          EXPECT_TRUE(r[6].text == "0" || start == last_end || v == 0); // chunks touch
        }
        last_end = end;
        last_file = r[1].text;
        short_chunks += v == 0 && end - start < 8;
        parts[r[0].text].insert(part);
        ++classes[part][r[5].text];
        keys[v][r[1].text.substr(0, r[1].text.rfind('.')) + r[2].text + ":" + r[6].text] = {start,
                                                                                            end};
      }
    }
  }
  for (const auto &[participant, in] : parts) {
    EXPECT_EQ(in.size(), 1u) << participant;
  }
  EXPECT_GT(short_chunks, 10);
  EXPECT_GT(gaps, 100);
  EXPECT_EQ(classes["train"].size(), 5u);
  EXPECT_EQ(classes["val"].size(), 4u); // as in Drive&Act, one is missing
  EXPECT_EQ(classes["test"].size(), 5u);
  EXPECT_EQ(classes["train"].count("looking_or_moving_around (e.g. searching)"), 1u);
  EXPECT_GT(classes["train"]["sitting_still"], 3 * classes["train"]["placing_an_object"]);
  EXPECT_EQ(keys[0].size() + 1, keys[1].size()); // one chunk is missing in one view
  EXPECT_EQ(keys[1].size(), keys[2].size());
  double low = 1e9, high = 0;
  for (const auto &[key, colour] : keys[0]) { // the same numbers would be other moments
    const double ratio = double(colour[0]) / double(keys[1].at(key)[0]);
    low = std::min(low, ratio);
    high = std::max(high, ratio);
  }
  EXPECT_LT(low, 0.5);
  EXPECT_GT(high, 0.51);
  const std::string all = slurp(dir / "activities_3s/kinect_ir/midlevel.chunks_90.csv");
  EXPECT_NE(all.find("closing_backpack"), std::string::npos);
  EXPECT_EQ(slurp(test::HandMade::table(dir.path(), 1, "val")).find("closing_backpack"),
            std::string::npos);
}

TEST(Synth, FaultsAreIndependentRecordedAndOneIsForTheTestAlone) {
  const SynthPlan plan = plan_synth({});
  std::map<std::string, std::set<Fault>> kinds;
  double n = 0, bad[3] = {}, both = 0;
  std::set<int> alone[3];
  for (const SynthSession &session : plan.sessions) {
    for (const SynthChunk &chunk : session.chunks) {
      ++n;
      for (size_t v = 0; v < 3; ++v) {
        const Showing &s = chunk.views[v];
        kinds[std::string(plan.part(0, session.participant))].insert(s.fault);
        bad[v] += s.reliability < 0.5;
        if (chunk.label < 5 && s.visible && !chunk.views[(v + 1) % 3].visible) {
          alone[v].insert(chunk.label);
        }
      }
      both += chunk.views[0].reliability < 0.5 && chunk.views[1].reliability < 0.5;
    }
  }
  for (size_t v = 0; v < 3; ++v) {
    EXPECT_NEAR(bad[v] / n, 0.15, 0.03);
    EXPECT_EQ(alone[v].size(), 1u); // a class that only this view sees
  }
  EXPECT_NEAR(both / n, 0.0225, 0.012);
  EXPECT_TRUE(kinds["test"].contains(Fault::freeze));
  EXPECT_FALSE(kinds["train"].contains(Fault::freeze) || kinds["val"].contains(Fault::freeze));
  EXPECT_GT(ideal_mean1(plan, 7), 0.88);
  for (unsigned view : {1u, 2u, 4u}) {
    EXPECT_LT(ideal_mean1(plan, view), 0.8);
  }
  SynthOptions control;
  control.control = true;
  EXPECT_EQ(ideal_mean1(plan_synth(control), 1), 1);
}

/// What a classifier sees of a chunk: four frames, 6x6, without what stands still.
using Clip = std::array<std::array<float, 36>, 4>;

Clip clip_of(SynthPainter &painter, const Showing &s) {
  Clip clip{};
  const int w = painter.width(), h = painter.height();
  for (int t = 0; t < 4; ++t) {
    const auto picture =
        painter.paint(s.frame_start + (s.frame_end - s.frame_start) * (2 * t + 1) / 8);
    for (int y = 0; y < h; ++y) {
      for (int x = 0; x < h; ++x) {
        clip[size_t(t)][size_t(y * 6 / h * 6 + x * 6 / h)] +=
            picture[size_t(y * w + x + (w - h) / 2)] / float(h * h);
      }
    }
  }
  for (size_t i = 0; i < 36; ++i) {
    const float mean = (clip[0][i] + clip[1][i] + clip[2][i] + clip[3][i]) / 4;
    for (auto &frame : clip) {
      frame[i] -= mean;
    }
  }
  return clip;
}

double dot(const std::array<float, 36> &a, const std::array<float, 36> &b) {
  double sum = 0;
  for (size_t i = 0; i < 36; ++i) {
    sum += double(a[i]) * b[i];
  }
  return sum;
}

/// Products of what neighbouring frames show: enough to tell jumps apart.
double pair_kernel(const Clip &a, const Clip &b) {
  double sum = 0;
  for (size_t t = 0; t < 3; ++t) {
    sum += dot(a[t], b[t]) * dot(a[t + 1], b[t + 1]);
  }
  return sum;
}
double frame_kernel(const Clip &a, const Clip &b) {
  const double d = dot(a[0], b[0]);
  return d + 40 * d * d;
}

/// Kernel ridge regression on one-hot targets; mean recall of unseen participants.
template <typename Kernel>
double mean_recall(const std::vector<Clip> &train, const std::vector<int> &labels,
                   const std::vector<Clip> &test, const std::vector<int> &truth, Kernel kernel) {
  const size_t n = train.size();
  std::vector<double> k(n * n);
  double trace = 0;
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      k[i * n + j] = kernel(train[i], train[j]);
    }
    trace += k[i * n + i];
  }
  for (size_t i = 0; i < n; ++i) {
    k[i * n + i] += 1e-2 * trace / double(n);
  }
  for (size_t i = 0; i < n; ++i) { // Cholesky
    for (size_t j = 0; j <= i; ++j) {
      double sum = k[i * n + j];
      for (size_t m = 0; m < j; ++m) {
        sum -= k[i * n + m] * k[j * n + m];
      }
      k[i * n + j] = i == j ? std::sqrt(sum) : sum / k[j * n + j];
    }
  }
  std::vector<std::array<double, 5>> weights(n);
  for (size_t c = 0; c < 5; ++c) {
    for (size_t i = 0; i < n; ++i) {
      double sum = (labels[i] == int(c)) - 0.2;
      for (size_t m = 0; m < i; ++m) {
        sum -= k[i * n + m] * weights[m][c];
      }
      weights[i][c] = sum / k[i * n + i];
    }
    for (size_t i = n; i-- > 0;) {
      double sum = weights[i][c];
      for (size_t m = i + 1; m < n; ++m) {
        sum -= k[m * n + i] * weights[m][c];
      }
      weights[i][c] = sum / k[i * n + i];
    }
  }
  std::array<double, 5> right{}, count{};
  for (size_t i = 0; i < test.size(); ++i) {
    std::array<double, 5> score{};
    for (size_t j = 0; j < n; ++j) {
      const double similar = kernel(test[i], train[j]);
      for (size_t c = 0; c < 5; ++c) {
        score[c] += similar * weights[j][c];
      }
    }
    right[size_t(truth[i])] +=
        std::max_element(score.begin(), score.end()) - score.begin() == truth[i];
    ++count[size_t(truth[i])];
  }
  double recall = 0;
  for (size_t c = 0; c < 5; ++c) {
    recall += right[c] / count[c] / 5;
  }
  return recall;
}

void shuffle(std::vector<Clip> &clips) {
  Draws draws(1, RandomUse::test_data, 9);
  for (Clip &clip : clips) {
    for (size_t t = 3; t > 0; --t) {
      std::swap(clip[t], clip[draws.below(t + 1)]);
    }
  }
}

TEST(Synth, ClassesLieInTheOrderOfFramesAlone) {
  SynthOptions o;
  o.control = true;
  o.imbalance = 1e-9;
  o.chunks = 60;
  o.subjects = 8;
  const SynthPlan plan = plan_synth(o);
  std::vector<Clip> clips[2];
  std::vector<int> labels[2];
  for (const SynthSession &session : plan.sessions) {
    SynthPainter painter(plan, session, 1);
    const size_t part = size_t(session.participant % 2);
    for (const SynthChunk &chunk : session.chunks) {
      if (chunk.label < 5 && chunk.end - chunk.start > 0.5) {
        clips[part].push_back(clip_of(painter, chunk.views[1]));
        labels[part].push_back(chunk.label);
      }
    }
  }
  ASSERT_GT(clips[0].size(), 250u);
  const double ordered = mean_recall(clips[0], labels[0], clips[1], labels[1], pair_kernel);
  const double frame = mean_recall(clips[0], labels[0], clips[1], labels[1], frame_kernel);
  shuffle(clips[0]);
  shuffle(clips[1]);
  const double shuffled = mean_recall(clips[0], labels[0], clips[1], labels[1], pair_kernel);
  std::printf("mean recall, chance 0.2: in order %.3f, one frame %.3f, shuffled %.3f\n", ordered,
              frame, shuffled);
  EXPECT_GT(ordered, 0.7);
  EXPECT_NEAR(frame, 0.2, 0.07);
  EXPECT_NEAR(shuffled, 0.2, 0.07);
}

TEST(Synth, EveryFrameShowsEveryCornerEquallyOftenWhateverTheClass) {
  // The same by counting, without a classifier: where the spot of a frame in the middle is.
  SynthOptions o;
  o.control = true;
  o.imbalance = 1e-9;
  o.chunks = 200;
  o.subjects = 5;
  const SynthPlan plan = plan_synth(o);
  std::map<int, std::array<double, 4>> corners;
  for (const SynthSession &session : plan.sessions) {
    SynthPainter painter(plan, session, 1);
    for (const SynthChunk &chunk : session.chunks) {
      if (chunk.label == 5) {
        continue;
      }
      const Showing &s = chunk.views[1];
      const auto picture = painter.paint((s.frame_start + s.frame_end) / 2 + 1);
      const int w = painter.width(), h = painter.height();
      double x = 0, y = 0, mass = 0; // centre of the spot, which outshines its surroundings
      for (int i = 0; i < w * h; ++i) {
        const bool bright = picture[size_t(i)] > 150;
        x += bright * (i % w + 0.5);
        y += bright * (i / w + 0.5);
        mass += bright;
      }
      ASSERT_GT(mass, 10);
      const bool right = x / mass > w / 2.0, below = y / mass > h / 2.0;
      ++corners[chunk.label][size_t(right + 2 * below)];
    }
  }
  ASSERT_EQ(corners.size(), 5u);
  for (const auto &[label, count] : corners) {
    const double n = count[0] + count[1] + count[2] + count[3];
    for (double c : count) {
      EXPECT_NEAR(c / n, 0.25, 0.08) << label;
    }
  }
}

TEST(Synth, ManyClassesHaveMotionsOfTheirOwn) {
  SynthOptions o;
  o.classes = 34;
  o.chunks = 60;
  const SynthPlan plan = plan_synth(o);
  std::map<int, int> counts;
  for (const SynthSession &session : plan.sessions) {
    for (const SynthChunk &chunk : session.chunks) {
      ++counts[chunk.label];
    }
  }
  EXPECT_EQ(counts.size(), 35u); // and the rare one
  EXPECT_EQ(std::set<int>(plan.rank.begin(), plan.rank.end()).size(), 34u);
}

} // namespace
} // namespace mome::data

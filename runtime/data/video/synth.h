// A made-up data set in the format of Drive&Act, for tests and demonstrations: same tree, names,
// columns, rates and codecs, three views of a scene that is not a driver.
//
// What tells the classes apart is the order of places. A spot visits the four corners of a square
// in every chunk, a quarter of the time each, and jumps between them along a side (H, V) or a
// diagonal (X). The class is the pair (kind of the first and the last jump, kind of the middle one):
// six pairs of different kinds, each from four starts, so that
//   - in every quarter of the chunk the spot is at each corner equally often, whatever the class: a
//     single frame says nothing;
//   - every chunk shows the same four pictures: neither do frames without their order;
//   - mirrored pictures have the same class.
// Up to five classes move one spot; more, up to 34, move two. The pair that is left over is `idle`:
// what a view shows of a class that it cannot see. One class in rgb, ir and depth each is seen there
// alone (more with more classes).
//
// Every sample and view has a reliability of its own, drawn independently: 85 % are good (0.6..1),
// the others bad (0..0.3), and a kind of fault whose severity is 1 - reliability: fade (color only),
// noise, occlusion; and freeze, which only the test subjects of split 0 meet. `synth.csv` records it
// all. The control set has three equal views, always clean.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "runtime/json_reader.h"

namespace mome::data {

struct SynthOptions {
  uint64_t seed = 0;
  int classes = 5;      // 2..34
  int subjects = 15;    // 3..15
  int chunks = 48;      // per annotated session
  double scale = 0.1;   // of 960x540 and 512x424
  double imbalance = 0; // exponent of the class frequencies rank^-e; 0: 1, or 1.41 from 20 classes
  bool control = false;
  int gop = 250;
  std::string preset; // of x264; empty: veryfast from half size on, else ultrafast
};

enum class Fault : uint8_t { none, fade, noise, occlusion, freeze };
constexpr std::array<std::string_view, 5> fault_names = {"none", "fade", "noise", "occlusion",
                                                         "freeze"};

constexpr size_t synth_views = 3;

struct SynthView {
  const char *name, *folder; // annotations are under `name`, videos in `folder`
  int width, height;         // at scale 1
  int rate;                  // of the container
  double true_rate;          // frames per second of scene time: colour runs at 0.505 of infrared
  int64_t bitrate;           // at scale 1
};
extern const std::array<SynthView, synth_views> synth_view_table;

/// How a view shows a chunk.
struct Showing {
  bool visible = true;
  Fault fault = Fault::none;
  double reliability = 1;
  double first = 0, last = 0; // frames [first, last) of the view, before rounding
  int64_t frame_start = 0, frame_end = 0;
};

struct SynthChunk {
  int annotation = 0, chunk = 0;
  int label = 0; // class, alphabetical; the rare class of the un-split file is `classes`
  double start = 0, end = 0; // seconds of the scene
  uint32_t number = 0;       // in the set: keys its draws
  std::array<Showing, synth_views> views;
};

struct SynthSession {
  int participant = 0;
  std::string run; // run1_2018-05-29-14-02-47
  bool annotated = true;
  double seconds = 0;
  std::array<double, synth_views> offset{}; // first frame of second 0
  std::vector<SynthChunk> chunks;
  std::string stem() const { return "vp" + std::to_string(participant) + "/" + run; }
};

struct SynthPlan {
  SynthOptions options;
  std::vector<std::string> classes; // of the splits, alphabetical
  std::string rare;                 // only in the un-split file
  std::vector<int> rank;            // of a class by frequency, 0 the most frequent
  std::vector<SynthSession> sessions;

  /// Whether a view sees a class.
  bool sees(size_t view, int label) const;
  /// "train", "val" or "test" of a participant.
  std::string_view part(int split, int participant) const;
};

SynthPlan plan_synth(const SynthOptions &options);

/// Mean-1 on the test part of an observer who reads every clean view without error and guesses
/// evenly among the classes that remain possible. `views`: a bit per view.
double ideal_mean1(const SynthPlan &plan, unsigned views);

/// The annotation files, synth.csv and synth.json.
void write_synth_tables(const SynthPlan &plan, const std::filesystem::path &root);

/// Paints frame `frame` of a view as planes Y, U, V.
class SynthPainter {
public:
  SynthPainter(const SynthPlan &plan, const SynthSession &session, size_t view);
  int width() const { return w; }
  int height() const { return h; }
  std::span<const uint8_t> paint(int64_t frame);

private:
  struct Spot {
    double x, y, radius, luma, cb, cr;
  };
  const SynthPlan &plan;
  const SynthSession &session;
  size_t view;
  int w, h;
  std::vector<float> background, luma; // 0..1
  double background_cb = 0.5, background_cr = 0.5;
  std::vector<uint8_t> picture;

  const SynthChunk *chunk_at(int64_t frame, double &time) const;
  void paint_chunk(const SynthChunk &chunk, double time, uint64_t noise_seed);
  void add_spot(const Spot &spot, double contrast);
  /// Moves `share` of the way to gray and adds noise, constant in squares of `cell` pixels.
  void add_noise(double share, double amplitude, double cell, uint64_t seed);
  void cover(double x, double y, double side, double value);
};

/// Writes the whole set under `root`, which must be empty or absent; returns what synth.json says.
OrderedJson synthesise(const SynthOptions &options, const std::filesystem::path &root);

} // namespace mome::data

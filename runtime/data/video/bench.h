// `mome data bench`: what a clip costs to decode, view by view.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace mome::data {

struct BenchOptions {
  int clips = 20, frames = 8, size = 224;
  int64_t split = 0;
  uint64_t seed = 0;
};

struct BenchRow {
  std::string view;
  int width = 0, height = 0;
  double rate = 0, gop = 0;            // frames between key frames, on average
  double naive_ms = 0, planned_ms = 0; // CPU time of a clip, decoding and resizing
  double naive_frames = 0, planned_frames = 0;
};

/// Clips of random chunks of the training part, one core.
std::vector<BenchRow> bench_data(const std::filesystem::path &root, const BenchOptions &options);
/// Rows as a table; with a second set (the prepared one) how much faster it is.
std::string bench_table(const std::vector<BenchRow> &rows, const std::vector<BenchRow> &other = {});

} // namespace mome::data

// `mome data prepare FROM TO`: the set again, with smaller pictures and a key frame every few
// frames, so that a clip costs little to decode.
//
// Same tree, same names, same numbers of frames, annotations copied; `prepared.json`, written last,
// names the settings and, for every video, size, time of change and hash of its source and the size
// of the copy. A video is written under another name and renamed, and noted in `.prepare/`, so an
// interrupted run continues. Whoever opens the copy compares it with prepared.json, and the sources
// too where they still are: a copy of something else than what is there now is refused.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace mome::data {

struct PrepareOptions {
  int short_side = 256; // pictures are never made larger
  int gop = 8;
  int crf = 20;
  std::string preset = "veryfast";
  std::vector<std::string> views; // empty: all that are there
};

struct PrepareReport {
  size_t written = 0, kept = 0; // videos; kept: done by an earlier run
  int64_t source_bytes = 0, bytes = 0;
};

PrepareReport prepare_data(const std::filesystem::path &from, const std::filesystem::path &to,
                           const PrepareOptions &options,
                           const std::function<void(const std::string &line)> &tell = {});

/// Throws Error (data) when `root` is a prepared copy and no longer what prepared.json says.
void check_prepared(const std::filesystem::path &root);

} // namespace mome::data

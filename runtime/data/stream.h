// How a modality is fed: which tensor of the data set, and the affine normalization applied while
// it is copied.
//
// A `data` section arrives in the package as JSON (Package.data[i].json), setting by setting as it
// was written:
//   data watch for Watch {                          {"source": [{"value": {"kind": "tensors",
//   "split": 0}}],
//     source tensors(split = 0)                      "stream": [{"name": "acc", "value": "accel",
//     stream acc = accel { normalize(0.45, 0.225) }     "body": [{"value": {"kind": "normalize",
//     "args": [0.45, 0.225]}}]}]}
//   }
// `source tensors` (index.csv + safetensors shards, see index.h; "value" may be the bare word):
// split is the fold held out for test, a stream names the tensor that feeds a modality.
// `source drive_and_act` (video/drive_act.h): split is the published split, a stream names a view,
// and clip, train, val and test say how clips are cut (video/config.h).
// A stream may normalize, x -> (x - mean) / deviation; a modality without one reads the tensor of
// its own name, unchanged.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "runtime/data/video/config.h"

namespace mome::data {

struct Stream {
  std::string tensor;
  float mean = 0, stddev = 1;
};

struct SourceConfig {
  enum class Kind { tensors, drive_and_act } kind = Kind::tensors;
  std::string section;
  int64_t split = 0;
  VideoConfig video;
  std::map<std::string, Stream, std::less<>> streams; // by modality

  Stream stream(std::string_view modality) const {
    auto it = streams.find(modality);
    return it != streams.end() ? it->second : Stream{std::string(modality), 0, 1};
  }
};

/// Reads a data section's JSON; throws Error naming the section and the key.
SourceConfig parse_source(std::string_view section, std::string_view json);

} // namespace mome::data

// What a `data` section says about video: the settings clip, train, val and test.
//
//   source drive_and_act(level = midlevel, split = 0, missing = drop, vfr = refuse)
//   stream rgb = kinect_color { normalize(0.45, 0.225) }, ir = kinect_ir { normalize(0.45, 0.225) }
//   clip   3s, tsn
//   train  { rand_augment(n = 4, m = 7, std = 0.5) on rgb, random_resized_crop(0.08..1), flip(0.5) }
//   val    { resize_short, center_crop }
//   test   { clips = 1, crops = 1, average = softmax }
//
// Without `train` a clip is cut and cropped in the middle, as for validation.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "runtime/json_reader.h"

namespace mome::data {

struct RandAugment {
  int count = 0; // operations for a clip; 0: none
  double magnitude = 0, deviation = 0;
};

struct VideoConfig {
  std::string level = "midlevel";
  enum class Missing { drop, fail, mask } missing = Missing::drop; // samples that a view lacks
  bool allow_vfr = false;
  bool jitter = true; // tsn: a random instant in every segment; uniform: its centre
  std::map<std::string, RandAugment, std::less<>> rand_augment; // by modality; "": every other
  double min_area = 0, max_area = 0;                            // of random_resized_crop; 0: none
  double flip = 0;
  int clips = 1, crops = 1;
  bool average_softmax = true; // else logits

  RandAugment augment_of(std::string_view modality) const {
    auto it = rand_augment.find(modality);
    it = it != rand_augment.end() ? it : rand_augment.find("");
    return it != rand_augment.end() ? it->second : RandAugment{};
  }
};

/// Reads the arguments of `source drive_and_act(...)` but the split, and the settings above.
void parse_video_source(JsonObject &call, VideoConfig &config);
void parse_video_settings(JsonObject &section, const std::string &where, const MakeError &bad,
                          VideoConfig &config);

} // namespace mome::data

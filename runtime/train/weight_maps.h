// How other programs name and shape the weights of a backbone: the `map` of an init rule.
//
//   uniformerv2   checkpoints of UniFormerV2, from training (`backbone.REST`) or bare. The class
//                 head is `transformer.proj.0` (norm) and `.2` (linear) there, so a rule for our
//                 head finds it: `init head.logits from "k710.safetensors" { map uniformerv2 }`.
//   clip          the image tower of CLIP (`visual.REST` or bare). It has no global and local
//                 blocks: those keep their initialisation and are reported as missing.
//
// Both reshape the first convolution: a kernel over one frame becomes the middle of one over
// several, and one for colour becomes one for gray by summing its channels, so that a gray image
// gives what its copy in three channels would.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tensor.h"

namespace mome::train {

struct WeightMap {
  std::string_view name;
  std::vector<std::string_view> prefixes;                             // tried in this order
  std::vector<std::pair<std::string_view, std::string_view>> renames; // ours to theirs, by prefix
  std::vector<std::string> may_miss; // patterns of names it is right not to have
};

/// The map of that name; the empty name is the map that changes nothing. Throws Error (usage).
const WeightMap &find_weight_map(std::string_view name);

/// Names a file may have for our name, the likeliest first.
std::vector<std::string> names_in_file(const WeightMap &map, const std::string &ours);

/// The elements of a first convolution `view` in another shape; none if the shapes have nothing to
/// do with each other.
std::optional<std::vector<float>> reshape_convolution(const TensorView &view,
                                                      const std::vector<int64_t> &shape);

} // namespace mome::train

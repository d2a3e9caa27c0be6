#include "runtime/train/weight_maps.h"

#include <algorithm>
#include <cstring>

#include "runtime/error.h"

namespace mome::train {

const WeightMap &find_weight_map(std::string_view name) {
  static const std::vector<WeightMap> maps = {
      {"", {""}, {}, {}},
      {"uniformerv2",
       {"", "backbone."},
       {{"norm.", "transformer.proj.0."}, {"fc.", "transformer.proj.2."}},
       {}},
      {"clip",
       {"", "visual."},
       {},
       {"transformer.dpe.**", "transformer.dec.**", "transformer.temporal_cls_token",
        "transformer.balance", "transformer.resblocks.*.lmhra1.**",
        "transformer.resblocks.*.lmhra2.**"}},
  };
  const auto found =
      std::find_if(maps.begin(), maps.end(), [&](const WeightMap &m) { return m.name == name; });
  if (found == maps.end()) {
    throw usage_error("unknown name map '" + std::string(name) + "'", "known: uniformerv2, clip");
  }
  return *found;
}

std::vector<std::string> names_in_file(const WeightMap &map, const std::string &ours) {
  std::vector<std::string> rests = {ours};
  for (const auto &[from, to] : map.renames) {
    if (ours.starts_with(from)) {
      rests.push_back(std::string(to) + ours.substr(from.size()));
    }
  }
  std::vector<std::string> names;
  for (const std::string &rest : rests) {
    for (const std::string_view prefix : map.prefixes) {
      names.push_back(std::string(prefix) + rest);
    }
  }
  return names;
}

std::optional<std::vector<float>> reshape_convolution(const TensorView &view,
                                                      const std::vector<int64_t> &shape) {
  std::vector<int64_t> from = view.shape; // [outputs, channels, (frames,) rows, columns]
  if (from.size() == 4) {
    from.insert(from.begin() + 2, 1);
  }
  if (view.dtype != DType::f32 || from.size() != 5 || shape.size() != 5) {
    return std::nullopt;
  }
  const bool same_patch = from[0] == shape[0] && from[3] == shape[3] && from[4] == shape[4];
  const bool inflates = from[2] == 1, folds = shape[1] == 1;
  if (!same_patch || (from[1] != shape[1] && !folds) || (from[2] != shape[2] && !inflates)) {
    return std::nullopt;
  }
  const int64_t outputs = shape[0], channels = shape[1], frames = shape[2];
  const int64_t patch = shape[3] * shape[4], terms = from[1] / channels;
  const int64_t first = from[2] == frames ? 0 : frames / 2;
  std::vector<float> source(size_t(outputs * from[1] * from[2] * patch));
  std::memcpy(source.data(), view.bytes.data(), view.bytes.size());
  std::vector<float> result(size_t(outputs * channels * frames * patch), 0.0f);
  for (int64_t oc = 0; oc < outputs * channels; ++oc) {
    for (int64_t t = 0; t < from[2]; ++t) {
      for (int64_t i = 0; i < patch; ++i) {
        double sum = 0;
        for (int64_t term = 0; term < terms; ++term) {
          sum += source[size_t(((oc * terms + term) * from[2] + t) * patch + i)];
        }
        result[size_t((oc * frames + first + t) * patch + i)] = float(sum);
      }
    }
  }
  return result;
}

} // namespace mome::train

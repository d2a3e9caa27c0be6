// `mome data check DIR`: reads everything once and says what a training run would meet.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "runtime/data/source.h"
#include "runtime/json_reader.h"

namespace mome::data {

struct CheckReport {
  OrderedJson facts; // parts, classes, subjects, modalities with range, mean, deviation
  std::vector<std::string> problems; // a run would fail
  std::vector<std::string>
      warnings; // worth a look: subjects in several parts, classes missing from a part
  std::string text() const;
};

/// With a model's classes and modalities they are held to; without, the labels and the first shard's tensors tell.
CheckReport check_data(const std::filesystem::path &dir, int64_t split,
                       std::vector<std::string> classes, std::vector<Modality> modalities,
                       const SourceConfig &config);

/// Samples, subjects and classes of the parts, and what looks wrong about them.
void count_parts(const Index &index, CheckReport &report);

} // namespace mome::data

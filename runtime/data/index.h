// The index of a data set: one row of `index.csv` per sample.
//
//   key      unique name of the sample                      subject  whom it was recorded from
//   (splits, intervals) split    train | val | test, or a fold number 0..F-1    label    class
//   name; may be empty or the column absent shard    safetensors file beside index.csv row      its
//   index along the first axis of every tensor there presence.<modality>  (optional) 1 or 0:
//   whether the sensor recorded this sample
//
// Other columns are ignored, presence of sensors that the model lacks too. With fold numbers, `split` = k means: test is fold k, val fold (k+1)
// mod F, train the rest. Labels become class numbers through the model's class names. A model that
// only counts its classes (its names are 0, 1, 2, ...) takes the data set's label names in
// alphabetical order; checkpoints keep the names, so that a later evaluation on other data uses the
// same numbers.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mome::data {

enum class Part : uint8_t { train, val, test };
constexpr std::array<std::string_view, 3> part_names = {"train", "val", "test"};
Part parse_part(std::string_view name); // throws Error (usage)

struct Sample {
  std::string key, subject;
  Part part;
  int32_t label = -1; // -1: none
  uint32_t shard;     // index into Index::shards
  int64_t row;
  uint32_t line; // of the table of its part, for messages
  std::vector<uint8_t> presence;
  bool usable = true; // false: left out, as --on-bad-sample=skip asks
};

struct Index {
  std::filesystem::path dir;
  std::vector<std::string> classes, modalities;
  std::vector<std::string> shards;   // file names, in order of first use
  std::vector<Sample> samples;       // in file order; the sample number is the position here
  int64_t folds = 0;                 // 0: the file names its parts
  std::array<std::string, 3> tables; // the file that lists a part's samples
  std::string hash; // XXH3-128 of index.csv and the fold; an open source adds its shards' content

  /// Sample numbers of a part, in file order; throws Error (data) when there are none.
  std::vector<uint32_t> part(Part which) const;
  bool has(Part which) const;
  std::vector<int32_t> labels(std::span<const uint32_t> of) const;
  /// "TABLE:LINE" of a sample.
  std::string place(uint32_t sample) const;
};

struct IndexOptions {
  std::vector<std::string> classes; // empty: whatever the labels say
  std::vector<std::string> modalities;
  int64_t split = 0;
};

/// The class names in force: the model's, or, when it only counts them, those of the data set
/// (`names`, found in `where`) in alphabetical order.
std::vector<std::string> choose_classes(const std::set<std::string> &names,
                                        const std::vector<std::string> &classes,
                                        const std::string &where);

/// Reads DIR/index.csv; throws Error (data) with file, line, column and a hint.
Index load_index(const std::filesystem::path &dir, const IndexOptions &options);

} // namespace mome::data

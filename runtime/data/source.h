// Samples of an opened data set: safetensors shards, one tensor per modality, first axis = sample.
//
// A shard holds, for every stream, a tensor of shape [rows, ...sample shape] of type F32, F64, U8
// or I16 (converted to f32). Only the parts asked for are opened: a training process maps no shard
// that holds test rows alone, and asking for a sample of another part is an internal error. Every
// value is checked: NaN and Inf are refused with the sample's key. The values of an absent modality
// are read as zeros, whatever the shard holds.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "runtime/data/index.h"
#include "runtime/data/stream.h"

namespace mome::data {

/// What the model wants of a modality.
struct Modality {
  std::string name;
  std::vector<int64_t> shape; // of one sample
  size_t elements() const;
};

/// How a sample is looked at: tensors always look the same, video is cut, cropped and disturbed.
/// Everything random is a function of this and the sample's key.
struct Take {
  bool train = false;
  uint64_t seed = 0;
  uint32_t epoch = 0;
  uint32_t visit = 0; // how often the sample came before in the epoch
  uint32_t take = 0;  // of Source::takes(), in tests
};

/// Samples that cannot be read: an error, or left out, told on standard error and counted.
class BadSamples {
public:
  bool skip = false; // --on-bad-sample=skip
  /// Tells of a sample once, however often it is met.
  void add(const std::string &key, const std::string &reason);
  size_t count() const;

private:
  mutable std::mutex mutex;
  std::set<std::string> keys;
};

/// Gives samples as f32. Safe to call from several threads.
class Source {
public:
  virtual ~Source() = default;
  virtual const Index &index() const = 0;
  virtual const std::vector<Modality> &modalities() const = 0;
  /// Writes the modality's values of a sample.
  virtual void read(uint32_t sample, size_t modality, const Take &take, std::span<float> to) = 0;
  /// Ways to look at a test sample whose scores are averaged (clips x crops).
  virtual uint32_t takes() const { return 1; }
  /// Whether their softmax is averaged, not the scores themselves.
  virtual bool average_softmax() const { return true; }
  virtual BadSamples &bad() { return bad_samples; }

private:
  BadSamples bad_samples;
};

struct SourceOptions {
  std::vector<std::string> classes; // the model's
  std::vector<Modality> modalities;
  int64_t split = 0;
  std::set<Part> parts; // to be opened
  bool skip_bad = false;
};

/// Opens a data set of the kind that `config` names.
std::unique_ptr<Source> open_source(const std::filesystem::path &dir, const SourceConfig &config,
                                    const SourceOptions &options);

/// Opens the shards of `parts`; throws Error (data): missing shard, missing tensor, wrong shape,
/// row out of range.
std::unique_ptr<Source> open_tensor_source(Index index, std::vector<Modality> modalities,
                                           const SourceConfig &config, const std::set<Part> &parts);

} // namespace mome::data

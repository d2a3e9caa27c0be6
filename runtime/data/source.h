// Samples of an opened data set: safetensors shards, one tensor per modality, first axis = sample.
//
// A shard holds, for every stream, a tensor of shape [rows, ...sample shape] of type F32, F64, U8
// or I16 (converted to f32). Only the parts asked for are opened: a training process maps no shard
// that holds test rows alone, and asking for a sample of another part is an internal error. Every
// value is checked: NaN and Inf are refused with the sample's key. The values of an absent modality
// are read as zeros, whatever the shard holds.
#pragma once

#include <memory>
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

/// Gives samples as f32; implementations are safe to call from one loader thread at a time.
class Source {
public:
  virtual ~Source() = default;
  virtual const Index &index() const = 0;
  virtual const std::vector<Modality> &modalities() const = 0;
  /// Writes the modality's values of a sample.
  virtual void read(uint32_t sample, size_t modality, std::span<float> to) = 0;
};

/// Opens the shards of `parts`; throws Error (data): missing shard, missing tensor, wrong shape,
/// row out of range.
std::unique_ptr<Source> open_tensor_source(Index index, std::vector<Modality> modalities,
                                           const SourceConfig &config, const std::set<Part> &parts);

} // namespace mome::data

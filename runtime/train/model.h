// What training, evaluation and checkpoints need of a compiled model: named tensors, scalars,
// entries.
//
// `SessionModel` (session_model.h) is the real one, over a package; tests use small models written
// in C++. Tensors are always exchanged in natural layout, row-major.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/tensor.h"

namespace mome::train {

struct ModelTensor {
  std::string name;
  BindKind kind;
  DType dtype;
  std::vector<int64_t> shape;

  int64_t elements() const {
    int64_t n = 1;
    for (int64_t extent : shape) {
      n *= extent;
    }
    return n;
  }
  size_t bytes() const { return size_t(elements()) * dtype_size(dtype); }
};

struct ModelScalar {
  std::string name;
  bool integer;
  double value; // default
  bool host;    // computed every step, not settable
};

struct ModelEntry {
  std::string name;
  std::vector<size_t> inputs, outputs; // indices into ModelInfo::tensors
};

struct ModelMetric {
  std::string name;
  std::vector<std::string> sums;
};

struct ModelSection {
  std::string name, json;
};

struct ModelInfo {
  std::string model, package_hash, variant;
  std::vector<std::string> classes, modalities, optional;
  std::vector<ModelTensor> tensors;
  std::vector<ModelScalar> scalars;
  std::vector<ModelEntry> entries;
  std::vector<ModelMetric> metrics;
  std::vector<ModelSection> train, data;

  const ModelEntry *entry(std::string_view name) const;
  /// Throws Error (package): the entry is missing.
  const ModelEntry &require_entry(std::string_view name) const;
  std::optional<size_t> scalar(std::string_view name) const;
};

class Model {
public:
  virtual ~Model() = default;
  virtual const ModelInfo &info() const = 0;
  virtual void read(size_t tensor, std::span<std::byte> to) = 0;
  virtual void write(size_t tensor, std::span<const std::byte> from) = 0;
  virtual void set_scalar(size_t scalar, double value) = 0;
  virtual void run(const ModelEntry &entry) = 0;
  /// run() in two halves; between them the next inputs may be staged, as in runtime/session.h.
  virtual void start(const ModelEntry &entry) { run(entry); }
  virtual void finish() {}
  virtual bool stage(size_t, std::span<const std::byte>) { return false; }
  virtual void commit() {}
  virtual uint64_t memory_bytes() const { return 0; }

  /// The same model on several devices, of which this one, replica(0), is the first. replicate() gives
  /// the others its parameters, states and scalars: once these are there, before the first batch.
  virtual size_t replicas() const { return 1; }
  virtual Model &replica(size_t) { return *this; }
  virtual void replicate() {}

  std::vector<float> read_floats(size_t tensor); // f32 tensors only
  virtual void zero(size_t tensor);
};

} // namespace mome::train

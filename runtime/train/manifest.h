// manifest.json of a checkpoint, as C++.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "runtime/json_reader.h"
#include "runtime/train/checkpoint.h"

namespace mome::train {

struct ManifestFile {
  std::string name;
  uint64_t bytes;
  std::string hash;
};

struct ManifestTensor {
  ModelTensor tensor;
  std::string file, hash;
};

struct Manifest {
  TrainState state;
  std::vector<ManifestFile> files;
  std::vector<ManifestTensor> tensors;

  std::string to_json() const;
};

/// Throws Error (mismatch) when the file is missing or not what a checkpoint writes.
Manifest read_manifest(const std::filesystem::path &step_dir);

} // namespace mome::train

// Writes a safetensors file tensor by tensor, hashing on the way; nothing but one tensor is held in
// memory.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "runtime/files.h"
#include "runtime/hash.h"
#include "runtime/train/model.h"

namespace mome::train {

class TensorFileWriter {
public:
  /// `tensors` in the order they will be added. Throws Error when the file cannot be written.
  TensorFileWriter(const std::filesystem::path &path, const std::vector<ModelTensor> &tensors,
                   const std::map<std::string, std::string> &metadata = {});

  /// The next tensor's bytes, row-major; returns their XXH3-128.
  std::string add(std::span<const std::byte> bytes);
  /// fsync; returns the XXH3-128 of the whole file.
  std::string commit();
  uint64_t size() const { return written; }

private:
  OutputFile file;
  Xxh3 whole;
  std::vector<size_t> sizes;
  size_t next = 0;
  uint64_t written = 0;

  void put(std::span<const std::byte> bytes);
};

} // namespace mome::train

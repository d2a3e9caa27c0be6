// Reading safetensors files: mapped, and strict about everything the format promises.
//
//   u64 length of the header | header: {"NAME": {"dtype", "shape", "data_offsets": [begin, end]},
//   ...} | data
//
// Refused with a reason: a header above 100 MB or beyond the file, text that is not one JSON
// object, a repeated name, an unknown dtype, a shape that does not give its byte count, ranges that
// overlap, leave holes or do not reach the end.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "runtime/tensor.h"

namespace mome {

class MappedFile;

class SafetensorsFile {
public:
  /// Throws Error (mismatch) naming the file and the tensor.
  explicit SafetensorsFile(const std::filesystem::path &path);
  /// The same for bytes in memory, which must outlive the object; `name` is for messages.
  SafetensorsFile(std::span<const std::byte> bytes, const std::string &name);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile &&) noexcept;

  const std::map<std::string, TensorView> &tensors() const { return views; }
  const TensorView *find(const std::string &name) const;
  const std::map<std::string, std::string> &metadata() const { return meta; }

private:
  std::unique_ptr<MappedFile> file;
  std::map<std::string, TensorView> views;
  std::map<std::string, std::string> meta;

  void parse(std::span<const std::byte> bytes, const std::string &name);
};

} // namespace mome

#include "runtime/train/tensor_file.h"

#include "runtime/error.h"
#include "runtime/json_reader.h"

namespace mome::train {

TensorFileWriter::TensorFileWriter(const std::filesystem::path &path,
                                   const std::vector<ModelTensor> &tensors,
                                   const std::map<std::string, std::string> &metadata)
    : file(path) {
  OrderedJson header = OrderedJson::object();
  if (!metadata.empty()) {
    header["__metadata__"] = metadata;
  }
  uint64_t offset = 0;
  for (const ModelTensor &t : tensors) {
    const uint64_t end = offset + t.bytes();
    header[t.name] = {
        {"dtype", safetensors_dtype(t.dtype)}, {"shape", t.shape}, {"data_offsets", {offset, end}}};
    offset = end;
    sizes.push_back(t.bytes());
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' '); // data starts 8-byte aligned
  const uint64_t length = text.size();
  put(std::as_bytes(std::span(&length, 1)));
  put(std::as_bytes(std::span(text)));
}

void TensorFileWriter::put(std::span<const std::byte> bytes) {
  whole.update(bytes);
  file.write(bytes);
  written += bytes.size();
}

std::string TensorFileWriter::add(std::span<const std::byte> bytes) {
  if (next == sizes.size() || bytes.size() != sizes[next]) {
    throw internal_error("safetensors writer",
                         "tensor " + std::to_string(next) + " has the wrong size");
  }
  ++next;
  put(bytes);
  Xxh3 one;
  one.update(bytes);
  return one.hex();
}

std::string TensorFileWriter::commit() {
  if (next != sizes.size()) {
    throw internal_error("safetensors writer", "closed before all tensors were added");
  }
  file.commit();
  return whole.hex();
}

} // namespace mome::train

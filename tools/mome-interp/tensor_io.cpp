// See tensor_io.h.
#include "tools/mome-interp/tensor_io.h"

#include "runtime/error.h"
#include "runtime/safetensors.h"

#include <nlohmann/json.hpp>

#include <bit>
#include <cstring>
#include <fstream>

namespace mome::interp {

template <typename T> static std::vector<double> widen(std::span<const std::byte> bytes) {
  std::vector<double> values(bytes.size() / sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    T element;
    std::memcpy(&element, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<double>(element);
  }
  return values;
}

static std::vector<double> widenBf16(std::span<const std::byte> bytes) {
  std::vector<double> values(bytes.size() / 2);
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t bits;
    std::memcpy(&bits, bytes.data() + i * 2, 2);
    values[i] = std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
  }
  return values;
}

static std::vector<double> widen(const TensorView &tensor) {
  switch (tensor.dtype) {
  case DType::f32:
    return widen<float>(tensor.bytes);
  case DType::f64:
    return widen<double>(tensor.bytes);
  case DType::bf16:
    return widenBf16(tensor.bytes);
  case DType::i32:
    return widen<int32_t>(tensor.bytes);
  case DType::i64:
    return widen<int64_t>(tensor.bytes);
  case DType::i1:
    return widen<uint8_t>(tensor.bytes);
  }
  return {};
}

std::optional<std::string> readTensors(const std::string &path,
                                       std::map<std::string, Tensor> &tensors) {
  try {
    SafetensorsFile file(path);
    for (const auto &[name, view] : file.tensors()) {
      tensors[name] = {view.shape, widen(view)};
    }
    return std::nullopt;
  } catch (const Error &error) {
    return error.what();
  }
}

std::optional<std::string> writeTensors(const std::string &path,
                                        const std::map<std::string, Tensor> &tensors) {
  nlohmann::json header = nlohmann::json::object();
  size_t offset = 0;
  for (const auto &[name, tensor] : tensors) {
    size_t end = offset + tensor.data.size() * sizeof(double);
    header[name] = {{"dtype", "F64"}, {"shape", tensor.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  uint64_t length = text.size();
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char *>(&length), sizeof(length));
  file << text;
  for (const auto &[name, tensor] : tensors) {
    file.write(reinterpret_cast<const char *>(tensor.data.data()),
               tensor.data.size() * sizeof(double));
  }
  file.close();
  if (!file) {
    return path + ": cannot be written";
  }
  return std::nullopt;
}

} // namespace mome::interp

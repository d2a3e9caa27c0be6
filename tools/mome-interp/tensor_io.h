// Safetensors files for mome-interp, in plain C++: the runtime's reader throws, which MLIR's code
// must not see.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mome::interp {

struct Tensor {
  std::vector<int64_t> shape;
  std::vector<double> data;
};

/// Adds the tensors of a file, widened to f64. Returns what went wrong.
std::optional<std::string> readTensors(const std::string &path,
                                       std::map<std::string, Tensor> &tensors);

/// Writes all tensors as F64. Returns what went wrong.
std::optional<std::string> writeTensors(const std::string &path,
                                        const std::map<std::string, Tensor> &tensors);

} // namespace mome::interp

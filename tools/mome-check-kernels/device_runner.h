// Runs single kernels of a package variant on a device, as the runtime does. Knows no MLIR.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/device.h"

namespace mome {

class DeviceRunner {
public:
  /// One kernel for each list of buffer sizes; every buffer is an arena of its own, so that a device
  /// that checks accesses does it to the byte. A kernel with a group runs as the last of one, behind others on zeros. Null after
  /// printing why not.
  static std::unique_ptr<DeviceRunner> create(const std::string &variant, const std::string &code,
                                              std::vector<Kernel> kernels,
                                              const std::vector<std::vector<uint64_t>> &sizes);

  /// Uploads the first `inputs` buffers and 0xff for the others, runs, downloads the others. False
  /// after printing why not.
  bool run(size_t kernel, std::span<const std::span<std::byte>> buffers, size_t inputs);

private:
  std::unique_ptr<Device> device;
  std::vector<Program> programs;
};

} // namespace mome

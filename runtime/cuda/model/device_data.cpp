// Sources, by column.
//
// Multiprocessors, boost clock, FP32 and FP64 lanes, dense tensor rates, DRAM, L2 size:
//   A100     NVIDIA A100 Tensor Core GPU Architecture (whitepaper, 2020), tables 1 and 4; DRAM of the 80
//            GB module: NVIDIA A100 datasheet (2039 GB/s); of the 40 GB module 1555 GB/s
//   H100     NVIDIA H100 Tensor Core GPU Architecture (whitepaper, 2022), SXM5 column; 989.4 TFLOP/s
//            of bf16 give 1.83 GHz, at which tensor-core code runs; mma.sync reaches 62 % of it on
//            average: Luo et al., "Benchmarking and Dissecting the Nvidia Hopper GPU Architecture"
//            (2024, arXiv:2402.13499), who measured that wgmma reaches all
//   H200     the same processor; DRAM: NVIDIA H200 datasheet (2024)
//   RTX 4090 NVIDIA Ada GPU Architecture (whitepaper, 2022), appendix A
//   A6000    NVIDIA Ampere GA102 GPU Architecture (whitepaper, 2021), appendix B
//   V100     NVIDIA Tesla V100 GPU Architecture (whitepaper, 2017), table 1
// L2 bytes per cycle: the A100 whitepaper gives 5120 for A100 and 2048 for V100. Nobody gives the others:
//   6320 for H100, of which the 70 % that the model lets a kernel have are 8.1 TB/s: what tiles of 192 x 192,
//   64 deep, read at the 777.5 TFLOP/s that github.com/pranjalssh/fast.cu measured for its kernel 6, which
//   shares nothing between multiprocessors; 2048 for A6000; 4096 for RTX 4090, whose 5 TB/s have been
//   measured by others with less.
// Threads, blocks, shared memory: CUDA C++ Programming Guide, table of compute capabilities.
#include "runtime/cuda/model/device_data.h"

#include <cctype>
#include <string>

namespace mome::cuda {
namespace {

constexpr double mib = 1 << 20;
constexpr int kib = 1 << 10;

constexpr DeviceData devices[] = {
    {"a100", "A100 SXM 80 GB", 80, 108, 1.41e9, 2.039e12, 5120, 40 * mib, 64, 32, 1024, 2048, 32,
     164 * kib},
    {"a100-40", "A100 SXM 40 GB", 80, 108, 1.41e9, 1.555e12, 5120, 40 * mib, 64, 32, 1024, 2048, 32,
     164 * kib},
    {"h100", "H100 SXM", 90, 132, 1.83e9, 3.35e12, 6320, 50 * mib, 128, 64, 2048, 2048, 32,
     228 * kib, 0.62},
    {"h200", "H200 SXM", 90, 132, 1.83e9, 4.8e12, 6320, 50 * mib, 128, 64, 2048, 2048, 32,
     228 * kib, 0.62},
    {"rtx4090", "RTX 4090", 89, 128, 2.52e9, 1.008e12, 4096, 72 * mib, 128, 2, 256, 1536, 24,
     100 * kib},
    {"a6000", "RTX A6000", 86, 84, 1.80e9, 0.768e12, 2048, 6 * mib, 128, 2, 512, 1536, 16,
     100 * kib},
    {"v100", "V100 SXM2", 70, 80, 1.53e9, 0.9e12, 2048, 6 * mib, 64, 32, 512, 2048, 32, 96 * kib},
};

} // namespace

std::span<const DeviceData> device_data() {
  return devices;
}

const DeviceData *find_device_data(std::string_view name) {
  if (name.starts_with("sm_") && name.ends_with("a")) {
    name.remove_suffix(1);
  }
  for (const DeviceData &d : devices) {
    const int architecture = d.architecture;
    const char digits[] = {char('0' + architecture / 10), char('0' + architecture % 10)};
    if (name == d.key ||
        (name.starts_with("sm_") && name.substr(3) == std::string_view(digits, 2))) {
      return &d;
    }
  }
  return nullptr;
}

const DeviceData *find_device_data(int architecture, std::string_view driver_name) {
  std::string letters;
  for (const char c : driver_name) {
    if (std::isalnum((unsigned char)c)) {
      letters += char(std::tolower((unsigned char)c));
    }
  }
  const DeviceData *first = nullptr;
  for (const DeviceData &d : devices) {
    if (d.architecture == architecture) {
      if (letters.find(d.key) != letters.npos) {
        return &d;
      }
      first = first == nullptr ? &d : first;
    }
  }
  return first;
}

std::string_view device_data_names() {
  return "a100, a100-40, h100, h200, rtx4090, a6000, v100";
}

} // namespace mome::cuda

// What the performance model knows of a GPU. The numbers are public; device_data.cpp says whose.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace mome::cuda {

struct DeviceData {
  std::string_view key, name;
  int architecture; // 80 for sm_80
  int multiprocessors;
  double clock;              // cycles per second under load (boost)
  double dram, l2_per_clock; // bytes per second; bytes per cycle of the whole chip
  double l2_bytes;
  // Per multiprocessor and cycle: lanes of an arithmetic unit, multiply-adds of the tensor cores
  // (f16 or bf16, dense).
  int fp32_lanes, fp64_lanes, tensor_fmas;
  int threads, blocks, shared_bytes; // that are resident on a multiprocessor at most
  double mma_share = 1;              // of the tensor cores' rate that mma.sync reaches

  double peak_flops() const { return 2.0 * fp32_lanes * multiprocessors * clock; }
  double tensor_peak() const { return 2.0 * tensor_fmas * multiprocessors * clock; }
};

std::span<const DeviceData> device_data();
/// By key ("h100"), or the first of an architecture ("sm_90", "sm_90a"); null if there is none.
const DeviceData *find_device_data(std::string_view name);
/// That of a device with this name of the driver's ("NVIDIA H200"), else the first of its architecture.
const DeviceData *find_device_data(int architecture, std::string_view driver_name);
/// "a100, h100, ...", for messages.
std::string_view device_data_names();

} // namespace mome::cuda

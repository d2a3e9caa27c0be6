// A CUDA device: arenas are one allocation each, code is PTX that the driver compiles, a dispatch is
// its kernel's launches on one stream, a whole program is a graph captured once and launched as one.
#pragma once

#include <memory>
#include <vector>

#include "runtime/cuda/driver_api.h"
#include "runtime/device.h"

namespace mome::cuda {

class CudaDevice : public Device {
public:
  /// Throws Error (device): no driver, no such device.
  explicit CudaDevice(int ordinal);
  ~CudaDevice() override;

  std::string name() const override;
  uint64_t available_bytes() const override;
  void allocate(std::span<const Arena> arenas) override;
  void load(std::span<const std::byte> code, std::span<const Kernel> kernels,
            const std::string &where) override;
  size_t prepare(const Program &program) override;
  void upload(const Slice &slice, std::span<const std::byte> from) override;
  void download(const Slice &slice, std::span<std::byte> to) override;
  std::byte *host_memory(uint32_t) override { return nullptr; }
  void run(size_t program, size_t begin, size_t end) override;

private:
  struct Function {
    CUfunction function;
    unsigned blocks, threads, shared;
  };
  struct Call {
    uint32_t kernel;
    size_t first; // into the program's arguments
  };
  struct Prepared {
    std::vector<CUdeviceptr> addresses;
    std::vector<void *> arguments; // into `addresses`
    std::vector<Call> calls;
    CUgraphExec graph = nullptr; // of all calls; captured when they first run
  };

  void make_current() const;
  void launch(const Prepared &program, size_t begin, size_t end);
  CUgraphExec capture(const Prepared &program);
  void synchronize(const char *after);

  const DriverApi &api;
  std::string where; // "device cuda:0 (NVIDIA A100)"
  CUdevice device = 0;
  CUcontext context = nullptr;
  CUstream stream = nullptr;
  CUmodule module = nullptr;
  std::vector<CUdeviceptr> arenas;
  CUdeviceptr scratch = 0;
  std::vector<std::vector<Function>> kernels;
  std::vector<Prepared> programs;
};

/// Compute capability of a device, 80 for 8.0; 0 when there is no driver or no such device.
int compute_capability(int ordinal);

} // namespace mome::cuda

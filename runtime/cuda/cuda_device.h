// A CUDA device: arenas are one allocation each, code is PTX that the driver compiles, a dispatch is
// its kernel's launches, or a library's call. A whole program is captured once, from as many streams as the package says
// and the events between them, and launched as one graph; a part of one runs on one stream. What
// the next run reads can go up meanwhile (staging.h).
#pragma once

#include <memory>
#include <vector>

#include "runtime/cuda/driver_api.h"
#include "runtime/cuda/libraries/provider.h"
#include "runtime/cuda/staging.h"
#include "runtime/device.h"

namespace mome::cuda {

class CudaDevice : public Device {
public:
  /// Throws Error (device): no driver, no such device.
  explicit CudaDevice(int ordinal);
  ~CudaDevice() override;

  std::string name() const override;
  std::vector<std::string> notes() const override { return choices; }
  uint64_t available_bytes() const override;
  void allocate(std::span<const Arena> arenas) override;
  void load(std::span<const std::byte> code, std::span<const Kernel> kernels,
            const std::string &where) override;
  size_t prepare(const Program &program) override;
  void upload(const Slice &slice, std::span<const std::byte> from) override;
  void download(const Slice &slice, std::span<std::byte> to) override;
  void copy(std::span<const Slice> slices, Device &from) override;
  std::byte *host_memory(uint32_t) override { return nullptr; }
  void run(size_t program, size_t begin, size_t end) override;
  void start(size_t program, size_t dispatches) override;
  void finish() override;
  bool stage(const Slice &slice, std::span<const std::byte> from) override;
  void commit() override;

private:
  struct Function {
    CUfunction function;
    unsigned blocks, threads, shared;
  };
  struct LoadedKernel {
    std::vector<Function> functions;
    std::unique_ptr<BoundCall> library; // instead of functions
    size_t group;     // rows of the table that functions take; 1: they take the arguments
    uint64_t scratch; // bytes, of one dispatch
  };
  /// Dispatches that one launch runs: a group, or one alone.
  struct Call {
    uint32_t kernel, stream;
    size_t dispatch, count;    // in the program
    size_t first, row;         // into the program's arguments: row by row, one for each dispatch
    std::vector<size_t> after; // calls on other streams
    bool awaited = false;      // by a call on another stream
  };
  struct Prepared {
    std::vector<CUdeviceptr> addresses; // of each dispatch: its arguments, then its scratch
    std::vector<void *> arguments;      // into `addresses`
    std::vector<Call> calls;
    size_t dispatches;
    CUgraphExec graph = nullptr; // of all calls; captured when they first run
  };

  class Events;

  void make_current() const;
  void add_streams(size_t count);
  void launch(const Prepared &program, const Call &call, CUstream on);
  void add_addresses(const Dispatch &dispatch, size_t member, Prepared &to) const;
  void launch_in_order(const Prepared &program, size_t begin, size_t end);
  void launch_on_streams(const Prepared &program, Events &events);
  CUgraphExec capture(const Prepared &program);
  void synchronize(const char *after);

  const DriverApi &api;
  std::string where; // "device cuda:0 (NVIDIA A100)"
  CUdevice device = 0;
  CUcontext context = nullptr;
  std::vector<CUstream> streams;    // the first is what the host waits for
  std::vector<CUdeviceptr> scratch; // of each stream
  uint64_t scratch_bytes = 0;
  CUmodule module = nullptr;
  std::vector<CUdeviceptr> arenas;
  std::vector<LoadedKernel> kernels;
  std::vector<std::string> choices; // of libraries
  std::vector<Prepared> programs;
  std::unique_ptr<Staging> staging; // once something was staged
};

/// Throws Error (device): no driver, or no device of that number.
void require_device(int ordinal);
/// Compute capability of a device, 80 for 8.0; 0 when there is no driver or no such device.
int compute_capability(int ordinal);

} // namespace mome::cuda

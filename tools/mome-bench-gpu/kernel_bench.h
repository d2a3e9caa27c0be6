// The kernels of a package on two devices: the same inputs, the results compared, the time taken.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/device.h"
#include "runtime/package.h"

namespace mome {

/// A kernel as some dispatch of the package calls it.
struct KernelUse {
  const Kernel *kernel;        // of the variant on the GPU
  std::vector<uint64_t> sizes; // of its arguments
  std::string op;              // root, for the report
  double flops = 0;
  int64_t step_runs = 0; // in the entry whose time is added up
};

/// Every kernel that a program of the variant calls, in the order of the kernels. `entry`: the program that
/// counts runs.
std::vector<KernelUse> kernel_uses(const Variant &variant, const std::string &entry);

/// One variant on one device, with room for the arguments of the largest kernel.
class KernelBench {
public:
  /// Programs run a kernel once and, for timing, `repeat` times.
  KernelBench(const Package &package, const Variant &variant, const DeviceOptions &options,
              const std::vector<KernelUse> &uses, int repeat);

  const Device &get_device() const { return *device; }
  /// The bytes of all results of use number `i`, from inputs that depend on `i` alone.
  std::vector<std::byte> run(size_t i);
  /// Seconds of one run, of the best of some trials.
  double time(size_t i);

private:
  const std::vector<KernelUse> &uses;
  std::unique_ptr<Device> device;
  std::vector<std::vector<Slice>> places; // of the arguments of each use
  std::vector<size_t> once, often;        // programs
  int repeat;

  void fill(size_t i);
};

/// The largest difference of two results, as a part of 1 + the largest magnitude; NaN where only one is
/// NaN.
double difference(const KernelUse &use, const std::vector<std::byte> &expected,
                  const std::vector<std::byte> &found);

} // namespace mome

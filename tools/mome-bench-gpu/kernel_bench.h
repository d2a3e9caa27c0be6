// The kernels of a package on a device: the same inputs everywhere, the results, the time taken.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/device.h"
#include "runtime/package.h"
#include "tools/mome-bench-gpu/numbers.h"

namespace mome {

/// A kernel as some dispatch of the package calls it.
struct KernelUse {
  const Kernel *kernel;        // of the variant on the GPU
  std::vector<uint64_t> sizes; // of its arguments
  std::string op;              // root, for the report
  double flops = 0;
  int64_t step_runs = 0; // in the entry whose time is added up
  uint32_t group = 1;    // dispatches in one launch there, at most

  size_t operands() const { return kernel->types.size() - kernel->results; }
};

/// Every kernel that a program of the variant calls and whose name or op contains `only`, in the order of
/// the kernels. `entry`: the program that counts runs.
std::vector<KernelUse> kernel_uses(const Variant &variant, const std::string &entry,
                                   const std::string &only);

/// One variant on one device, with room for the arguments of the largest kernel.
class KernelBench {
public:
  /// Programs run a kernel once and, for timing, `repeat` times; with `groups` the last of a group, and whole groups.
  KernelBench(const Package &package, const Variant &variant, const DeviceOptions &options,
              const std::vector<KernelUse> &uses, int repeat, bool groups);

  const Device &get_device() const { return *device; }
  /// Runs use number `i` on inputs that depend on it and the range alone.
  void run(size_t i, NumberRange range);
  /// The same around zero; where that gives NaN (logarithms, roots), on positive numbers: which of both.
  NumberRange run(size_t i);
  /// True if a result is NaN.
  bool has_nan(size_t i);
  /// Copies of the results.
  std::vector<std::vector<std::byte>> results(size_t i);
  /// The arguments where they are, on a device that shares memory with the host.
  std::vector<std::span<std::byte>> arguments(size_t i);
  /// Seconds of one run, or of a group's share, of the best of some trials.
  double time(size_t i);

private:
  const std::vector<KernelUse> &uses;
  std::unique_ptr<Device> device;
  std::vector<std::vector<Slice>> places; // of the arguments of each use
  std::vector<size_t> once, often;        // programs
  int repeat;
  bool groups;

  uint32_t group_of(const KernelUse &use) const { return groups ? use.group : 1; }
  void fill(size_t i, NumberRange range);
};

} // namespace mome

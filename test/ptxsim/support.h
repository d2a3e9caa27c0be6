// A device with one module, for tests: buffers from vectors, launches by name, results back.
#pragma once

#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "runtime/cuda/sim/load.h"
#include "runtime/cuda/sim/simulate.h"

namespace mome::ptxsim::test {

std::string kernel_file(const std::string &name); // text of test/ptxsim/kernels/NAME

class Sim {
public:
  explicit Sim(std::string ptx, std::string name = "test.ptx")
      : module(std::make_shared<Module>(parse(std::move(ptx), std::move(name)))),
        symbols(load_variables(*module, memory)) {}

  /// A device buffer with these values.
  template <class T> uint64_t buffer(const std::vector<T> &values) {
    const uint64_t address = memory.allocate(values.size() * sizeof(T));
    if (!values.empty()) {
      std::memcpy(memory.host(address, values.size() * sizeof(T)), values.data(),
                  values.size() * sizeof(T));
      memory.mark(address, values.size() * sizeof(T), true);
    }
    return address;
  }
  template <class T> uint64_t empty(size_t count) { return memory.allocate(count * sizeof(T)); }
  template <class T> std::vector<T> read(uint64_t address, size_t count) {
    std::vector<T> values(count);
    std::memcpy(values.data(), memory.host(address, count * sizeof(T)), count * sizeof(T));
    return values;
  }

  /// Launches with `setup`'s grid, block and checks.
  template <class... Args> Report run(const char *kernel, Launch setup, Args... args) {
    const Program program = decode(module, kernel, symbols);
    const void *values[] = {static_cast<const void *>(&args)..., nullptr};
    if (sizeof...(args) != program.params.size()) {
      ADD_FAILURE() << kernel << " takes " << program.params.size() << " parameters";
      return {};
    }
    const std::vector<std::byte> params = pack_params(program, values);
    setup.params = params;
    return simulate(program, memory, setup);
  }

  Memory memory;
  std::shared_ptr<Module> module;
  Symbols symbols;
};

inline Launch shape(uint32_t grid, uint32_t block, uint32_t shared = 0) {
  Launch l;
  l.grid = {grid, 1, 1};
  l.block = {block, 1, 1};
  l.dynamic_shared = shared;
  return l;
}

inline std::string texts(const Report &r) {
  std::string out;
  for (const Fault &f : r.faults) {
    out += f.text("test.ptx") + "\n";
  }
  return out;
}
#define EXPECT_CLEAN(report)                                                                       \
  do {                                                                                             \
    const Report report_ = (report);                                                               \
    EXPECT_TRUE(report_.ok()) << texts(report_);                                                   \
  } while (false)

/// The first fault is of this kind, and its message has this in it.
inline void expect_fault(const Report &r, FaultKind kind, const std::string &part = {}) {
  ASSERT_FALSE(r.faults.empty()) << "no fault";
  EXPECT_EQ(fault_name(r.faults[0].kind), fault_name(kind)) << texts(r);
  EXPECT_NE(r.faults[0].message.find(part), std::string::npos) << texts(r);
}

} // namespace mome::ptxsim::test

// mome doctor: what this machine offers, and whether it can run packages at all.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sys/mman.h>

#include "runtime/cpu_device.h"
#include "runtime/cuda/cuda_device.h"
#include "runtime/error.h"
#include "runtime/text.h"
#include "tools/mome/commands.h"

namespace mome::tool {
namespace {

std::string processor_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("model name") && line.find(": ") != line.npos) {
      return line.substr(line.find(": ") + 2);
    }
  }
  return "unknown processor";
}

/// Maps a function as a package's code is mapped, and calls it.
bool runs_mapped_code() {
#if defined(__x86_64__)
  constexpr unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3}; // mov eax, 42; ret
  constexpr size_t page = 4096, offset = 64; // UBSan looks for a signature in front of a function
  void *memory = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    return false;
  }
  void *function = static_cast<std::byte *>(memory) + offset;
  std::memcpy(function, code, sizeof code);
  const bool ok = ::mprotect(memory, page, PROT_READ | PROT_EXEC) == 0 &&
                  reinterpret_cast<int (*)()>(function)() == 42;
  ::munmap(memory, page);
  return ok;
#else
  return false;
#endif
}

/// Microseconds to start and finish a piece of work on every thread.
double fork_join_us(ThreadPool &pool) {
  constexpr int rounds = 2000;
  const auto nothing = [](void *, int, int64_t, int64_t) {};
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < rounds; ++i) {
    pool.run(nothing, nullptr, pool.size());
  }
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
  return time.count() / rounds;
}

bool report(bool ok, const std::string &text) {
  std::printf("%s  %s\n", ok ? "ok " : "BAD", text.c_str());
  return ok;
}

} // namespace

void add_doctor(CLI::App &app, int &exit_code) {
  CLI::App *command = app.add_subcommand("doctor", "check that this machine can run packages");
  command->callback([&exit_code] {
    std::printf("mome %s on %s\n", MOME_VERSION, processor_name().c_str());
    std::vector<std::string> levels;
    for (const char *level : {"x86-64-v2", "x86-64-v3", "x86-64-v4", "x86-64-v4+bf16"}) {
      if (can_run(level)) {
        levels.push_back(level);
      }
    }
    bool ok =
        report(!levels.empty(), levels.empty() ? "no variant that momec writes runs here"
                                               : "variants that run here: " + join_names(levels));
    ok &= report(runs_mapped_code(), "machine code from a package can be mapped and called");
    ThreadPool pool;
    char text[64];
    std::snprintf(text, sizeof text, "%d threads, %.2f us to start and finish a dispatch",
                  pool.size(), fork_join_us(pool));
    ok &= report(true, text);
    const uint64_t memory = available_memory();
    const bool enough = memory > uint64_t{256} << 20;
    ok &= report(enough, memory == UINT64_MAX ? "free memory unknown"
                                              : bytes_text(memory) + " of memory free");
    if (enough) { // the measurement takes most of that
      std::snprintf(text, sizeof text, "%.1f GFLOP/s of multiply-adds, %.1f GB/s of memory",
                    measure_multiply_adds(pool, 0.5) * 1e-9, measure_triad(pool) * 1e-9);
      report(true, text);
    }
    std::string why;
    if (const cuda::DriverApi *api = cuda::find_driver(&why)) {
      int devices = 0;
      api->DeviceGetCount(&devices);
      report(devices > 0, std::to_string(devices) + " CUDA devices");
      for (int i = 0; i < devices; ++i) {
        const int capability = cuda::compute_capability(i);
        report(capability >= 80, "  cuda:" + std::to_string(i) + " runs code for sm_" +
                                     std::to_string(capability) + " and before");
      }
    } else {
      std::printf("--   %s\n", why.c_str()); // a machine without one is in order
    }
    exit_code = ok ? 0 : int(Exit::device);
  });
}

} // namespace mome::tool

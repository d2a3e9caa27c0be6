#include "runtime/cuda/sim/simulate.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "runtime/cuda/sim/block.h"
#include "runtime/error.h"

namespace mome::ptxsim {
namespace {

constexpr uint64_t max_shared = 227 * 1024, max_local = 512 * 1024;

[[noreturn]] void bad_launch(const Program &p, const std::string &what, const char *hint = "") {
  throw Error(Exit::device, "launch of " + p.name, what, hint);
}

void check_launch(const Program &p, const Launch &l) {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
    bad_launch(p, "the simulator needs a processor with AVX2 and FMA");
  }
  uint64_t threads = 1, blocks = 1;
  for (size_t i = 0; i < 3; ++i) {
    if (l.grid[i] == 0 || l.block[i] == 0 || l.block[i] > 1024 || l.grid[i] > 0x7fffffff) {
      bad_launch(p, "a grid or block of an impossible size");
    }
    threads *= l.block[i];
    blocks *= l.grid[i];
    if (p.required_threads[0] && p.required_threads[i] != l.block[i]) {
      bad_launch(p, "a block of another size than the kernel's .reqntid");
    }
  }
  if (threads > 1024 || blocks > uint64_t{1} << 40) {
    bad_launch(p, std::to_string(threads) + " threads a block: at most 1024");
  }
  const uint64_t most =
      uint64_t{p.max_threads[0]} * std::max(p.max_threads[1], 1u) * std::max(p.max_threads[2], 1u);
  if (p.max_threads[0] && threads > most) {
    bad_launch(p, std::to_string(threads) + " threads a block, but .maxntid says " +
                      std::to_string(most));
  }
  const uint64_t shared = std::max(p.static_shared, l.dynamic_shared ? p.dynamic_base : 0);
  if (shared + l.dynamic_shared > max_shared) {
    bad_launch(p, std::to_string(shared + l.dynamic_shared) + " bytes of shared memory",
               "no device has more than 227 KiB for a block");
  }
  if (p.local_bytes > max_local) {
    bad_launch(p, std::to_string(p.local_bytes) + " bytes of local memory a thread",
               "at most 512 KiB");
  }
  if (l.params.size() < p.param_bytes) {
    bad_launch(p, std::to_string(l.params.size()) + " bytes of parameters for " +
                      std::to_string(p.param_bytes));
  }
}

/// Blocks go to workers in order; after a fatal fault no later block starts, and blocks that ran
/// ahead of the fault are forgotten, so that the report is that of a run in order.
class Run {
public:
  Run(const Program &program, Memory &memory, const Launch &launch)
      : program(program), memory(memory), launch(launch) {
    grid.launch_id = memory.next_launch();
    blocks = uint64_t{launch.grid[0]} * launch.grid[1] * launch.grid[2];
    count = launch.only_blocks.empty() ? blocks : launch.only_blocks.size();
    for (const uint64_t b : launch.only_blocks) {
      if (b >= blocks) {
        bad_launch(program, "block " + std::to_string(b) + " of " + std::to_string(blocks));
      }
    }
  }

  Report run() {
    int workers = launch.threads ? launch.threads : int(std::thread::hardware_concurrency());
    workers = program.ordered ? 1 : int(std::min<uint64_t>(uint64_t(std::max(workers, 1)), count));
    std::vector<std::thread> helpers;
    for (int w = 1; w < workers; ++w) {
      helpers.emplace_back([this] { work(); });
    }
    work();
    for (std::thread &t : helpers) {
      t.join();
    }
    if (failure) {
      std::rethrow_exception(failure);
    }
    std::sort(report.faults.begin(), report.faults.end(),
              [](const Fault &a, const Fault &b) { return a.block < b.block; });
    std::erase_if(report.faults, [&](const Fault &f) { return f.block > stop; });
    if (report.faults.size() > launch.max_faults) {
      report.faults.resize(launch.max_faults);
    }
    return std::move(report);
  }

private:
  const Program &program;
  Memory &memory;
  const Launch &launch;
  Grid grid;
  uint64_t blocks = 0, count = 0;
  std::atomic<uint64_t> next{0}, stop{UINT64_MAX};
  std::mutex mutex;
  Report report;
  std::exception_ptr failure;

  uint64_t block_number(uint64_t n) const {
    return launch.only_blocks.empty() ? n : launch.only_blocks[n];
  }

  void work() {
    try {
      Block block(program, memory, launch, grid);
      for (uint64_t n; (n = next.fetch_add(1)) < count && block_number(n) < stop;) {
        const uint64_t number = block_number(n);
        if (!block.run(number)) {
          uint64_t first = stop;
          while (number < first && !stop.compare_exchange_weak(first, number)) {
          }
        }
        // A block's faults must not crowd out those of lower ones.
        if (!block.faults.empty()) {
          const std::lock_guard lock(mutex);
          std::move(block.faults.begin(), block.faults.end(), std::back_inserter(report.faults));
          block.faults.clear();
        }
      }
      finish(block);
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
      stop = 0;
    }
  }

  void finish(Block &block) {
    const std::lock_guard lock(mutex);
    for (size_t pc = 0; pc < program.code.size(); ++pc) {
      const Inst &i = program.code[pc];
      block.counters.warp_instructions[size_t(i.kind)] += block.counts[pc].warps;
      block.counters.lane_instructions[size_t(i.kind)] += block.counts[pc].lanes;
      const uint64_t flops = block.counts[pc].lanes * i.flops;
      (i.kind == Kind::tensor ? block.counters.tensor_flops : block.counters.flops) += flops;
      block.counters.tf32_flops += i.kind == Kind::tensor && i.width == 4 ? flops : 0;
      if (launch.count_lines && i.kind != Kind::pseudo && block.counts[pc].warps) {
        report.line_counts[i.line] += block.counts[pc].warps;
      }
    }
    report.counters += block.counters;
    for (const auto &[base, sectors] : block.buffer_sectors) {
      report.buffer_sectors[base] += sectors;
    }
  }
};

} // namespace

Report simulate(const Program &program, Memory &memory, const Launch &launch) {
  check_launch(program, launch);
  return Run(program, memory, launch).run();
}

} // namespace mome::ptxsim

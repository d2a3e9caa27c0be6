#include "runtime/cuda/model/prediction.h"

#include <algorithm>
#include <cmath>

namespace mome::cuda {
namespace {

/// What is asked for beside the published peaks; one value for all devices and kernels.
constexpr double dram_efficiency = 0.85, l2_efficiency = 0.7;
/// Between two kernels of a graph.
constexpr double launch_seconds = 2e-6;
/// A load from L2 or memory that nothing hides; 290 for A100 by Abdelkhalik et al., "Demystifying the
/// Nvidia Ampere Architecture through Microbenchmarking" (2022). Barriers: a guess.
constexpr double load_cycles = 290, barrier_cycles = 30;
/// Of the load/store unit for a request that finds its lines in the first-level cache: fitted to the
/// timings of `coalesced` on three devices (docs/performance-model.md).
constexpr double global_cycles = 2;
/// Loads of a warp that wait at the same time, where no barrier says how many.
constexpr double loads_in_flight = 4;
/// Of a thread without a record from ptxas.
constexpr int usual_registers = 64;
constexpr int registers = 65536, warp_size = 32;

struct Time {
  double seconds = 0;
  std::string_view what;
  void take(double other, std::string_view name) {
    if (other > seconds) {
      seconds = other, what = name;
    }
  }
};

/// Cycles that a multiprocessor's busiest unit needs for this share of the work.
Time busy_cycles(const DeviceData &d, const Work &w, double share) {
  const auto lanes = [](int n) { return double(n) / warp_size; }; // warps per cycle
  Time t;
  t.take(share * w.instructions / 4, "issue");
  t.take(share * w.fp32 / lanes(d.fp32_lanes), "FP32");
  t.take(share * w.fp64 / lanes(d.fp64_lanes), "FP64");
  t.take(share * w.integer / lanes(64), "integers");
  t.take(share * w.special / lanes(16), "special functions");
  // tf32 runs at half the rate of bf16.
  const double by_mma = (w.tensor_flops - w.wgmma_flops + w.tf32_flops) / d.mma_share;
  t.take(share * (w.wgmma_flops + by_mma) / 2 / d.tensor_fmas, "tensor cores");
  const double shared = w.shared_wavefronts;
  const double global = std::max(w.lines, w.global_requests * global_cycles);
  t.take(share * (shared + global), shared > global ? "shared memory" : "L1");
  return t;
}

/// Bytes that come from DRAM: each buffer once if the second-level cache holds them all; else blocks that run together, a wave of
/// them, share what they read as the rows and columns of a square of them do. What each wave reads as a whole is still in the cache
/// if that holds what a wave reads.
double dram_bytes(const DeviceData &d, const Work &w, double blocks, double together) {
  const double waves = blocks / w.rows / together; // of a row's blocks
  struct Bytes {
    double once, shared, wave;
  };
  std::vector<Bytes> buffers;
  double of_all = 0, of_wave = 0;
  for (const BufferUse &use : w.buffers) {
    const double asked = 32 * use.sectors, once = std::min(asked, use.bytes);
    const double shared = std::max(once, asked / std::sqrt(together));
    buffers.push_back({once, shared, std::min(once, shared / std::max(waves, 1.0))});
    of_all += once * w.rows;
    of_wave += buffers.back().wave * std::max(1 / waves, 1.0);
  }
  double bytes = 0;
  for (const auto &[once, shared, wave] : buffers) {
    const bool stays = of_all <= d.l2_bytes || (wave == once && of_wave <= d.l2_bytes);
    bytes += w.rows * (stays ? once : shared);
  }
  return bytes;
}

} // namespace

Occupancy occupancy(const DeviceData &d, const LaunchShape &launch, const Resources &resources) {
  const int warps = (int(launch.threads()) + warp_size - 1) / warp_size;
  const int per_thread = resources.registers ? resources.registers : usual_registers;
  // Registers are given by warps, in pieces of 256; a block takes 1 KiB of shared memory for the system
  // from sm_80 on.
  const int per_warp = (per_thread * warp_size + 255) / 256 * 256;
  const int warps_by_registers = registers / per_warp / 4 * 4;
  const uint32_t reserved = d.architecture >= 80 ? 1024 : 0;
  const uint32_t shared = (launch.shared + resources.static_shared + reserved + 127) / 128 * 128;
  Occupancy result{d.blocks, "blocks"};
  const auto limit = [&](int blocks, std::string_view what) {
    if (blocks < result.blocks) {
      result = {blocks, what};
    }
  };
  limit(d.threads / (warps * warp_size), "threads");
  limit(warps_by_registers / warps, "registers");
  limit(shared ? int(uint32_t(d.shared_bytes) / shared) : result.blocks, "shared memory");
  result.blocks = std::max(result.blocks, 0);
  return result;
}

Prediction predict(const DeviceData &d, const LaunchShape &launch, const Work &w,
                   const Resources &resources) {
  Prediction p;
  p.occupancy = occupancy(d, launch, resources);
  const double blocks = double(launch.blocks()), resident = std::max(p.occupancy.blocks, 1);
  const double warps = blocks * std::ceil(launch.threads() / double(warp_size));
  const Time block = busy_cycles(d, w, 1 / blocks);
  const double loads = w.waited_loads / warps, barriers = w.barriers / warps;
  const double rounds = 1 + std::max(loads / loads_in_flight, std::min(loads, barriers / 2));
  const double waits = rounds * load_cycles + barriers * barrier_cycles;
  // The multiprocessor with the most blocks, in groups of those that are resident together.
  double left = std::ceil(blocks / d.multiprocessors), work = 0, cycles = 0;
  for (; left > 0; left -= resident) {
    const double group = std::min(left, resident);
    work += group * block.seconds;
    cycles += std::max(group * block.seconds, block.seconds + waits);
    if (left > 8 * resident) { // all full groups are alike
      const double skipped = std::floor(left / resident) - 2;
      work += skipped * resident * block.seconds;
      cycles += skipped * std::max(resident * block.seconds, block.seconds + waits);
      left -= skipped * resident;
    }
  }
  Time t;
  t.take(cycles / d.clock, cycles > 2 * work ? "latency" : block.what);
  t.take(32 * w.sectors / (d.l2_per_clock * d.clock * l2_efficiency), "L2");
  t.take(dram_bytes(d, w, blocks, std::min(blocks, resident * d.multiprocessors)) /
             (d.dram * dram_efficiency),
         "DRAM");
  p.limiter = t.seconds < launch_seconds ? "launch" : t.what;
  p.seconds = launch_seconds + t.seconds;
  return p;
}

} // namespace mome::cuda

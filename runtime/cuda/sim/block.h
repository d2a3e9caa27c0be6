// One thread block: its warps, shared memory, barriers, and the race checker's clocks.
//
// The race checker is FastTrack's: each warp counts its synchronisations (`clock`), and knows up to
// which clock it has seen each other warp (`known`). An access is remembered as (warp, clock); a
// later one by another warp races with it when that clock is not known. Barriers join what the
// participants know, an mbarrier or fence carries knowledge from who arrives to who waits. Within a
// warp two lanes race unless bar.warp.sync or a barrier lies between. A worker runs many blocks
// with one Block; clocks only grow, so nothing is cleared in between.
#pragma once

#include <unordered_map>
#include <unordered_set>

#include "runtime/cuda/sim/simulate.h"
#include "runtime/cuda/sim/warp.h"

namespace mome::ptxsim {

constexpr uint32_t barrier_aligned = 1, barrier_arrive_only = 2, barrier_counted = 4;
constexpr int barrier_count = 16;
constexpr uint8_t warp_barrier = 77; // Inst::sub of bar.warp.sync
constexpr int lane_many = 63, lane_unknown = 62;

struct InstCount {
  uint64_t warps = 0, lanes = 0;
};

struct Barrier {
  uint32_t expected = 0, arrived = 0;
  uint32_t popc = 0; // bar.red
  bool all = true, any = false;
  uint32_t line = 0;           // where the first arrived
  std::vector<uint32_t> known; // joined clocks
  std::vector<int> warps;      // who arrived
};

struct MBarrier {
  uint32_t count = 0, pending = 0; // arrivals of a phase; still missing
  int64_t transactions = 0;        // bytes still expected
  uint32_t phase = 0;
  std::vector<uint32_t> known, next_known; // of the phase that ended; of the current one
};

/// A cell of shadow memory for 4 bytes, in 64 bits.
struct Cell {
  uint32_t clock = 0;
  uint8_t warp = 0, lane = 0;
  uint8_t mask = 0; // of the bytes
  bool strong = false, async = false;

  static Cell unpack(uint64_t bits) {
    return {uint32_t(bits),           uint8_t(bits >> 32 & 31), uint8_t(bits >> 37 & 63),
            uint8_t(bits >> 43 & 15), bool(bits >> 47 & 1),     bool(bits >> 48 & 1)};
  }
  uint64_t pack() const {
    return clock | uint64_t{warp} << 32 | uint64_t{lane} << 37 | uint64_t{mask} << 43 |
           uint64_t{strong} << 47 | uint64_t{async} << 48;
  }
};

/// What warps of several blocks share in one launch.
struct Grid {
  uint32_t launch_id = 0; // 1..255 for the global shadow cells
  // Blocks that executed a device-wide fence: the clocks of their warps that it published.
  std::unordered_map<uint64_t, std::vector<uint32_t>> fenced;
};

class Block {
public:
  Block(const Program &program, Memory &memory, const Launch &launch, Grid &grid);

  /// Runs block `number`; false when a fatal fault ended it.
  bool run(uint64_t number);

  const Program &program;
  Memory &memory;
  const Launch &launch;
  Grid &grid;
  uint64_t number = 0;
  std::array<uint32_t, 3> index{};
  uint32_t threads = 0, base_clock = 1;
  std::vector<Warp> warps;
  std::vector<std::byte> shared, local;
  std::vector<uint8_t> shared_initialized, local_initialized;
  uint64_t shared_bytes = 0;
  // Shadow of shared memory, per 4 bytes.
  std::vector<uint64_t> writers;
  std::vector<uint64_t> readers; // [granule][warp]
  std::vector<uint32_t> writer_lines;
  std::vector<uint16_t> landing;               // copies on their way to it
  uint32_t in_flight = 0;                      // sum of `landing`
  const Allocation *last_allocation = nullptr; // that global memory was found in
  Barrier barriers[barrier_count];
  std::map<uint32_t, MBarrier> mbarriers; // by shared address
  std::vector<uint32_t> fence_known;      // published by fences
  bool acquired = false;                  // some warp executed an atomic: may see other blocks
  std::vector<InstCount> counts;          // by pc
  Counters counters;
  std::unordered_set<uint64_t> sectors;        // of global memory that the block has touched
  std::map<uint64_t, uint64_t> buffer_sectors; // Report::buffer_sectors
  std::vector<Fault> faults;

  uint64_t next_random();
  uint64_t next_clock() { return ticks += 16; } // of %clock
  /// Splits `who` of `warp` come to a barrier; true when it is complete and let all go.
  bool arrive(Warp &warp, const Inst &i, uint32_t mask, const std::vector<size_t> &who);
  void note(Fault fault);

  // The race checker, for all lanes of an access (shared offsets; one allocation).
  void check_shared(Warp &warp, const Access &access);
  void check_global(Warp &warp, const Access &access, const Allocation &a);
  void synchronise(Warp &warp) {
    ++warp.clock;
    warp.update_safe_clock();
  }
  void publish(Warp &warp, std::vector<uint32_t> &into) const;     // release
  void learn(Warp &warp, const std::vector<uint32_t> &from) const; // acquire
  /// What the warp has seen of shared memory the async proxy sees from now on.
  void show_to_async(Warp &warp);

private:
  std::vector<std::byte> frames;
  uint64_t random = 0, ticks = 0;

  void make_frames();
  void fill_specials();
  void run_warps();
  void count_buffers();
  [[noreturn]] void report_deadlock();
  void complete(Barrier &barrier, uint32_t id);
  void race(Warp &warp, const Access &access, int lane, uint64_t address, int other_warp,
            int other_lane, bool other_wrote, uint32_t other_line);
  bool same_value(const Access &access, int lane, int other) const;
  void check_shared_writer(Warp &warp, const Access &access, int lane, uint64_t granule,
                           uint8_t mask);
  void check_shared_readers(Warp &warp, const Access &access, int lane, uint64_t granule,
                            uint8_t mask);
  void check_async_reader(Warp &warp, const Access &access, int lane, uint64_t granule,
                          uint8_t mask);
  void check_global_granule(Warp &warp, const Access &access, int lane, const Allocation &a,
                            uint64_t granule, uint8_t mask);
};

} // namespace mome::ptxsim

// What a simulated launch tells: faults (what no correct program does) and counters.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mome::ptxsim {

enum class FaultKind : uint8_t {
  out_of_bounds,
  use_after_free,
  read_only,
  misaligned,
  uninitialized,
  shared_race,
  global_race,
  unwaited_copy,     // shared memory touched before its cp.async was waited for
  divergent_barrier, // lanes of a warp, or warps of a block, part ways around a barrier
  missing_thread,    // a barrier or collective waits for a thread that has exited
  bad_member_mask,
  inactive_lane, // shfl reads a lane that takes no part
  deadlock,
  budget,
  trap,
  bad_operand, // a descriptor, tensor map or count that makes no sense
};
/// "shared-race"
std::string_view fault_name(FaultKind kind);
/// True when the block cannot go on; the others are noted and execution continues.
bool fatal(FaultKind kind);

struct Fault {
  FaultKind kind{};
  std::string message;     // "thread 33 writes 4 bytes at shared address 132 that thread 2 ..."
  std::string kernel;      // name
  std::string instruction; // its text
  uint32_t line = 0;       // of the PTX
  uint64_t block = 0;      // linear
  std::array<uint32_t, 3> block_index{};
  int thread = -1; // linear in the block; -1: none in particular
  uint64_t address = 0;

  /// "k.ptx:33: shared-race in block (0,0,0): ..."
  std::string text(const std::string &module) const;
};

enum class Kind : uint8_t {
  integer,
  float32,
  float64,
  half,
  special_function,
  tensor,
  convert,
  predicate,
  move,
  load_global,
  store_global,
  load_shared,
  store_shared,
  local_memory,
  load_other, // param, const
  atomic,
  async_copy,
  matrix_move, // ldmatrix, stmatrix
  warp,        // shuffles, votes
  barrier,
  control,
  pseudo, // not an instruction of the program
  count
};
std::string_view kind_name(Kind kind);

struct Counters {
  static constexpr size_t kinds = size_t(Kind::count);
  std::array<uint64_t, kinds> warp_instructions{}, lane_instructions{};
  uint64_t blocks = 0, warps = 0;
  uint64_t flops = 0;        // an FMA counts 2
  uint64_t tensor_flops = 0; // of mma and wgmma, not in `flops`
  uint64_t tf32_flops = 0;   // of these, those of mma on tf32
  uint64_t wgmma_flops = 0;  // and those of wgmma
  // Global memory: requests are warp instructions, sectors 32 bytes.
  uint64_t load_requests = 0, load_sectors = 0, load_bytes = 0;
  uint64_t store_requests = 0, store_sectors = 0, store_bytes = 0;
  uint64_t global_lines = 0;  // of 128 bytes, that requests of both kinds touch
  uint64_t block_sectors = 0; // each sector once per block: what a first-level cache asks for
  // Shared memory: a wavefront serves each of 32 banks once; `ideal` is what the bytes need.
  uint64_t shared_requests = 0, shared_wavefronts = 0, shared_ideal = 0, shared_bytes = 0;
  uint64_t divergent_branches = 0, benign_writes = 0;

  Counters &operator+=(const Counters &other);
  uint64_t total_warp_instructions() const;
  uint64_t total_lane_instructions() const;
  std::string table() const;
  std::string json() const;
};

struct Report {
  std::vector<Fault> faults; // in the order of blocks
  Counters counters;
  std::map<uint32_t, uint64_t> line_counts; // warp instructions by PTX line, when asked for
  /// `block_sectors` by base of allocation, when asked for.
  std::map<uint64_t, uint64_t> buffer_sectors;
  bool ok() const { return faults.empty(); }
};

} // namespace mome::ptxsim

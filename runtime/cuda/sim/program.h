// A kernel in the form that runs: instructions as function pointers over offsets into a frame.
//
// A frame is one warp's registers, structure of arrays: a 32-bit register is 32 consecutive words,
// lane 0 first; a predicate is one 32-bit word, a bit per lane. Constants and special registers
// (%tid.x) are ordinary registers, filled when the frame is made, so an instruction never asks what
// its operands are.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/cuda/sim/ptx.h"
#include "runtime/cuda/sim/report.h"

namespace mome::ptxsim {

class Warp;
struct Inst;
using Handler = void (*)(Warp &, const Inst &, uint32_t mask);

constexpr int lanes = 32;
constexpr uint32_t no_pc = UINT32_MAX;

/// What the warp does around an instruction; everything but `next` may change who runs.
enum class Flow : uint8_t {
  next,
  branch,    // guarded lanes go to `target`
  table,     // brx.idx: lanes go to targets[r[0]]
  exit,      // guarded lanes end
  barrier,   // bar, barrier
  member,    // needs all lanes of a member mask: shfl.sync, bar.warp.sync ...
  converged, // needs all living lanes: mma, ldmatrix
  wait,      // run, then perhaps stay: mbarrier try_wait
};

struct Inst {
  Handler run = nullptr;
  uint32_t r[5] = {}; // frame offsets; which is which is between decoder and handler
  uint32_t guard = 0, guard_invert = 0;
  Flow flow = Flow::next;
  Kind kind = Kind::move;
  uint8_t width = 0, count = 1, sub = 0; // bytes of an element, elements, a variant
  uint8_t needed = 0;                    // of a load's bytes, those that something reads; 0: all
  uint32_t flags = 0;
  int64_t imm = 0;
  uint32_t target = no_pc, reconverge = no_pc;
  uint32_t flops = 0; // per lane
  uint32_t line = 0;
  std::vector<uint32_t> more; // further operands (vectors, fragments) or branch targets
  std::string_view text;
};

/// Special registers that a launch fills, and where they are in the frame (0: not used).
enum class Special : uint8_t {
  tid_x,
  tid_y,
  tid_z,
  ntid_x,
  ntid_y,
  ntid_z,
  ctaid_x,
  ctaid_y,
  ctaid_z,
  nctaid_x,
  nctaid_y,
  nctaid_z,
  laneid,
  warpid,
  nwarpid,
  smid,
  nsmid,
  gridid,
  lanemask_eq,
  lanemask_le,
  lanemask_lt,
  lanemask_ge,
  lanemask_gt,
  dynamic_smem,
  total_smem,
  zero,
  one,
  count
};

struct Constant {
  uint32_t offset;
  uint8_t size; // 2, 4, 8; 0: a predicate
  uint64_t bits;
};

struct Param {
  uint64_t offset, size, align;
  std::string name;
};

/// One kernel of a module, decoded for one place in memory.
struct Program {
  std::shared_ptr<const Module> module;
  std::string name;
  std::vector<Inst> code;
  uint32_t frame_bytes = 0;
  std::vector<Constant> constants;
  uint32_t specials[size_t(Special::count)] = {};
  std::vector<Param> params;
  uint64_t param_bytes = 0;
  uint64_t static_shared = 0; // bytes of .shared variables
  uint64_t dynamic_base = 0;  // where the extern array begins
  uint64_t local_bytes = 0;   // per thread
  bool ordered = false;       // blocks must run in order: global atomics or fences
  std::array<uint32_t, 3> max_threads{}, required_threads{};
};

/// Addresses of the module's .global and .const variables on a device.
using Symbols = std::map<std::string, uint64_t, std::less<>>;

/// Throws Error (mismatch) at the line of the first instruction that is unknown or malformed, or
/// when there is no such kernel.
Program decode(std::shared_ptr<const Module> module, std::string_view kernel,
               const Symbols &symbols);

} // namespace mome::ptxsim

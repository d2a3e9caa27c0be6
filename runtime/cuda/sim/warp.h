// A warp: 32 lanes in lock step, as one or several splits.
//
// A split is a set of lanes at one pc. A branch that its lanes disagree on makes two of it and a
// join at the branch's immediate post-dominator; a split that gets there waits until all lanes that
// the join expects have come (or ended), and they go on as one. Nested joins form a tree by
// `parent`; a loop whose lanes leave one by one uses one join, since the branch meets at the pc
// that the split already heads for.
//
//   split {A, lanes 0-31} --branch, meets at D--> join {D, expects 0-31}
//     split {B, 0-15}  ... reaches D: join has 0-15
//     split {C, 16-31} ... reaches D: complete -> split {D, 0-31}
//
// An instruction that needs several lanes (shfl.sync, mma, bar.sync) parks its split until they are
// all there, whatever path they took; when nothing in a warp can move any more, the program waits
// for lanes that will not come, which is a fault.
#pragma once

#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "runtime/cuda/sim/program.h"

namespace mome::ptxsim {

class Block;

struct FatalFault {}; // thrown after the fault was noted; ends the block

struct AsyncCopy {
  uint64_t source; // global address; 0 with bytes_read 0
  uint32_t target; // shared address
  uint8_t bytes, bytes_read, lane;
  uint32_t group; // of its lane
};

/// A product of wgmma that nobody has waited for.
struct AsyncProduct {
  const Inst *inst;
  uint64_t a, b; // descriptors
  bool keep;     // add to what is there
  uint32_t group;
};

/// One memory access of the lanes in `mask`.
struct Access {
  Space space = Space::generic;
  uint32_t mask = 0;
  uint32_t bytes = 4;  // per lane
  uint32_t needed = 0; // the first of them that are looked at; 0: all
  bool write = false, read = true;
  bool strong = false; // atomic, volatile or with a memory order: no data race
  bool counted = true;
  bool async = false;                // by the async proxy: wgmma, bulk copies
  const std::byte *values = nullptr; // of a store: lane l's bytes at values + l * stride
  uint32_t stride = 0;
  alignas(64) uint64_t address[lanes];
  std::byte *host[lanes];

  uint32_t read_bytes() const { return needed ? needed : bytes; }
};

class Warp {
public:
  enum class State : uint8_t { ready, parked, barrier, spinning };
  struct Split {
    uint32_t pc, mask;
    int join; // -1: none
    State state = State::ready;
    uint32_t barrier = 0; // its number; of a parked split the lanes that it needs
  };
  struct Join {
    uint32_t pc, expected, arrived;
    int parent;
    bool live;
  };

  // The registers and what handlers use.
  std::byte *frame = nullptr;
  Block *block = nullptr;
  int index = 0;
  uint32_t present = 0, alive = 0; // lanes that exist; that have not ended
  uint32_t carry = 0;
  uint32_t clock = 1;             // of the race checker: counts synchronisations
  // Clock of each warp up to which we have seen its writes; behind them for each up to which the async
  // proxy sees them, by a fence after them.
  std::vector<uint32_t> known;
  uint32_t safe_clock = 0;        // the least of `known` of other warps
  std::vector<AsyncCopy> copies;  // issued, not landed
  uint32_t committed[lanes] = {}; // groups committed by each lane
  std::vector<AsyncProduct> products;
  uint32_t product_groups = 0;    // committed
  bool stay = false;              // set by a handler of Flow::wait
  std::vector<Split> splits;
  std::vector<Join> joins;
  const Inst *current = nullptr;

  template <class T> T *reg(uint32_t offset) const { return reinterpret_cast<T *>(frame + offset); }
  uint32_t &pred(uint32_t offset) const { return *reg<uint32_t>(offset); }

  void start(uint32_t lanes_present);
  bool done() const { return alive == 0; }
  /// Runs until nothing can go on or `slice` instructions passed; returns how many ran.
  uint64_t run(uint64_t slice);
  void release_barrier(uint32_t barrier);
  /// Where the splits are, for messages: "lanes 0-15 at line 33 (bar.sync), ...".
  std::string whereabouts() const;

  /// Notes a fault at the current instruction; does not return when it is fatal.
  void fault(int kind, const std::string &message, int lane = -1, uint64_t address = 0);
  std::string thread_name(int lane) const;

  /// Checks an access and fills `host`. Faults are noted; fatal ones do not return.
  void resolve(Access &access);
  /// Known clocks changed.
  void update_safe_clock();
  void land_copies(uint32_t mask, uint32_t keep_groups, bool all);

private:
  bool resolve_shared(Access &access, uint64_t window);
  bool resolve_global(Access &access);
  Space resolve_lane(Access &access, int lane);
  uint64_t execute(size_t index, uint64_t slice);
  bool branch(size_t index, const Inst &i, uint32_t taken);
  void divide(size_t index, uint32_t taken, uint32_t pc_taken, uint32_t pc_other,
              uint32_t reconverge);
  void arrive(size_t index);
  void exit_lanes(size_t index, uint32_t mask);
  void settle_joins();
  bool collective(size_t index, const Inst &i, uint32_t mask);
  uint32_t needed(const Inst &i, uint32_t mask);
  bool complete_parked();
  bool run_together(uint32_t pc, uint32_t need, size_t with);
  void perform(const Inst &i, uint32_t mask, std::vector<size_t> &who);
  void remove_split(size_t index);
  void report_stuck();
};

std::string lanes_text(uint32_t mask);

template <class F> inline void for_lanes(uint32_t mask, F f) {
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    f(std::countr_zero(rest));
  }
}

/// d[l] = f(l) for the lanes in mask. `f` has no side effects: it is computed for all lanes, which
/// lets the compiler use vector instructions.
template <class D, class F> inline void write_lanes(D *d, uint32_t mask, F f) {
  if (mask == ~0u) {
#if defined(__clang__)
#pragma clang loop vectorize(assume_safety)
#else
#pragma GCC ivdep
#endif
    for (int l = 0; l < lanes; ++l) {
      d[l] = f(l);
    }
    return;
  }
  D result[lanes];
  for (int l = 0; l < lanes; ++l) {
    result[l] = f(l);
  }
  for_lanes(mask, [&](int l) { d[l] = result[l]; });
}

/// The predicate word of f(l) over all lanes, merged into `old` under `mask`.
template <class F> inline uint32_t pred_lanes(uint32_t old, uint32_t mask, F f) {
  uint32_t bits = 0;
  for (int l = 0; l < lanes; ++l) {
    bits |= uint32_t(bool(f(l))) << l;
  }
  return (old & ~mask) | (bits & mask);
}

} // namespace mome::ptxsim

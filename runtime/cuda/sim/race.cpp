// The race checker's rules; block.h says how it works.
//
// A global cell holds more than a shared one, since blocks and launches differ:
//   launch 8 | block 22 | warp 5 | lane 6 | clock 16 | byte mask 4 | strong 1 | spare 2
// A cell of another launch says nothing: launches are ordered by their streams. Blocks are not
// ordered, unless the first published its accesses by a device-wide fence and the second has
// executed an atomic.
#include <algorithm>

#include "runtime/cuda/sim/block.h"

namespace mome::ptxsim {
namespace {

struct GlobalCell {
  uint32_t launch, block, warp, lane, clock, mask;
  bool strong;

  static GlobalCell unpack(uint64_t b) {
    return {uint32_t(b & 255),      uint32_t(b >> 8 & 0x3fffff), uint32_t(b >> 30 & 31),
            uint32_t(b >> 35 & 63), uint32_t(b >> 41 & 0xffff),  uint32_t(b >> 57 & 15),
            bool(b >> 61 & 1)};
  }
  uint64_t pack() const {
    return launch | uint64_t{block} << 8 | uint64_t{warp} << 30 | uint64_t{lane} << 35 |
           uint64_t{clock} << 41 | uint64_t{mask} << 57 | uint64_t{strong} << 61;
  }
};

constexpr uint32_t last_clock = 0xffff;    // later ones are not told apart
constexpr uint32_t many_blocks = 0x3fffff; // readers of several blocks

/// The bytes of granule `g` that [begin, begin + bytes) covers; accesses are aligned, so one of 4
/// bytes or more covers whole granules.
uint8_t byte_mask(uint64_t begin, uint32_t bytes) {
  return bytes >= 4 ? 15 : uint8_t(((1u << bytes) - 1) << (begin % 4));
}

/// What two lanes of one warp did to a granule since its last synchronisation.
uint64_t merged_reader(uint64_t old_bits, uint64_t mine_bits) {
  const Cell old = Cell::unpack(old_bits);
  Cell mine = Cell::unpack(mine_bits);
  if (old.lane != mine.lane) {
    mine.lane = old.mask & mine.mask ? lane_many : lane_unknown;
  }
  mine.mask |= old.mask;
  mine.strong &= old.strong;
  return mine.pack();
}
uint64_t merged_writer(uint64_t old_bits, uint64_t mine_bits) {
  const Cell old = Cell::unpack(old_bits);
  Cell mine = Cell::unpack(mine_bits);
  if (old.warp != mine.warp) {
    return mine_bits;
  }
  if (old.lane != mine.lane && (old.mask | mine.mask) != mine.mask) {
    mine.lane = lane_unknown;
  }
  mine.mask |= old.mask;
  return mine.pack();
}

} // namespace

bool Block::same_value(const Access &a, int lane, int other) const {
  return a.values && a.address[lane] == a.address[other] &&
         std::memcmp(a.values + size_t(lane) * a.stride, a.values + size_t(other) * a.stride,
                     a.stride) == 0;
}

void Block::race(Warp &warp, const Access &a, int lane, uint64_t address, int other_warp,
                 int other_lane, bool other_wrote, uint32_t other_line) {
  std::string other = other_lane < lanes
                          ? "thread " + std::to_string(other_warp * lanes + other_lane)
                          : "warp " + std::to_string(other_warp);
  warp.fault(int(FaultKind::shared_race),
             warp.thread_name(lane) + (a.write ? " writes" : " reads") + " shared address " +
                 std::to_string(address) + ", which " + other + (other_wrote ? " wrote" : " read") +
                 (other_line ? " at line " + std::to_string(other_line) : "") +
                 " with no barrier in between",
             lane, address);
}

// Nearly always the cell is older than everything that the warp knows of all others, and one
// comparison says so; only what is left is looked at closely.
void Block::check_shared(Warp &warp, const Access &a) {
  const uint32_t me = uint32_t(warp.index), clock = warp.clock, safe = warp.safe_clock;
  const size_t stride = warps.size();
  const uint64_t granules = std::max(a.bytes / 4, 1u);
  const uint64_t fresh = Cell{clock, uint8_t(me), 0, 0, a.strong, a.async}.pack();
  uint64_t previous = UINT64_MAX;
  bool shared_by_many = false;
  for_lanes(a.mask, [&](int lane) {
    const uint64_t begin = a.address[lane];
    if (begin == previous && !a.write) { // a broadcast: one look is enough
      if (!shared_by_many) {
        for (uint64_t g = begin / 4; g < begin / 4 + granules; ++g) {
          readers[g * stride + me] |= uint64_t{lane_many} << 37;
        }
      }
      shared_by_many = true;
      return;
    }
    previous = begin;
    shared_by_many = false;
    const uint8_t mask = byte_mask(begin, a.bytes);
    const uint64_t mine = fresh | uint64_t(lane) << 37 | uint64_t{mask} << 43;
    for (uint64_t g = begin / 4, end = g + granules; g < end; ++g) {
      const uint64_t writer = writers[g];
      if (uint32_t(writer) > safe) {
        check_shared_writer(warp, a, lane, g, mask);
      }
      if (a.async && !a.write) {
        check_async_reader(warp, a, lane, g, mask);
      }
      uint64_t *cells = readers.data() + g * stride;
      if (!a.write) {
        cells[me] = uint32_t(cells[me]) == clock ? merged_reader(cells[me], mine) : mine;
        continue;
      }
      bool recent = false;
      for (size_t w = 0; w < stride; ++w) {
        recent |= uint32_t(cells[w]) > safe;
      }
      if (recent) {
        check_shared_readers(warp, a, lane, g, mask);
      }
      writers[g] = uint32_t(writer) == clock ? merged_writer(writer, mine) : mine;
      writer_lines[g] = warp.current->line;
    }
  });
}

void Block::check_shared_writer(Warp &warp, const Access &a, int lane, uint64_t g, uint8_t mask) {
  const Cell writer = Cell::unpack(writers[g]);
  if (writer.clock < base_clock || !(writer.mask & mask) || (writer.strong && a.strong)) {
    return;
  }
  if (writer.warp != warp.index) {
    if (writer.clock > warp.known[writer.warp]) {
      race(warp, a, lane, a.address[lane], writer.warp, writer.lane, true, writer_lines[g]);
    }
    return;
  }
  if (writer.clock != warp.clock || writer.lane >= lanes || writer.lane == lane) {
    return;
  }
  // Lanes of one store that write the same value are harmless.
  const bool together = a.write && (a.mask >> writer.lane & 1) && writer.lane < lane &&
                        writer_lines[g] == warp.current->line;
  if (together && same_value(a, lane, writer.lane)) {
    ++counters.benign_writes;
  } else {
    race(warp, a, lane, a.address[lane], warp.index, writer.lane, true, writer_lines[g]);
  }
}

/// The async proxy reads what threads wrote only if a fence lies in between.
void Block::check_async_reader(Warp &warp, const Access &a, int lane, uint64_t g, uint8_t mask) {
  const Cell writer = Cell::unpack(writers[g]);
  if (!writer.async && writer.clock >= base_clock && (writer.mask & mask) &&
      writer.clock > warp.known[warps.size() + writer.warp]) {
    warp.fault(int(FaultKind::shared_race),
               "shared address " + std::to_string(a.address[lane]) +
                   " is read by the async proxy, and warp " + std::to_string(writer.warp) +
                   " wrote it at line " + std::to_string(writer_lines[g]) +
                   " with no fence.proxy.async in between",
               lane, a.address[lane]);
  }
}

void Block::check_shared_readers(Warp &warp, const Access &a, int lane, uint64_t g, uint8_t mask) {
  for (size_t w = 0; w < warps.size(); ++w) {
    const Cell reader = Cell::unpack(readers[g * warps.size() + w]);
    if (reader.clock < base_clock || !(reader.mask & mask) || (reader.strong && a.strong)) {
      continue;
    }
    if (int(w) != warp.index) {
      if (reader.clock > warp.known[w]) {
        race(warp, a, lane, a.address[lane], int(w), lane_many, false, 0);
      }
    } else if (reader.clock == warp.clock && reader.lane != lane && reader.lane != lane_unknown &&
               !a.read) {
      race(warp, a, lane, a.address[lane], int(w), reader.lane, false, 0);
    }
  }
}

void Block::check_global(Warp &warp, const Access &a, const Allocation &allocation) {
  const uint64_t granules = std::max(a.read_bytes() / 4, 1u);
  const GlobalCell first{grid.launch_id,
                         uint32_t(number & 0x3fffff),
                         uint32_t(warp.index),
                         0,
                         std::min(warp.clock - base_clock, last_clock),
                         0,
                         a.strong};
  const uint64_t bits = first.pack();
  for_lanes(a.mask, [&](int lane) {
    const uint64_t begin = a.address[lane] - allocation.base;
    const uint8_t mask = byte_mask(begin, a.bytes);
    const uint64_t mine = bits | uint64_t(lane) << 35 | uint64_t{mask} << 57;
    __atomic_store_n(&allocation.touched[begin / 4096], 1, __ATOMIC_RELAXED); // blocks run in parallel
    for (uint64_t g = begin / 4, end = g + granules; g < end; ++g) {
      uint64_t &writer = allocation.writers[g], &reader = allocation.readers[g];
      // Cells of other launches say nothing; nor does one more reader of what many blocks read.
      if (!a.write && (writer & 255) != grid.launch_id && (reader & 255) == grid.launch_id &&
          (reader >> 8 & 0x3fffff) == many_blocks && (reader >> 57 & mask) == mask) {
        continue;
      }
      if ((writer & 255) == grid.launch_id || (reader & 255) == grid.launch_id) {
        check_global_granule(warp, a, lane, allocation, g, mask);
      } else {
        (a.write ? writer : reader) = mine;
      }
    }
  });
}

void Block::check_global_granule(Warp &warp, const Access &a, int lane,
                                 const Allocation &allocation, uint64_t g, uint8_t mask) {
  const uint64_t begin = a.address[lane] - allocation.base;
  const uint32_t me = uint32_t(warp.index), here = uint32_t(number & 0x3fffff);
  const uint32_t clock = std::min(warp.clock - base_clock, last_clock);
  const auto ordered = [&](const GlobalCell &c) {
    if (c.block != here) {
      if (!acquired) {
        return false;
      }
      const auto published = grid.fenced.find(c.block);
      return published != grid.fenced.end() && c.warp < published->second.size() &&
             c.clock <= published->second[c.warp];
    }
    return c.warp == me ? c.clock != clock || c.lane == uint32_t(lane) || c.lane >= lanes ||
                              clock == last_clock
                        : c.clock + base_clock <= warp.known[c.warp];
  };
  const auto report = [&](const GlobalCell &c, const char *what) {
    const std::string other =
        c.block == here ? (c.lane < lanes ? "thread " + std::to_string(c.warp * lanes + c.lane)
                                          : "another thread of the block")
        : c.block == many_blocks ? "several blocks"
                                 : "block " + std::to_string(c.block);
    warp.fault(int(FaultKind::global_race),
               warp.thread_name(lane) + (a.write ? " writes" : " reads") + " byte " +
                   std::to_string(begin) + " of an allocation of " +
                   std::to_string(allocation.size) + ", which " + other + " " + what +
                   " in the same launch without synchronisation",
               lane, a.address[lane]);
  };
  const GlobalCell w = GlobalCell::unpack(allocation.writers[g]);
  if (w.launch == grid.launch_id && (w.mask & mask) && !(w.strong && a.strong) && !ordered(w)) {
    const bool together = a.write && w.block == here && w.warp == me && w.lane < lanes &&
                          w.clock == clock && (a.mask >> w.lane & 1);
    if (together && same_value(a, lane, int(w.lane))) {
      ++counters.benign_writes;
    } else {
      report(w, "wrote");
    }
  }
  const GlobalCell r = GlobalCell::unpack(allocation.readers[g]);
  const bool live = r.launch == grid.launch_id;
  GlobalCell mine{grid.launch_id, here, me, uint32_t(lane), clock, mask, a.strong};
  if (a.write) {
    if (live && (r.mask & mask) && !(r.strong && a.strong) && !ordered(r) &&
        !(a.read && r.block == here && r.warp == me)) {
      report(r, "read");
    }
    if (w.launch == grid.launch_id && w.block == here && w.warp == me && w.clock == clock) {
      mine.lane = w.lane != uint32_t(lane) && (w.mask | mask) != mask ? lane_unknown : mine.lane;
      mine.mask |= w.mask;
    }
    allocation.writers[g] = mine.pack();
  } else {
    if (live && r.block != here && !ordered(r)) {
      mine.block = many_blocks;
    } else if (live && r.block == here) {
      const bool same_time = r.warp == me && r.clock == clock;
      if (same_time && r.lane != uint32_t(lane)) {
        mine.lane = lane_unknown;
      }
      if (!same_time && !ordered(r)) {
        mine.lane = lane_unknown;
      }
      mine.mask |= same_time ? r.mask : 0;
    }
    allocation.readers[g] = mine.pack();
  }
}

} // namespace mome::ptxsim

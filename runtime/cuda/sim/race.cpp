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

uint8_t byte_mask(uint64_t granule, uint64_t begin, uint64_t end) {
  uint8_t mask = 0;
  for (uint64_t byte = std::max(begin, granule * 4); byte < std::min(end, granule * 4 + 4);
       ++byte) {
    mask |= uint8_t(1 << (byte % 4));
  }
  return mask;
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

void Block::check_shared(Warp &warp, const Access &a, int lane) {
  const uint64_t begin = a.address[lane], end = begin + a.bytes;
  const uint32_t me = uint32_t(warp.index);
  for (uint64_t g = begin / 4; g * 4 < end; ++g) {
    const uint8_t mask = byte_mask(g, begin, end);
    Cell writer = Cell::unpack(writers[g]);
    const bool fresh = writer.clock >= base_clock;
    if (fresh && (writer.mask & mask) && !(writer.strong && a.strong)) {
      if (writer.warp != me) {
        if (writer.clock > warp.known[writer.warp]) {
          race(warp, a, lane, begin, writer.warp, writer.lane, true, writer_lines[g]);
        }
      } else if (writer.clock == warp.clock && writer.lane < lanes && writer.lane != lane) {
        // Lanes of one store that write the same value are harmless.
        const bool together = a.write && (a.mask >> writer.lane & 1) && writer.lane < lane &&
                              writer_lines[g] == warp.current->line;
        if (together && same_value(a, lane, writer.lane)) {
          ++counters.benign_writes;
        } else {
          race(warp, a, lane, begin, int(me), writer.lane, true, writer_lines[g]);
        }
      }
    }
    uint32_t *readers = reader_clocks.data() + g * warps.size();
    Cell reader = Cell::unpack(last_readers[g]);
    const bool reader_here = reader.warp == me && reader.clock == warp.clock;
    if (a.write && !(a.strong && reader.strong)) {
      for (size_t w = 0; w < warps.size(); ++w) {
        if (w != me && (readers[w] & mask) && readers[w] >> 4 >= base_clock &&
            readers[w] >> 4 > warp.known[w]) {
          race(warp, a, lane, begin, int(w), lane_many, false, 0);
        }
      }
      if (reader_here && (reader.mask & mask) && reader.lane != lane &&
          reader.lane != lane_unknown && !a.read) {
        race(warp, a, lane, begin, int(me), reader.lane, false, 0);
      }
    }
    if (a.write) {
      const bool merge = fresh && writer.warp == me && writer.clock == warp.clock;
      const bool other_lane = merge && writer.lane != lane;
      const uint8_t merged = merge ? writer.mask | mask : mask;
      writers[g] =
          Cell{warp.clock, uint8_t(me), uint8_t(other_lane && merged != mask ? lane_unknown : lane),
               merged, a.strong}
              .pack();
      writer_lines[g] = warp.current->line;
    } else {
      readers[me] = readers[me] >> 4 == warp.clock ? readers[me] | mask : warp.clock << 4 | mask;
      const bool overlap = reader_here && (reader.mask & mask);
      uint8_t who = uint8_t(lane);
      if (reader_here && reader.lane != lane) {
        who = overlap ? lane_many : lane_unknown;
      }
      last_readers[g] = Cell{warp.clock, uint8_t(me), who,
                             uint8_t(reader_here ? reader.mask | mask : mask), a.strong}
                            .pack();
    }
  }
}

void Block::check_global(Warp &warp, const Access &a, int lane, const Allocation &allocation) {
  const uint64_t begin = a.address[lane] - allocation.base, end = begin + a.bytes;
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
  for (uint64_t g = begin / 4; g * 4 < end; ++g) {
    const uint8_t mask = byte_mask(g, begin, end);
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
}

} // namespace mome::ptxsim

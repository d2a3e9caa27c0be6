// Every memory access goes through Warp::resolve: state space, bounds, alignment, initialisation,
// copies in flight, races, traffic. All lanes in shared memory or in one allocation, with nothing to
// complain about, are checked at once; others one by one (lane_access.cpp), which finds the words.
#include <algorithm>

#include "runtime/cuda/sim/block.h"
#include "runtime/cuda/sim/traffic.h"
#include "runtime/cuda/sim/written.h"

namespace mome::ptxsim {
namespace {

struct Extent {
  uint64_t low = UINT64_MAX, high = 0, bits = 0;

  explicit Extent(const Access &a) {
    if (a.mask == ~0u) { // a loop for vector instructions
      for (const uint64_t address : a.address) {
        low = std::min(low, address);
        high = std::max(high, address);
        bits |= address;
      }
      return;
    }
    for_lanes(a.mask, [&](int l) {
      low = std::min(low, a.address[l]);
      high = std::max(high, a.address[l]);
      bits |= a.address[l];
    });
  }
};

/// Checks or sets the "initialised" flags of all lanes at once; false when one is missing.
bool flags_fine(const Access &a, uint8_t *flags, uint64_t base, bool in_order) {
  bool fine = true;
  if (in_order) {
    uint8_t *first = flags + (a.address[0] - base);
    const size_t n = size_t(a.bytes) * lanes;
    if (a.read && a.needed) {
      for_lanes(a.mask, [&](int l) { fine &= all_set(first + l * a.bytes, a.needed); });
    } else if (a.read) {
      uint8_t all = 1;
      for (size_t i = 0; i < n; ++i) {
        all &= first[i];
      }
      fine = all;
    }
    if (a.write && fine) {
      std::memset(first, 1, n);
    }
    return fine;
  }
  if (a.read && a.bytes == 4) {
    uint32_t wrong = 0;
    for_lanes(a.mask, [&](int l) {
      uint32_t four;
      std::memcpy(&four, flags + (a.address[l] - base), 4);
      wrong |= four ^ 0x01010101;
    });
    fine = wrong == 0;
  } else if (a.read) {
    for_lanes(a.mask,
              [&](int l) { fine &= all_set(flags + (a.address[l] - base), a.read_bytes()); });
  }
  if (a.write && fine) {
    for_lanes(a.mask, [&](int l) { set_flags(flags + (a.address[l] - base), a.bytes); });
  }
  return fine;
}

} // namespace

void Warp::fault(int kind, const std::string &message, int lane, uint64_t address) {
  Fault f;
  f.kind = FaultKind(kind);
  f.message = message;
  if (current) {
    f.instruction = std::string(current->text);
    f.line = current->line;
  }
  f.thread = lane < 0 ? -1 : index * lanes + lane;
  f.address = address;
  // One of a kind per instruction and block is enough to read.
  const auto same = [&](const Fault &g) {
    return g.kind == f.kind && g.line == f.line && g.block == block->number;
  };
  if (std::none_of(block->faults.begin(), block->faults.end(), same)) {
    block->note(std::move(f));
  }
  if (fatal(FaultKind(kind))) {
    throw FatalFault();
  }
}

std::string Warp::thread_name(int lane) const {
  const uint32_t t = uint32_t(index * lanes + lane);
  const auto &b = block->launch.block;
  std::string out = "thread " + std::to_string(t);
  if (b[1] > 1 || b[2] > 1) {
    out += " (" + std::to_string(t % b[0]) + "," + std::to_string(t / b[0] % b[1]) + "," +
           std::to_string(t / b[0] / b[1]) + ")";
  }
  return out;
}

void Warp::update_safe_clock() {
  safe_clock = clock - 1;
  for (size_t w = 0; w < block->warps.size(); ++w) {
    if (int(w) != index) {
      safe_clock = std::min(safe_clock, known[w]);
    }
  }
}

/// All lanes in shared memory, nothing to complain about: true. Otherwise the caller goes lane by
/// lane, which finds the words. `window` is subtracted from generic addresses.
bool Warp::resolve_shared(Access &a, uint64_t window) {
  Block &b = *block;
  const Extent extent(a);
  if (extent.low < window || (extent.bits & (a.bytes - 1)) ||
      extent.high - window + a.bytes > b.shared_bytes || (a.write && !b.mbarriers.empty())) {
    return false;
  }
  if (b.in_flight) {
    uint32_t awaited = 0;
    for_lanes(a.mask, [&](int l) {
      const uint64_t g = (a.address[l] - window) / 4;
      for (uint64_t k = 0; k < std::max(a.bytes / 4, 1u); ++k) {
        awaited |= b.landing[g + k];
      }
    });
    if (awaited) {
      return false;
    }
  }
  if (window) {
    for (uint64_t &address : a.address) {
      address -= window;
    }
  }
  const bool in_order = contiguous(a);
  if (b.launch.checks.initialized || a.write) {
    if (!flags_fine(a, b.shared_initialized.data(), 0, in_order)) {
      if (window) {
        for (uint64_t &address : a.address) {
          address += window;
        }
      }
      return false;
    }
  }
  for (int l = 0; l < lanes; ++l) {
    a.host[l] = b.shared.data() + a.address[l];
  }
  if (b.launch.checks.races) {
    b.check_shared(*this, a);
  }
  if (b.launch.count && a.counted) {
    count_shared(b.counters, a, in_order);
  }
  return true;
}

/// The same for one global allocation.
bool Warp::resolve_global(Access &a) {
  Block &b = *block;
  const Extent extent(a);
  const Allocation *found = b.last_allocation;
  if (!found || !found->contains(extent.low)) {
    found = b.last_allocation = b.memory.find(extent.low);
  }
  if (!found || found->freed || (extent.bits & (a.bytes - 1)) ||
      extent.high - found->base + a.bytes > found->size ||
      (a.write && (found->read_only || a.space == Space::constant))) {
    return false;
  }
  const bool in_order = contiguous(a);
  if (found->initialized && (b.launch.checks.initialized || a.write) &&
      !flags_fine(a, found->initialized, found->base, in_order)) {
    return false;
  }
  for (int l = 0; l < lanes; ++l) {
    // lanes that are off may be anywhere: numbers, not pointers
    a.host[l] = reinterpret_cast<std::byte *>(reinterpret_cast<uintptr_t>(found->host) +
                                              (a.address[l] - found->base));
  }
  if (b.launch.checks.races && found->writers && !found->read_only) {
    b.check_global(*this, a, *found);
  }
  if (b.launch.count && a.counted && a.space != Space::constant) {
    count_global(b, a, in_order);
  }
  return true;
}

void Warp::resolve(Access &a) {
  Block &b = *block;
  const uint64_t first = a.address[std::countr_zero(a.mask)];
  const bool generic = a.space == Space::generic;
  if (a.space == Space::shared || (generic && first >= shared_window && first < local_window)) {
    if (resolve_shared(a, generic ? shared_window : 0)) {
      return;
    }
  } else if (a.space == Space::global || a.space == Space::constant ||
             (generic && first < shared_window)) {
    if (resolve_global(a)) {
      return;
    }
  }
  uint32_t shared_lanes = 0, global_lanes = 0;
  for_lanes(a.mask, [&](int l) {
    const Space space = resolve_lane(a, l);
    shared_lanes |= uint32_t(space == Space::shared) << l;
    global_lanes |= uint32_t(space == Space::global) << l;
  });
  if (shared_lanes && b.launch.checks.races) {
    Access part = a;
    part.mask = shared_lanes;
    b.check_shared(*this, part);
  }
  if (b.launch.count && a.counted && global_lanes == a.mask && a.space != Space::constant) {
    count_global(b, a, contiguous(a));
  }
  if (b.launch.count && a.counted && shared_lanes == a.mask) {
    count_shared(b.counters, a, contiguous(a));
  }
}

} // namespace mome::ptxsim

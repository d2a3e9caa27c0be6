// Every memory access goes through Warp::resolve: state space, bounds, alignment, initialisation,
// copies in flight, races, traffic.
#include <algorithm>
#include <span>

#include "runtime/cuda/sim/block.h"

namespace mome::ptxsim {
namespace {

std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::string verb(const Access &a) {
  return a.write ? (a.read ? "updates " : "writes ") : "reads ";
}

/// The lanes' addresses follow each other without gaps.
bool contiguous(const Access &a) {
  if (a.mask != ~0u) {
    return false;
  }
  uint64_t wrong = 0;
  for (int l = 1; l < lanes; ++l) {
    wrong |= a.address[l] ^ (a.address[l - 1] + a.bytes);
  }
  return wrong == 0;
}

/// Distinct 32-byte sectors touched by the lanes, in order; returns how many.
uint32_t find_sectors(const Access &a, bool in_order, std::span<uint64_t> seen) {
  uint32_t n = 0;
  const auto add = [&](uint64_t first, uint64_t last) {
    for (uint64_t s = first / 32; s <= last / 32; ++s) {
      if (n == 0 || seen[n - 1] != s) {
        seen[n++] = s;
      }
    }
  };
  if (in_order) {
    add(a.address[0], a.address[31] + a.bytes - 1);
    return n;
  }
  for_lanes(a.mask, [&](int l) { add(a.address[l], a.address[l] + a.bytes - 1); });
  const auto end = seen.begin() + n;
  if (!std::is_sorted(seen.begin(), end)) {
    std::sort(seen.begin(), end);
  }
  return uint32_t(std::unique(seen.begin(), end) - seen.begin());
}

/// Passes over the 32 banks: 8-byte accesses go by half warps, 16-byte ones by quarters; lanes that
/// want the same word share it.
uint32_t wavefronts(const Access &a, bool in_order) {
  if (in_order && a.bytes >= 4) {
    return a.bytes / 4;
  }
  const int per_pass = a.bytes <= 4 ? 32 : a.bytes == 8 ? 16 : 8;
  const uint64_t words_each = std::max(a.bytes / 4, 1u);
  uint32_t total = 0;
  for (int begin = 0; begin < lanes; begin += per_pass) {
    const uint32_t group = a.mask >> begin & (per_pass == 32 ? ~0u : (1u << per_pass) - 1);
    if (!group) {
      continue;
    }
    uint64_t words[32][32], previous = UINT64_MAX;
    uint8_t count[32] = {};
    uint32_t most = 1;
    for_lanes(group, [&](int g) {
      const uint64_t first = a.address[begin + g] / 4;
      if (first == previous) {
        return;
      }
      previous = first;
      for (uint64_t w = first; w < first + words_each; ++w) {
        const size_t bank = w % 32;
        uint8_t &n = count[bank];
        if (n > 0 && (words[bank][0] == w ||
                      std::find(words[bank] + 1, words[bank] + n, w) != words[bank] + n)) {
          continue;
        }
        words[bank][n++] = w;
        most = std::max<uint32_t>(most, n);
      }
    });
    total += most;
  }
  return total;
}

void count_global(Block &b, const Access &a, bool in_order) {
  uint64_t seen[lanes * 2];
  const uint32_t n = find_sectors(a, in_order, seen);
  const uint32_t bytes = a.bytes * uint32_t(std::popcount(a.mask));
  Counters &c = b.counters;
  for (uint32_t i = 0; i < n; ++i) {
    c.global_lines += i == 0 || seen[i] / 4 != seen[i - 1] / 4;
    c.block_sectors += b.sectors.insert(seen[i]).second;
  }
  if (a.read) {
    ++c.load_requests;
    c.load_sectors += n;
    c.load_bytes += bytes;
  }
  if (a.write) {
    ++c.store_requests;
    c.store_sectors += n;
    c.store_bytes += bytes;
  }
}

void count_shared(Counters &c, const Access &a, bool in_order) {
  const uint32_t bytes = a.bytes * uint32_t(std::popcount(a.mask));
  ++c.shared_requests;
  c.shared_wavefronts += wavefronts(a, in_order);
  c.shared_ideal += std::max(1u, (bytes + 127) / 128);
  c.shared_bytes += bytes;
}

bool all_set(const uint8_t *flags, uint32_t bytes) {
  switch (bytes) {
  case 4: {
    uint32_t v;
    std::memcpy(&v, flags, 4);
    return v == 0x01010101;
  }
  case 2:
    return flags[0] & flags[1];
  default:
    for (uint32_t i = 0; i < bytes; ++i) {
      if (!flags[i]) {
        return false;
      }
    }
    return true;
  }
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

void set_flags(uint8_t *flags, uint32_t bytes) {
  if (bytes == 4) {
    std::memset(flags, 1, 4);
  } else if (bytes == 16) {
    std::memset(flags, 1, 16);
  } else {
    std::memset(flags, 1, bytes);
  }
}

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

/// One lane with every check; gives the space it is in, with global for constant memory.
Space Warp::resolve_lane(Access &a, int l) {
  Block &b = *block;
  uint64_t at = a.address[l];
  Space space = a.space;
  const auto describe = [&] {
    return thread_name(l) + " " + verb(a) + std::to_string(a.bytes) + " bytes at ";
  };
  const auto check_initialized = [&](uint8_t *flags, const char *where) {
    if (a.read && b.launch.checks.initialized && !all_set(flags, a.read_bytes())) {
      fault(int(FaultKind::uninitialized),
            describe() + where + " address " + hex(at) + " that nobody wrote", l, at);
    }
    if (a.write) {
      set_flags(flags, a.bytes);
    }
  };
  if (at & (a.bytes - 1)) {
    fault(int(FaultKind::misaligned),
          describe() + hex(at) + ", which is not a multiple of " + std::to_string(a.bytes), l, at);
  }
  if (space == Space::generic) {
    space = at >= param_window    ? Space::param
            : at >= local_window  ? Space::local
            : at >= shared_window ? Space::shared
                                  : Space::global;
    if (space != Space::global) {
      at &= window_mask;
    }
  }
  switch (space) {
  case Space::shared:
    if (at >= b.shared_bytes || a.bytes > b.shared_bytes - at) {
      fault(int(FaultKind::out_of_bounds),
            describe() + "shared address " + std::to_string(at) + " of " +
                std::to_string(b.shared_bytes),
            l, at);
    }
    a.address[l] = at;
    a.host[l] = b.shared.data() + at;
    for (uint64_t g = at / 4; b.in_flight && g <= (at + a.bytes - 1) / 4; ++g) {
      if (b.landing[g]) {
        fault(int(FaultKind::unwaited_copy),
              describe() + "shared address " + std::to_string(at) +
                  " while an asynchronous copy to it is under way",
              l, at);
      }
    }
    for (const auto &[address, m] : b.mbarriers) {
      if (a.write && at < address + 8 && address < at + a.bytes) {
        fault(int(FaultKind::bad_operand),
              describe() + "shared address " + std::to_string(at) + ", over an mbarrier", l, at);
      }
    }
    check_initialized(b.shared_initialized.data() + at, "shared");
    return Space::shared;
  case Space::local: {
    const uint64_t size = b.program.local_bytes;
    if (at >= size || a.bytes > size - at) {
      fault(int(FaultKind::out_of_bounds),
            describe() + "local address " + std::to_string(at) + " of " + std::to_string(size), l,
            at);
    }
    const uint64_t offset = uint64_t(index * lanes + l) * size + at;
    a.host[l] = b.local.data() + offset;
    check_initialized(b.local_initialized.data() + offset, "local");
    return Space::local;
  }
  case Space::param: {
    const auto params = b.launch.params;
    if (a.write) {
      fault(int(FaultKind::read_only), describe() + "the parameters", l, at);
    }
    if (at >= params.size() || a.bytes > params.size() - at) {
      fault(int(FaultKind::out_of_bounds),
            describe() + "parameter byte " + std::to_string(at) + " of " +
                std::to_string(params.size()),
            l, at);
    }
    a.host[l] = const_cast<std::byte *>(params.data()) + at;
    return Space::param;
  }
  default:
    break;
  }
  const Allocation *found = b.memory.find(at);
  if (!found) {
    fault(int(FaultKind::out_of_bounds),
          describe() + "global address " + hex(at) + ", " + b.memory.describe(at), l, at);
  }
  if (found->freed) {
    fault(int(FaultKind::use_after_free),
          describe() + "global address " + hex(at) + " of freed memory", l, at);
  }
  const uint64_t offset = at - found->base;
  if (a.bytes > found->size - offset) {
    fault(int(FaultKind::out_of_bounds),
          describe() + "byte " + std::to_string(offset) + " of an allocation of " +
              std::to_string(found->size),
          l, at);
  }
  if (a.write && (found->read_only || a.space == Space::constant)) {
    fault(int(FaultKind::read_only), describe() + "read-only memory", l, at);
  }
  a.host[l] = found->host + offset;
  if (found->initialized) {
    check_initialized(found->initialized + offset, "global");
  }
  if (b.launch.checks.races && found->writers && !found->read_only) {
    Access part = a;
    part.mask = 1u << l;
    b.check_global(*this, part, *found);
  }
  return Space::global;
}

} // namespace mome::ptxsim

// Every memory access goes through Warp::resolve: state space, bounds, alignment, initialisation,
// copies in flight, races, traffic.
#include <algorithm>

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

/// Distinct 32-byte sectors touched by the lanes.
uint32_t sectors(const Access &a) {
  uint64_t seen[lanes * 2];
  uint32_t n = 0;
  for_lanes(a.mask, [&](int l) {
    for (uint64_t s = a.address[l] / 32; s <= (a.address[l] + a.bytes - 1) / 32; ++s) {
      if (n == 0 || seen[n - 1] != s) {
        seen[n++] = s;
      }
    }
  });
  if (!std::is_sorted(seen, seen + n)) {
    std::sort(seen, seen + n);
  }
  return uint32_t(std::unique(seen, seen + n) - seen);
}

/// Passes over the 32 banks: 8-byte accesses go by half warps, 16-byte ones by quarters; lanes that
/// want the same word share it.
uint32_t wavefronts(const Access &a) {
  const int per_pass = a.bytes <= 4 ? 32 : a.bytes == 8 ? 16 : 8;
  uint32_t total = 0;
  for (int begin = 0; begin < lanes; begin += per_pass) {
    const uint32_t group = a.mask >> begin & (per_pass == 32 ? ~0u : (1u << per_pass) - 1);
    if (!group) {
      continue;
    }
    uint64_t words[32][32];
    uint8_t count[32] = {};
    uint32_t most = 1;
    for_lanes(group, [&](int g) {
      const uint64_t first = a.address[begin + g] / 4;
      for (uint64_t w = first; w < first + std::max(a.bytes / 4, 1u); ++w) {
        const size_t bank = w % 32;
        uint8_t &n = count[bank];
        if (std::find(words[bank], words[bank] + n, w) == words[bank] + n) {
          words[bank][n++] = w;
        }
        most = std::max<uint32_t>(most, n);
      }
    });
    total += most;
  }
  return total;
}

void count_global(Counters &c, const Access &a) {
  const uint32_t n = sectors(a), bytes = a.bytes * uint32_t(std::popcount(a.mask));
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

void count_shared(Counters &c, const Access &a) {
  const uint32_t bytes = a.bytes * uint32_t(std::popcount(a.mask));
  ++c.shared_requests;
  c.shared_wavefronts += wavefronts(a);
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

void Warp::resolve(Access &a) {
  Block &b = *block;
  const Allocation *cached = nullptr;
  uint32_t global_lanes = 0, shared_lanes = 0;
  const auto describe = [&](int l, uint64_t address) {
    return thread_name(l) + " " + verb(a) + std::to_string(a.bytes) + " bytes at ";
  };
  const auto check_initialized = [&](uint8_t *flags, int l, const char *where, uint64_t at) {
    if (a.write && !a.read) {
      return;
    }
    if (b.launch.checks.initialized && !all_set(flags, a.bytes)) {
      fault(int(FaultKind::uninitialized),
            describe(l, at) + where + " address " + hex(at) + " that nobody wrote", l, at);
    }
  };
  for_lanes(a.mask, [&](int l) {
    uint64_t at = a.address[l];
    Space space = a.space;
    if (at & (a.bytes - 1)) {
      fault(int(FaultKind::misaligned),
            describe(l, at) + hex(at) + ", which is not a multiple of " + std::to_string(a.bytes),
            l, at);
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
    case Space::shared: {
      if (at >= b.shared_bytes || a.bytes > b.shared_bytes - at) {
        fault(int(FaultKind::out_of_bounds),
              describe(l, at) + "shared address " + std::to_string(at) + " of " +
                  std::to_string(b.shared_bytes),
              l, at);
      }
      a.address[l] = at;
      shared_lanes |= 1u << l;
      a.host[l] = b.shared.data() + at;
      for (uint64_t g = at / 4; g <= (at + a.bytes - 1) / 4; ++g) {
        if (b.landing[g]) {
          fault(int(FaultKind::unwaited_copy),
                describe(l, at) + "shared address " + std::to_string(at) +
                    " while an asynchronous copy to it is under way",
                l, at);
        }
      }
      check_initialized(b.shared_initialized.data() + at, l, "shared", at);
      if (a.write) {
        std::memset(b.shared_initialized.data() + at, 1, a.bytes);
      }
      break;
    }
    case Space::local: {
      const uint64_t size = b.program.local_bytes;
      if (at >= size || a.bytes > size - at) {
        fault(int(FaultKind::out_of_bounds),
              describe(l, at) + "local address " + std::to_string(at) + " of " +
                  std::to_string(size),
              l, at);
      }
      const uint64_t offset = uint64_t(index * lanes + l) * size + at;
      a.host[l] = b.local.data() + offset;
      check_initialized(b.local_initialized.data() + offset, l, "local", at);
      if (a.write) {
        std::memset(b.local_initialized.data() + offset, 1, a.bytes);
      }
      break;
    }
    case Space::param: {
      const auto params = b.launch.params;
      if (a.write) {
        fault(int(FaultKind::read_only), describe(l, at) + "the parameters", l, at);
      }
      if (at >= params.size() || a.bytes > params.size() - at) {
        fault(int(FaultKind::out_of_bounds),
              describe(l, at) + "parameter byte " + std::to_string(at) + " of " +
                  std::to_string(params.size()),
              l, at);
      }
      a.host[l] = const_cast<std::byte *>(params.data()) + at;
      break;
    }
    default: {
      if (!cached || !cached->contains(at)) {
        cached = b.memory.find(at);
      }
      if (!cached) {
        fault(int(FaultKind::out_of_bounds),
              describe(l, at) + "global address " + hex(at) + ", " + b.memory.describe(at), l, at);
      }
      if (cached->freed) {
        fault(int(FaultKind::use_after_free),
              describe(l, at) + "global address " + hex(at) + " of freed memory", l, at);
      }
      const uint64_t offset = at - cached->base;
      if (a.bytes > cached->size - offset) {
        fault(int(FaultKind::out_of_bounds),
              describe(l, at) + "byte " + std::to_string(offset) + " of an allocation of " +
                  std::to_string(cached->size),
              l, at);
      }
      if (a.write && (cached->read_only || a.space == Space::constant)) {
        fault(int(FaultKind::read_only), describe(l, at) + "read-only memory", l, at);
      }
      a.host[l] = cached->host + offset;
      global_lanes |= 1u << l;
      if (cached->initialized) {
        check_initialized(cached->initialized + offset, l, "global", at);
        if (a.write) {
          std::memset(cached->initialized + offset, 1, a.bytes);
        }
      }
      if (b.launch.checks.races && cached->writers && !cached->read_only) {
        b.check_global(*this, a, l, *cached);
      }
    }
    }
  });
  if (shared_lanes && b.launch.checks.races) {
    for_lanes(shared_lanes, [&](int l) { b.check_shared(*this, a, l); });
  }
  if (b.launch.count && a.counted && global_lanes == a.mask && a.space != Space::constant) {
    count_global(b.counters, a);
  }
  if (b.launch.count && a.counted && shared_lanes == a.mask) {
    count_shared(b.counters, a);
  }
}

} // namespace mome::ptxsim

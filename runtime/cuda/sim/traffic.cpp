#include "runtime/cuda/sim/traffic.h"

#include <algorithm>
#include <span>

namespace mome::ptxsim {
namespace {

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

} // namespace

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

} // namespace mome::ptxsim

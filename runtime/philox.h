// Philox 4x32-10: the counter-based generator behind every random choice of mome.
//
// A draw is a pure function of (key, counter), so nothing has to be saved for a resume and nothing
// depends on threads. Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1,
// 2, 3", SC 2011 (known-answer vectors in test/runtime/philox_test.cpp). The host draws sample
// orders and bootstraps with it; generated kernels use the same rounds for dropout and
// initialisation.
#pragma once

#include <array>
#include <cstdint>

namespace mome {

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;

constexpr PhiloxCounter philox(PhiloxKey k, PhiloxCounter c) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t{0xD2511F53} * c[0], b = uint64_t{0xCD9E8D57} * c[2];
    c = {uint32_t(b >> 32) ^ c[1] ^ k[0], uint32_t(b), uint32_t(a >> 32) ^ c[3] ^ k[1],
         uint32_t(a)};
    k = {k[0] + 0x9E3779B9, k[1] + 0xBB67AE85};
  }
  return c;
}

/// What a host-side stream of draws is for; keeps independent uses of one seed apart.
enum class RandomUse : uint32_t {
  order = 1,
  inverse_frequency = 2,
  bootstrap = 3,
  test_data = 4,
  augment = 5,
  synth = 6,
  mixup = 7
};

/// 128 random bits for draw (`a`, `b`) of `use` under `seed`; `a` and `b` must fit 32 and 64 bits.
constexpr PhiloxCounter random_bits(uint64_t seed, RandomUse use, uint32_t a, uint64_t b) {
  return philox({uint32_t(seed), uint32_t(seed >> 32)},
                {uint32_t(b), uint32_t(b >> 32), a, uint32_t(use)});
}

constexpr uint64_t join_bits(uint32_t high, uint32_t low) {
  return uint64_t{high} << 32 | low;
}

/// Maps 64 random bits onto [0, n); the bias is below n / 2^64.
inline uint64_t scale_below(uint64_t bits, uint64_t n) {
  return uint64_t((unsigned __int128)bits * n >> 64);
}

} // namespace mome

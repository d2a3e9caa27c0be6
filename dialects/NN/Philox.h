// Philox4x32-10, the counter-based generator of Salmon et al. ("Parallel random numbers: as easy as
// 1, 2, 3", 2011): the reference that the interpreter runs and that emitted code equals bit by bit.
//
// Every random number is a pure function of named coordinates, never of an order of execution:
//   key     = (lo32(seed) ^ hi32(seed) * 0x9E3779B9, rng_id), rng_id a hash of the op's model path
//   counter = (element within the sample, sample, step, 0)
// Lane 0 of the block serves, its upper 24 bits as a fraction that f32 holds exactly.
#ifndef MOME_DIALECTS_NN_PHILOX_H
#define MOME_DIALECTS_NN_PHILOX_H

#include <array>
#include <cstdint>

namespace mome::nn {

struct Philox {
  static constexpr int rounds = 10;
  static constexpr uint32_t multiplier0 = 0xD2511F53, multiplier1 = 0xCD9E8D57;
  static constexpr uint32_t weyl0 = 0x9E3779B9,
                            weyl1 = 0xBB67AE85; // what each round adds to the key

  using Counter = std::array<uint32_t, 4>;
  using Key = std::array<uint32_t, 2>;

  /// The four numbers of one counter.
  static constexpr Counter block(Counter c, Key key) {
    for (int round = 0; round < rounds; ++round) {
      uint64_t product0 = uint64_t(multiplier0) * c[0], product1 = uint64_t(multiplier1) * c[2];
      c = {uint32_t(product1 >> 32) ^ c[1] ^ key[0], uint32_t(product1),
           uint32_t(product0 >> 32) ^ c[3] ^ key[1], uint32_t(product0)};
      key[0] += weyl0;
      key[1] += weyl1;
    }
    return c;
  }

  static constexpr Key makeKey(uint64_t seed, uint32_t rngId) {
    return {uint32_t(seed) ^ (uint32_t(seed >> 32) * weyl0), rngId};
  }
};

/// 32 random bits.
constexpr uint32_t randomBits(uint64_t seed, uint32_t rngId, uint64_t step, uint64_t sample,
                              uint64_t element) {
  Philox::Counter counter = {uint32_t(element), uint32_t(sample), uint32_t(step), 0};
  return Philox::block(counter, Philox::makeKey(seed, rngId))[0];
}

/// Multiples of 2^-24 in [0, 1).
constexpr double toFraction(uint32_t bits) {
  return (bits >> 8) * 0x1p-24;
}
/// Odd multiples of 2^-24 in (-1, 1): never 0, -1 or 1.
constexpr double toSymmetricFraction(uint32_t bits) {
  return (2.0 * (bits >> 8) + 1.0) * 0x1p-24 - 1.0;
}

} // namespace mome::nn
#endif

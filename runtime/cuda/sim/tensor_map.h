// What cuTensorMapEncodeTiled writes into its 128 opaque bytes here, and TMA instructions read.
#pragma once

#include <cstdint>

namespace mome::ptxsim {

enum class Swizzle : uint8_t { none, bytes_32, bytes_64, bytes_128 };

struct TensorMap {
  static constexpr uint32_t right_magic = 0x50414d54; // "TMAP"
  uint32_t magic = 0;
  uint8_t element_bytes = 0, rank = 0, fill_nan = 0;
  Swizzle swizzle = Swizzle::none;
  uint64_t address = 0;
  uint64_t size[5] = {};   // elements, innermost first
  uint64_t stride[4] = {}; // bytes, of dimensions 1 and up
  uint32_t box[5] = {};
  uint8_t unused[20] = {};
};
static_assert(sizeof(TensorMap) == 128);

/// Shared addresses are permuted within 8 rows: 16-byte units by bits 7 and up of the address.
inline uint64_t swizzled(uint64_t address, Swizzle swizzle) {
  constexpr uint64_t masks[] = {0, 0x80, 0x180, 0x380};
  return address ^ (address & masks[int(swizzle)]) >> 3;
}

} // namespace mome::ptxsim

// Which bytes of memory somebody has written: a flag of one byte for each.
#pragma once

#include <cstdint>
#include <cstring>

namespace mome::ptxsim {

inline bool all_set(const uint8_t *flags, uint32_t bytes) {
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

inline void set_flags(uint8_t *flags, uint32_t bytes) {
  if (bytes == 4) {
    std::memset(flags, 1, 4);
  } else if (bytes == 16) {
    std::memset(flags, 1, 16);
  } else {
    std::memset(flags, 1, bytes);
  }
}

} // namespace mome::ptxsim

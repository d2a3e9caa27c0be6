// Lane addresses of a memory instruction: register r[0] + imm, space in `sub`, bytes in `width`.
#pragma once

#include "runtime/cuda/sim/block.h"

namespace mome::ptxsim {

constexpr uint32_t access_strong = 1u << 31; // Inst::flags: volatile, atomic, with a memory order

inline void set_addresses(Warp &w, const Inst &i, uint32_t mask, Access &a) {
  const uint64_t *base = w.reg<uint64_t>(i.r[0]);
  for (int l = 0; l < lanes; ++l) {
    a.address[l] = base[l] + uint64_t(i.imm);
  }
  a.mask = mask;
  a.space = Space(i.sub);
  a.bytes = i.width;
  a.needed = i.needed;
}

} // namespace mome::ptxsim

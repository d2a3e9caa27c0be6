// What an access of a warp costs: sectors of global memory, passes over the banks of shared memory.
//
//   32 lanes read 4 bytes each, side by side   4 sectors of 32 bytes; 1 pass
//   ... 128 bytes apart                        32 sectors; all in one bank: 32 passes
#pragma once

#include "runtime/cuda/sim/block.h"

namespace mome::ptxsim {

/// The lanes' addresses follow each other without gaps.
inline bool contiguous(const Access &a) {
  if (a.mask != ~0u) {
    return false;
  }
  uint64_t wrong = 0;
  for (int l = 1; l < lanes; ++l) {
    wrong |= a.address[l] ^ (a.address[l - 1] + a.bytes);
  }
  return wrong == 0;
}

/// Adds the access to the block's counters; `in_order`: as `contiguous` says.
void count_global(Block &b, const Access &a, bool in_order);
void count_shared(Counters &c, const Access &a, bool in_order);

} // namespace mome::ptxsim

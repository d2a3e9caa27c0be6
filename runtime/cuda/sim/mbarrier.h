// mbarrier objects: a phase ends when all arrivals came and all announced bytes have landed.
#pragma once

#include "runtime/cuda/sim/block.h"

namespace mome::ptxsim {

/// The object at a shared address (offset or generic); a fault when none was initialised there.
MBarrier &find_mbarrier(Warp &w, uint64_t address, int lane);
void arrive_mbarrier(Warp &w, MBarrier &m, uint32_t count, int lane);
/// `bytes` of an announced transfer landed.
void complete_bytes(Warp &w, MBarrier &m, int64_t bytes);

class Decode;
void decode_cp_async(Decode &d);

} // namespace mome::ptxsim

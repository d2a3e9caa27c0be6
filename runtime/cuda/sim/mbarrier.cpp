#include "runtime/cuda/sim/mbarrier.h"

#include "runtime/cuda/sim/addresses.h"
#include "runtime/cuda/sim/bulk.h"
#include "runtime/cuda/sim/decode.h"

namespace mome::ptxsim {
namespace {

void end_phase_if_complete(Warp &w, MBarrier &m) {
  if (m.pending != 0 || m.transactions != 0) {
    return;
  }
  ++m.phase;
  m.pending = m.count;
  m.known = m.next_known;
}

uint64_t checked_address(Warp &w, uint64_t address, int lane) {
  if (address >= shared_window) {
    address &= window_mask;
  }
  if (address % 8 || address + 8 > w.block->shared_bytes) {
    w.fault(int(address % 8 ? FaultKind::misaligned : FaultKind::out_of_bounds),
            "an mbarrier at shared address " + std::to_string(address) + " of " +
                std::to_string(w.block->shared_bytes),
            lane, address);
  }
  return address;
}

void run_init(Warp &w, const Inst &i, uint32_t mask) {
  Access a;
  set_addresses(w, i, mask, a);
  a.space = Space::shared;
  a.bytes = 8;
  a.write = true;
  a.read = false;
  for_lanes(mask, [&](int l) {
    a.address[l] = checked_address(w, a.address[l], l);
    w.block->mbarriers.erase(uint32_t(a.address[l]));
  });
  w.resolve(a);
  const uint32_t *count = w.reg<uint32_t>(i.r[1]);
  for_lanes(mask, [&](int l) {
    if (count[l] == 0 || count[l] >= 1u << 20) {
      w.fault(int(FaultKind::bad_operand), "an mbarrier for " + std::to_string(count[l]), l);
    }
    MBarrier m;
    m.count = m.pending = count[l];
    w.block->mbarriers[uint32_t(a.address[l])] = m;
  });
}
void run_invalidate(Warp &w, const Inst &i, uint32_t mask) {
  Access a;
  set_addresses(w, i, mask, a);
  for_lanes(mask, [&](int l) {
    find_mbarrier(w, a.address[l], l);
    w.block->mbarriers.erase(uint32_t(checked_address(w, a.address[l], l)));
  });
}

constexpr uint32_t flag_drop = 1, flag_expect = 2, flag_only_expect = 4, flag_complete = 8;

/// r[1]: state or 0; r[2]: count or bytes or 0.
void run_arrive(Warp &w, const Inst &i, uint32_t mask) {
  Access a;
  set_addresses(w, i, mask, a);
  for_lanes(mask, [&](int l) {
    MBarrier &m = find_mbarrier(w, a.address[l], l);
    if (i.r[1]) {
      w.reg<uint64_t>(i.r[1])[l] = m.phase;
    }
    const uint32_t n = i.r[2] ? w.reg<uint32_t>(i.r[2])[l] : 1;
    if (i.flags & flag_complete) {
      return complete_bytes(w, m, n);
    }
    if (i.flags & (flag_expect | flag_only_expect)) {
      m.transactions += n;
    }
    if (i.flags & flag_only_expect) {
      return;
    }
    if (i.flags & flag_drop) {
      --m.count;
    }
    arrive_mbarrier(w, m, i.flags & flag_expect ? 1 : n, l);
  });
}

/// r[1]: predicate; r[2]: state or parity; sub: 1 parity, 2 may suspend.
void run_test(Warp &w, const Inst &i, uint32_t mask) {
  Access a;
  set_addresses(w, i, mask, a);
  uint32_t done = 0;
  for_lanes(mask, [&](int l) {
    MBarrier &m = find_mbarrier(w, a.address[l], l);
    const bool ended = i.sub & 1 ? (m.phase & 1) != (w.reg<uint32_t>(i.r[2])[l] & 1)
                                 : m.phase != uint32_t(w.reg<uint64_t>(i.r[2])[l]);
    done |= uint32_t(ended) << l;
    if (ended) {
      w.block->learn(w, m.known);
    }
  });
  if ((i.sub & 2) && done != mask) { // try_wait: other warps may go first
    w.stay = true;
    return;
  }
  uint32_t &p = w.pred(i.r[1]);
  p = (p & ~mask) | done;
}

void run_pending(Warp &w, const Inst &i, uint32_t mask) {
  // Only the state of a phase that is still open could be asked for; it is not kept in the state.
  w.fault(int(FaultKind::bad_operand), "mbarrier.pending_count is not simulated");
}

void decode_arrive(Decode &d, uint32_t flags, bool has_state) {
  if (d.flag("expect_tx")) {
    flags |= flag_expect;
  }
  d.flag("noComplete");
  Space space = d.space().value_or(Space::generic);
  d.type();
  const size_t at = has_state && d.operand(0).kind != Operand::Kind::address ? 1 : 0;
  if (at) {
    d.inst.r[1] = d.dst(0, Type::b64);
  }
  d.inst.r[0] = d.address(at, space);
  if (d.operands() > at + 1) {
    d.inst.r[2] = d.src(at + 1, Type::u32);
  }
  d.inst.flags = flags;
  d.emit(run_arrive, Kind::barrier);
}

void decode_wait(Decode &d, uint8_t suspend) {
  d.inst.sub = suspend | uint8_t(d.flag("parity"));
  Space space = d.space().value_or(Space::generic);
  d.type();
  d.inst.r[1] = d.dst(0, Type::pred);
  d.inst.r[0] = d.address(1, space);
  d.inst.r[2] = d.inst.sub & 1 ? d.src(2, Type::u32) : d.src(2, Type::b64);
  if (suspend) {
    d.inst.flow = Flow::wait;
  }
  d.emit(run_test, Kind::barrier);
}

} // namespace

MBarrier &find_mbarrier(Warp &w, uint64_t address, int lane) {
  address = checked_address(w, address, lane);
  const auto found = w.block->mbarriers.find(uint32_t(address));
  if (found == w.block->mbarriers.end()) {
    w.fault(int(FaultKind::bad_operand),
            "no mbarrier was initialised at shared address " + std::to_string(address), lane,
            address);
  }
  return found->second;
}

void arrive_mbarrier(Warp &w, MBarrier &m, uint32_t count, int lane) {
  if (count > m.pending) {
    w.fault(int(FaultKind::bad_operand), "more arrivals on an mbarrier than it counts", lane);
  }
  w.block->publish(w, m.next_known);
  m.pending -= count;
  end_phase_if_complete(w, m);
}

void complete_bytes(Warp &w, MBarrier &m, int64_t bytes) {
  w.block->publish(w, m.next_known);
  m.transactions -= bytes;
  end_phase_if_complete(w, m);
}

void decode_mbarrier(Decode &d) {
  const int what = d.choice({"init", "inval", "arrive", "arrive_drop", "expect_tx", "complete_tx",
                             "test_wait", "try_wait", "pending_count"});
  d.choice({"release", "acquire", "relaxed"});
  d.choice({"cta", "cluster"});
  switch (what) {
  case 0:
  case 1: {
    Space space = d.space().value_or(Space::generic);
    d.type();
    d.inst.r[0] = d.address(0, space);
    if (what == 0) {
      d.inst.r[1] = d.src(1, Type::u32);
    }
    return d.emit(what == 0 ? run_init : run_invalidate, Kind::barrier);
  }
  case 2:
    return decode_arrive(d, 0, true);
  case 3:
    return decode_arrive(d, flag_drop, true);
  case 4:
    return decode_arrive(d, flag_only_expect, false);
  case 5:
    return decode_arrive(d, flag_complete, false);
  case 6:
    return decode_wait(d, 0);
  case 7:
    return decode_wait(d, 2);
  case 8:
    d.type();
    d.inst.r[0] = d.dst(0, Type::b32);
    return d.emit(run_pending, Kind::barrier);
  default:
    d.fail("an unknown form");
  }
}

void decode_cp(Decode &d) {
  if (!d.flag("async")) {
    d.fail("an unknown form");
  }
  d.flag("bulk") ? decode_bulk(d) : decode_cp_async(d);
}

} // namespace mome::ptxsim

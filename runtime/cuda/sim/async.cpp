// cp.async: copies from global to shared memory that land when they are waited for, and no sooner.
//
// Until then the destination counts as being written: touching it is a fault, and it holds garbage.
// What lands is what the source holds at that time.
#include "runtime/cuda/sim/addresses.h"
#include "runtime/cuda/sim/decode.h"
#include "runtime/cuda/sim/mbarrier.h"

namespace mome::ptxsim {
namespace {

/// Checks a source of fewer bytes than the copy, byte by byte.
void check_partial(Warp &w, uint64_t address, uint32_t bytes, int lane) {
  for (uint32_t k = 0; k < bytes; ++k) {
    Access a;
    a.space = Space::global;
    a.mask = 1u << lane;
    a.bytes = 1;
    a.counted = false;
    a.address[lane] = address + k;
    w.resolve(a);
  }
}

/// r[0]: shared address + imm; r[1]: global + more[0] as an offset; width: bytes; r[2]: source size
/// or 0; r[3]: predicate "ignore the source" or 0.
void run_copy(Warp &w, const Inst &i, uint32_t mask) {
  Block &b = *w.block;
  Access from;
  from.space = Space(i.count);
  from.bytes = i.width;
  const uint64_t *source = w.reg<uint64_t>(i.r[1]), *target = w.reg<uint64_t>(i.r[0]);
  const int32_t offset = int32_t(i.more[0]);
  uint32_t size[lanes];
  for_lanes(mask, [&](int l) {
    size[l] = i.r[2] ? w.reg<uint32_t>(i.r[2])[l] : i.width;
    if (size[l] > i.width) {
      w.fault(int(FaultKind::bad_operand), "a source of " + std::to_string(size[l]) + " bytes", l);
    }
    if (i.r[3] && (w.pred(i.r[3]) >> l & 1)) {
      size[l] = 0;
    }
    from.address[l] = source[l] + uint64_t(int64_t(offset));
    if (size[l] == i.width) {
      from.mask |= 1u << l;
    } else {
      check_partial(w, from.address[l], size[l], l);
    }
  });
  if (from.mask) {
    w.resolve(from);
  }
  for_lanes(mask, [&](int l) {
    uint64_t to = target[l] + uint64_t(i.imm);
    if (to >= shared_window && to < local_window) {
      to &= window_mask;
    }
    if (to % i.width) {
      w.fault(int(FaultKind::misaligned),
              w.thread_name(l) + " copies " + std::to_string(i.width) +
                  " bytes to shared address " + std::to_string(to),
              l, to);
    }
    if (to >= b.shared_bytes || i.width > b.shared_bytes - to) {
      w.fault(int(FaultKind::out_of_bounds),
              w.thread_name(l) + " copies " + std::to_string(i.width) +
                  " bytes to shared address " + std::to_string(to) + " of " +
                  std::to_string(b.shared_bytes),
              l, to);
    }
    w.copies.push_back(
        {from.address[l], uint32_t(to), i.width, uint8_t(size[l]), uint8_t(l), w.committed[l]});
  });
  // For the race checker the write begins now, and (in land_copies) ends with the wait.
  Access write;
  write.space = Space::shared;
  write.mask = mask;
  write.bytes = i.width;
  write.write = true;
  write.read = false;
  for_lanes(mask, [&](int l) { write.address[l] = (target[l] + uint64_t(i.imm)) & window_mask; });
  w.resolve(write);
  for_lanes(mask, [&](int l) {
    std::memset(b.shared.data() + write.address[l], 0xff, i.width);
    for (uint64_t g = write.address[l] / 4; g < (write.address[l] + i.width) / 4; ++g) {
      ++b.landing[g];
      ++b.in_flight;
    }
  });
  if (!b.launch.checks.late_copies) {
    w.land_copies(mask, 0, true);
  }
}

void run_commit(Warp &w, const Inst &, uint32_t mask) {
  for_lanes(mask, [&](int l) { ++w.committed[l]; });
}
void run_wait(Warp &w, const Inst &i, uint32_t mask) {
  w.land_copies(mask, uint32_t(i.imm), i.sub == 1);
}

/// All copies of the thread so far arrive on an mbarrier when they have landed: here, now.
void run_arrive(Warp &w, const Inst &i, uint32_t mask) {
  w.land_copies(mask, 0, true);
  Access a;
  set_addresses(w, i, mask, a);
  for_lanes(mask, [&](int l) {
    MBarrier &m = find_mbarrier(w, a.address[l], l);
    if (!i.flags) { // without .noinc the arrival was not foreseen in the count
      ++m.pending;
    }
    arrive_mbarrier(w, m, 1, l);
  });
}

} // namespace

void Warp::land_copies(uint32_t mask, uint32_t keep, bool all) {
  if (copies.empty()) {
    return;
  }
  Block &b = *block;
  std::vector<AsyncCopy> rest;
  for (const AsyncCopy &c : copies) {
    const bool lands = (mask >> c.lane & 1) && (all || c.group + keep < committed[c.lane]);
    if (!lands) {
      rest.push_back(c);
      continue;
    }
    for (uint32_t g = c.target / 4; g < (c.target + c.bytes) / 4; ++g) {
      --b.landing[g];
      --b.in_flight;
    }
    std::byte *to = b.shared.data() + c.target;
    std::memset(to, 0, c.bytes);
    if (c.bytes_read) {
      const std::byte *from = b.memory.host(c.source, c.bytes_read);
      if (!from) {
        fault(int(FaultKind::use_after_free), "the source of an asynchronous copy is gone", c.lane,
              c.source);
      }
      std::memcpy(to, from, c.bytes_read);
    }
    if (b.launch.checks.races && alive) {
      Access write;
      write.space = Space::shared;
      write.mask = 1u << c.lane;
      write.bytes = c.bytes;
      write.write = true;
      write.read = false;
      write.address[c.lane] = c.target;
      b.check_shared(*this, write);
    }
  }
  copies = std::move(rest);
}

void decode_cp_async(Decode &d) {
  if (d.flag("commit_group")) {
    return d.emit(run_commit, Kind::async_copy);
  }
  if (d.flag("wait_all")) {
    d.inst.sub = 1;
    return d.emit(run_wait, Kind::async_copy);
  }
  if (d.flag("wait_group")) {
    d.inst.imm = d.immediate(0);
    if (d.inst.imm < 0) {
      d.fail("a negative count");
    }
    return d.emit(run_wait, Kind::async_copy);
  }
  if (d.flag("mbarrier")) {
    if (!d.flag("arrive")) {
      d.fail("an unknown form");
    }
    d.inst.flags = d.flag("noinc");
    Space space = d.space().value_or(Space::shared);
    d.type();
    d.inst.r[0] = d.address(0, space);
    return d.emit(run_arrive, Kind::async_copy);
  }
  const int cache = d.choice({"ca", "cg"});
  d.ignore_cache_hints();
  if (cache < 0 || d.space() != Space::shared || d.space() != Space::global) {
    d.fail("an unknown form");
  }
  d.want(3, 5);
  const int64_t bytes = d.immediate(2);
  if (bytes != 16 && (cache == 1 || (bytes != 4 && bytes != 8))) {
    d.fail("a copy of " + std::to_string(bytes) + " bytes");
  }
  d.inst.width = uint8_t(bytes);
  Space global = Space::global, shared = Space::shared;
  d.inst.r[1] = d.address(1, global);
  d.inst.more.push_back(uint32_t(d.inst.imm));
  d.inst.r[0] = d.address(0, shared);
  d.inst.count = uint8_t(Space::global);
  if (d.operands() > 3) {
    const Operand &o = d.operand(3);
    const bool pred = o.kind == Operand::Kind::reg && d.register_size(o) == 0;
    const bool policy = o.kind == Operand::Kind::reg && d.register_size(o) == 8;
    if (pred) {
      d.inst.r[3] = d.pred_src(o);
    } else if (!policy) {
      d.inst.r[2] = d.src(o, Type::b32);
    }
  }
  d.emit(run_copy, Kind::async_copy);
}

} // namespace mome::ptxsim

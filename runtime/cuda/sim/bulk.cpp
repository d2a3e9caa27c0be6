// Bulk copies and TMA: cp.async.bulk, cp.async.bulk.tensor.
//
// They land at once, but for the race checker they are writes by the issuing thread that others
// know of only through the mbarrier: reading without waiting for it is a race. Stores to global
// memory read shared memory at once.
#include "runtime/cuda/sim/bulk.h"

#include "runtime/cuda/sim/addresses.h"
#include "runtime/cuda/sim/decode.h"
#include "runtime/cuda/sim/mbarrier.h"
#include "runtime/cuda/sim/tensor_map.h"

namespace mome::ptxsim {
namespace {

uint64_t lane_address(Warp &w, uint32_t offset, uint32_t displacement, int lane) {
  return w.reg<uint64_t>(offset)[lane] + uint64_t(int64_t(int32_t(displacement)));
}
uint64_t shared_offset(uint64_t address) {
  return address >= shared_window && address < local_window ? address & window_mask : address;
}

/// One lane's access to shared memory in pieces of 16 bytes, with every check.
void touch_shared(Warp &w, uint64_t address, uint64_t bytes, bool write, int lane) {
  for (uint64_t at = 0; at < bytes; at += 16) {
    Access a;
    a.space = Space::shared;
    a.mask = 1u << lane;
    a.bytes = 16;
    a.write = write;
    a.read = !write;
    a.counted = false;
    a.async = true;
    a.address[lane] = address + at;
    w.resolve(a);
  }
}

std::byte *global_bytes(Warp &w, uint64_t address, uint64_t bytes, bool write, int lane) {
  Memory &memory = w.block->memory;
  std::byte *host = memory.host(address, bytes);
  if (!host) {
    w.fault(int(FaultKind::out_of_bounds),
            "a bulk copy of " + std::to_string(bytes) + " bytes at a global address, " +
                memory.describe(address),
            lane, address);
  }
  if (write) {
    memory.mark(address, bytes, true);
  } else if (w.block->launch.checks.initialized &&
             memory.first_uninitialized(address, bytes) != UINT64_MAX) {
    w.fault(int(FaultKind::uninitialized), "a bulk copy reads global bytes that nobody wrote", lane,
            address);
  }
  return host;
}

constexpr uint32_t flag_store = 1, flag_mbarrier = 2;

/// r[0]: shared; r[1]: global; r[2]: size; r[3]: mbarrier; more: displacements of 0, 1, 3.
void run_plain(Warp &w, const Inst &i, uint32_t mask) {
  for_lanes(mask, [&](int l) {
    const uint64_t shared = shared_offset(lane_address(w, i.r[0], i.more[0], l));
    const uint64_t global = lane_address(w, i.r[1], i.more[1], l);
    const uint32_t bytes = w.reg<uint32_t>(i.r[2])[l];
    const bool store = i.flags & flag_store;
    if (bytes % 16 || shared % 16 || global % 16) {
      w.fault(int(FaultKind::misaligned),
              "a bulk copy whose addresses or size are no multiples of 16", l, global);
    }
    touch_shared(w, shared, bytes, !store, l);
    if (bytes == 0) {
      return;
    }
    std::byte *host = global_bytes(w, global, bytes, store, l);
    std::byte *inside = w.block->shared.data() + shared;
    store ? std::memcpy(host, inside, bytes) : std::memcpy(inside, host, bytes);
    if (i.flags & flag_mbarrier) {
      complete_bytes(w, find_mbarrier(w, lane_address(w, i.r[3], i.more[2], l), l), bytes);
    }
  });
}

TensorMap load_map(Warp &w, uint64_t address, int lane) {
  TensorMap map;
  const std::byte *host = nullptr;
  if (address >= param_window) {
    const auto params = w.block->launch.params;
    const uint64_t at = address - param_window;
    host = at <= params.size() && params.size() - at >= sizeof map ? params.data() + at : nullptr;
  } else {
    host = w.block->memory.host(address, sizeof map);
  }
  if (host) {
    std::memcpy(&map, host, sizeof map);
  }
  if (!host || map.magic != TensorMap::right_magic || map.rank < 1 || map.rank > 5) {
    w.fault(int(FaultKind::bad_operand), "no tensor map at this address", lane, address);
  }
  return map;
}

/// Calls f(shared offset in the box, global address, elements inside) for each row of the box.
template <class F> void box_rows(const TensorMap &m, const int32_t *corner, F f) {
  uint64_t rows = 1;
  for (int k = 1; k < m.rank; ++k) {
    rows *= m.box[k];
  }
  for (uint64_t row = 0; row < rows; ++row) {
    uint64_t rest = row, address = m.address;
    bool inside = true;
    for (int k = 1; k < m.rank; ++k) {
      const int64_t at = corner[k] + int64_t(rest % m.box[k]);
      rest /= m.box[k];
      inside &= at >= 0 && uint64_t(at) < m.size[k];
      address += uint64_t(at) * m.stride[k - 1];
    }
    f(row * m.box[0] * m.element_bytes, address, inside);
  }
}

/// more: displacements of 0, 1, 3, then the coordinates; count: rank.
void run_tensor(Warp &w, const Inst &i, uint32_t mask) {
  for_lanes(mask, [&](int l) {
    Block &b = *w.block;
    const uint64_t base = shared_offset(lane_address(w, i.r[0], i.more[0], l));
    const TensorMap m = load_map(w, lane_address(w, i.r[1], i.more[1], l), l);
    if (m.rank != i.count) {
      w.fault(int(FaultKind::bad_operand), "a tensor map of rank " + std::to_string(m.rank), l);
    }
    int32_t corner[5] = {};
    uint64_t bytes = m.element_bytes;
    for (int k = 0; k < m.rank; ++k) {
      corner[k] = w.reg<int32_t>(i.more[size_t(3 + k)])[l];
      bytes *= m.box[k];
    }
    const bool store = i.flags & flag_store;
    if (base % 128) {
      w.fault(int(FaultKind::misaligned),
              "a tensor copy at a shared address that is no multiple of 128", l, base);
    }
    touch_shared(w, base, bytes, !store, l);
    box_rows(m, corner, [&](uint64_t offset, uint64_t address, bool inside) {
      for (uint32_t x = 0; x < m.box[0]; ++x) {
        std::byte *at = b.shared.data() + swizzled(base + offset + x * m.element_bytes, m.swizzle);
        const int64_t column = corner[0] + int64_t(x);
        if (inside && column >= 0 && uint64_t(column) < m.size[0]) {
          std::byte *host = global_bytes(w, address + uint64_t(column) * m.element_bytes,
                                         m.element_bytes, store, l);
          store ? std::memcpy(host, at, m.element_bytes) : std::memcpy(at, host, m.element_bytes);
        } else if (!store) {
          std::memset(at, m.fill_nan ? 0xff : 0, m.element_bytes);
        }
      }
    });
    if (i.flags & flag_mbarrier) {
      complete_bytes(w, find_mbarrier(w, lane_address(w, i.r[3], i.more[2], l), l), int64_t(bytes));
    }
  });
}

void run_nothing(Warp &, const Inst &, uint32_t) {}

uint32_t displaced(Decode &d, const Operand &o, Space space) {
  const uint32_t base = d.address(o, space);
  d.inst.more.push_back(uint32_t(d.inst.imm));
  return base;
}

/// The operands of a tensor copy: [shared], [map, {c}], [mbar]  or  [map, {c}], [shared].
void decode_tensor(Decode &d, bool store) {
  const int rank = d.choice({"1d", "2d", "3d", "4d", "5d"}) + 1;
  if (rank == 0) {
    d.fail("no rank");
  }
  d.flag("tile");
  const Operand &map = d.operand(store ? 0 : 1);
  if (map.kind != Operand::Kind::address || int(map.parts.size()) != rank + 1) {
    d.fail("coordinates of the wrong number");
  }
  d.inst.count = uint8_t(rank);
  d.inst.r[0] = displaced(d, d.operand(store ? 1 : 0), Space::shared);
  d.inst.r[1] = displaced(d, map, Space::generic);
  if (store) {
    d.inst.more.push_back(0);
  } else {
    d.inst.r[3] = displaced(d, d.operand(2), Space::shared);
  }
  for (int k = 0; k < rank; ++k) {
    d.inst.more.push_back(d.src(map.parts[size_t(k) + 1], Type::s32));
  }
  d.emit(run_tensor, Kind::async_copy);
}

} // namespace

void decode_bulk(Decode &d) {
  if (d.flag("commit_group") || d.flag("wait_group")) {
    d.flag("read");
    return d.emit(run_nothing, Kind::async_copy);
  }
  const bool tensor = d.flag("tensor");
  const auto to = d.space(), from = d.space();
  const bool store = to == Space::global && from == Space::shared;
  if (!store && !(to == Space::shared && from == Space::global)) {
    d.fail("an unknown direction");
  }
  const bool mbarrier = d.flag("mbarrier::complete_tx::bytes");
  if (mbarrier == store || (!mbarrier && !d.flag("bulk_group"))) {
    d.fail("an unknown way to complete");
  }
  d.ignore_cache_hints(); // a policy operand may follow the others
  d.inst.flags = (store ? flag_store : 0) | (mbarrier ? flag_mbarrier : 0);
  if (tensor) {
    return decode_tensor(d, store);
  }
  d.inst.r[0] = displaced(d, d.operand(store ? 1 : 0), Space::shared);
  d.inst.r[1] = displaced(d, d.operand(store ? 0 : 1), Space::global);
  d.inst.r[2] = d.src(2, Type::u32);
  if (mbarrier) {
    d.inst.r[3] = displaced(d, d.operand(3), Space::shared);
  } else {
    d.inst.more.push_back(0);
  }
  d.emit(run_plain, Kind::async_copy);
}

} // namespace mome::ptxsim

// mov (with packing and unpacking), cvta, isspacep, selections of special registers.
#include <algorithm>

#include "runtime/cuda/sim/block.h"
#include "runtime/cuda/sim/decode.h"

namespace mome::ptxsim {

void run_not_pred(Warp &w, const Inst &i, uint32_t) {
  w.pred(i.r[0]) = ~w.pred(i.r[1]);
}

void run_widen_address(Warp &w, const Inst &i, uint32_t) {
  const uint32_t *a = w.reg<uint32_t>(i.r[1]);
  write_lanes(w.reg<uint64_t>(i.r[0]), ~0u, [&](int l) { return uint64_t{a[l]}; });
}

namespace {

template <class T> void run_mov(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]);
  write_lanes(w.reg<T>(i.r[0]), mask, [&](int l) { return a[l]; });
}

void run_mov_pred(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t &d = w.pred(i.r[0]);
  d = (d & ~mask) | (w.pred(i.r[1]) & mask);
}

void run_mov_16_bytes(Warp &w, const Inst &i, uint32_t mask) {
  for_lanes(mask,
            [&](int l) { std::memmove(w.frame + i.r[0] + l * 16, w.frame + i.r[1] + l * 16, 16); });
}

/// Pieces of `width` bytes at more[k] and one register r[0] of count * width.
template <bool pack> void run_pieces(Warp &w, const Inst &i, uint32_t mask) {
  const size_t whole = size_t(i.width) * i.count;
  std::byte buffer[lanes][32]; // results may be among the sources
  for_lanes(mask, [&](int l) {
    for (size_t k = 0; k < i.count; ++k) {
      std::byte *piece = w.frame + i.more[k] + size_t(l) * std::max<size_t>(i.width, 2);
      if constexpr (pack) {
        std::memcpy(buffer[l] + k * i.width, piece, i.width);
      }
    }
    if constexpr (!pack) {
      std::memcpy(buffer[l], w.frame + i.r[0] + size_t(l) * whole, whole);
    }
  });
  for_lanes(mask, [&](int l) {
    if constexpr (pack) {
      std::memcpy(w.frame + i.r[0] + size_t(l) * whole, buffer[l], whole);
    } else {
      for (size_t k = 0; k < i.count; ++k) {
        std::byte *piece = w.frame + i.more[k] + size_t(l) * std::max<size_t>(i.width, 2);
        if (i.width == 1) {
          std::memset(piece, 0, 2);
        }
        std::memcpy(piece, buffer[l] + k * i.width, i.width);
      }
    }
  });
}

void run_clock(Warp &w, const Inst &i, uint32_t mask) {
  // Any growing number will do: instructions executed by the block so far.
  const uint64_t now = w.block->next_clock();
  if (i.width == 8) {
    write_lanes(w.reg<uint64_t>(i.r[0]), mask, [&](int) { return now; });
  } else {
    write_lanes(w.reg<uint32_t>(i.r[0]), mask, [&](int) { return uint32_t(now); });
  }
}

Type piece_type(int bytes) {
  return bytes == 8 ? Type::b64 : bytes == 4 ? Type::b32 : bytes == 2 ? Type::b16 : Type::b8;
}

void decode_pieces(Decode &d, Type type, bool pack) {
  const Operand &pieces = d.operand(pack ? 1 : 0);
  d.inst.count = uint8_t(pieces.parts.size());
  d.inst.width = uint8_t(type_size(type) / std::max<int>(int(pieces.parts.size()), 1));
  if (d.inst.width == 0 || d.inst.width * int(pieces.parts.size()) != type_size(type)) {
    d.fail("pieces that do not make up the whole");
  }
  const Type piece = piece_type(d.inst.width);
  for (const Operand &o : pieces.parts) {
    d.inst.more.push_back(pack ? d.src(o, piece) : d.dst(o, piece));
  }
  d.inst.r[0] = pack ? d.dst(0, type) : d.src(1, type);
  d.emit(pack ? run_pieces<true> : run_pieces<false>, Kind::move);
}

} // namespace

void decode_mov(Decode &d) {
  if (d.ast.opcode == "createpolicy") { // a cache policy is an opaque number
    for (const std::string_view m : d.ast.modifiers) {
      d.flag(m);
    }
    d.inst.r[0] = d.dst(0, Type::b64);
    d.inst.r[1] = d.constant(8, 0);
    return d.emit(run_mov<uint64_t>, Kind::move);
  }
  const Type type = d.type();
  d.want(2, 2);
  if (d.operand(0).kind == Operand::Kind::vector) {
    return decode_pieces(d, type, false);
  }
  if (d.operand(1).kind == Operand::Kind::vector) {
    return decode_pieces(d, type, true);
  }
  d.inst.r[0] = d.dst(0, type);
  const Operand &from = d.operand(1);
  if (from.kind == Operand::Kind::special &&
      (from.name.starts_with("%clock") || from.name == "%globaltimer" ||
       from.name == "%globaltimer_lo" || from.name == "%globaltimer_hi")) {
    d.inst.width = uint8_t(type_size(type));
    return d.emit(run_clock, Kind::move);
  }
  if (from.kind == Operand::Kind::special && from.name == "%gridid") {
    d.inst.r[1] = d.constant(type_size(type), 0);
  } else {
    d.inst.r[1] = d.src(1, type);
  }
  switch (type_size(type)) {
  case 0:
    return d.emit(run_mov_pred, Kind::predicate);
  case 1:
  case 2:
    return d.emit(run_mov<uint16_t>, Kind::move);
  case 4:
    return d.emit(run_mov<uint32_t>, Kind::move);
  case 8:
    return d.emit(run_mov<uint64_t>, Kind::move);
  default:
    return d.emit(run_mov_16_bytes, Kind::move);
  }
}

namespace {

uint64_t window_of(Space s) {
  switch (s) {
  case Space::shared:
    return shared_window;
  case Space::local:
    return local_window;
  case Space::param:
    return param_window;
  default:
    return 0;
  }
}

template <class T, bool to> void run_cvta(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]);
  const uint64_t window = uint64_t(i.imm);
  write_lanes(w.reg<uint64_t>(i.r[0]), mask, [&](int l) -> uint64_t {
    const uint64_t v = a[l];
    if constexpr (to) {
      return window ? v & window_mask : v;
    } else {
      return window | v;
    }
  });
}

void run_isspacep(Warp &w, const Inst &i, uint32_t mask) {
  const uint64_t *a = w.reg<uint64_t>(i.r[1]);
  uint32_t &d = w.pred(i.r[0]);
  d = pred_lanes(d, mask, [&](int l) {
    const uint64_t window = a[l] & ~window_mask;
    return i.imm ? window == uint64_t(i.imm) : window == 0;
  });
}

} // namespace

/// cvta{.to}.space.u64 d, a;  isspacep.space p, a;
void decode_cvta(Decode &d) {
  if (d.ast.opcode == "isspacep") {
    d.inst.imm = int64_t(window_of(d.space().value_or(Space::global)));
    d.inst.r[0] = d.dst(0, Type::pred);
    d.inst.r[1] = d.src(1, Type::u64);
    return d.emit(run_isspacep, Kind::predicate);
  }
  const bool to = d.flag("to");
  const auto space = d.space();
  if (!space) {
    d.fail("a state space is missing");
  }
  const Type type = d.type();
  if (type_size(type) != 8) {
    d.fail("only 64-bit addresses are supported");
  }
  d.inst.imm = int64_t(window_of(*space));
  const Operand &from = d.operand(1);
  d.inst.r[0] = d.dst(0, Type::u64);
  d.inst.r[1] = d.src(from, Type::u64);
  d.emit(to ? run_cvta<uint64_t, true> : run_cvta<uint64_t, false>, Kind::integer);
}

} // namespace mome::ptxsim

// atom, red, and fences.
//
// Lanes of one instruction act one after the other, in lane order or in an order by the seed; a
// kernel with global atomics runs its blocks in order, so results do not depend on host threads.
#include "runtime/cuda/sim/addresses.h"
#include "runtime/cuda/sim/builder.h"
#include "runtime/cuda/sim/float_ops.h"

namespace mome::ptxsim {
namespace {

enum Op : uint8_t { and_, or_, xor_, exch, cas, add, inc, dec, min_, max_ };

template <class T> T apply_number(int op, T old, T b) {
  switch (op) {
  case add:
    if constexpr (std::is_integral_v<T>) {
      return T(std::make_unsigned_t<T>(old) + std::make_unsigned_t<T>(b));
    } else {
      return canonical(old + b);
    }
  case min_:
    if constexpr (std::is_floating_point_v<T>) {
      return min_number(old, b);
    } else {
      return std::min(old, b);
    }
  default:
    if constexpr (std::is_floating_point_v<T>) {
      return max_number(old, b);
    } else {
      return std::max(old, b);
    }
  }
}

uint64_t apply_half(int op, Type t, uint64_t old, uint64_t b) {
  const auto one = [&](uint16_t x, uint16_t y) -> uint16_t {
    const bool bf = t == Type::bf16 || t == Type::bf16x2;
    const float r = bf ? apply_number(op, from_bf16(x), from_bf16(y))
                       : apply_number(op, from_f16(x), from_f16(y));
    return bf ? to_bf16(r) : to_f16(r);
  };
  const uint64_t low = one(uint16_t(old), uint16_t(b));
  return type_size(t) == 2 ? low
                           : low | uint64_t{one(uint16_t(old >> 16), uint16_t(b >> 16))} << 16;
}

uint64_t apply(int op, Type t, uint64_t old, uint64_t b, uint64_t c) {
  switch (op) {
  case and_:
    return old & b;
  case or_:
    return old | b;
  case xor_:
    return old ^ b;
  case exch:
    return b;
  case cas:
    return old == b ? c : old;
  case inc:
    return uint32_t(old) >= uint32_t(b) ? 0 : old + 1;
  case dec:
    return old == 0 || uint32_t(old) > uint32_t(b) ? b : old - 1;
  default:
    break;
  }
  switch (t) {
  case Type::u32:
    return apply_number(op, uint32_t(old), uint32_t(b));
  case Type::s32:
    return uint32_t(apply_number(op, int32_t(old), int32_t(b)));
  case Type::u64:
    return apply_number(op, old, b);
  case Type::s64:
    return uint64_t(apply_number(op, int64_t(old), int64_t(b)));
  case Type::f32:
    return std::bit_cast<uint32_t>(
        apply_number(op, std::bit_cast<float>(uint32_t(old)), std::bit_cast<float>(uint32_t(b))));
  case Type::f64:
    return std::bit_cast<uint64_t>(
        apply_number(op, std::bit_cast<double>(old), std::bit_cast<double>(b)));
  default:
    return apply_half(op, t, old, b);
  }
}

/// sub: space, count: type, imm2 in flags' low byte: op; more: results, then operands b, then c.
/// width: bytes in all; elements = more.size() / 3.
void run_atomic(Warp &w, const Inst &i, uint32_t mask) {
  Access a;
  set_addresses(w, i, mask, a);
  a.write = a.read = a.strong = true;
  w.resolve(a);
  const Type t = Type(i.count);
  const size_t size = size_t(type_size(t)), n = i.more.size() / 3;
  const int op = int(i.flags & 255);
  const auto one = [&](int l) {
    for (size_t k = 0; k < n; ++k) {
      const auto load = [&](uint32_t offset) {
        uint64_t v = 0;
        std::memcpy(&v, w.frame + offset + size_t(l) * size, size);
        return v;
      };
      uint64_t old = 0;
      std::memcpy(&old, a.host[l] + k * size, size);
      const uint64_t next = apply(op, t, old, load(i.more[n + k]), load(i.more[2 * n + k]));
      std::memcpy(a.host[l] + k * size, &next, size);
      if (i.more[k]) {
        std::memcpy(w.frame + i.more[k] + size_t(l) * size, &old, size);
      }
    }
  };
  const int start = w.block->launch.seed ? int(w.block->next_random() % lanes) : 0;
  for (int k = 0; k < lanes; ++k) {
    if (mask >> ((start + k) % lanes) & 1) {
      one((start + k) % lanes);
    }
  }
  w.block->acquired = true;
  w.block->learn(w, w.block->fence_known);
}

/// imm: 1 device or system wide, 0 the block.
void run_fence(Warp &w, const Inst &i, uint32_t) {
  Block &b = *w.block;
  b.publish(w, b.fence_known);
  b.learn(w, b.fence_known);
  if (i.imm && b.launch.checks.races) {
    std::vector<uint32_t> &published = b.grid.fenced[b.number];
    published.resize(b.warps.size());
    for (size_t k = 0; k < published.size(); ++k) { // clocks as the global cells have them
      published[k] = std::max(published[k], w.known[k] - b.base_clock);
    }
  }
}

void run_proxy_fence(Warp &w, const Inst &, uint32_t) {
  w.block->show_to_async(w);
}
void run_nothing(Warp &, const Inst &, uint32_t) {}

void operands_of(Decode &d, const Operand &o, Type t, size_t n, bool result) {
  if (n == 1) {
    d.inst.more.push_back(result ? d.dst(o, t) : d.src(o, t));
    return;
  }
  if (o.kind != Operand::Kind::vector || o.parts.size() != n) {
    d.fail("a vector of the wrong length");
  }
  for (const Operand &part : o.parts) {
    d.inst.more.push_back(result ? d.dst(part, t) : d.src(part, t));
  }
}

} // namespace

/// atom{.sem}{.scope}{.space}.op{.noftz}{.vec}.type d, [a], b{, c};  red...: [a], b;
void decode_atomic(Decode &d) {
  const bool red = d.ast.opcode == "red";
  if (d.flag("async")) {
    d.fail("an asynchronous reduction");
  }
  const int sem = d.choice({"relaxed", "acquire", "release", "acq_rel"});
  d.choice({"cta", "cluster", "gpu", "sys"});
  Space space = d.space().value_or(Space::generic);
  const int op = d.choice({"and", "or", "xor", "exch", "cas", "add", "inc", "dec", "min", "max"});
  if (op < 0) {
    d.fail("no operation");
  }
  d.flag("noftz");
  d.ignore_cache_hints();
  const int vector = d.choice({"v2", "v4", "v8"});
  const size_t n = vector < 0 ? 1 : size_t(2) << vector;
  const Type t = d.type();
  const size_t first = red ? 0 : 1;
  d.want(first + (op == cas ? 3 : 2), first + (op == cas ? 3 : 2) + 1);
  d.inst.r[0] = d.address(first, space);
  if (red) {
    d.inst.more.assign(n, 0);
  } else {
    operands_of(d, d.operand(0), t, n, true);
  }
  operands_of(d, d.operand(first + 1), t, n, false);
  if (op == cas) {
    operands_of(d, d.operand(first + 2), t, n, false);
  } else {
    for (size_t k = 0; k < n; ++k) {
      d.inst.more.push_back(d.inst.more[n + k]);
    }
  }
  d.inst.sub = uint8_t(space);
  d.inst.count = uint8_t(t);
  d.inst.width = uint8_t(size_t(type_size(t)) * n);
  d.inst.flags = uint32_t(op);
  d.inst.imm = d.ast.operands[first].offset;
  if (space != Space::shared) {
    d.builder.program.ordered = true;
  }
  if (sem >= 2) { // .release, .acq_rel: what came before is published
    Inst fence;
    fence.run = run_fence;
    fence.imm = 1;
    d.emit_pseudo(fence);
  }
  d.emit(run_atomic, Kind::atomic);
}

/// membar.level, fence{.sem}.scope, fence.proxy..., fence.mbarrier_init
void decode_fence(Decode &d) {
  const bool block_only = d.flag("cta") && d.ast.modifiers.back() != "gl";
  for (const std::string_view m : d.ast.modifiers) {
    d.flag(m);
  }
  const auto &m = d.ast.modifiers;
  if (m.size() > 1 && m[0] == "proxy") { // orders nothing between threads
    const bool shared = m[1] == "async" && (m.size() == 2 || m[2] != "global");
    return d.emit(shared ? run_proxy_fence : run_nothing, Kind::control);
  }
  d.inst.imm = block_only ? 0 : 1;
  if (d.inst.imm) {
    d.builder.program.ordered = true;
  }
  d.emit(run_fence, Kind::barrier);
}

} // namespace mome::ptxsim

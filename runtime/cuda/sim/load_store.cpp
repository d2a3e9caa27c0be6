// ld, st and prefetch in every space.
#include "runtime/cuda/sim/addresses.h"
#include "runtime/cuda/sim/block.h"
#include "runtime/cuda/sim/builder.h"
#include "runtime/cuda/sim/decode.h"

namespace mome::ptxsim {
namespace {

template <class Memory, class Register> void fill(Warp &w, const Access &a, const Inst &i) {
  for (size_t k = 0; k < i.count; ++k) {
    Register *d = w.reg<Register>(i.more[k]);
    for_lanes(a.mask, [&](int l) {
      Memory value;
      std::memcpy(&value, a.host[l] + k * sizeof(Memory), sizeof(Memory));
      d[l] = Register(value); // extends by the sign of Memory
    });
  }
}

void acquire(Warp &w) {
  w.block->acquired = true;
  w.block->learn(w, w.block->fence_known);
}

template <class Memory, class Register> void run_load(Warp &w, const Inst &i, uint32_t mask) {
  Access a;
  set_addresses(w, i, mask, a);
  a.strong = i.flags & access_strong;
  w.resolve(a);
  fill<Memory, Register>(w, a, i);
  if (a.strong) {
    acquire(w);
  }
}

/// A parameter at a constant offset: the same for all lanes.
template <class Memory, class Register> void run_load_param(Warp &w, const Inst &i, uint32_t mask) {
  const std::span<const std::byte> params = w.block->launch.params;
  const uint64_t at = w.reg<uint64_t>(i.r[0])[0] + uint64_t(i.imm);
  const uint64_t bytes = sizeof(Memory) * i.count;
  if (at % sizeof(Memory) != 0 || at > params.size() || bytes > params.size() - at) {
    w.fault(int(FaultKind::out_of_bounds), "parameter bytes " + std::to_string(at) + " to " +
                                               std::to_string(at + bytes) + " of " +
                                               std::to_string(params.size()));
  }
  for (size_t k = 0; k < i.count; ++k) {
    Memory value;
    std::memcpy(&value, params.data() + at + k * sizeof(Memory), sizeof(Memory));
    write_lanes(w.reg<Register>(i.more[k]), mask, [&](int) { return Register(value); });
  }
}

template <class Memory, class Register> void run_store(Warp &w, const Inst &i, uint32_t mask) {
  Access a;
  set_addresses(w, i, mask, a);
  a.write = true;
  a.read = false;
  a.strong = i.flags & access_strong;
  alignas(16) std::byte values[lanes][32];
  a.values = values[0];
  a.stride = 32;
  for_lanes(mask, [&](int l) {
    for (size_t k = 0; k < i.count; ++k) {
      const Memory value = Memory(w.reg<Register>(i.more[k])[l]);
      std::memcpy(values[l] + k * sizeof(Memory), &value, sizeof(Memory));
    }
    std::memset(values[l] + a.bytes, 0, 32 - a.bytes);
  });
  w.resolve(a);
  for_lanes(mask, [&](int l) { std::memcpy(a.host[l], values[l], a.bytes); });
}

struct Wide {
  uint64_t half[2];
};

template <class M, class R> Handler pick(int what) {
  return what == 0 ? run_load<M, R> : what == 1 ? run_load_param<M, R> : run_store<M, R>;
}
template <class M> Handler pick_register(int size, int what) {
  if constexpr (sizeof(M) == 16) {
    return pick<M, Wide>(what);
  } else {
    return size == 2   ? pick<M, std::conditional_t<std::is_signed_v<M>, int16_t, uint16_t>>(what)
           : size == 4 ? pick<M, std::conditional_t<std::is_signed_v<M>, int32_t, uint32_t>>(what)
                       : pick<M, std::conditional_t<std::is_signed_v<M>, int64_t, uint64_t>>(what);
  }
}
Handler handler_for(Type type, int size, int what) {
  switch (type_size(type)) {
  case 1:
    return is_signed(type) ? pick_register<int8_t>(size, what) : pick_register<uint8_t>(size, what);
  case 2:
    return is_signed(type) ? pick_register<int16_t>(size, what)
                           : pick_register<uint16_t>(size, what);
  case 4:
    return is_signed(type) ? pick_register<int32_t>(size, what)
                           : pick_register<uint32_t>(size, what);
  case 8:
    return pick_register<uint64_t>(size, what);
  default:
    return pick_register<Wide>(size, what);
  }
}

/// The element registers, all of one size, which may be wider than the type.
int element_registers(Decode &d, const Operand &o, Type type, bool load) {
  std::vector<const Operand *> elements;
  if (o.kind == Operand::Kind::vector) {
    for (const Operand &part : o.parts) {
      elements.push_back(&part);
    }
  } else {
    elements.push_back(&o);
  }
  int size = 0;
  for (const Operand *e : elements) {
    size = std::max(size, d.register_size(*e));
  }
  if (size == 0) {
    size = std::max(type_size(type), 2);
  }
  for (const Operand *e : elements) {
    if (e->kind == Operand::Kind::reg) {
      if (d.register_size(*e) != size || size < type_size(type)) {
        d.fail("a register that does not fit the type");
      }
      d.inst.more.push_back(d.register_offset(*e));
    } else if (load && e->kind == Operand::Kind::wildcard) {
      d.inst.more.push_back(d.scratch(size));
    } else if (load) {
      d.fail("the result is no register");
    } else {
      const Type as = type_size(type) == size ? type
                      : size == 2             ? Type::b16
                      : size == 4             ? Type::b32
                                              : Type::b64;
      d.inst.more.push_back(d.src(*e, as));
    }
  }
  d.inst.count = uint8_t(elements.size());
  return size;
}

/// How many bytes from the first on go to registers that another instruction names, 0 for all: compilers widen a load
/// of three elements to four where that is aligned, and drop the last.
uint8_t needed_bytes(const Decode &d, const Operand &o, int element) {
  const size_t all = o.kind == Operand::Kind::vector ? o.parts.size() : 1;
  size_t count = all;
  while (count > 1 && d.builder.is_mentioned_once(o.parts[count - 1])) {
    --count;
  }
  return count == all ? 0 : uint8_t(count * size_t(element));
}

Space access_modifiers(Decode &d) {
  const bool strong = d.choice({"volatile", "relaxed", "acquire", "release", "mmio"}) >= 0;
  d.flag("weak");
  d.choice({"cta", "gpu", "sys", "cluster"});
  d.ignore_cache_hints();
  d.flag("unified");
  if (strong) {
    d.inst.flags |= access_strong;
  }
  return d.space().value_or(Space::generic);
}

void vector_count(Decode &d, const Operand &o) {
  const int vector = d.choice({"v2", "v4", "v8"});
  const int n = vector < 0 ? 1 : 2 << vector;
  const int given = o.kind == Operand::Kind::vector ? int(o.parts.size()) : 1;
  if (given != n) {
    d.fail("a vector of the wrong length");
  }
}

Kind memory_kind(Space space, bool load) {
  switch (space) {
  case Space::shared:
    return load ? Kind::load_shared : Kind::store_shared;
  case Space::local:
    return Kind::local_memory;
  case Space::param:
  case Space::constant:
    return Kind::load_other;
  default:
    return load ? Kind::load_global : Kind::store_global;
  }
}

} // namespace

void decode_load(Decode &d) {
  Space space = access_modifiers(d);
  const Type type = d.type();
  vector_count(d, d.operand(0));
  d.want(2, 3); // a cache policy may follow
  const int size = element_registers(d, d.operand(0), type, true);
  const bool constant_address = d.operand(1).kind == Operand::Kind::address &&
                                d.operand(1).parts[0].kind == Operand::Kind::parameter;
  d.inst.r[0] = d.address(1, space);
  d.inst.sub = uint8_t(space);
  d.inst.width = uint8_t(type_size(type) * d.inst.count);
  if (d.inst.width > 32) {
    d.fail("more than 32 bytes");
  }
  d.inst.needed = needed_bytes(d, d.operand(0), type_size(type));
  const bool param = space == Space::param && constant_address;
  d.emit(handler_for(type, size, param ? 1 : 0), memory_kind(space, true));
}

void decode_store(Decode &d) {
  Space space = access_modifiers(d);
  d.flag("async") ? d.fail("an asynchronous store") : void();
  const Type type = d.type();
  vector_count(d, d.operand(1));
  d.want(2, 3);
  const int size = element_registers(d, d.operand(1), type, false);
  d.inst.r[0] = d.address(0, space);
  d.inst.sub = uint8_t(space);
  d.inst.width = uint8_t(type_size(type) * d.inst.count);
  if (d.inst.width > 32) {
    d.fail("more than 32 bytes");
  }
  d.emit(handler_for(type, size, 2), memory_kind(space, false));
}

void decode_prefetch(Decode &d) {
  decode_nothing(d);
}

} // namespace mome::ptxsim

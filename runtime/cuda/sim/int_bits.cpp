// Logic, shifts and bit fields.
#include <type_traits>

#include "runtime/cuda/sim/block.h"
#include "runtime/cuda/sim/decode.h"

namespace mome::ptxsim {
namespace {

struct And {
  template <class T> static T run(T a, T b) { return a & b; }
};
struct Or {
  template <class T> static T run(T a, T b) { return a | b; }
};
struct Xor {
  template <class T> static T run(T a, T b) { return a ^ b; }
};

template <class T, class Op> void run_logic(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]), *b = w.reg<T>(i.r[2]);
  write_lanes(w.reg<T>(i.r[0]), mask, [&](int l) { return Op::template run<T>(a[l], b[l]); });
}
template <class Op> void run_logic_pred(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t &d = w.pred(i.r[0]);
  d = (d & ~mask) | (Op::template run<uint32_t>(w.pred(i.r[1]), w.pred(i.r[2])) & mask);
}
template <class T, class F> void unary(Warp &w, const Inst &i, uint32_t mask, F f) {
  const T *a = w.reg<T>(i.r[1]);
  write_lanes(w.reg<T>(i.r[0]), mask, [&](int l) { return T(f(a[l])); });
}
template <class T> void run_not(Warp &w, const Inst &i, uint32_t mask) {
  unary<T>(w, i, mask, [](T a) { return T(~a); });
}
void run_not_of_pred(Warp &w, const Inst &i, uint32_t mask) {
  uint32_t &d = w.pred(i.r[0]);
  d = (d & ~mask) | (~w.pred(i.r[1]) & mask);
}
template <class T> void run_cnot(Warp &w, const Inst &i, uint32_t mask) {
  unary<T>(w, i, mask, [](T a) { return T(a == 0); });
}

/// Shifts clamp at the width.
template <class T, bool left> void run_shift(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]);
  const uint32_t *b = w.reg<uint32_t>(i.r[2]);
  constexpr uint32_t bits = 8 * sizeof(T);
  write_lanes(w.reg<T>(i.r[0]), mask, [&](int l) -> T {
    const uint32_t n = b[l];
    if constexpr (left) {
      return n < bits ? T(a[l] << n) : T(0);
    } else {
      return T(a[l] >> (n < bits ? n : bits - 1)) >> (n >= bits);
    }
  });
}

/// shf: the 64 bits b:a; sub: 1 left; flags: 1 wrap.
void run_funnel(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *a = w.reg<uint32_t>(i.r[1]), *b = w.reg<uint32_t>(i.r[2]);
  const uint32_t *c = w.reg<uint32_t>(i.r[3]);
  write_lanes(w.reg<uint32_t>(i.r[0]), mask, [&](int l) {
    const uint32_t n = i.flags & 1 ? c[l] & 31 : std::min(c[l], 32u);
    const uint64_t both = uint64_t{b[l]} << 32 | a[l];
    return uint32_t(i.sub ? both << n >> 32 : both >> n);
  });
}

void run_lop3(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *a = w.reg<uint32_t>(i.r[1]), *b = w.reg<uint32_t>(i.r[2]);
  const uint32_t *c = w.reg<uint32_t>(i.r[3]);
  const uint32_t table = uint32_t(i.imm);
  uint32_t out[lanes];
  for (int l = 0; l < lanes; ++l) {
    uint32_t r = 0;
    for (uint32_t k = 0; k < 8; ++k) {
      r |= table >> k & 1 ? (k & 4 ? a[l] : ~a[l]) & (k & 2 ? b[l] : ~b[l]) & (k & 1 ? c[l] : ~c[l])
                          : 0;
    }
    out[l] = r;
  }
  write_lanes(w.reg<uint32_t>(i.r[0]), mask, [&](int l) { return out[l]; });
  if (i.r[4]) { // lop3.or.b32 d|p, ..., q: p = (d != 0) or q
    uint32_t &p = w.pred(i.r[4]);
    const uint32_t q = w.pred(i.more[0]);
    uint32_t set = 0;
    for (int l = 0; l < lanes; ++l) {
      set |= uint32_t(out[l] != 0) << l;
    }
    set = i.sub ? set & q : set | q;
    p = (p & ~mask) | (set & mask);
  }
}

/// prmt; imm: 0 by index, 1 f4e, 2 b4e, 3 rc8, 4 ecl, 5 ecr, 6 rc16.
void run_permute(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *a = w.reg<uint32_t>(i.r[1]), *b = w.reg<uint32_t>(i.r[2]);
  const uint32_t *c = w.reg<uint32_t>(i.r[3]);
  write_lanes(w.reg<uint32_t>(i.r[0]), mask, [&](int l) {
    const uint64_t bytes = uint64_t{b[l]} << 32 | a[l];
    uint32_t out = 0;
    for (uint32_t k = 0; k < 4; ++k) {
      const uint32_t n = c[l] & 3;
      uint32_t from = 0;
      bool sign = false;
      switch (i.imm) {
      case 0:
        from = c[l] >> (4 * k) & 7;
        sign = c[l] >> (4 * k) & 8;
        break;
      case 1:
        from = (n + k) & 7;
        break;
      case 2:
        from = (n - k) & 7;
        break;
      case 3:
        from = n;
        break;
      case 4:
        from = std::max(n, k);
        break;
      case 5:
        from = std::min(n, k);
        break;
      default:
        from = (n & 1) * 2 + (k & 1);
      }
      uint32_t byte = uint32_t(bytes >> (8 * from)) & 255;
      if (sign) {
        byte = byte & 128 ? 255 : 0;
      }
      out |= byte << (8 * k);
    }
    return out;
  });
}

template <class T> void run_count(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]);
  write_lanes(w.reg<uint32_t>(i.r[0]), mask, [&](int l) {
    return uint32_t(i.sub == 0 ? std::popcount(a[l]) : std::countl_zero(a[l]));
  });
}
template <class T> void run_bfind(Warp &w, const Inst &i, uint32_t mask) {
  using U = std::make_unsigned_t<T>;
  const T *a = w.reg<T>(i.r[1]);
  constexpr int bits = 8 * sizeof(T);
  write_lanes(w.reg<uint32_t>(i.r[0]), mask, [&](int l) {
    const U v = U(std::is_signed_v<T> && a[l] < 0 ? ~a[l] : a[l]);
    if (v == 0) {
      return ~0u;
    }
    const int zeros = std::countl_zero(v);
    return uint32_t(i.sub ? zeros : bits - 1 - zeros);
  });
}
template <class T> void run_brev(Warp &w, const Inst &i, uint32_t mask) {
  unary<T>(w, i, mask, [](T a) {
    T r = 0;
    for (size_t k = 0; k < 8 * sizeof(T); ++k) {
      r = T(r << 1 | (a >> k & 1));
    }
    return r;
  });
}

template <class T> void run_bfe(Warp &w, const Inst &i, uint32_t mask) {
  using U = std::make_unsigned_t<T>;
  const T *a = w.reg<T>(i.r[1]);
  const uint32_t *pos = w.reg<uint32_t>(i.r[2]), *len = w.reg<uint32_t>(i.r[3]);
  constexpr uint32_t bits = 8 * sizeof(T);
  write_lanes(w.reg<T>(i.r[0]), mask, [&](int l) -> T {
    const uint32_t p = pos[l] & 255, n = len[l] & 255;
    if (n == 0) {
      return 0;
    }
    const bool sign = std::is_signed_v<T> && (U(a[l]) >> std::min(p + n - 1, bits - 1) & 1);
    U out = p < bits ? U(a[l]) >> p : 0;
    // Bits beyond the field, or beyond the word, are its sign.
    const uint32_t valid = std::min(n, p < bits ? bits - p : 0);
    if (valid < bits) {
      const U keep = (U{1} << valid) - 1;
      out = U(sign ? out | U(~keep) : out & keep);
    }
    return T(out);
  });
}
template <class T> void run_bfi(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]), *b = w.reg<T>(i.r[2]);
  const uint32_t *pos = w.reg<uint32_t>(i.r[3]), *len = w.reg<uint32_t>(i.more[0]);
  constexpr uint32_t bits = 8 * sizeof(T);
  write_lanes(w.reg<T>(i.r[0]), mask, [&](int l) -> T {
    const uint32_t p = pos[l] & 255, n = len[l] & 255;
    if (p >= bits || n == 0) {
      return b[l];
    }
    const T field = T((n >= bits ? ~T{0} : T((T{1} << n) - 1)) << p);
    return T((b[l] & ~field) | (T(a[l] << p) & field));
  });
}

void run_bmsk(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *a = w.reg<uint32_t>(i.r[1]), *b = w.reg<uint32_t>(i.r[2]);
  write_lanes(w.reg<uint32_t>(i.r[0]), mask, [&](int l) {
    const uint32_t p = i.sub ? a[l] & 31 : a[l], n = i.sub ? b[l] & 31 : b[l];
    const uint32_t ones = n >= 32 ? ~0u : (1u << n) - 1;
    return p >= 32 ? 0 : ones << p;
  });
}
/// szext: flags 1: signed; sub: 1 wrap.
void run_szext(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *a = w.reg<uint32_t>(i.r[1]), *b = w.reg<uint32_t>(i.r[2]);
  write_lanes(w.reg<uint32_t>(i.r[0]), mask, [&](int l) {
    const uint32_t n = i.sub ? b[l] & 31 : b[l];
    if (n >= 32) {
      return a[l];
    }
    if (n == 0) {
      return 0u;
    }
    const uint32_t low = a[l] & ((1u << n) - 1);
    return (i.flags & 1) && (low >> (n - 1)) ? low | ~((1u << n) - 1) : low;
  });
}
/// fns: the position of the offset-th set bit from `base`, upwards or downwards.
void run_fns(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *a = w.reg<uint32_t>(i.r[1]), *base = w.reg<uint32_t>(i.r[2]);
  const int32_t *offset = w.reg<int32_t>(i.r[3]);
  write_lanes(w.reg<uint32_t>(i.r[0]), mask, [&](int l) {
    if (offset[l] == 0) {
      return base[l] < 32 && (a[l] >> base[l] & 1) ? base[l] : ~0u;
    }
    const int step = offset[l] > 0 ? 1 : -1;
    int left = std::abs(offset[l]);
    for (int p = int(base[l] & 31); p >= 0 && p < 32; p += step) {
      if ((a[l] >> p & 1) && --left == 0) {
        return uint32_t(p);
      }
    }
    return ~0u;
  });
}

template <class F16, class F32, class F64> Handler by_size(int size, F16 f16, F32 f32, F64 f64) {
  return size == 2 ? Handler(f16) : size == 4 ? Handler(f32) : Handler(f64);
}

template <class Op> void decode_logic(Decode &d) {
  const Type t = d.type();
  d.want(3, 3);
  d.inst.r[0] = d.dst(0, t);
  d.inst.r[1] = d.src(1, t);
  d.inst.r[2] = d.src(2, t);
  if (t == Type::pred) {
    return d.emit(run_logic_pred<Op>, Kind::predicate);
  }
  d.emit(by_size(type_size(t), run_logic<uint16_t, Op>, run_logic<uint32_t, Op>,
                 run_logic<uint64_t, Op>),
         Kind::integer);
}

void decode_shift(Decode &d, bool left) {
  const Type t = d.type();
  d.inst.r[0] = d.dst(0, t);
  d.inst.r[1] = d.src(1, t);
  d.inst.r[2] = d.src(2, Type::u32);
  const int size = type_size(t);
  if (left) {
    return d.emit(by_size(size, run_shift<uint16_t, true>, run_shift<uint32_t, true>,
                          run_shift<uint64_t, true>),
                  Kind::integer);
  }
  if (is_signed(t)) {
    return d.emit(by_size(size, run_shift<int16_t, false>, run_shift<int32_t, false>,
                          run_shift<int64_t, false>),
                  Kind::integer);
  }
  d.emit(by_size(size, run_shift<uint16_t, false>, run_shift<uint32_t, false>,
                 run_shift<uint64_t, false>),
         Kind::integer);
}

void decode_lop3(Decode &d) {
  const int combine = d.choice({"or", "and"});
  d.type();
  const Operand &first = d.operand(0);
  const bool with_pred = first.kind == Operand::Kind::pair;
  d.inst.r[0] = d.dst(with_pred ? first.parts[0] : first, Type::b32);
  for (size_t k = 1; k < 4; ++k) {
    d.inst.r[k] = d.src(k, Type::b32);
  }
  d.inst.imm = d.immediate(4) & 255;
  d.inst.sub = uint8_t(combine == 1);
  if (with_pred) {
    d.inst.r[4] = d.dst(first.parts[1], Type::pred);
    d.inst.more.push_back(d.pred_src(d.operand(5)));
  }
  d.want(with_pred ? 6 : 5, with_pred ? 6 : 5);
  d.emit(run_lop3, Kind::integer);
}

void decode_three(Decode &d, Type t, Handler handler) {
  d.inst.r[0] = d.dst(0, t);
  d.inst.r[1] = d.src(1, t);
  d.inst.r[2] = d.src(2, Type::b32);
  d.inst.r[3] = d.src(3, Type::b32);
  d.want(4, 4);
  d.emit(handler, Kind::integer);
}

Handler bfe_handler(Type t) {
  const bool wide = type_size(t) == 8;
  if (is_signed(t)) {
    return wide ? run_bfe<int64_t> : run_bfe<int32_t>;
  }
  return wide ? run_bfe<uint64_t> : run_bfe<uint32_t>;
}
Handler bfind_handler(Type t) {
  const bool wide = type_size(t) == 8;
  if (is_signed(t)) {
    return wide ? run_bfind<int64_t> : run_bfind<int32_t>;
  }
  return wide ? run_bfind<uint64_t> : run_bfind<uint32_t>;
}

} // namespace

void decode_int_bits(Decode &d) {
  const std::string_view op = d.ast.opcode;
  if (op == "and") {
    return decode_logic<And>(d);
  }
  if (op == "or") {
    return decode_logic<Or>(d);
  }
  if (op == "xor") {
    return decode_logic<Xor>(d);
  }
  if (op == "shl" || op == "shr") {
    return decode_shift(d, op == "shl");
  }
  if (op == "lop3") {
    return decode_lop3(d);
  }
  if (op == "prmt") {
    d.type();
    d.inst.imm = d.choice({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"}) + 1;
    return decode_three(d, Type::b32, run_permute);
  }
  if (op == "shf") {
    d.inst.sub = d.choice({"r", "l"}) == 1;
    d.inst.flags = d.choice({"clamp", "wrap"}) == 1;
    d.type();
    return decode_three(d, Type::b32, run_funnel);
  }
  if (op == "bmsk" || op == "szext") {
    d.inst.sub = d.choice({"clamp", "wrap"}) == 1;
    d.inst.flags = is_signed(d.type());
    for (size_t k = 1; k < 3; ++k) {
      d.inst.r[k] = d.src(k, Type::b32);
    }
    d.inst.r[0] = d.dst(0, Type::b32);
    return d.emit(op == "bmsk" ? run_bmsk : run_szext, Kind::integer);
  }
  if (op == "bfind") {
    d.inst.sub = d.flag("shiftamt");
  }
  const Type t = d.type();
  const int size = type_size(t);
  if (op == "bfe") {
    return decode_three(d, t, bfe_handler(t));
  }
  if (op == "fns") {
    return decode_three(d, Type::b32, run_fns);
  }
  if (op == "bfi") {
    d.inst.more.push_back(d.src(4, Type::b32));
    d.inst.r[0] = d.dst(0, t);
    d.inst.r[1] = d.src(1, t);
    d.inst.r[2] = d.src(2, t);
    d.inst.r[3] = d.src(3, Type::b32);
    return d.emit(size == 8 ? run_bfi<uint64_t> : run_bfi<uint32_t>, Kind::integer);
  }
  d.want(2, 2);
  const bool counts = op == "popc" || op == "clz" || op == "bfind";
  d.inst.r[0] = d.dst(0, counts ? Type::u32 : t);
  d.inst.r[1] = d.src(1, t);
  if (op == "not") {
    return t == Type::pred
               ? d.emit(run_not_of_pred, Kind::predicate)
               : d.emit(by_size(size, run_not<uint16_t>, run_not<uint32_t>, run_not<uint64_t>),
                        Kind::integer);
  }
  if (op == "cnot") {
    return d.emit(by_size(size, run_cnot<uint16_t>, run_cnot<uint32_t>, run_cnot<uint64_t>),
                  Kind::integer);
  }
  if (op == "bfind") {
    return d.emit(bfind_handler(t), Kind::integer);
  }
  if (op == "brev") {
    return d.emit(size == 8 ? run_brev<uint64_t> : run_brev<uint32_t>, Kind::integer);
  }
  d.inst.sub = op == "clz";
  d.emit(size == 8 ? run_count<uint64_t> : run_count<uint32_t>, Kind::integer);
}

} // namespace mome::ptxsim

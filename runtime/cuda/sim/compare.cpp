// setp, set, selp, slct.
#include <cmath>

#include "runtime/cuda/sim/block.h"
#include "runtime/cuda/sim/decode.h"
#include "runtime/cuda/sim/float_ops.h"

namespace mome::ptxsim {
namespace {

enum Compare : uint8_t {
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  lo,
  ls,
  hi,
  hs,
  equ,
  neu,
  ltu,
  leu,
  gtu,
  geu,
  num,
  nan_
};

template <class T> bool compare(int op, T a, T b) {
  switch (op) {
  case eq:
    return a == b;
  case ne:
    return a < b || a > b; // ordered: false for NaN
  case lt:
  case lo:
    return a < b;
  case le:
  case ls:
    return a <= b;
  case gt:
  case hi:
    return a > b;
  case ge:
  case hs:
    return a >= b;
  case equ:
    return !(a < b || a > b);
  case neu:
    return !(a == b);
  case ltu:
    return !(a >= b);
  case leu:
    return !(a > b);
  case gtu:
    return !(a <= b);
  case geu:
    return !(a < b);
  case num:
    return a == a && b == b;
  default:
    return a != a || b != b;
  }
}

/// The bits of a comparison over the lanes, one loop per operator.
template <class T, class Get> uint32_t compare_lanes(int op, Get a, Get b) {
  T x[lanes], y[lanes];
  for (int l = 0; l < lanes; ++l) {
    x[l] = a(l);
    y[l] = b(l);
  }
  uint32_t bits = 0;
  const auto all = [&](auto f) {
    for (int l = 0; l < lanes; ++l) {
      bits |= uint32_t(f(x[l], y[l])) << l;
    }
  };
  switch (op) {
  case eq:
    all([](T p, T q) { return p == q; });
    break;
  case lt:
  case lo:
    all([](T p, T q) { return p < q; });
    break;
  case gt:
  case hi:
    all([](T p, T q) { return p > q; });
    break;
  case ge:
  case hs:
    all([](T p, T q) { return p >= q; });
    break;
  default:
    all([&](T p, T q) { return compare(op, p, q); });
  }
  return bits;
}

/// flags: bit 0 ftz; bits 8..: boolean operator (1 and, 2 or, 3 xor) with the predicate more[0].
template <class T> uint32_t compared(Warp &w, const Inst &i) {
  const T *a = w.reg<T>(i.r[2]), *b = w.reg<T>(i.r[3]);
  const auto load = [&](const T *p) {
    return [&, p](int l) {
      if constexpr (std::is_same_v<T, float>) {
        return i.flags & 1 ? flush(p[l]) : p[l];
      } else {
        return p[l];
      }
    };
  };
  return compare_lanes<T>(i.sub, load(a), load(b));
}
template <bool bf16, bool high> uint32_t compared_half(Warp &w, const Inst &i) {
  if (i.width == 2) {
    const uint16_t *a = w.reg<uint16_t>(i.r[2]), *b = w.reg<uint16_t>(i.r[3]);
    const auto load = [&](const uint16_t *p) {
      return [p](int l) { return bf16 ? from_bf16(p[l]) : from_f16(p[l]); };
    };
    return compare_lanes<float>(i.sub, load(a), load(b));
  }
  const uint32_t *a = w.reg<uint32_t>(i.r[2]), *b = w.reg<uint32_t>(i.r[3]);
  const auto load = [&](const uint32_t *p) {
    return [p](int l) {
      const uint16_t half = uint16_t(high ? p[l] >> 16 : p[l]);
      return bf16 ? from_bf16(half) : from_f16(half);
    };
  };
  return compare_lanes<float>(i.sub, load(a), load(b));
}

uint32_t combine(int op, uint32_t a, uint32_t b) {
  return op == 1 ? a & b : op == 2 ? a | b : op == 3 ? a ^ b : a;
}

using Comparer = uint32_t (*)(Warp &, const Inst &);

template <Comparer compare_all> void run_setp(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t bits = compare_all(w, i);
  const int op = int(i.flags >> 8);
  const uint32_t with = op ? w.pred(i.more[0]) : 0;
  uint32_t &p = w.pred(i.r[0]);
  const uint32_t result = combine(op, bits, with), inverse = combine(op, ~bits, with);
  p = (p & ~mask) | (result & mask);
  if (i.r[1]) {
    uint32_t &q = w.pred(i.r[1]);
    q = (q & ~mask) | (inverse & mask);
  }
}
/// setp on packed halves: p for the low, q for the high.
template <bool bf16> void run_setp_packed(Warp &w, const Inst &i, uint32_t mask) {
  const int op = int(i.flags >> 8);
  const uint32_t with = op ? w.pred(i.more[0]) : 0;
  const uint32_t low = combine(op, compared_half<bf16, false>(w, i), with);
  const uint32_t high = combine(op, compared_half<bf16, true>(w, i), with);
  w.pred(i.r[0]) = (w.pred(i.r[0]) & ~mask) | (low & mask);
  w.pred(i.r[1]) = (w.pred(i.r[1]) & ~mask) | (high & mask);
}
/// set: imm = the pattern for true.
template <Comparer compare_all> void run_set(Warp &w, const Inst &i, uint32_t mask) {
  const int op = int(i.flags >> 8);
  const uint32_t bits = combine(op, compare_all(w, i), op ? w.pred(i.more[0]) : 0);
  const uint64_t yes = uint64_t(i.imm);
  switch (i.count) { // bytes of the result
  case 2:
    return write_lanes(w.reg<uint16_t>(i.r[0]), mask,
                       [&](int l) { return uint16_t(bits >> l & 1 ? yes : 0); });
  case 8:
    return write_lanes(w.reg<uint64_t>(i.r[0]), mask,
                       [&](int l) { return bits >> l & 1 ? yes : 0; });
  default:
    return write_lanes(w.reg<uint32_t>(i.r[0]), mask,
                       [&](int l) { return uint32_t(bits >> l & 1 ? yes : 0); });
  }
}
template <bool bf16> void run_set_packed(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t low = compared_half<bf16, false>(w, i), high = compared_half<bf16, true>(w, i);
  const uint32_t yes = uint32_t(i.imm);
  write_lanes(w.reg<uint32_t>(i.r[0]), mask,
              [&](int l) { return (low >> l & 1 ? yes : 0) | (high >> l & 1 ? yes << 16 : 0); });
}

#define MOME_COMPARERS(RUN)                                                                        \
  switch (t) {                                                                                     \
  case Type::u16:                                                                                  \
  case Type::b16:                                                                                  \
    return RUN<compared<uint16_t>>;                                                                \
  case Type::s16:                                                                                  \
    return RUN<compared<int16_t>>;                                                                 \
  case Type::u32:                                                                                  \
  case Type::b32:                                                                                  \
    return RUN<compared<uint32_t>>;                                                                \
  case Type::s32:                                                                                  \
    return RUN<compared<int32_t>>;                                                                 \
  case Type::u64:                                                                                  \
  case Type::b64:                                                                                  \
    return RUN<compared<uint64_t>>;                                                                \
  case Type::s64:                                                                                  \
    return RUN<compared<int64_t>>;                                                                 \
  case Type::f32:                                                                                  \
    return RUN<compared<float>>;                                                                   \
  case Type::f64:                                                                                  \
    return RUN<compared<double>>;                                                                  \
  case Type::f16:                                                                                  \
    return RUN<compared_half<false, false>>;                                                       \
  case Type::bf16:                                                                                 \
    return RUN<compared_half<true, false>>;                                                        \
  default:                                                                                         \
    return nullptr;                                                                                \
  }

Handler setp_handler(Type t){MOME_COMPARERS(run_setp)} Handler set_handler(Type t) {
  MOME_COMPARERS(run_set)
}
#undef MOME_COMPARERS

void take_operator(Decode &d) {
  const int op = d.choice({"eq", "ne", "lt", "le", "gt", "ge", "lo", "ls", "hi", "hs", "equ", "neu",
                           "ltu", "leu", "gtu", "geu", "num", "nan"});
  if (op < 0) {
    d.fail("no comparison");
  }
  d.inst.sub = uint8_t(op);
  d.inst.flags = uint32_t(d.choice({"and", "or", "xor"}) + 1) << 8;
  if (d.flag("ftz")) {
    d.inst.flags |= 1;
  }
}

} // namespace

void decode_setp(Decode &d) {
  take_operator(d);
  const Type t = d.type();
  const bool packed = t == Type::f16x2 || t == Type::bf16x2;
  const Operand &result = d.operand(0);
  const bool pair = result.kind == Operand::Kind::pair;
  d.inst.r[0] = d.dst(pair ? result.parts[0] : result, Type::pred);
  if (pair) {
    d.inst.r[1] = d.dst(result.parts[1], Type::pred);
  } else if (packed) {
    d.inst.r[1] = d.scratch(0);
  }
  d.inst.r[2] = d.src(1, t);
  d.inst.r[3] = d.src(2, t);
  d.inst.width = uint8_t(type_size(t));
  const bool with = d.inst.flags >> 8;
  d.want(with ? 4 : 3, with ? 4 : 3);
  if (with) {
    d.inst.more.push_back(d.pred_src(d.operand(3)));
  }
  if (packed) {
    return d.emit(t == Type::bf16x2 ? run_setp_packed<true> : run_setp_packed<false>,
                  Kind::predicate);
  }
  const Handler handler = setp_handler(t);
  if (!handler) {
    d.fail("no comparison of this type");
  }
  d.emit(handler, Kind::predicate);
}

void decode_set(Decode &d) {
  take_operator(d);
  const Type result = d.type(), t = d.type();
  d.inst.r[0] = d.dst(0, result);
  d.inst.r[2] = d.src(1, t);
  d.inst.r[3] = d.src(2, t);
  d.inst.width = uint8_t(type_size(t));
  d.inst.count = uint8_t(type_size(result));
  const bool with = d.inst.flags >> 8;
  if (with) {
    d.inst.more.push_back(d.pred_src(d.operand(3)));
  }
  switch (result) {
  case Type::f32:
    d.inst.imm = 0x3f800000;
    break;
  case Type::f16:
  case Type::f16x2:
    d.inst.imm = 0x3c00;
    break;
  case Type::bf16:
  case Type::bf16x2:
    d.inst.imm = 0x3f80;
    break;
  default:
    d.inst.imm = -1;
  }
  if (t == Type::f16x2 || t == Type::bf16x2) {
    d.inst.imm &= 0xffff;
    return d.emit(t == Type::bf16x2 ? run_set_packed<true> : run_set_packed<false>,
                  Kind::predicate);
  }
  const Handler handler = set_handler(t);
  if (!handler) {
    d.fail("no comparison of this type");
  }
  d.emit(handler, Kind::predicate);
}

namespace {

template <class T> void run_selp(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]), *b = w.reg<T>(i.r[2]);
  const uint32_t p = w.pred(i.r[3]);
  write_lanes(w.reg<T>(i.r[0]), mask, [&](int l) { return p >> l & 1 ? a[l] : b[l]; });
}
template <class T, class C> void run_slct(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]), *b = w.reg<T>(i.r[2]);
  const C *c = w.reg<C>(i.r[3]);
  write_lanes(w.reg<T>(i.r[0]), mask, [&](int l) { return c[l] >= C(0) ? a[l] : b[l]; });
}
template <class T> Handler slct(bool by_float) {
  return by_float ? run_slct<T, float> : run_slct<T, int32_t>;
}

} // namespace

void decode_selp(Decode &d) {
  const bool slct_op = d.ast.opcode == "slct";
  if (slct_op) {
    d.flag("ftz");
  }
  const Type t = d.type();
  const Type by = slct_op ? d.type() : Type::pred;
  d.want(4, 4);
  d.inst.r[0] = d.dst(0, t);
  d.inst.r[1] = d.src(1, t);
  d.inst.r[2] = d.src(2, t);
  d.inst.r[3] = d.src(3, by);
  const int size = type_size(t);
  if (slct_op) {
    const bool f = by == Type::f32;
    return d.emit(size == 2   ? slct<uint16_t>(f)
                  : size == 4 ? slct<uint32_t>(f)
                              : slct<uint64_t>(f),
                  Kind::integer);
  }
  d.emit(size == 2   ? run_selp<uint16_t>
         : size == 4 ? run_selp<uint32_t>
                     : run_selp<uint64_t>,
         Kind::predicate);
}

} // namespace mome::ptxsim

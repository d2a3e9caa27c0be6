// f32 and f64 arithmetic with rounding to nearest; other roundings are in float_rounded.cpp, the
// half formats in half_math.cpp, approximations in special.cpp.
#include "runtime/cuda/sim/block.h"
#include "runtime/cuda/sim/decode.h"
#include "runtime/cuda/sim/float_ops.h"
#include "runtime/cuda/sim/float_rounded.h"

namespace mome::ptxsim {
namespace {

struct Add {
  template <class T> static T run(T a, T b, T) { return a + b; }
};
struct Sub {
  template <class T> static T run(T a, T b, T) { return a - b; }
};
struct Mul {
  template <class T> static T run(T a, T b, T) { return a * b; }
};
struct Fma {
  template <class T> static T run(T a, T b, T c) { return std::fma(a, b, c); }
};
struct Div {
  template <class T> static T run(T a, T b, T) { return a / b; }
};
struct DivApprox { // the reciprocal of a divisor above 2^126 is flushed
  template <class T> static T run(T a, T b, T) {
    const bool large = std::fabs(b) > T(0x1p126) && std::fabs(b) < HUGE_VALF;
    return large ? a * std::copysign(T(0), b) : a / b;
  }
};

/// Registers r[1], r[2], r[3] to r[0]; a missing third operand is r[2] again and unused.
template <class T, class Op, bool ftz, bool sat>
void run_op(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]), *b = w.reg<T>(i.r[2]), *c = w.reg<T>(i.r[3]);
  write_lanes(w.reg<T>(i.r[0]), mask, [&](int l) {
    T x = a[l], y = b[l], z = c[l];
    if constexpr (ftz) {
      x = flush(x), y = flush(y), z = flush(z);
    }
    T r = Op::template run<T>(x, y, z);
    r = canonical(r);
    if constexpr (ftz) {
      r = flush(r);
    }
    if constexpr (sat) {
      r = saturate(r);
    }
    return r;
  });
}

/// f32x2: two floats in 64 bits.
template <class Op, bool ftz> void run_packed(Warp &w, const Inst &i, uint32_t mask) {
  const uint64_t *a = w.reg<uint64_t>(i.r[1]), *b = w.reg<uint64_t>(i.r[2]);
  const uint64_t *c = w.reg<uint64_t>(i.r[3]);
  write_lanes(w.reg<uint64_t>(i.r[0]), mask, [&](int l) {
    uint64_t out = 0;
    for (int k = 0; k < 64; k += 32) {
      const auto part = [&](uint64_t v) {
        const float f = std::bit_cast<float>(uint32_t(v >> k));
        return ftz ? flush(f) : f;
      };
      float r = canonical(Op::template run<float>(part(a[l]), part(b[l]), part(c[l])));
      out |= uint64_t{std::bit_cast<uint32_t>(ftz ? flush(r) : r)} << k;
    }
    return out;
  });
}

template <class Op> Handler pick(Type t, bool ftz, bool sat) {
  if (t == Type::f64) {
    return run_op<double, Op, false, false>;
  }
  if (t == Type::f32x2) {
    return ftz ? run_packed<Op, true> : run_packed<Op, false>;
  }
  return ftz ? (sat ? run_op<float, Op, true, true> : run_op<float, Op, true, false>)
             : (sat ? run_op<float, Op, false, true> : run_op<float, Op, false, false>);
}

/// flags: 1 ftz, 2 .NaN, 4 .xorsign.abs; sub: 1 max.
template <class T> void run_extreme(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]), *b = w.reg<T>(i.r[2]), *c = i.r[3] ? w.reg<T>(i.r[3]) : nullptr;
  const auto load = [&](const T *p, int l) {
    if constexpr (std::is_same_v<T, float>) {
      return i.flags & 1 ? flush(p[l]) : p[l];
    } else {
      return p[l];
    }
  };
  const auto two = [&](T x, T y) {
    if ((i.flags & 2) && (x != x || y != y)) {
      return T(NAN);
    }
    return i.sub ? max_number(x, y) : min_number(x, y);
  };
  write_lanes(w.reg<T>(i.r[0]), mask, [&](int l) {
    T x = load(a, l), y = load(b, l);
    const bool sign = std::signbit(x) ^ std::signbit(y);
    if (i.flags & 4) {
      x = std::fabs(x), y = std::fabs(y);
    }
    T r = two(x, y);
    if (c) {
      r = two(r, load(c, l));
    }
    r = canonical(r);
    return (i.flags & 4) && r == r ? std::copysign(r, sign ? T(-1) : T(1)) : r;
  });
}

template <class T> void run_copysign(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]), *b = w.reg<T>(i.r[2]);
  write_lanes(w.reg<T>(i.r[0]), mask, [&](int l) { return std::copysign(b[l], a[l]); });
}

void decode_extreme(Decode &d) {
  d.inst.sub = d.ast.opcode == "max";
  d.inst.flags = d.flag("ftz") ? 1 : 0;
  d.inst.flags |= d.flag("NaN") ? 2 : 0;
  d.inst.flags |= d.flag("xorsign") && d.flag("abs") ? 4 : 0;
  const Type t = d.type();
  d.want(3, 4);
  d.inst.r[0] = d.dst(0, t);
  for (size_t k = 1; k < d.operands(); ++k) {
    d.inst.r[k] = d.src(k, t);
  }
  d.inst.flops = 1;
  if (t == Type::f64) {
    return d.emit(run_extreme<double>, Kind::float64);
  }
  d.emit(run_extreme<float>, Kind::float32);
}

Handler nearest(std::string_view op, Type t, bool ftz, bool sat, bool approximate) {
  if (op == "add") {
    return pick<Add>(t, ftz, sat);
  }
  if (op == "sub") {
    return pick<Sub>(t, ftz, sat);
  }
  if (op == "mul") {
    return pick<Mul>(t, ftz, sat);
  }
  if (op == "div") {
    return approximate ? pick<DivApprox>(t, ftz, sat) : pick<Div>(t, ftz, sat);
  }
  return pick<Fma>(t, ftz, sat);
}

bool is_half(Type t) {
  return t == Type::f16 || t == Type::bf16 || t == Type::f16x2 || t == Type::bf16x2;
}

} // namespace

void decode_float(Decode &d) {
  const std::string_view op = d.ast.opcode;
  for (const std::string_view m : d.ast.modifiers) {
    if (const auto t = parse_type(m); t && is_half(*t)) {
      return decode_half(d, *t);
    }
  }
  if (op == "min" || op == "max") {
    return decode_extreme(d);
  }
  if (op == "copysign") {
    const Type t = d.type();
    for (size_t k = 0; k < 3; ++k) {
      d.inst.r[k] = k == 0 ? d.dst(0, t) : d.src(k, t);
    }
    return d.emit(t == Type::f64 ? run_copysign<double> : run_copysign<float>, Kind::float32);
  }
  const bool known =
      op == "add" || op == "sub" || op == "mul" || op == "fma" || op == "mad" || op == "div";
  if (!known) {
    d.fail("not for floating point");
  }
  const int loose = d.choice({"approx", "full"});
  const Round round = d.round().value_or(Round::nearest);
  const bool ftz = d.flag("ftz"), sat = d.flag("sat");
  const Type t = d.type();
  if (t != Type::f32 && t != Type::f64 && t != Type::f32x2) {
    d.fail("no arithmetic on " + std::string(type_name(t)));
  }
  const bool three = op == "fma" || op == "mad";
  d.want(three ? 4 : 3, three ? 4 : 3);
  d.inst.r[0] = d.dst(0, t);
  d.inst.r[1] = d.src(1, t);
  d.inst.r[2] = d.src(2, t);
  d.inst.r[3] = three ? d.src(3, t) : d.inst.r[2];
  d.inst.flops = (three ? 2 : 1) * (t == Type::f32x2 ? 2 : 1);
  const Kind kind = t == Type::f64 ? Kind::float64 : Kind::float32;
  if (loose >= 0) {
    d.inst.imm = 2; // documented: 2 ulp
    if (op != "div" || t != Type::f32) {
      d.fail("no such approximation");
    }
    return d.emit(division_handler(loose == 0, ftz), Kind::special_function);
  }
  if (round != Round::nearest) {
    d.inst.sub = uint8_t(round);
    d.inst.flags = (ftz ? 1 : 0) | (sat ? 2 : 0);
    const Handler handler = rounded_handler(op, t);
    if (!handler || round == Round::away) {
      d.fail("no such rounding");
    }
    return d.emit(handler, kind);
  }
  d.emit(nearest(op, t, ftz, sat, false), kind);
}

} // namespace mome::ptxsim

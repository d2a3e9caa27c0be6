// f16, bf16 and their packed forms: add, sub, mul, fma, min, max, copies of signs are in
// special.cpp.
//
// Sums and products of halves are computed in f32, which is wide enough that rounding twice is
// rounding once; fma goes through a float rounded to odd.
#include "runtime/cuda/sim/block.h"
#include "runtime/cuda/sim/decode.h"
#include "runtime/cuda/sim/float_ops.h"

namespace mome::ptxsim {
namespace {

constexpr uint32_t flag_ftz = 1, flag_sat = 2, flag_relu = 4, flag_nan = 8, flag_xorsign = 16;

enum Op : uint8_t { add, sub, mul, fma, min_, max_ };

struct F16 {
  static float load(uint16_t b) { return from_f16(b); }
  static uint16_t store(float x) { return to_f16(x); }
  static constexpr uint16_t subnormal_exponent = 0x7c00;
};
struct BF16 {
  static float load(uint16_t b) { return from_bf16(b); }
  static uint16_t store(float x) { return to_bf16(x); }
  static constexpr uint16_t subnormal_exponent = 0x7f80;
};

template <class F> uint16_t flush_half(uint16_t bits) {
  return bits & F::subnormal_exponent ? bits : bits & 0x8000;
}

template <class F, int op> uint16_t compute(uint32_t flags, uint16_t a, uint16_t b, uint16_t c) {
  if (flags & flag_ftz) {
    a = flush_half<F>(a), b = flush_half<F>(b), c = flush_half<F>(c);
  }
  float x = F::load(a), y = F::load(b), r = 0;
  const float z = F::load(c);
  if constexpr (op == add) {
    r = x + y;
  } else if constexpr (op == sub) {
    r = x - y;
  } else if constexpr (op == mul) {
    r = x * y;
  } else if constexpr (op == fma) {
    r = fma_to_odd(x, y, z);
  } else {
    const bool sign = std::signbit(x) ^ std::signbit(y);
    if (flags & flag_xorsign) {
      x = std::fabs(x), y = std::fabs(y);
    }
    r = op == min_ ? min_number(x, y) : max_number(x, y);
    if ((flags & flag_nan) && (F::load(a) != F::load(a) || F::load(b) != F::load(b))) {
      r = NAN;
    }
    if ((flags & flag_xorsign) && r == r) {
      r = std::copysign(r, sign ? -1.0f : 1.0f);
    }
  }
  if (flags & flag_sat) {
    r = saturate(r);
  }
  if (flags & flag_relu) {
    r = r != r ? r : r > 0 ? r : 0;
  }
  uint16_t out = F::store(r);
  return flags & flag_ftz ? flush_half<F>(out) : out;
}

template <class F, int op> void run_one(Warp &w, const Inst &i, uint32_t mask) {
  const uint16_t *a = w.reg<uint16_t>(i.r[1]), *b = w.reg<uint16_t>(i.r[2]);
  const uint16_t *c = w.reg<uint16_t>(i.r[3]);
  write_lanes(w.reg<uint16_t>(i.r[0]), mask,
              [&](int l) { return compute<F, op>(i.flags, a[l], b[l], c[l]); });
}
template <class F, int op> void run_two(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *a = w.reg<uint32_t>(i.r[1]), *b = w.reg<uint32_t>(i.r[2]);
  const uint32_t *c = w.reg<uint32_t>(i.r[3]);
  write_lanes(w.reg<uint32_t>(i.r[0]), mask, [&](int l) {
    const uint16_t low = compute<F, op>(i.flags, uint16_t(a[l]), uint16_t(b[l]), uint16_t(c[l]));
    const uint16_t high =
        compute<F, op>(i.flags, uint16_t(a[l] >> 16), uint16_t(b[l] >> 16), uint16_t(c[l] >> 16));
    return uint32_t(low) | uint32_t(high) << 16;
  });
}

template <int op> Handler pick(Type t) {
  switch (t) {
  case Type::f16:
    return run_one<F16, op>;
  case Type::bf16:
    return run_one<BF16, op>;
  case Type::f16x2:
    return run_two<F16, op>;
  default:
    return run_two<BF16, op>;
  }
}

Handler handler_for(std::string_view op, Type t) {
  if (op == "add") {
    return pick<add>(t);
  }
  if (op == "sub") {
    return pick<sub>(t);
  }
  if (op == "mul") {
    return pick<mul>(t);
  }
  if (op == "fma") {
    return pick<fma>(t);
  }
  if (op == "min") {
    return pick<min_>(t);
  }
  return op == "max" ? pick<max_>(t) : Handler();
}

} // namespace

void decode_half(Decode &d, Type type) {
  const std::string_view op = d.ast.opcode;
  if (d.round().value_or(Round::nearest) != Round::nearest) {
    d.fail("no such rounding");
  }
  d.inst.flags |= d.flag("ftz") ? flag_ftz : 0;
  d.inst.flags |= d.flag("sat") ? flag_sat : 0;
  d.inst.flags |= d.flag("relu") ? flag_relu : 0;
  d.inst.flags |= d.flag("NaN") ? flag_nan : 0;
  d.inst.flags |= d.flag("xorsign") && d.flag("abs") ? flag_xorsign : 0;
  if (d.type() != type) {
    d.fail("mixed types");
  }
  const Handler handler = handler_for(op, type);
  if (!handler) {
    d.fail("not for " + std::string(type_name(type)));
  }
  const bool three = op == "fma";
  d.want(three ? 4 : 3, three ? 4 : 3);
  d.inst.r[0] = d.dst(0, type);
  d.inst.r[1] = d.src(1, type);
  d.inst.r[2] = d.src(2, type);
  d.inst.r[3] = three ? d.src(3, type) : d.inst.r[2];
  d.inst.flops = (three ? 2 : 1) * (type_size(type) / 2);
  d.emit(handler, Kind::half);
}

} // namespace mome::ptxsim

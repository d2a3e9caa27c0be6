// cvt and cvt.pack.
//
// One general routine takes a value apart as an integer or a double (which holds every smaller
// format exactly) and puts it together again with any rounding; the conversions that kernels spend
// their time in have loops of their own.
#include <limits>

#include "runtime/cuda/sim/block.h"
#include "runtime/cuda/sim/decode.h"
#include "runtime/cuda/sim/float_ops.h"

namespace mome::ptxsim {
namespace {

constexpr uint32_t flag_ftz = 1, flag_sat = 2, flag_relu = 4, flag_integral = 8,
                   flag_satfinite = 16;

bool is_real(Type t) {
  return is_float(t) || t == Type::e4m3 || t == Type::e5m2;
}

struct Plan { // Inst::sub: destination, Inst::count: source, width: Round; sizes in more[0],
              // more[1]
  Type to, from;
  Round round;
};
Plan plan(const Inst &i) {
  return {Type(i.sub), Type(i.count), Round(i.width)};
}

uint64_t load_bits(const Warp &w, uint32_t offset, uint32_t size, int lane) {
  uint64_t bits = 0;
  std::memcpy(&bits, w.frame + offset + size_t(lane) * size, size);
  return bits;
}
void store_bits(const Warp &w, uint32_t offset, uint32_t size, int lane, uint64_t bits) {
  std::memcpy(w.frame + offset + size_t(lane) * size, &bits, size);
}

int64_t as_integer(uint64_t bits, Type t) {
  const int n = 8 * type_size(t);
  return n == 64        ? int64_t(bits)
         : is_signed(t) ? int64_t(bits << (64 - n)) >> (64 - n)
                        : int64_t(bits & ((uint64_t{1} << n) - 1));
}

double as_double(uint64_t bits, Type t, bool ftz) {
  switch (t) {
  case Type::f64:
    return std::bit_cast<double>(bits);
  case Type::f16:
    return from_f16(uint16_t(bits));
  case Type::bf16:
    return from_bf16(uint16_t(bits));
  default: {
    const float f = std::bit_cast<float>(uint32_t(bits));
    return ftz ? flush(f) : f;
  }
  }
}

double integral(double x, Round r) {
  switch (r) {
  case Round::zero:
    return std::trunc(x);
  case Round::down:
    return std::floor(x);
  case Round::up:
    return std::ceil(x);
  default:
    return std::nearbyint(x);
  }
}

/// x with a mantissa of 24 bits and f32's range, by rounding mode.
float to_float(long double x, Round r) {
  float f = float(x);
  if (std::isnan(x) || (std::isinf(x))) {
    return f;
  }
  const long double got = f;
  if (r == Round::zero && std::fabs(got) > std::fabs(x)) {
    f = std::nextafter(f, 0.0f);
  } else if (r == Round::down && got > x) {
    f = std::nextafter(f, -HUGE_VALF);
  } else if (r == Round::up && got < x) {
    f = std::nextafter(f, HUGE_VALF);
  }
  return f;
}
double to_double(long double x, Round r) {
  double f = double(x);
  const long double got = f;
  if (r == Round::zero && std::fabs(got) > std::fabs(x)) {
    f = std::nextafter(f, 0.0);
  } else if (r == Round::down && got > x) {
    f = std::nextafter(f, -HUGE_VAL);
  } else if (r == Round::up && got < x) {
    f = std::nextafter(f, HUGE_VAL);
  }
  return f;
}

uint64_t make_float(long double x, Type t, Round r, uint32_t flags) {
  if (flags & flag_sat) {
    x = x > 0 ? std::min<long double>(x, 1) : 0;
  }
  if ((flags & flag_relu) && x == x) {
    x = std::max<long double>(x, 0);
  }
  const bool finite = flags & flag_satfinite;
  switch (t) {
  case Type::f64:
    return std::bit_cast<uint64_t>(to_double(x, r));
  case Type::f32: {
    const float f = canonical(to_float(x, r));
    return std::bit_cast<uint32_t>(flags & flag_ftz ? flush(f) : f);
  }
  case Type::f16:
    return encode(double(x), f16_format, r, finite);
  case Type::bf16:
    return encode(double(x), bf16_format, r, finite);
  case Type::tf32:
    return uint64_t{encode(double(x), tf32_format, r, finite)} << 13;
  case Type::e4m3:
    return encode(double(x), e4m3_format, r, true);
  default:
    return encode(double(x), e5m2_format, r, true);
  }
}

uint64_t float_to_integer(double x, Type t, Type from) {
  const int n = 8 * type_size(t);
  if (x != x) {
    return from != Type::f64 && n < 64 ? 0 : uint64_t{1} << (n - 1);
  }
  const double least = is_signed(t) ? -std::ldexp(1.0, n - 1) : 0;
  const double most = std::ldexp(1.0, is_signed(t) ? n - 1 : n);
  if (x >= most) {
    return is_signed(t) ? (uint64_t{1} << (n - 1)) - 1 : ~uint64_t{0};
  }
  if (x <= least) {
    return is_signed(t) ? uint64_t(int64_t(-1) << (n - 1)) : 0;
  }
  return is_signed(t) ? uint64_t(int64_t(x)) : uint64_t(x);
}

uint64_t integer_to_integer(int64_t v, const Plan &p, bool sat) {
  if (!sat) {
    return uint64_t(v);
  }
  const bool from_huge = p.from == Type::u64 && v < 0; // beyond int64
  const int n = 8 * type_size(p.to);
  const int64_t most = is_signed(p.to) ? int64_t((uint64_t{1} << (n - 1)) - 1)
                       : n == 64       ? -1
                                       : int64_t((uint64_t{1} << n) - 1);
  const int64_t least = is_signed(p.to) ? int64_t(~uint64_t{0} << (n - 1)) : 0;
  if (!is_signed(p.to) && n == 64) {
    return !from_huge && v < 0 ? 0 : uint64_t(v);
  }
  if (from_huge || v > most) {
    return uint64_t(most);
  }
  return v < least ? uint64_t(least) : uint64_t(v);
}

uint64_t convert(uint64_t bits, const Plan &p, uint32_t flags) {
  if (!is_float(p.from)) {
    const int64_t v = as_integer(bits, p.from);
    if (!is_real(p.to)) {
      return integer_to_integer(v, p, flags & flag_sat);
    }
    return make_float(p.from == Type::u64 ? (long double)(uint64_t(v)) : (long double)(v), p.to,
                      p.round, flags);
  }
  double x = as_double(bits, p.from, flags & flag_ftz);
  if (!is_real(p.to)) {
    return float_to_integer(integral(x, p.round), p.to, p.from);
  }
  if (flags & flag_integral) {
    x = integral(x, p.round);
  }
  return make_float(x, p.to, p.round, flags);
}

void run_general(Warp &w, const Inst &i, uint32_t mask) {
  const Plan p = plan(i);
  const uint32_t to_size = i.more[0], from_size = i.more[1];
  for_lanes(mask, [&](int l) {
    uint64_t bits = convert(load_bits(w, i.r[1], from_size, l), p, i.flags);
    if (!is_float(p.to)) { // into a wider register: extended by the sign of the type
      bits = uint64_t(as_integer(bits, p.to));
    }
    store_bits(w, i.r[0], to_size, l, bits);
  });
}

/// Two floats to a packed pair; r[1] is the high half.
void run_pack(Warp &w, const Inst &i, uint32_t mask) {
  const Plan p = plan(i);
  const uint32_t half = uint32_t(type_size(p.to)) * 8;
  for_lanes(mask, [&](int l) {
    const uint64_t high = convert(load_bits(w, i.r[1], 4, l), p, i.flags);
    const uint64_t low = convert(load_bits(w, i.r[2], 4, l), p, i.flags);
    store_bits(w, i.r[0], half / 4, l, high << half | low);
  });
}
void run_pack_bf16(Warp &w, const Inst &i, uint32_t mask) {
  const float *high = w.reg<float>(i.r[1]), *low = w.reg<float>(i.r[2]);
  write_lanes(w.reg<uint32_t>(i.r[0]), mask,
              [&](int l) { return uint32_t{to_bf16(high[l])} << 16 | to_bf16(low[l]); });
}

/// Two fp8 to two halves.
template <bool e4m3> void run_unpack(Warp &w, const Inst &i, uint32_t mask) {
  const uint16_t *a = w.reg<uint16_t>(i.r[1]);
  uint32_t *d = w.reg<uint32_t>(i.r[0]);
  const auto one = [&](uint32_t code) {
    float x = float(decode(code, e4m3 ? e4m3_format : e5m2_format));
    return uint32_t(to_f16(i.flags & flag_relu && x < 0 ? 0 : x));
  };
  for_lanes(mask, [&](int l) { d[l] = one(a[l] & 255) | one(a[l] >> 8) << 16; });
}

template <class To, class From> void run_cast(Warp &w, const Inst &i, uint32_t mask) {
  const From *a = w.reg<From>(i.r[1]);
  write_lanes(w.reg<To>(i.r[0]), mask, [&](int l) { return To(a[l]); });
}
void run_bf16_to_f32(Warp &w, const Inst &i, uint32_t mask) {
  const uint16_t *a = w.reg<uint16_t>(i.r[1]);
  write_lanes(w.reg<float>(i.r[0]), mask, [&](int l) { return canonical(from_bf16(a[l])); });
}
void run_f16_to_f32(Warp &w, const Inst &i, uint32_t mask) {
  const uint16_t *a = w.reg<uint16_t>(i.r[1]);
  write_lanes(w.reg<float>(i.r[0]), mask, [&](int l) { return canonical(from_f16(a[l])); });
}
void run_f32_to_bf16(Warp &w, const Inst &i, uint32_t mask) {
  const float *a = w.reg<float>(i.r[1]);
  write_lanes(w.reg<uint16_t>(i.r[0]), mask, [&](int l) { return to_bf16(a[l]); });
}
void run_f32_to_f16(Warp &w, const Inst &i, uint32_t mask) {
  const float *a = w.reg<float>(i.r[1]);
  write_lanes(w.reg<uint16_t>(i.r[0]), mask, [&](int l) { return to_f16(a[l]); });
}

struct Fast {
  Type to, from;
  Handler handler;
};
constexpr Fast fast[] = {
    {Type::u64, Type::u32, run_cast<uint64_t, uint32_t>},
    {Type::s64, Type::u32, run_cast<uint64_t, uint32_t>},
    {Type::s64, Type::s32, run_cast<int64_t, int32_t>},
    {Type::u64, Type::s32, run_cast<int64_t, int32_t>},
    {Type::u32, Type::u64, run_cast<uint32_t, uint64_t>},
    {Type::s32, Type::s64, run_cast<uint32_t, uint64_t>},
    {Type::u32, Type::u16, run_cast<uint32_t, uint16_t>},
    {Type::s32, Type::s16, run_cast<int32_t, int16_t>},
    {Type::u16, Type::u32, run_cast<uint16_t, uint32_t>},
    {Type::f32, Type::bf16, run_bf16_to_f32},
    {Type::f32, Type::f16, run_f16_to_f32},
};
constexpr Fast fast_nearest[] = {
    {Type::f32, Type::s32, run_cast<float, int32_t>},
    {Type::f32, Type::u32, run_cast<float, uint32_t>},
    {Type::bf16, Type::f32, run_f32_to_bf16},
    {Type::f16, Type::f32, run_f32_to_f16},
};

Handler fast_handler(const Inst &i, const Plan &p) {
  if (i.flags & ~flag_ftz) {
    return nullptr;
  }
  if (int(i.more[0]) != std::max(type_size(p.to), 2) ||
      int(i.more[1]) != std::max(type_size(p.from), 2)) {
    return nullptr;
  }
  const bool half_to_float = p.to == Type::f32 && type_size(p.from) == 2 && is_float(p.from);
  for (const Fast &f : fast) {
    if (f.to == p.to && f.from == p.from && (!(i.flags & flag_ftz) || half_to_float)) {
      return f.handler;
    }
  }
  for (const Fast &f : fast_nearest) {
    if (f.to == p.to && f.from == p.from && p.round == Round::nearest && i.flags == 0) {
      return f.handler;
    }
  }
  return nullptr;
}

/// The rounding: .rni and its like round to an integral value.
Round take_rounding(Decode &d) {
  constexpr Round rounds[] = {Round::nearest, Round::zero, Round::down, Round::up};
  const int integral_round = d.choice({"rni", "rzi", "rmi", "rpi"});
  if (integral_round >= 0) {
    d.inst.flags |= flag_integral;
    return rounds[integral_round];
  }
  return d.round().value_or(Round::nearest);
}

Type half_of(Type packed) {
  switch (packed) {
  case Type::f16x2:
    return Type::f16;
  case Type::bf16x2:
    return Type::bf16;
  case Type::e4m3x2:
    return Type::e4m3;
  case Type::e5m2x2:
    return Type::e5m2;
  default:
    return Type::none;
  }
}

void decode_packed(Decode &d, Type to, Type from) {
  const bool from_fp8 = from == Type::e4m3x2 || from == Type::e5m2x2;
  if (to == Type::f16x2 && from_fp8) {
    d.inst.r[0] = d.dst(0, Type::b32);
    d.inst.r[1] = d.src(1, Type::b16);
    return d.emit(from == Type::e4m3x2 ? run_unpack<true> : run_unpack<false>, Kind::convert);
  }
  if (from != Type::f32) {
    d.fail("no such packed conversion");
  }
  d.want(3, 3);
  d.inst.sub = uint8_t(half_of(to));
  d.inst.r[0] = d.dst(0, to);
  d.inst.r[1] = d.src(1, Type::f32);
  d.inst.r[2] = d.src(2, Type::f32);
  const bool plain = to == Type::bf16x2 && d.inst.flags == 0 && d.inst.width == 0;
  d.emit(plain ? run_pack_bf16 : run_pack, Kind::convert);
}

/// A register at least as wide as the type; gives its size.
uint32_t wide_register(Decode &d, const Operand &o, Type t, int &size, bool is_result) {
  size = d.register_size(o);
  if (o.kind == Operand::Kind::reg && size >= type_size(t) && size > 0) {
    return d.register_offset(o);
  }
  size = std::max(type_size(t), 2);
  return is_result ? d.dst(o, t) : d.src(o, t);
}

} // namespace

void decode_cvt(Decode &d) {
  if (d.flag("pack")) {
    return decode_cvt_pack(d);
  }
  const Round round = take_rounding(d);
  d.inst.flags |= d.flag("ftz") ? flag_ftz : 0;
  d.inst.flags |= d.flag("sat") ? flag_sat : 0;
  d.inst.flags |= d.flag("satfinite") ? flag_satfinite : 0;
  d.inst.flags |= d.flag("relu") ? flag_relu : 0;
  const Type to = d.type(), from = d.type();
  d.inst.sub = uint8_t(to);
  d.inst.count = uint8_t(from);
  d.inst.width = uint8_t(round);
  if (half_of(to) != Type::none) {
    return decode_packed(d, to, from);
  }
  if (half_of(from) != Type::none || type_size(to) == 16 || to == Type::pred) {
    d.fail("no such conversion");
  }
  d.want(2, 2);
  int to_size = 0, from_size = 0;
  d.inst.r[0] = wide_register(d, d.operand(0), to, to_size, true);
  d.inst.r[1] = wide_register(d, d.operand(1), from, from_size, false);
  d.inst.more = {uint32_t(to_size), uint32_t(from_size)};
  if (!is_float(to) || !is_float(from)) {
    d.inst.flags &= ~flag_integral;
  }
  const Handler handler = fast_handler(d.inst, {to, from, round});
  d.emit(handler ? handler : run_general, Kind::convert);
}

namespace {

/// cvt.pack.sat.t.s32{.b32} d, a, b{, c}: imm = bits of an element.
void run_cvt_pack(Warp &w, const Inst &i, uint32_t mask) {
  const int32_t *a = w.reg<int32_t>(i.r[1]), *b = w.reg<int32_t>(i.r[2]);
  const uint32_t *c = i.r[3] ? w.reg<uint32_t>(i.r[3]) : nullptr;
  const Plan p{Type(i.sub), Type::s32, Round::nearest};
  const uint32_t bits = uint32_t(i.imm);
  write_lanes(w.reg<uint32_t>(i.r[0]), mask, [&](int l) {
    const uint64_t keep = (uint64_t{1} << bits) - 1;
    const uint64_t x = integer_to_integer(a[l], p, true) & keep;
    const uint64_t y = integer_to_integer(b[l], p, true) & keep;
    return uint32_t((c ? uint64_t{c[l]} << (2 * bits) : 0) | x << bits | y);
  });
}

} // namespace

void decode_cvt_pack(Decode &d) {
  d.flag("sat");
  const Type to = d.type();
  if (d.type() != Type::s32 || type_size(to) > 2) {
    d.fail("no such packing");
  }
  d.optional_type();
  d.inst.sub = uint8_t(to);
  d.inst.imm = 8 * type_size(to);
  d.inst.r[0] = d.dst(0, Type::b32);
  for (size_t k = 1; k < d.operands(); ++k) {
    d.inst.r[k] = d.src(k, Type::b32);
  }
  d.emit(run_cvt_pack, Kind::convert);
}

} // namespace mome::ptxsim

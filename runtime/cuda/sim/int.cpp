// Integer arithmetic.
#include <limits>
#include <type_traits>

#include "runtime/cuda/sim/block.h"
#include "runtime/cuda/sim/decode.h"

namespace mome::ptxsim {
namespace {

template <class T> using Unsigned = std::make_unsigned_t<T>;
template <class T>
using Twice = std::conditional_t<
    sizeof(T) == 2, std::conditional_t<std::is_signed_v<T>, int32_t, uint32_t>,
    std::conditional_t<sizeof(T) == 4, std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>,
                       std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>>>;

struct Add {
  template <class T> static T run(T a, T b) { return T(Unsigned<T>(a) + Unsigned<T>(b)); }
};
struct Sub {
  template <class T> static T run(T a, T b) { return T(Unsigned<T>(a) - Unsigned<T>(b)); }
};
template <class T> T clamp_signed(Twice<T> v) {
  return T(std::min<Twice<T>>(std::max<Twice<T>>(v, std::numeric_limits<T>::min()),
                              std::numeric_limits<T>::max()));
}
struct AddSat {
  template <class T> static T run(T a, T b) { return clamp_signed<T>(Twice<T>(a) + b); }
};
struct SubSat {
  template <class T> static T run(T a, T b) { return clamp_signed<T>(Twice<T>(a) - b); }
};
struct MulLo {
  template <class T> static T run(T a, T b) { return T(Twice<T>(a) * Twice<T>(b)); }
};
struct MulHi {
  template <class T> static T run(T a, T b) { return T((Twice<T>(a) * b) >> (8 * sizeof(T))); }
};
struct Div { // by zero: all ones, as the hardware's routine gives; the PTX manual leaves it open
  template <class T> static T run(T a, T b) {
    if (b == 0) {
      return T(-1);
    }
    return b == T(-1) && std::is_signed_v<T> ? T(0 - Unsigned<T>(a)) : T(a / b);
  }
};
struct Rem {
  template <class T> static T run(T a, T b) {
    if (b == 0) {
      return a;
    }
    return b == T(-1) && std::is_signed_v<T> ? T(0) : T(a % b);
  }
};
struct Min {
  template <class T> static T run(T a, T b) { return a < b ? a : b; }
};
struct Max {
  template <class T> static T run(T a, T b) { return a > b ? a : b; }
};
struct MinRelu {
  template <class T> static T run(T a, T b) { return std::max<T>(std::min(a, b), 0); }
};
struct MaxRelu {
  template <class T> static T run(T a, T b) { return std::max<T>(std::max(a, b), 0); }
};
template <class T> T low24(T a) {
  return T(Unsigned<T>(a) << 8) >> 8;
}
struct Mul24Lo {
  template <class T> static T run(T a, T b) { return T(Twice<T>(low24(a)) * low24(b)); }
};
struct Mul24Hi {
  template <class T> static T run(T a, T b) { return T((Twice<T>(low24(a)) * low24(b)) >> 16); }
};

template <class T, class Op> void run_binary(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]), *b = w.reg<T>(i.r[2]);
  write_lanes(w.reg<T>(i.r[0]), mask, [&](int l) { return Op::template run<T>(a[l], b[l]); });
}
template <class T, class Op> void run_mad(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]), *b = w.reg<T>(i.r[2]), *c = w.reg<T>(i.r[3]);
  write_lanes(w.reg<T>(i.r[0]), mask,
              [&](int l) { return Add::run<T>(Op::template run<T>(a[l], b[l]), c[l]); });
}
template <class T, class Op> void run_mad_sat(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]), *b = w.reg<T>(i.r[2]), *c = w.reg<T>(i.r[3]);
  write_lanes(w.reg<T>(i.r[0]), mask, [&](int l) {
    return clamp_signed<T>(Twice<T>(Op::template run<T>(a[l], b[l])) + c[l]);
  });
}
template <class T, bool mad> void run_wide(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]), *b = w.reg<T>(i.r[2]);
  using D = Twice<T>;
  D *d = w.reg<D>(i.r[0]);
  if constexpr (mad) {
    const D *c = w.reg<D>(i.r[3]);
    write_lanes(d, mask, [&](int l) { return Add::run<D>(D(D(a[l]) * b[l]), c[l]); });
  } else {
    write_lanes(d, mask, [&](int l) { return D(D(a[l]) * b[l]); });
  }
}
template <class T> void run_sad(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]), *b = w.reg<T>(i.r[2]), *c = w.reg<T>(i.r[3]);
  write_lanes(w.reg<T>(i.r[0]), mask, [&](int l) {
    const T far = a[l] > b[l] ? Sub::run<T>(a[l], b[l]) : Sub::run<T>(b[l], a[l]);
    return Add::run<T>(far, c[l]);
  });
}
template <class T, class Op> void run_packed(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *a = w.reg<uint32_t>(i.r[1]), *b = w.reg<uint32_t>(i.r[2]);
  write_lanes(w.reg<uint32_t>(i.r[0]), mask, [&](int l) {
    const uint16_t low = uint16_t(Op::template run<T>(T(a[l]), T(b[l])));
    const uint16_t high = uint16_t(Op::template run<T>(T(a[l] >> 16), T(b[l] >> 16)));
    return uint32_t(low) | uint32_t(high) << 16;
  });
}

template <class Op> Handler binary(Type t) {
  switch (t) {
  case Type::u16:
    return run_binary<uint16_t, Op>;
  case Type::s16:
    return run_binary<int16_t, Op>;
  case Type::u32:
    return run_binary<uint32_t, Op>;
  case Type::s32:
    return run_binary<int32_t, Op>;
  case Type::u64:
    return run_binary<uint64_t, Op>;
  case Type::s64:
    return run_binary<int64_t, Op>;
  case Type::u16x2:
    return run_packed<uint16_t, Op>;
  case Type::s16x2:
    return run_packed<int16_t, Op>;
  default:
    return nullptr;
  }
}
template <class Op> Handler mad(Type t) {
  switch (t) {
  case Type::u16:
    return run_mad<uint16_t, Op>;
  case Type::s16:
    return run_mad<int16_t, Op>;
  case Type::u32:
    return run_mad<uint32_t, Op>;
  case Type::s32:
    return run_mad<int32_t, Op>;
  case Type::u64:
    return run_mad<uint64_t, Op>;
  case Type::s64:
    return run_mad<int64_t, Op>;
  default:
    return nullptr;
  }
}

void emit_binary(Decode &d, Type t, Handler handler) {
  if (!handler) {
    d.fail("no such integer type here");
  }
  d.want(3, 3);
  d.inst.r[0] = d.dst(0, t);
  d.inst.r[1] = d.src(1, t);
  d.inst.r[2] = d.src(2, t);
  d.emit(handler, Kind::integer);
}

Handler wide(Type t, bool mad) {
  switch (t) {
  case Type::u16:
    return mad ? run_wide<uint16_t, true> : run_wide<uint16_t, false>;
  case Type::s16:
    return mad ? run_wide<int16_t, true> : run_wide<int16_t, false>;
  case Type::u32:
    return mad ? run_wide<uint32_t, true> : run_wide<uint32_t, false>;
  case Type::s32:
    return mad ? run_wide<int32_t, true> : run_wide<int32_t, false>;
  default:
    return nullptr;
  }
}

Type twice(Type t) {
  switch (t) {
  case Type::u16:
    return Type::u32;
  case Type::s16:
    return Type::s32;
  case Type::u32:
    return Type::u64;
  default:
    return Type::s64;
  }
}

/// mul, mad and their 24-bit forms.
void decode_product(Decode &d, Type t) {
  const std::string_view op = d.ast.opcode;
  const bool is_mad = op.starts_with("mad"), is_24 = op.ends_with("24");
  const int part = d.choice({"lo", "hi", "wide"});
  if (part < 0) {
    d.fail("which part of the product? .lo, .hi or .wide");
  }
  const Type result = part == 2 ? twice(t) : t;
  const bool saturate = d.flag("sat");
  Handler handler = nullptr;
  if (is_24 && part < 2 && type_size(t) == 4) {
    handler = is_mad ? (part ? mad<Mul24Hi>(t) : mad<Mul24Lo>(t))
                     : (part ? binary<Mul24Hi>(t) : binary<Mul24Lo>(t));
    if (saturate && t == Type::s32 && part == 1 && is_mad) {
      handler = run_mad_sat<int32_t, Mul24Hi>;
    }
  } else if (part == 2) {
    handler = wide(t, is_mad);
  } else if (saturate && is_mad && part == 1 && t == Type::s32) {
    handler = run_mad_sat<int32_t, MulHi>;
  } else if (!saturate && is_mad) {
    handler = part ? mad<MulHi>(t) : mad<MulLo>(t);
  } else if (!saturate) {
    handler = part ? binary<MulHi>(t) : binary<MulLo>(t);
  }
  if (!handler) {
    d.fail("no such product");
  }
  d.want(is_mad ? 4 : 3, is_mad ? 4 : 3);
  d.inst.r[0] = d.dst(0, result);
  d.inst.r[1] = d.src(1, t);
  d.inst.r[2] = d.src(2, t);
  if (is_mad) {
    d.inst.r[3] = d.src(3, result);
  }
  d.emit(handler, Kind::integer);
}

template <class F> Handler for_sad(Type t, F) {
  switch (t) {
  case Type::u16:
    return run_sad<uint16_t>;
  case Type::s16:
    return run_sad<int16_t>;
  case Type::u32:
    return run_sad<uint32_t>;
  case Type::s32:
    return run_sad<int32_t>;
  case Type::u64:
    return run_sad<uint64_t>;
  default:
    return run_sad<int64_t>;
  }
}

bool floating(Type t) {
  return is_float(t) || t == Type::f16x2 || t == Type::bf16x2 || t == Type::f32x2;
}

} // namespace

void decode_int(Decode &d) {
  const std::string_view op = d.ast.opcode;
  for (const std::string_view m : d.ast.modifiers) {
    if (const auto t = parse_type(m); t && floating(*t)) {
      return decode_float(d);
    }
  }
  if (op == "add" || op == "sub") {
    if (d.flag("cc")) {
      return decode_carry(d);
    }
    const bool saturate = d.flag("sat");
    const Type t = d.type();
    if (saturate && t != Type::s32) {
      d.fail(".sat is for s32");
    }
    if (saturate) {
      return emit_binary(d, t,
                         op == "add" ? run_binary<int32_t, AddSat> : run_binary<int32_t, SubSat>);
    }
    return emit_binary(d, t, op == "add" ? binary<Add>(t) : binary<Sub>(t));
  }
  if (op == "mad" && d.flag("cc")) {
    return decode_carry(d);
  }
  const Type t = d.type();
  if (type_size(t) == 1 || t == Type::b16 || t == Type::b32 || t == Type::b64 || t == Type::pred) {
    d.fail("no arithmetic on " + std::string(type_name(t)));
  }
  if (op.starts_with("mul") || op.starts_with("mad")) {
    return decode_product(d, t);
  }
  if (op == "div") {
    return emit_binary(d, t, binary<Div>(t));
  }
  if (op == "rem") {
    return emit_binary(d, t, binary<Rem>(t));
  }
  if (op == "min" || op == "max") {
    const bool relu = d.flag("relu");
    if (relu && t != Type::s32 && t != Type::s16x2) {
      d.fail(".relu is for s32 and s16x2");
    }
    if (relu) {
      return emit_binary(
          d, t,
          op == "min"
              ? (t == Type::s32 ? run_binary<int32_t, MinRelu> : run_packed<int16_t, MinRelu>)
              : (t == Type::s32 ? run_binary<int32_t, MaxRelu> : run_packed<int16_t, MaxRelu>));
    }
    return emit_binary(d, t, op == "min" ? binary<Min>(t) : binary<Max>(t));
  }
  // sad
  d.want(4, 4);
  d.inst.r[0] = d.dst(0, t);
  for (size_t k = 1; k < 4; ++k) {
    d.inst.r[k] = d.src(k, t);
  }
  d.emit(for_sad(t, 0), Kind::integer);
}

namespace {

/// add.cc, addc, sub.cc, subc, mad.cc, madc: sub = operation, flags: 1 carry in, 2 carry out.
template <class T> void run_carry(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]), *b = w.reg<T>(i.r[2]);
  const T *c = i.r[3] ? w.reg<T>(i.r[3]) : nullptr;
  T *d = w.reg<T>(i.r[0]);
  using W = unsigned __int128;
  uint32_t carry = w.carry;
  for_lanes(mask, [&](int l) {
    const W in = i.flags & 1 ? w.carry >> l & 1 : 0;
    W x = a[l], y = b[l];
    if (i.sub >= 2) { // a product's low or high half, plus c
      const W product = x * y;
      x = i.sub == 2 ? T(product) : T(product >> (8 * sizeof(T)));
      y = c[l];
    }
    const W sum = i.sub == 1 ? x - y - in : x + y + in;
    d[l] = T(sum);
    const bool out = (sum >> (8 * sizeof(T))) & 1;
    carry = (carry & ~(1u << l)) | uint32_t(out) << l;
  });
  if (i.flags & 2) {
    w.carry = carry;
  }
}
template <class T> void run_carry_high_signed(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]), *b = w.reg<T>(i.r[2]), *c = w.reg<T>(i.r[3]);
  T *d = w.reg<T>(i.r[0]);
  using U = Unsigned<T>;
  uint32_t carry = w.carry;
  for_lanes(mask, [&](int l) {
    const unsigned __int128 in = i.flags & 1 ? w.carry >> l & 1 : 0;
    const U high = U((__int128(a[l]) * b[l]) >> (8 * sizeof(T)));
    const unsigned __int128 sum = (unsigned __int128)(high) + U(c[l]) + in;
    d[l] = T(U(sum));
    carry = (carry & ~(1u << l)) | uint32_t((sum >> (8 * sizeof(T))) & 1) << l;
  });
  if (i.flags & 2) {
    w.carry = carry;
  }
}

} // namespace

void decode_carry(Decode &d) {
  const std::string_view op = d.ast.opcode;
  d.inst.flags = op.ends_with("c") ? 1 : 0;
  // decode_int has taken .cc of add.cc and sub.cc
  if (d.flag("cc") || op == "add" || op == "sub" || op == "mad") {
    d.inst.flags |= 2;
  }
  const bool is_mad = op.starts_with("mad");
  d.inst.sub = op.starts_with("sub") ? 1 : 0;
  if (is_mad) {
    const int part = d.choice({"lo", "hi"});
    if (part < 0) {
      d.fail("which part of the product? .lo or .hi");
    }
    d.inst.sub = uint8_t(2 + part);
  }
  const Type t = d.type();
  if (type_size(t) < 4 || floating(t)) {
    d.fail("no carry for this type");
  }
  d.want(is_mad ? 4 : 3, is_mad ? 4 : 3);
  d.inst.r[0] = d.dst(0, t);
  for (size_t k = 1; k < d.operands(); ++k) {
    d.inst.r[k] = d.src(k, t);
  }
  if (is_signed(t) && d.inst.sub == 3) {
    return d.emit(type_size(t) == 4 ? run_carry_high_signed<int32_t>
                                    : run_carry_high_signed<int64_t>,
                  Kind::integer);
  }
  d.emit(type_size(t) == 4 ? run_carry<uint32_t> : run_carry<uint64_t>, Kind::integer);
}

namespace {

/// dp4a, dp2a: flags 1: a signed, 2: b signed, 4: the high half of b; sub: 4 or 2 products.
void run_dot(Warp &w, const Inst &i, uint32_t mask) {
  const uint32_t *a = w.reg<uint32_t>(i.r[1]), *b = w.reg<uint32_t>(i.r[2]);
  const uint32_t *c = w.reg<uint32_t>(i.r[3]);
  const auto part = [](uint32_t v, int k, int bits, bool is_signed) -> int64_t {
    const uint32_t x = v >> (k * bits) & ((1u << bits) - 1);
    return is_signed && (x >> (bits - 1)) ? int64_t(x) - (1 << bits) : int64_t(x);
  };
  write_lanes(w.reg<uint32_t>(i.r[0]), mask, [&](int l) {
    int64_t sum = 0;
    for (int k = 0; k < i.sub; ++k) {
      sum += part(a[l], k, 32 / i.sub, i.flags & 1) *
             part(b[l], i.sub == 2 && (i.flags & 4) ? k + 2 : k, 8, i.flags & 2);
    }
    return uint32_t(c[l] + uint32_t(sum));
  });
}

} // namespace

void decode_dot(Decode &d) {
  d.inst.sub = d.ast.opcode == "dp4a" ? 4 : 2;
  if (d.inst.sub == 2) {
    d.inst.flags |= d.choice({"lo", "hi"}) == 1 ? 4 : 0;
  }
  const Type a = d.type(), b = d.type();
  d.inst.flags |= (a == Type::s32 ? 1 : 0) | (b == Type::s32 ? 2 : 0);
  d.want(4, 4);
  d.inst.r[0] = d.dst(0, Type::b32);
  for (size_t k = 1; k < 4; ++k) {
    d.inst.r[k] = d.src(k, Type::b32);
  }
  d.emit(run_dot, Kind::integer);
}

} // namespace mome::ptxsim

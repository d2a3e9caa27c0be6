// Unary floating point: abs, neg, testp, and the functions of the special-function unit.
//
// The unit's tables are not public: nominally the result is the correctly rounded one, and the
// perturbed mode moves it by up to the error that the PTX manual documents.
#include "runtime/cuda/sim/block.h"
#include "runtime/cuda/sim/decode.h"
#include "runtime/cuda/sim/float_ops.h"
#include "runtime/cuda/sim/float_rounded.h"

namespace mome::ptxsim {
namespace {

/// Moves x by at most `relative` of itself, or `absolute`.
float perturb(const Warp &w, float x, uint32_t argument, double relative, double absolute) {
  if (!w.block->launch.perturb || !std::isfinite(x)) {
    return x;
  }
  const double u = jitter(argument, w.block->launch.rounding_seed);
  return float(double(x) + u * (std::fabs(double(x)) * relative + absolute));
}

struct Function {
  std::string_view name;
  float (*nominal)(float);
  double relative, absolute; // documented error
};

float rcp(float x) {
  return 1 / x;
}
float rsqrt(float x) {
  return float(1 / std::sqrt(double(x)));
}
float square_root(float x) {
  return std::sqrt(x);
}
float sine(float x) {
  return std::isinf(x) ? NAN : std::sin(x);
}
float cosine(float x) {
  return std::isinf(x) ? NAN : std::cos(x);
}
float log_2(float x) {
  return std::log2(x);
}
float exp_2(float x) {
  return std::exp2(x);
}
float tangent(float x) {
  return std::tanh(x);
}

constexpr Function functions[] = {
    {"rcp", rcp, 0x1p-23, 0},   {"sqrt", square_root, 0x1p-23, 0}, {"rsqrt", rsqrt, 0x1p-22, 0},
    {"sin", sine, 0, 0x1p-20},  {"cos", cosine, 0, 0x1p-20},       {"lg2", log_2, 0x1p-22, 0x1p-22},
    {"ex2", exp_2, 0x1p-22, 0}, {"tanh", tangent, 0x1p-11, 0},
};

const Function *find_function(std::string_view name) {
  for (const Function &f : functions) {
    if (f.name == name) {
      return &f;
    }
  }
  return nullptr;
}

/// sub: index of the function; flags: 1 ftz.
void run_function(Warp &w, const Inst &i, uint32_t mask) {
  const Function &f = functions[i.sub];
  const float *a = w.reg<float>(i.r[1]);
  float *d = w.reg<float>(i.r[0]);
  for_lanes(mask, [&](int l) {
    const float x = i.flags & 1 ? flush(a[l]) : a[l];
    float r = perturb(w, f.nominal(x), std::bit_cast<uint32_t>(x), f.relative, f.absolute);
    r = canonical(r);
    d[l] = i.flags & 1 ? flush(r) : r;
  });
}
/// rcp.approx.ftz.f64, rsqrt.approx.f64: 20 bits of mantissa on the hardware.
void run_function_f64(Warp &w, const Inst &i, uint32_t mask) {
  const double *a = w.reg<double>(i.r[1]);
  double *d = w.reg<double>(i.r[0]);
  for_lanes(mask, [&](int l) {
    const double exact = i.sub ? 1 / std::sqrt(a[l]) : 1 / a[l];
    d[l] = std::bit_cast<double>(std::bit_cast<uint64_t>(exact) & ~uint64_t{0xffffffff});
  });
}

template <class T, bool negate> void run_sign(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]);
  write_lanes(w.reg<T>(i.r[0]), mask, [&](int l) {
    T x = a[l];
    if constexpr (std::is_same_v<T, float>) {
      x = i.flags & 1 ? flush(x) : x;
    }
    return negate ? -x : std::fabs(x);
  });
}
template <class T, bool negate> void run_sign_int(Warp &w, const Inst &i, uint32_t mask) {
  using U = std::make_unsigned_t<T>;
  const T *a = w.reg<T>(i.r[1]);
  write_lanes(w.reg<T>(i.r[0]), mask,
              [&](int l) { return negate || a[l] < 0 ? T(U(0) - U(a[l])) : a[l]; });
}
/// Halves: `imm` clears or flips the sign bits.
template <class T, bool negate> void run_sign_half(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]);
  const T signs = T(0x80008000);
  write_lanes(w.reg<T>(i.r[0]), mask,
              [&](int l) { return T(negate ? a[l] ^ signs : a[l] & T(~signs)); });
}

template <bool negate> Handler sign_handler(Type t) {
  switch (t) {
  case Type::f32:
    return run_sign<float, negate>;
  case Type::f64:
    return run_sign<double, negate>;
  case Type::f16:
  case Type::bf16:
    return run_sign_half<uint16_t, negate>;
  case Type::f16x2:
  case Type::bf16x2:
    return run_sign_half<uint32_t, negate>;
  case Type::s16:
    return run_sign_int<int16_t, negate>;
  case Type::s32:
    return run_sign_int<int32_t, negate>;
  case Type::s64:
    return run_sign_int<int64_t, negate>;
  default:
    return nullptr;
  }
}

template <class T> bool test(int what, T x) {
  switch (what) {
  case 0:
    return std::isfinite(x);
  case 1:
    return std::isinf(x);
  case 2:
    return x == x;
  case 3:
    return x != x;
  case 4:
    return std::isnormal(x);
  default:
    return std::fpclassify(x) == FP_SUBNORMAL;
  }
}
template <class T> void run_testp(Warp &w, const Inst &i, uint32_t mask) {
  const T *a = w.reg<T>(i.r[1]);
  uint32_t &p = w.pred(i.r[0]);
  p = pred_lanes(p, mask, [&](int l) { return test(i.sub, a[l]); });
}

template <bool approximate, bool ftz> void run_division(Warp &w, const Inst &i, uint32_t mask) {
  const float *a = w.reg<float>(i.r[1]), *b = w.reg<float>(i.r[2]);
  float *d = w.reg<float>(i.r[0]);
  for_lanes(mask, [&](int l) {
    const float x = ftz ? flush(a[l]) : a[l], y = ftz ? flush(b[l]) : b[l];
    // div.approx multiplies by a reciprocal, which is flushed for divisors above 2^126.
    const bool large = approximate && std::fabs(y) > 0x1p126f && std::isfinite(y);
    float r = large ? x * std::copysign(0.0f, y) : x / y;
    r = canonical(
        perturb(w, r, std::bit_cast<uint32_t>(x) ^ std::bit_cast<uint32_t>(y) * 31, 0x1p-22, 0));
    d[l] = ftz ? flush(r) : r;
  });
}

/// tanh and ex2 of halves; sub: 0 tanh, 1 ex2.
template <bool bf16, bool packed> void run_half_function(Warp &w, const Inst &i, uint32_t mask) {
  const auto one = [&](uint16_t bits) -> uint16_t {
    const float x = bf16 ? from_bf16(bits) : from_f16(bits);
    const float y = i.sub ? std::exp2(x) : std::tanh(x);
    const double relative = i.sub ? (bf16 ? 0x1p-7 : 0x1p-9) : (bf16 ? 0x1p-8 : 0x1p-10);
    const float r = perturb(w, y, bits, relative, 0);
    return bf16 ? to_bf16(r) : to_f16(r);
  };
  for_lanes(mask, [&](int l) {
    if constexpr (packed) {
      const uint32_t v = w.reg<uint32_t>(i.r[1])[l];
      w.reg<uint32_t>(i.r[0])[l] = one(uint16_t(v)) | uint32_t(one(uint16_t(v >> 16))) << 16;
    } else {
      w.reg<uint16_t>(i.r[0])[l] = one(w.reg<uint16_t>(i.r[1])[l]);
    }
  });
}
Handler half_function(Type t) {
  switch (t) {
  case Type::f16:
    return run_half_function<false, false>;
  case Type::bf16:
    return run_half_function<true, false>;
  case Type::f16x2:
    return run_half_function<false, true>;
  case Type::bf16x2:
    return run_half_function<true, true>;
  default:
    return nullptr;
  }
}

void decode_rounded(Decode &d, std::string_view op, Round round, bool ftz) {
  const Type t = d.type();
  d.inst.r[0] = d.dst(0, t);
  d.inst.r[1] = d.inst.r[2] = d.inst.r[3] = d.src(1, t);
  d.inst.sub = uint8_t(round);
  d.inst.flags = ftz ? 1 : 0;
  const Handler handler = rounded_handler(op, t);
  if (!handler || round == Round::away) {
    d.fail("no such function");
  }
  d.inst.flops = 1;
  d.emit(handler, t == Type::f64 ? Kind::float64 : Kind::special_function);
}

} // namespace

Handler division_handler(bool approximate, bool ftz) {
  return approximate ? (ftz ? run_division<true, true> : run_division<true, false>)
                     : (ftz ? run_division<false, true> : run_division<false, false>);
}

void decode_float_unary(Decode &d) {
  const std::string_view op = d.ast.opcode;
  d.want(2, 2);
  if (op == "testp") {
    d.inst.sub =
        uint8_t(d.choice({"finite", "infinite", "number", "notanumber", "normal", "subnormal"}));
    const Type t = d.type();
    d.inst.r[0] = d.dst(0, Type::pred);
    d.inst.r[1] = d.src(1, t);
    return d.emit(t == Type::f64 ? run_testp<double> : run_testp<float>, Kind::predicate);
  }
  const bool ftz = d.flag("ftz");
  if (op == "abs" || op == "neg") {
    const Type t = d.type();
    const Handler handler = op == "neg" ? sign_handler<true>(t) : sign_handler<false>(t);
    if (!handler) {
      d.fail("not for " + std::string(type_name(t)));
    }
    d.inst.flags = ftz;
    d.inst.r[0] = d.dst(0, t);
    d.inst.r[1] = d.src(1, t);
    return d.emit(handler, t == Type::f64   ? Kind::float64
                           : t == Type::f32 ? Kind::float32
                           : is_signed(t)   ? Kind::integer
                                            : Kind::half);
  }
  const bool approximate = d.flag("approx");
  const auto round = d.round();
  if (!approximate) {
    return decode_rounded(d, op, round.value_or(Round::nearest), ftz);
  }
  const Type t = d.type();
  d.inst.r[0] = d.dst(0, t);
  d.inst.r[1] = d.src(1, t);
  d.inst.flags = ftz;
  d.inst.flops = 1;
  if (t == Type::f32) {
    d.inst.sub = uint8_t(find_function(op) - functions);
    return d.emit(run_function, Kind::special_function);
  }
  if (t == Type::f64 && (op == "rcp" || op == "rsqrt")) {
    d.inst.sub = op == "rsqrt";
    return d.emit(run_function_f64, Kind::float64);
  }
  d.inst.sub = op == "ex2";
  const Handler handler = op == "ex2" || op == "tanh" ? half_function(t) : nullptr;
  if (!handler) {
    d.fail("not for " + std::string(type_name(t)));
  }
  d.emit(handler, Kind::special_function);
}

} // namespace mome::ptxsim

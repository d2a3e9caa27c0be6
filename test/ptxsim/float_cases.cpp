#include <algorithm>
#include <bit>
#include <cfenv>
#include <cmath>

#include "test/ptxsim/instruction_cases.h"

namespace mome::ptxsim::test {
namespace {

using U = uint64_t;
float f(U x) {
  return std::bit_cast<float>(uint32_t(x));
}
double d(U x) {
  return std::bit_cast<double>(x);
}
U bits(float x) {
  return std::isnan(x) ? 0x7fffffff : std::bit_cast<uint32_t>(x);
}
U bits(double x) {
  return std::isnan(x) ? 0x7fffffffffffffff : std::bit_cast<U>(x);
}
float ftz(float x) {
  return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x;
}

/// An operation of two floats.
Case two(const char *op, std::function<float(float, float)> g, const char *domains = "ff-f") {
  return {op, domains, std::string(op) + " d, a, b;",
          [g](U a, U b, U) { return bits(g(f(a), f(b))); }};
}
Case one(const char *op, std::function<double(double)> g, double tolerance,
         const char *domains = "g--f") {
  return {op, domains, std::string(op) + " d, a;",
          [g](U a, U, U) { return bits(float(g(double(f(a))))); }, tolerance};
}

/// x op y in a rounding mode, by the exact value in long double where it fits (sums of near floats)
/// or by the residue of an fma.
float directed(double exact, int mode) { // exact: a product of two floats, exact in f64
  float near = float(exact);
  if (std::isnan(exact) || double(near) == exact) {
    return near;
  }
  const bool below = double(near) < exact;
  if (mode == FE_UPWARD && below) {
    return std::nextafter(near, HUGE_VALF);
  }
  if (mode == FE_DOWNWARD && !below) {
    return std::nextafter(near, -HUGE_VALF);
  }
  if (mode == FE_TOWARDZERO && std::fabs(double(near)) > std::fabs(exact)) {
    return std::nextafter(near, 0.0f);
  }
  return near;
}

float min_of(float a, float b) {
  if (std::isnan(a)) {
    return b;
  }
  if (std::isnan(b)) {
    return a;
  }
  return a == 0 && b == 0 ? (std::signbit(a) ? a : b) : std::min(a, b);
}

// Halves through long double, one rounding by hand.
double half(U x) {
  const int e = int(x >> 10 & 31), m = int(x & 1023);
  const double v = e == 31 ? (m ? NAN : INFINITY)
                   : e     ? std::ldexp(1024 + m, e - 25)
                           : std::ldexp(m, -24);
  return x & 0x8000 ? -v : v;
}
U to_half(double x) {
  if (std::isnan(x)) {
    return 0x7fff;
  }
  const U sign = std::signbit(x) ? 0x8000 : 0;
  x = std::fabs(x);
  if (x >= 65520) {
    return sign | 0x7c00;
  }
  if (x < 0x1p-14) {
    return sign | U(std::nearbyint(x * 0x1p24));
  }
  const int e = std::ilogb(x);
  return sign | (U(e + 14) << 10) + U(std::nearbyint(std::ldexp(x, 10 - e)));
}
double brain(U x) {
  return f(x << 16);
}
U to_brain(double x) {
  if (std::isnan(x)) {
    return 0x7fff;
  }
  U best = 0;
  // Nearest of the two neighbours of the truncated float, ties to even.
  const float t = float(x);
  const U low = std::bit_cast<uint32_t>(t) >> 16;
  best = low;
  for (const U candidate : {low, low + 1}) {
    const double now = std::fabs(brain(candidate) - x), before = std::fabs(brain(best) - x);
    if (now < before || (now == before && candidate % 2 == 0)) {
      best = candidate;
    }
  }
  return best;
}

Case halves(const char *op, std::function<double(double, double, double)> g) {
  return {op, "hhhh",
          std::string(op) + " d, a, b" + (std::string(op).starts_with("fma") ? ", c;" : ";"),
          [g](U a, U b, U c) { return to_half(g(half(a), half(b), half(c))); }};
}
Case pairs(const char *op, std::function<double(double, double)> g) {
  return {op, "xx-x", std::string(op) + " d, a, b;", [g](U a, U b, U) {
            return to_half(g(half(a & 0xffff), half(b & 0xffff))) |
                   to_half(g(half(a >> 16), half(b >> 16))) << 16;
          }};
}

} // namespace

std::vector<Case> float_cases() {
  return {
      two("add.f32", [](float a, float b) { return a + b; }),
      two("add.rn.ftz.f32", [](float a, float b) { return ftz(ftz(a) + ftz(b)); }),
      two("sub.f32", [](float a, float b) { return a - b; }),
      two("mul.f32", [](float a, float b) { return a * b; }),
      two("mul.ftz.f32", [](float a, float b) { return ftz(ftz(a) * ftz(b)); }),
      two(
          "mul.rz.f32", [](float a, float b) { return directed(double(a) * b, FE_TOWARDZERO); },
          "gg-f"),
      two(
          "mul.rm.f32", [](float a, float b) { return directed(double(a) * b, FE_DOWNWARD); },
          "gg-f"),
      two(
          "mul.rp.f32", [](float a, float b) { return directed(double(a) * b, FE_UPWARD); },
          "gg-f"),
      two("add.sat.f32",
          [](float a, float b) {
            const float s = a + b;
            return std::isnan(s) ? 0.0f : std::clamp(s, 0.0f, 1.0f) + 0.0f;
          }),
      two("min.f32", min_of),
      two("max.f32", [](float a, float b) { return -min_of(-a, -b); }),
      two("min.NaN.f32",
          [](float a, float b) { return std::isnan(a) || std::isnan(b) ? NAN : min_of(a, b); }),
      two("max.xorsign.abs.f32",
          [](float a, float b) {
            const float m = -min_of(-std::fabs(a), -std::fabs(b));
            return std::isnan(m)
                       ? m
                       : std::copysign(m, std::signbit(a) != std::signbit(b) ? -1.0f : 1.0f);
          }),
      two("div.rn.f32", [](float a, float b) { return a / b; }),
      two(
          "copysign.f32", [](float a, float b) { return std::copysign(b, a); }, "gg-f"),
      {"fma.rn.f32", "gggf", "fma.rn.f32 d, a, b, c;",
       [](U a, U b, U c) { return bits(std::fma(f(a), f(b), f(c))); }},
      {"fma.rn.f32 special", "ffff", "fma.rn.f32 d, a, b, c;",
       [](U a, U b, U c) { return bits(std::fma(f(a), f(b), f(c))); }},
      {"add.f64", "dd-d", "add.f64 d, a, b;", [](U a, U b, U) { return bits(d(a) + d(b)); }},
      {"mul.f64", "dd-d", "mul.f64 d, a, b;", [](U a, U b, U) { return bits(d(a) * d(b)); }},
      {"fma.rn.f64", "dddd", "fma.rn.f64 d, a, b, c;",
       [](U a, U b, U c) { return bits(std::fma(d(a), d(b), d(c))); }},
      {"div.rn.f64", "dd-d", "div.rn.f64 d, a, b;", [](U a, U b, U) { return bits(d(a) / d(b)); }},
      {"sqrt.rn.f64", "d--d", "sqrt.rn.f64 d, a;", [](U a, U, U) { return bits(std::sqrt(d(a))); }},
      {"neg.f32", "g--f", "neg.f32 d, a;", [](U a, U, U) { return bits(-f(a)); }},
      {"abs.ftz.f32", "g--f", "abs.ftz.f32 d, a;",
       [](U a, U, U) { return bits(std::fabs(ftz(f(a)))); }},
      {"neg.f64", "d--d", "neg.f64 d, a;", [](U a, U, U) { return a ^ U{1} << 63; }},
      {"neg.f16x2", "x--x", "neg.f16x2 d, a;", [](U a, U, U) { return a ^ 0x80008000; }},
      {"abs.bf16", "q--q", "abs.bf16 d, a;", [](U a, U, U) { return a & 0x7fff; }},
      one(
          "sqrt.rn.f32", [](double x) { return std::sqrt(x); }, 0),
      one(
          "rcp.rn.f32", [](double x) { return 1 / x; }, 0),
      one(
          "sqrt.approx.f32", [](double x) { return std::sqrt(x); }, 0x1p-21),
      one(
          "rcp.approx.ftz.f32", [](double x) { return ftz(1 / float(x)); }, 0x1p-21),
      one(
          "rsqrt.approx.f32", [](double x) { return 1 / std::sqrt(x); }, 0x1p-21),
      one(
          "ex2.approx.ftz.f32", [](double x) { return ftz(float(std::exp2(x))); }, 0x1p-20),
      one(
          "lg2.approx.f32", [](double x) { return std::log2(x); }, 0x1p-20),
      one(
          "sin.approx.f32", [](double x) { return std::sin(x); }, 0x1p-18),
      one(
          "cos.approx.f32", [](double x) { return std::cos(x); }, 0x1p-18),
      one(
          "tanh.approx.f32", [](double x) { return std::tanh(x); }, 0x1p-10),
      {"div.full.f32", "gg-f", "div.full.f32 d, a, b;",
       [](U a, U b, U) { return bits(f(a) / f(b)); }, 0x1p-21},
      {"testp", "f--i",
       "{ .reg .pred p, q;\n testp.subnormal.f32 p, a; testp.notanumber.f32 q, a;\n"
       " selp.b32 d, 1, 0, p; @q mov.b32 d, 2; }",
       [](U a, U, U) { return std::isnan(f(a)) ? 2 : std::fpclassify(f(a)) == FP_SUBNORMAL; }},
      {"setp.lt.f32", "ff-i", "{ .reg .pred p;\n setp.lt.f32 p, a, b; selp.b32 d, 1, 0, p; }",
       [](U a, U b, U) { return f(a) < f(b); }},
      {"setp.neu.f32", "ff-i", "{ .reg .pred p;\n setp.neu.f32 p, a, b; selp.b32 d, 1, 0, p; }",
       [](U a, U b, U) { return !(f(a) == f(b)); }},
      {"setp.ne.f32", "ff-i", "{ .reg .pred p;\n setp.ne.f32 p, a, b; selp.b32 d, 1, 0, p; }",
       [](U a, U b, U) { return f(a) < f(b) || f(a) > f(b); }},
      {"setp.leu.ftz.f32", "ff-i",
       "{ .reg .pred p;\n setp.leu.ftz.f32 p, a, b; selp.b32 d, 1, 0, p; }",
       [](U a, U b, U) { return !(ftz(f(a)) > ftz(f(b))); }},
      {"setp.num.f64", "dd-i", "{ .reg .pred p;\n setp.num.f64 p, a, b; selp.b32 d, 1, 0, p; }",
       [](U a, U b, U) { return !std::isnan(d(a)) && !std::isnan(d(b)); }},
      halves("add.f16", [](double a, double b, double) { return a + b; }),
      halves("sub.rn.f16", [](double a, double b, double) { return a - b; }),
      halves("mul.f16", [](double a, double b, double) { return a * b; }),
      halves("fma.rn.f16",
             [](double a, double b, double c) { return double((long double)(a)*b + c); }),
      halves("fma.rn.relu.f16",
             [](double a, double b, double c) {
               const double x = double((long double)(a)*b + c);
               return std::isnan(x) ? x : std::max(x, 0.0) + 0.0;
             }),
      pairs("add.f16x2", [](double a, double b) { return a + b; }),
      pairs("mul.f16x2", [](double a, double b) { return a * b; }),
      {"max.bf16x2", "yy-y", "max.bf16x2 d, a, b;",
       [](U a, U b, U) {
         const auto most = [](U x, U y) -> U {
           const double p = brain(x), q = brain(y);
           if (std::isnan(p) && std::isnan(q)) {
             return 0x7fff;
           }
           return std::isnan(p) || p < q || (p == q && x > y) ? y : x;
         };
         return most(a & 0xffff, b & 0xffff) | most(a >> 16, b >> 16) << 16;
       }},
      {"fma.rn.bf16", "qqqq", "fma.rn.bf16 d, a, b, c;",
       [](U a, U b, U c) {
         // A tiny addend still decides a tie: it moves the sum off it.
         const double p = brain(a) * brain(b), q = brain(c);
         double sum = p + q;
         if (sum == p && q != 0 && std::isfinite(p)) {
           sum = std::nextafter(p, q > 0 ? HUGE_VAL : -HUGE_VAL);
         } else if (sum == q && p != 0 && std::isfinite(q)) {
           sum = std::nextafter(q, p > 0 ? HUGE_VAL : -HUGE_VAL);
         }
         return std::fabs(sum) < 3.389e38 || !std::isfinite(sum)
                    ? to_brain(sum)
                    : U{0x7f80} | (sum < 0 ? 0x8000 : 0);
       }},
      {"setp.gt.f16x2", "xx-i",
       "{ .reg .pred p, q;\n setp.gt.f16x2 p|q, a, b; selp.b32 d, 1, 0, p; @q add.u32 d, d, 2; }",
       [](U a, U b, U) {
         return (half(a & 0xffff) > half(b & 0xffff)) + 2 * (half(a >> 16) > half(b >> 16));
       }},
  };
}

std::vector<Case> convert_cases() {
  const auto integral = [](double (*g)(double)) {
    return [g](U a, U, U) {
      const double x = g(f(a));
      return std::isnan(x) ? 0 : U(uint32_t(int32_t(std::clamp(x, -0x1p31, 0x1p31 - 1))));
    };
  };
  return {
      {"cvt.u32.u16", "w--i", "cvt.u32.u16 d, a;", [](U a, U, U) { return a; }},
      {"cvt.s32.s16", "w--i", "cvt.s32.s16 d, a;", [](U a, U, U) { return uint32_t(int16_t(a)); }},
      {"cvt.s32.s8", "i--i", "cvt.s32.s8 d, a;", [](U a, U, U) { return uint32_t(int8_t(a)); }},
      {"cvt.u64.u32", "i--j", "cvt.u64.u32 d, a;", [](U a, U, U) { return a; }},
      {"cvt.s64.s32", "i--j", "cvt.s64.s32 d, a;",
       [](U a, U, U) { return U(int64_t(int32_t(a))); }},
      {"cvt.u32.u64", "j--i", "cvt.u32.u64 d, a;", [](U a, U, U) { return uint32_t(a); }},
      {"cvt.u16.u32", "i--w", "cvt.u16.u32 d, a;", [](U a, U, U) { return uint16_t(a); }},
      {"cvt.sat.s8.s32", "i--i", "cvt.sat.s8.s32 d, a;",
       [](U a, U, U) { return uint32_t(std::clamp(int32_t(a), -128, 127)); }},
      {"cvt.sat.u32.s64", "j--i", "cvt.sat.u32.s64 d, a;",
       [](U a, U, U) { return U(std::clamp<int64_t>(int64_t(a), 0, UINT32_MAX)); }},
      {"cvt.rn.f32.s32", "i--f", "cvt.rn.f32.s32 d, a;",
       [](U a, U, U) { return bits(float(int32_t(a))); }},
      {"cvt.rn.f32.u64", "j--f", "cvt.rn.f32.u64 d, a;", [](U a, U, U) { return bits(float(a)); }},
      {"cvt.rz.f32.u32", "i--f", "cvt.rz.f32.u32 d, a;",
       [](U a, U, U) { return bits(directed(double(a), FE_TOWARDZERO)); }},
      {"cvt.rn.f64.s32", "i--d", "cvt.rn.f64.s32 d, a;",
       [](U a, U, U) { return bits(double(int32_t(a))); }},
      {"cvt.rni.s32.f32", "f--i", "cvt.rni.s32.f32 d, a;", integral(std::nearbyint)},
      {"cvt.rzi.s32.f32", "f--i", "cvt.rzi.s32.f32 d, a;", integral(std::trunc)},
      {"cvt.rmi.s32.f32", "f--i", "cvt.rmi.s32.f32 d, a;", integral(std::floor)},
      {"cvt.rpi.s32.f32", "f--i", "cvt.rpi.s32.f32 d, a;", integral(std::ceil)},
      {"cvt.rzi.u32.f32", "f--i", "cvt.rzi.u32.f32 d, a;",
       [](U a, U, U) {
         return std::isnan(f(a)) ? 0 : U(std::clamp(std::trunc(double(f(a))), 0.0, 0x1p32 - 1));
       }},
      {"cvt.rzi.s64.f64", "d--j", "cvt.rzi.s64.f64 d, a;",
       [](U a, U, U) {
         const double x = d(a);
         return std::isnan(x)  ? U{1} << 63
                : x >= 0x1p63  ? U(INT64_MAX)
                : x <= -0x1p63 ? U(INT64_MIN)
                               : U(int64_t(x));
       }},
      {"cvt.rni.f32.f32", "f--f", "cvt.rni.f32.f32 d, a;",
       [](U a, U, U) { return bits(std::nearbyint(f(a))); }},
      {"cvt.f64.f32", "f--d", "cvt.f64.f32 d, a;",
       [](U a, U, U) { return std::isnan(f(a)) ? 0x7fffffffe0000000 : bits(double(f(a))); }},
      {"cvt.rn.f32.f64", "d--f", "cvt.rn.f32.f64 d, a;",
       [](U a, U, U) { return bits(float(d(a))); }},
      {"cvt.rp.f32.f64", "d--f", "cvt.rp.f32.f64 d, a;",
       [](U a, U, U) { return bits(directed(d(a), FE_UPWARD)); }},
      {"cvt.sat.f32.f32", "f--f", "cvt.sat.f32.f32 d, a;",
       [](U a, U, U) { return std::isnan(f(a)) ? 0 : bits(std::clamp(f(a), 0.0f, 1.0f) + 0.0f); }},
      {"cvt.f32.f16", "h--f", "cvt.f32.f16 d, a;", [](U a, U, U) { return bits(float(half(a))); }},
      {"cvt.rn.f16.f32", "f--h", "cvt.rn.f16.f32 d, a;", [](U a, U, U) { return to_half(f(a)); }},
      {"cvt.f32.bf16", "q--f", "cvt.f32.bf16 d, a;",
       [](U a, U, U) { return bits(float(brain(a))); }},
      {"cvt.rn.bf16.f32", "g--q", "cvt.rn.bf16.f32 d, a;",
       [](U a, U, U) { return to_brain(f(a)); }},
      {"cvt.rz.f16.f32", "g--h", "cvt.rz.f16.f32 d, a;",
       [](U a, U, U) {
         U h = to_half(f(a));
         if ((h & 0x7fff) == 0x7c00 || std::fabs(half(h)) > std::fabs(double(f(a)))) {
           --h;
         }
         return h;
       }},
      {"cvt.rn.bf16x2.f32", "gg-y", "cvt.rn.bf16x2.f32 d, a, b;",
       [](U a, U b, U) { return to_brain(f(a)) << 16 | to_brain(f(b)); }},
      {"cvt.rn.relu.bf16x2.f32", "gg-y", "cvt.rn.relu.bf16x2.f32 d, a, b;",
       [](U a, U b, U) {
         return to_brain(std::max(f(a), 0.0f)) << 16 | to_brain(std::max(f(b), 0.0f));
       }},
      {"cvt.rn.f16x2.f32", "gg-x", "cvt.rn.f16x2.f32 d, a, b;",
       [](U a, U b, U) { return to_half(f(a)) << 16 | to_half(f(b)); }},
      {"cvt.rna.tf32.f32", "g--f", "cvt.rna.tf32.f32 d, a;",
       [](U a, U, U) { return (a + 0x1000) & 0xffffe000; }},
      {"cvt.rn.satfinite.e5m2x2.f32", "gg-w", "cvt.rn.satfinite.e5m2x2.f32 d, a, b;",
       [](U a, U b, U) {
         const auto one = [](float x) { // by search: e5m2 is the high byte of f16
           U best = 0;
           for (U code = 0; code < 0x7c; ++code) {
             const double now = std::fabs(half(code << 8) - std::fabs(double(x)));
             const double before = std::fabs(half(best << 8) - std::fabs(double(x)));
             if (now < before || (now == before && code % 2 == 0)) {
               best = code;
             }
           }
           return best | (std::signbit(x) ? 0x80 : 0);
         };
         return one(f(a)) << 8 | one(f(b));
       }},
      {"cvt.pack", "ii-i", "cvt.pack.sat.s16.s32 d, a, b;",
       [](U a, U b, U) {
         const auto one = [](U x) { return uint16_t(std::clamp(int32_t(x), -32768, 32767)); };
         return uint32_t(one(a)) << 16 | one(b);
       }},
  };
}

} // namespace mome::ptxsim::test

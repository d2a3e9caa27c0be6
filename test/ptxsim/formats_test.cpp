// The rarer forms: integer, f64 and fp8 tensor products, packed floats, half functions, fp8
// conversions, vector atomics, hints that do nothing.
#include <bit>
#include <cmath>

#include "runtime/cuda/sim/half.h"
#include "test/ptxsim/support.h"

namespace mome::ptxsim::test {
namespace {

const std::string header = ".version 8.7\n.target sm_100\n.address_size 64\n";

/// 32 lanes run `code` between loading in0.. (words of x, `words` a lane) and storing out0.. .
std::vector<uint32_t> run_words(const std::string &declarations, const std::string &code,
                                const std::vector<uint32_t> &x, int in, int out) {
  std::string text = header +
                     ".visible .entry k(.param .u64 px, .param .u64 py) {\n"
                     ".reg .b32 t, in<16>, out<16>; .reg .b64 x, y, o; .reg .pred p;\n" +
                     declarations +
                     "\nmov.u32 t, %tid.x; ld.param.u64 x, [px]; ld.param.u64 y, [py];\n"
                     "mul.wide.u32 o, t, " +
                     std::to_string(4 * in) +
                     "; add.u64 x, x, o;\n"
                     "mul.wide.u32 o, t, " +
                     std::to_string(4 * out) + "; add.u64 y, y, o;\n";
  for (int i = 0; i < in; ++i) {
    text += "ld.global.b32 in" + std::to_string(i) + ", [x+" + std::to_string(4 * i) + "];\n";
  }
  text += code + "\n";
  for (int i = 0; i < out; ++i) {
    text += "st.global.b32 [y+" + std::to_string(4 * i) + "], out" + std::to_string(i) + ";\n";
  }
  Sim sim(text + "ret; }");
  const uint64_t dx = sim.buffer(x), dy = sim.empty<uint32_t>(size_t(32 * out));
  EXPECT_CLEAN(sim.run("k", shape(1, 32), dx, dy));
  return sim.read<uint32_t>(dy, size_t(32 * out));
}

/// m16n8k32 of bytes: A's register r of lane l holds row l / 4 + 8 (r odd), columns 4 (l % 4) + 16
/// (r > 1); B's register r rows 4 (l % 4) + 16 r, column l / 4.
template <class Encode, class Value>
void check_bytes(const std::string &type, const std::string &sum, Encode encode, Value value) {
  std::vector<int> a(16 * 32), b(32 * 8);
  for (size_t i = 0; i < a.size(); ++i) {
    a[i] = int(i * 7 % 15) - 7;
  }
  for (size_t i = 0; i < b.size(); ++i) {
    b[i] = int(i * 5 % 13) - 6;
  }
  std::vector<uint32_t> x(32 * 6);
  for (size_t l = 0; l < 32; ++l) {
    for (size_t r = 0; r < 4; ++r) {
      for (size_t j = 0; j < 4; ++j) {
        const size_t row = l / 4 + r % 2 * 8, column = l % 4 * 4 + j + r / 2 * 16;
        x[l * 6 + r] |= uint32_t(encode(a[row * 32 + column])) << (8 * j);
      }
    }
    for (size_t r = 0; r < 2; ++r) {
      for (size_t j = 0; j < 4; ++j) {
        x[l * 6 + 4 + r] |= uint32_t(encode(b[(l % 4 * 4 + j + r * 16) * 8 + l / 4])) << (8 * j);
      }
    }
  }
  const auto d = run_words("",
                           "mov.b32 out0, 0; mov.b32 out1, 0; mov.b32 out2, 0; mov.b32 out3, 0;\n"
                           "mma.sync.aligned.m16n8k32.row.col." +
                               sum + "." + type + "." + type + "." + sum +
                               " {out0, out1, out2, out3}, {in0, in1, in2, in3}, {in4, in5}, "
                               "{out0, out1, out2, out3};",
                           x, 6, 4);
  for (size_t l = 0; l < 32; ++l) {
    for (size_t e = 0; e < 4; ++e) {
      const size_t row = l / 4 + e / 2 * 8, column = l % 4 * 2 + e % 2;
      int want = 0;
      for (size_t k = 0; k < 32; ++k) {
        want += a[row * 32 + k] * b[k * 8 + column];
      }
      EXPECT_EQ(value(d[l * 4 + e]), want) << type << " " << row << " " << column;
    }
  }
}

TEST(Formats, MmaOfBytes) {
  check_bytes("s8", "s32", [](int v) { return uint8_t(v); }, [](uint32_t d) { return int(d); });
}
TEST(Formats, MmaOfFp8) {
  // Small integers are exact: sign, exponent and three (two) bits of mantissa by hand.
  const auto encode_with = [](int bias, int mantissa) {
    return [=](int v) -> uint8_t {
      if (v == 0) {
        return 0;
      }
      const int e = std::ilogb(std::abs(v));
      const int m = (std::abs(v) << mantissa >> e) - (1 << mantissa);
      return uint8_t((v < 0 ? 128 : 0) | (e + bias) << mantissa | m);
    };
  };
  const auto value = [](uint32_t d) { return int(std::bit_cast<float>(d)); };
  check_bytes("e4m3", "f32", encode_with(7, 3), value);
}
TEST(Formats, MmaOfDoubles) { // m8n8k4
  std::vector<uint32_t> x(32 * 4);
  const auto a = [](size_t row, size_t k) { return double(row) - 3.5 * double(k); };
  const auto b = [](size_t k, size_t column) { return double(k * 2) + 0.25 * double(column); };
  for (size_t l = 0; l < 32; ++l) {
    const double values[] = {a(l / 4, l % 4), b(l % 4, l / 4)};
    std::memcpy(&x[l * 4], values, 16);
  }
  const auto d =
      run_words(".reg .f64 fa, fb, c<2>;",
                "mov.b64 fa, {in0, in1}; mov.b64 fb, {in2, in3};\n"
                "mov.f64 c0, 0d3FF0000000000000; mov.f64 c1, c0;\n"
                "mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {c0, c1}, {fa}, {fb}, {c0, c1};\n"
                "mov.b64 {out0, out1}, c0; mov.b64 {out2, out3}, c1;",
                x, 4, 4);
  for (size_t l = 0; l < 32; ++l) {
    double got[2];
    std::memcpy(got, &d[l * 4], 16);
    for (size_t e = 0; e < 2; ++e) {
      double want = 1;
      for (size_t k = 0; k < 4; ++k) {
        want += a(l / 4, k) * b(k, l % 4 * 2 + e);
      }
      EXPECT_EQ(got[e], want);
    }
  }
}

TEST(Formats, MmaWithF16Sums) {
  // All of A is 0.5 and B 0.25: each element of D is 16 * 0.125 + c.
  std::vector<uint32_t> x(32, 0);
  const auto d =
      run_words("",
                "mov.b32 in1, 0x38003800; mov.b32 in2, 0x34003400; mov.b32 in3, 0x3c003c00;\n"
                "mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {out0, out1}, "
                "{in1, in1, in1, in1}, {in2, in2}, {in3, in3};",
                x, 1, 2);
  for (const uint32_t v : d) {
    EXPECT_EQ(v, 0x42004200u); // 3
  }
}

TEST(Formats, Movmatrix) {
  std::vector<uint32_t> x(32);
  for (uint32_t l = 0; l < 32; ++l) { // element (row, column) = 8 row + column
    const uint32_t first = l / 4 * 8 + l % 4 * 2;
    x[l] = first | (first + 1) << 16;
  }
  const auto d = run_words("", "movmatrix.sync.aligned.m8n8.trans.b16 out0, in0;", x, 1, 1);
  for (uint32_t l = 0; l < 32; ++l) {
    const uint32_t row = l / 4, column = l % 4 * 2;
    EXPECT_EQ(d[l], (column * 8 + row) | ((column + 1) * 8 + row) << 16);
  }
}

TEST(Formats, PackedFloats) {
  std::vector<uint32_t> x;
  for (uint32_t l = 0; l < 64; ++l) {
    x.push_back(std::bit_cast<uint32_t>(float(l) * 0.37f - 5));
  }
  const auto d = run_words(".reg .b64 a, b;",
                           "mov.b64 a, {in0, in1}; mov.b64 b, {in1, in0};\n"
                           "fma.rn.f32x2 a, a, a, b; add.rn.f32x2 b, b, b; mul.rn.f32x2 a, a, b;\n"
                           "mov.b64 {out0, out1}, a;",
                           x, 2, 2);
  for (size_t l = 0; l < 32; ++l) {
    const float p = std::bit_cast<float>(x[2 * l]), q = std::bit_cast<float>(x[2 * l + 1]);
    EXPECT_EQ(std::bit_cast<float>(d[2 * l]), std::fma(p, p, q) * (q + q));
    EXPECT_EQ(std::bit_cast<float>(d[2 * l + 1]), std::fma(q, q, p) * (p + p));
  }
}

TEST(Formats, HalfFunctions) {
  std::vector<uint32_t> x;
  for (uint32_t l = 0; l < 32; ++l) {
    x.push_back(to_f16(float(l) / 8 - 2) | uint32_t{to_bf16(1 - float(l) / 16)} << 16);
  }
  const auto d = run_words(".reg .b16 h, b;",
                           "mov.b32 {h, b}, in0; tanh.approx.f16 h, h; ex2.approx.ftz.bf16 b, b;\n"
                           "mov.b32 out0, {h, b};",
                           x, 1, 1);
  for (size_t l = 0; l < 32; ++l) {
    const double t = std::tanh(double(l) / 8 - 2), e = std::exp2(1 - double(l) / 16);
    EXPECT_NEAR(from_f16(uint16_t(d[l])), t, 0x1p-10 * std::fabs(t) + 1e-6);
    EXPECT_NEAR(from_bf16(uint16_t(d[l] >> 16)), e, 0x1p-7 * e);
  }
}

TEST(Formats, Fp8Conversions) {
  std::vector<uint32_t> x;
  for (int l = 0; l < 32; ++l) {
    x.push_back(std::bit_cast<uint32_t>(float(l - 16) * 0.75f));
  }
  const auto d = run_words(".reg .b16 h; .reg .b32 g;",
                           "mov.f32 g, 0f44FA0000;\n" // 2000: saturates
                           "cvt.rn.satfinite.e4m3x2.f32 h, g, in0; cvt.rn.f16x2.e4m3x2 out0, h;",
                           x, 1, 1);
  for (size_t l = 0; l < 32; ++l) {
    EXPECT_EQ(from_f16(uint16_t(d[l] >> 16)), 448);
    const float v = std::bit_cast<float>(x[l]), got = from_f16(uint16_t(d[l]));
    EXPECT_LE(std::fabs(got - v), std::fabs(v) / 16) << v; // three bits of mantissa
    EXPECT_EQ(decode(encode(got, e4m3_format, Round::nearest), e4m3_format), got);
  }
}

TEST(Formats, AtomicsOfHalvesAndVectors) {
  Sim sim(header + R"(
.visible .entry k(.param .u64 px) {
  .reg .b32 one; .reg .b64 x; .reg .b32 f, g;
  ld.param.u64 x, [px]; mov.b32 one, 0x3c003c00;
  red.global.add.noftz.f16x2 [x], one;
  mov.b32 f, 0f3F800000; mov.b32 g, 0f40000000;
  red.global.add.v2.f32 [x+8], {f, g};
  ret;
})");
  const uint64_t x = sim.buffer(std::vector<uint32_t>(4));
  EXPECT_CLEAN(sim.run("k", shape(2, 32), x));
  const auto v = sim.read<uint32_t>(x, 4);
  EXPECT_EQ(v[0], to_f16(64) | uint32_t{to_f16(64)} << 16);
  EXPECT_EQ(std::bit_cast<float>(v[2]), 64);
  EXPECT_EQ(std::bit_cast<float>(v[3]), 128);
}

TEST(Formats, HintsDoNothing) {
  std::vector<uint32_t> x(32, 5);
  const auto d =
      run_words(".reg .b64 policy;",
                "prefetch.global.L2 [x]; nanosleep.u32 20; "
                "createpolicy.fractional.L2::evict_last.b64 policy, 0f3F800000;\n"
                "ld.global.nc.L1::no_allocate.L2::cache_hint.b32 out0, [x], policy;\n"
                "fence.proxy.async; fence.acq_rel.gpu; membar.cta; pmevent 1; griddepcontrol.wait;",
                x, 1, 1);
  EXPECT_EQ(d, x);
}

TEST(Formats, Printf) {
  Sim sim(header + R"(
.extern .func (.param .b32 r) vprintf (.param .b64 f, .param .b64 a);
.global .align 1 .b8 format[20] = {108, 97, 110, 101, 32, 37, 100, 58, 32, 37, 46, 50, 102, 32, 37, 37, 10, 0};
.visible .entry k() {
  .local .align 8 .b8 depot[16]; .reg .b32 t, n; .reg .b64 p, q; .reg .f64 d;
  mov.u32 t, %tid.x; cvt.rn.f64.u32 d, t;
  st.local.u32 [depot], t; st.local.f64 [depot+8], d;
  mov.u64 p, format; cvta.global.u64 p, p; mov.u64 q, depot; cvta.local.u64 q, q;
  { .param .b64 param0; st.param.b64 [param0], p; .param .b64 param1; st.param.b64 [param1], q;
    .param .b32 result; call.uni (result), vprintf, (param0, param1); ld.param.b32 n, [result]; }
  ret;
})");
  ::testing::internal::CaptureStdout();
  EXPECT_CLEAN(sim.run("k", shape(1, 2)));
  std::fflush(stdout);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "lane 0: 0.00 %\nlane 1: 1.00 %\n");
}

TEST(Formats, FindNthSet) {
  std::vector<uint32_t> x;
  for (uint32_t l = 0; l < 32; ++l) {
    x.push_back(l * 2654435761u);
  }
  const auto d = run_words("",
                           "fns.b32 out0, in0, 4, 2; fns.b32 out1, in0, 20, -3;\n"
                           "lop3.or.b32 out2|p, in0, 0xff, 0, 0xc0, 0; selp.b32 out3, 1, 0, p;",
                           x, 1, 4);
  const auto nth = [](uint32_t v, int base, int offset) {
    const int step = offset > 0 ? 1 : -1;
    for (int p = base, left = std::abs(offset); p >= 0 && p < 32; p += step) {
      if ((v >> p & 1) && --left == 0) {
        return uint32_t(p);
      }
    }
    return ~0u;
  };
  for (size_t l = 0; l < 32; ++l) {
    EXPECT_EQ(d[l * 4], nth(x[l], 4, 2));
    EXPECT_EQ(d[l * 4 + 1], nth(x[l], 20, -3));
    EXPECT_EQ(d[l * 4 + 2], x[l] & 0xff);
    EXPECT_EQ(d[l * 4 + 3], uint32_t((x[l] & 0xff) != 0));
  }
}

} // namespace
} // namespace mome::ptxsim::test

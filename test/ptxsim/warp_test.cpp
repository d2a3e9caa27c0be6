// Instructions in which lanes or warps take part together: shuffles, votes, reductions, matrices,
// barriers, atomics, vectors; each against its definition.
#include <bit>
#include <cmath>

#include "runtime/cuda/sim/half.h"
#include "test/ptxsim/support.h"

namespace mome::ptxsim::test {
namespace {

const std::string header = ".version 8.7\n.target sm_90\n.address_size 64\n";

/// Every lane runs `code` on t (its number) and v (its input); d is stored. n threads.
std::vector<uint32_t> lanes_of(const std::string &code, const std::vector<uint32_t> &in,
                               uint64_t seed = 0) {
  Sim sim(header + R"(
.visible .entry k(.param .u64 px, .param .u64 py) {
  .reg .b32 t, l, v, d, e; .reg .b64 x, y, o; .reg .pred p, q;
  mov.u32 t, %tid.x; mov.u32 l, %laneid; mul.wide.u32 o, t, 4;
  ld.param.u64 x, [px]; ld.param.u64 y, [py]; add.u64 x, x, o; add.u64 y, y, o;
  ld.global.u32 v, [x];
)" + code +
          "\n st.global.u32 [y], d;\n ret;\n}");
  const uint64_t x = sim.buffer(in), y = sim.empty<uint32_t>(in.size());
  Launch launch = shape(1, uint32_t(in.size()));
  launch.seed = seed;
  EXPECT_CLEAN(sim.run("k", launch, x, y));
  return sim.read<uint32_t>(y, in.size());
}
std::vector<uint32_t> squares(uint32_t n = 32) {
  std::vector<uint32_t> v(n);
  for (uint32_t i = 0; i < n; ++i) {
    v[i] = i * i + 3;
  }
  return v;
}
void expect_lanes(const std::string &code, const std::vector<uint32_t> &in,
                  const std::function<uint32_t(uint32_t)> &want) {
  const auto got = lanes_of(code, in);
  for (uint32_t l = 0; l < in.size(); ++l) {
    EXPECT_EQ(got[l], want(l)) << code << " lane " << l;
  }
}

TEST(Warp, Shuffles) {
  const auto v = squares();
  expect_lanes("shfl.sync.idx.b32 d, v, 5, 31, -1;", v, [&](auto) { return v[5]; });
  expect_lanes("shfl.sync.bfly.b32 d, v, 3, 31, -1;", v, [&](auto l) { return v[l ^ 3]; });
  expect_lanes("shfl.sync.up.b32 d|p, v, 4, 0, -1; @!p mov.b32 d, 1;", v,
               [&](auto l) { return l < 4 ? 1 : v[l - 4]; });
  expect_lanes("shfl.sync.down.b32 d|p, v, 4, 31, -1; @!p mov.b32 d, 1;", v,
               [&](auto l) { return l + 4 > 31 ? 1 : v[l + 4]; });
  // Segments of 8: c = ((32 - 8) << 8) | clamp
  expect_lanes("shfl.sync.down.b32 d, v, 1, 0x181f, -1;", v,
               [&](auto l) { return l % 8 == 7 ? v[l] : v[l + 1]; });
  expect_lanes("shfl.sync.idx.b32 d, v, 2, 0x181f, -1;", v,
               [&](auto l) { return v[l / 8 * 8 + 2]; });
  expect_lanes("shfl.sync.up.b32 d, v, 1, 0x1800, -1;", v,
               [&](auto l) { return l % 8 == 0 ? v[l] : v[l - 1]; });
}
TEST(Warp, Votes) {
  const auto v = squares();
  uint32_t odd = 0;
  for (uint32_t l = 0; l < 32; ++l) {
    odd |= (v[l] & 1) << l;
  }
  const std::string is_odd = "and.b32 d, v, 1; setp.ne.u32 p, d, 0;\n";
  expect_lanes(is_odd + "vote.sync.ballot.b32 d, p, -1;", v, [&](auto) { return odd; });
  expect_lanes(is_odd + "vote.sync.any.pred q, p, -1; selp.b32 d, 1, 0, q;", v,
               [](auto) { return 1; });
  expect_lanes(is_odd + "vote.sync.all.pred q, !p, -1; selp.b32 d, 1, 0, q;", v,
               [](auto) { return 0; });
  expect_lanes("setp.ne.u32 p, v, 0; vote.sync.uni.pred q, p, -1; selp.b32 d, 1, 0, q;", v,
               [](auto) { return 1; });
  expect_lanes("mov.b32 d, 0; and.b32 e, l, 1; setp.eq.u32 p, e, 0; @p activemask.b32 d;", v,
               [](auto l) { return l % 2 ? 0 : 0x55555555u; });
}
TEST(Warp, Reductions) {
  const auto v = squares();
  uint32_t sum = 0, all = ~0u, any = 0, x = 0;
  for (const uint32_t n : v) {
    sum += n;
    all &= n;
    any |= n;
    x ^= n;
  }
  expect_lanes("redux.sync.add.u32 d, v, -1;", v, [&](auto) { return sum; });
  expect_lanes("redux.sync.and.b32 d, v, -1;", v, [&](auto) { return all; });
  expect_lanes("redux.sync.or.b32 d, v, -1;", v, [&](auto) { return any; });
  expect_lanes("redux.sync.xor.b32 d, v, -1;", v, [&](auto) { return x; });
  expect_lanes("sub.s32 v, 100, v; redux.sync.min.s32 d, v, -1;", v,
               [](auto) { return uint32_t(100 - 31 * 31 - 3); });
  expect_lanes("redux.sync.max.u32 d, v, -1;", v, [&](auto) { return v[31]; });
}
TEST(Warp, MatchAndElect) {
  expect_lanes("and.b32 v, l, 3; match.any.sync.b32 d, v, -1;", squares(),
               [](auto l) { return 0x11111111u << (l % 4); });
  expect_lanes("mov.b32 v, 9; match.all.sync.b32 d|p, v, -1; @!p mov.b32 d, 0;", squares(),
               [](auto) { return ~0u; });
  expect_lanes("match.all.sync.b32 d|p, v, -1; selp.b32 d, 1, 0, p;", squares(),
               [](auto) { return 0; });
  expect_lanes("elect.sync d|p, -1; @p add.u32 d, d, 100;", squares(),
               [](auto l) { return l == 0 ? 100 : 0; });
}
TEST(Warp, LaneMasks) {
  expect_lanes("mov.u32 d, %lanemask_lt;", squares(), [](auto l) { return (1u << l) - 1; });
  expect_lanes("mov.u32 d, %lanemask_ge;", squares(), [](auto l) { return ~((1u << l) - 1); });
}
TEST(Warp, CollectivesInBothBranchesOfADivergentIf) {
  // The same barrier of the warp, met at two places; and votes with the masks of the branches.
  const std::string code = "and.b32 e, l, 1; setp.eq.u32 p, e, 0;\n"
                           "@p bra EVEN;\n vote.sync.ballot.b32 d, 1, 0xaaaaaaaa;\n"
                           " bar.warp.sync -1; bra.uni END;\n"
                           "EVEN: vote.sync.ballot.b32 d, 1, 0x55555555;\n bar.warp.sync -1;\nEND:";
  expect_lanes(code, squares(), [](auto l) { return l % 2 ? 0xaaaaaaaa : 0x55555555; });
}
TEST(Warp, SpinningLaneWaitsForAnotherOfItsWarp) {
  // Lane 0 spins until lane 1 has written: forward progress of diverged lanes.
  const std::string code = R"(
  .shared .align 4 .b8 flag[4];
  mov.b32 d, 7;
  setp.eq.u32 p, l, 0; @p st.shared.u32 [flag], 0;
  bar.warp.sync -1;
  @!p bra OTHER;
SPIN: ld.volatile.shared.u32 e, [flag]; setp.eq.u32 q, e, 0; @q bra SPIN;
  bra.uni END;
OTHER: setp.ne.u32 q, l, 1; @q bra END; st.volatile.shared.u32 [flag], 1;
END:)";
  for (uint64_t seed = 0; seed < 4; ++seed) {
    EXPECT_EQ(lanes_of(code, squares(), seed)[0], 7u);
  }
}
TEST(Block, BarrierReductions) {
  const auto v = squares(96);
  const std::string odd = "and.b32 e, v, 1; setp.ne.u32 p, e, 0;\n";
  uint32_t count = 0;
  for (const uint32_t x : v) {
    count += x & 1;
  }
  expect_lanes(odd + "bar.red.popc.u32 d, 0, p;", v, [&](auto) { return count; });
  expect_lanes(odd + "bar.red.or.pred q, 0, p; selp.b32 d, 1, 0, q;", v, [](auto) { return 1; });
  expect_lanes(odd + "bar.red.and.pred q, 0, p; selp.b32 d, 1, 0, q;", v, [](auto) { return 0; });
}
TEST(Block, NamedBarriers) { // producers arrive, consumers wait
  const std::string code = R"(
  .shared .align 4 .b8 tile[128];
  mov.b32 d, 0; mov.b32 e, tile; mad.lo.u32 e, l, 4, e;
  setp.lt.u32 p, t, 32; @p bra CONSUMER;
  st.shared.u32 [e], v; bar.arrive 1, 64; bra.uni END;
CONSUMER: bar.sync 1, 64; ld.shared.u32 d, [e];
END:)";
  const auto v = squares(64);
  for (uint64_t seed = 0; seed < 3; ++seed) {
    const auto got = lanes_of(code, v, seed);
    for (uint32_t l = 0; l < 32; ++l) {
      EXPECT_EQ(got[l], v[l + 32]);
    }
  }
}

TEST(Atomics, Operations) {
  const auto after = [](const std::string &op, uint32_t start, const std::vector<uint32_t> &v) {
    Sim sim(header + R"(
.visible .entry k(.param .u64 px, .param .u64 pc) {
  .reg .b32 t, v, d, e; .reg .b64 x, c, o;
  mov.u32 t, %tid.x; mul.wide.u32 o, t, 4;
  ld.param.u64 x, [px]; ld.param.u64 c, [pc]; add.u64 x, x, o; ld.global.u32 v, [x];
)" + op + "\n ret;\n}");
    const uint64_t x = sim.buffer(v), c = sim.buffer(std::vector<uint32_t>{start});
    EXPECT_CLEAN(sim.run("k", shape(1, 32), x, c));
    return sim.read<uint32_t>(c, 1)[0];
  };
  const auto v = squares();
  uint32_t sum = 5;
  float fsum = 0;
  std::vector<uint32_t> floats;
  for (const uint32_t x : v) {
    sum += x;
    fsum += float(x);
    floats.push_back(std::bit_cast<uint32_t>(float(x)));
  }
  EXPECT_EQ(after("atom.global.add.u32 d, [c], v;", 5, v), sum);
  EXPECT_EQ(after("red.global.add.u32 [c], v;", 5, v), sum);
  EXPECT_EQ(after("red.relaxed.gpu.global.max.s32 [c], v;", uint32_t(-1), v), v[31]);
  EXPECT_EQ(after("red.global.min.u32 [c], v;", 77, v), 3u);
  EXPECT_EQ(after("red.global.or.b32 [c], v;", 0, {v.begin(), v.begin() + 32}), 0x3ffu | 0);
  EXPECT_EQ(after("atom.global.inc.u32 d, [c], 9;", 0, v), 32u % 10);
  EXPECT_EQ(after("atom.global.dec.u32 d, [c], 9;", 0, v), 8u);
  EXPECT_EQ(after("red.global.add.f32 [c], v;", 0, floats), std::bit_cast<uint32_t>(fsum));
  EXPECT_EQ(after("atom.global.exch.b32 d, [c], 4;", 1, v), 4u);
  EXPECT_EQ(after("atom.global.cas.b32 d, [c], 1, 6;", 1, v), 6u);
  EXPECT_EQ(after("atom.global.cas.b32 d, [c], 2, 6;", 1, v), 1u);
}

TEST(Memory, VectorsAndWidening) {
  Sim sim(header + R"(
.visible .entry k(.param .u64 px, .param .u64 py) {
  .reg .b32 a<4>, w; .reg .b64 x, y, b<2>; .reg .b16 h<4>;
  ld.param.u64 x, [px]; ld.param.u64 y, [py];
  ld.global.v4.u32 {a0, a1, a2, a3}, [x]; st.global.v4.u32 [y], {a3, a2, a1, a0};
  ld.global.v2.u64 {b0, b1}, [x]; st.global.v2.u64 [y+16], {b1, b0};
  ld.global.v4.u16 {h0, h1, h2, h3}, [x]; st.global.v2.b16 [y+32], {h2, h0};
  ld.global.s8 w, [x+3]; st.global.u32 [y+36], w;
  ld.global.u8 h0, [x+3]; st.global.u16 [y+40], h0;
  ld.global.v2.u32 {_, w}, [x]; st.global.u8 [y+42], w; st.global.u8 [y+43], 5;
  ret;
})");
  const uint64_t x = sim.buffer(std::vector<uint32_t>{0x81020304, 5, 6, 7}),
                 y = sim.empty<uint32_t>(11);
  EXPECT_CLEAN(sim.run("k", shape(1, 1), x, y));
  EXPECT_EQ(sim.read<uint32_t>(y, 11),
            (std::vector<uint32_t>{7, 6, 5, 0x81020304, 6, 7, 0x81020304, 5, 0x03040005, 0xffffff81,
                                   0x05050081}));
}
TEST(Memory, GenericAddressesOfEverySpace) {
  Sim sim(header + R"(
.visible .entry k(.param .u64 py, .param .align 4 .b8 s[8]) {
  .reg .b32 a, b; .reg .b64 y, g, h; .reg .pred p;
  .shared .align 4 .b8 tile[8]; .local .align 4 .b8 depot[8];
  ld.param.u64 y, [py];
  mov.u64 g, tile; cvta.shared.u64 g, g; st.u32 [g+4], 11; ld.shared.u32 a, [tile+4]; st.u32 [y], a;
  mov.u64 h, depot; cvta.local.u64 h, h; st.u32 [h], 12; ld.local.u32 a, [depot]; st.u32 [y+4], a;
  mov.b64 h, s; cvta.param.u64 h, h; ld.u32 a, [h+4]; st.u32 [y+8], a;
  isspacep.shared p, g; selp.b32 a, 1, 0, p; st.u32 [y+12], a;
  isspacep.global p, g; selp.b32 a, 1, 0, p; st.u32 [y+16], a;
  cvta.to.shared.u64 g, g; ld.shared.u32 a, [g+4]; st.u32 [y+20], a;
  ret;
})");
  struct {
    uint32_t x, y;
  } s{1, 13};
  const uint64_t y = sim.empty<uint32_t>(6);
  EXPECT_CLEAN(sim.run("k", shape(1, 1), y, s));
  EXPECT_EQ(sim.read<uint32_t>(y, 6), (std::vector<uint32_t>{11, 12, 13, 1, 0, 11}));
}

/// D = A B + C by mma.sync from fragments laid out here, element by element, from the manual's
/// figures for m16n8k16 and m16n8k8.
struct Mma {
  const char *type; // of A and B
  int k, bytes;     // bytes of an element
};
class MmaTest : public ::testing::TestWithParam<std::tuple<Mma, bool, bool>> {};

TEST_P(MmaTest, MatchesTheMatrixProduct) {
  const auto [mma, perturb, wrong_lane] = GetParam();
  const int k = mma.k, per_register = 4 / mma.bytes;
  const int na = 16 * k / 32 / per_register, nb = 8 * k / 32 / per_register;
  std::vector<float> a(size_t(16 * k)), b(size_t(k * 8)), c(128);
  const auto value = [](size_t i) { return float(int(i * 37 % 17) - 8) / 4; };
  for (size_t i = 0; i < a.size(); ++i) {
    a[i] = value(i);
  }
  for (size_t i = 0; i < b.size(); ++i) {
    b[i] = value(i * 3 + 1);
  }
  for (size_t i = 0; i < c.size(); ++i) {
    c[i] = value(i * 5 + 2);
  }
  const auto code = [&](float x) -> uint32_t {
    return mma.bytes == 4                   ? std::bit_cast<uint32_t>(x)
           : std::string(mma.type) == "f16" ? to_f16(x)
                                            : to_bf16(x);
  };
  std::vector<uint32_t> fa(size_t(32 * na)), fb(size_t(32 * nb)), fc(128);
  for (int l = 0; l < 32; ++l) {
    const int group = l >> 2, in_group = l & 3;
    for (int i = 0; i < na * per_register; ++i) {
      // Element i of the A fragment: rows alternate by register, columns by pairs of registers.
      const int r = i / per_register;
      const int row = r % 2 == 0 ? group : group + 8;
      const int column =
          in_group * per_register + i % per_register + (r >= 2 ? 4 * per_register : 0);
      fa[size_t(l * na + r)] |= code(a[size_t(row * k + column)])
                                << (32 / per_register * (i % per_register));
    }
    for (int i = 0; i < nb * per_register; ++i) {
      const int r = i / per_register;
      const int row = in_group * per_register + i % per_register + (r >= 1 ? 4 * per_register : 0);
      fb[size_t(l * nb + r)] |= code(b[size_t(row * 8 + group)])
                                << (32 / per_register * (i % per_register));
    }
    for (int i = 0; i < 4; ++i) {
      const int row = i < 2 ? group : group + 8, column = in_group * 2 + (i & 1);
      fc[size_t(l * 4 + i)] = std::bit_cast<uint32_t>(c[size_t(row * 8 + column)]);
    }
  }
  std::string text = header +
                     ".visible .entry k(.param .u64 pa, .param .u64 pb, .param .u64 pc) {\n"
                     ".reg .b32 t, a<4>, b<2>, c<4>; .reg .b64 p, o;\nmov.u32 t, %tid.x;\n";
  const auto load = [&](char name, int n) {
    text += std::string("ld.param.u64 p, [p") + name + "]; mul.wide.u32 o, t, " +
            std::to_string(4 * n) + "; add.u64 p, p, o;\n";
    for (int i = 0; i < n; ++i) {
      text += std::string("ld.global.b32 ") + name + std::to_string(i) + ", [p+" +
              std::to_string(4 * i) + "];\n";
    }
  };
  load('a', na);
  load('b', nb);
  load('c', 4);
  const auto list = [](char name, int n) {
    std::string s = "{";
    for (int i = 0; i < n; ++i) {
      s += (i ? ", " : "") + std::string(1, name) + std::to_string(i);
    }
    return s + "}";
  };
  if (wrong_lane) {
    text += "shfl.sync.bfly.b32 a0, a0, 1, 31, -1;\n";
  }
  text += "mma.sync.aligned.m16n8k" + std::to_string(k) + ".row.col.f32." + mma.type + "." +
          mma.type + ".f32 " + list('c', 4) + ", " + list('a', na) + ", " + list('b', nb) + ", " +
          list('c', 4) + ";\n";
  for (int i = 0; i < 4; ++i) {
    text += "st.global.b32 [p+" + std::to_string(4 * i) + "], c" + std::to_string(i) + ";\n";
  }
  Sim sim(text + "ret; }");
  const uint64_t da = sim.buffer(fa), db = sim.buffer(fb), dc = sim.buffer(fc);
  Launch launch = shape(1, 32);
  launch.perturb = perturb;
  launch.seed = launch.rounding_seed = perturb ? 5 : 0;
  EXPECT_CLEAN(sim.run("k", launch, da, db, dc));
  const auto d = sim.read<float>(dc, 128);
  int wrong = 0;
  for (int l = 0; l < 32; ++l) {
    for (int i = 0; i < 4; ++i) {
      const int row = (l >> 2) + (i < 2 ? 0 : 8), column = (l & 3) * 2 + (i & 1);
      double want = c[size_t(row * 8 + column)];
      for (int p = 0; p < k; ++p) {
        want += double(a[size_t(row * k + p)]) * b[size_t(p * 8 + column)];
      }
      wrong += !(std::fabs(d[size_t(l * 4 + i)] - want) <= 1e-5); // the inputs' sums are exact
    }
  }
  EXPECT_EQ(wrong > 0, wrong_lane) << wrong;
}
INSTANTIATE_TEST_SUITE_P(Shapes, MmaTest,
                         ::testing::Combine(::testing::Values(Mma{"bf16", 16, 2}, Mma{"bf16", 8, 2},
                                                              Mma{"f16", 16, 2}, Mma{"f16", 8, 2},
                                                              Mma{"tf32", 8, 4}, Mma{"tf32", 4, 4}),
                                            ::testing::Bool(), ::testing::Values(false)));
INSTANTIATE_TEST_SUITE_P(WrongFragmentLane, MmaTest,
                         ::testing::Values(std::tuple{Mma{"bf16", 16, 2}, false, true}));

TEST(Matrix, LoadsAndStoresFragments) {
  // ldmatrix of four 8x8 matrices, plain and transposed; stmatrix gives the same memory back.
  Sim sim(header + R"(
.visible .entry k(.param .u64 px, .param .u64 py, .param .u64 pz) {
  .reg .b32 t, s, a<4>, b<4>; .reg .b64 x, y, z, o;
  .shared .align 16 .b8 tile[512]; .shared .align 16 .b8 copy[512];
  mov.u32 t, %tid.x; mul.wide.u32 o, t, 16;
  ld.param.u64 x, [px]; ld.param.u64 y, [py]; ld.param.u64 z, [pz];
  add.u64 x, x, o; ld.global.v4.u32 {a0, a1, a2, a3}, [x];
  mov.u32 s, tile; mad.lo.u32 s, t, 16, s; st.shared.v4.u32 [s], {a0, a1, a2, a3};
  bar.sync 0;
  ldmatrix.sync.aligned.m8n8.x4.shared.b16 {a0, a1, a2, a3}, [s];
  ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {b0, b1, b2, b3}, [s];
  add.u64 y, y, o; st.global.v4.u32 [y], {a0, a1, a2, a3};
  mov.u32 s, copy; mad.lo.u32 s, t, 16, s;
  stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [s], {b0, b1, b2, b3};
  bar.sync 0;
  ld.shared.v4.u32 {a0, a1, a2, a3}, [s]; add.u64 z, z, o; st.global.v4.u32 [z], {a0, a1, a2, a3};
  ret;
})");
  std::vector<uint16_t> m(256);
  for (size_t i = 0; i < 256; ++i) {
    m[i] = uint16_t(i * 257 + 1);
  }
  const uint64_t x = sim.buffer(m), y = sim.empty<uint32_t>(128), z = sim.empty<uint16_t>(256);
  EXPECT_CLEAN(sim.run("k", shape(1, 32), x, y, z));
  const auto fragments = sim.read<uint32_t>(y, 128);
  for (size_t l = 0; l < 32; ++l) {
    for (size_t i = 0; i < 4; ++i) {
      const size_t at = i * 64 + l / 4 * 8 + l % 4 * 2;
      EXPECT_EQ(fragments[l * 4 + i], m[at] | uint32_t(m[at + 1]) << 16);
    }
  }
  EXPECT_EQ(sim.read<uint16_t>(z, 256), m);
}

} // namespace
} // namespace mome::ptxsim::test

// Broken kernels: each is a right one with one thing removed or changed, and the checker that is
// there for it must say so. The right ones must be silent.
#include "test/ptxsim/support.h"

namespace mome::ptxsim::test {
namespace {

const std::string header = ".version 8.7\n.target sm_90\n.address_size 64\n";

std::string replaced(std::string text, const std::string &from, const std::string &to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return at == text.npos ? text : text.replace(at, from.size(), to);
}

// Every thread leaves its value in shared memory and takes its neighbour's of the next warp.
const std::string exchange = header + R"(
.visible .entry k(.param .u64 px, .param .u64 py) {
  .reg .b32 t, u, a, v, n; .reg .b64 x, y, o; .reg .pred p;
  .shared .align 4 .b8 tile[512];
  mov.u32 t, %tid.x; mov.u32 n, %ntid.x;
  ld.param.u64 x, [px]; ld.param.u64 y, [py];
  cvta.to.global.u64 x, x; cvta.to.global.u64 y, y;
  mul.wide.u32 o, t, 4; add.u64 x, x, o; add.u64 y, y, o;
  ld.global.u32 v, [x];
  mov.u32 a, tile; mad.lo.u32 a, t, 4, a;
  st.shared.u32 [a], v;
  bar.sync 0;
  add.u32 u, t, 32; rem.u32 u, u, n;
  mov.u32 a, tile; mad.lo.u32 a, u, 4, a;
  ld.shared.u32 v, [a];
  bar.sync 0;
  mov.u32 a, tile; mad.lo.u32 a, t, 4, a;
  st.shared.u32 [a], v;
  st.global.u32 [y], v;
  ret;
})";

Report run_exchange(const std::string &ptx, uint32_t threads = 128, size_t out = 128) {
  Sim sim(ptx);
  std::vector<uint32_t> x(128);
  for (uint32_t i = 0; i < 128; ++i) {
    x[i] = i * 3;
  }
  const uint64_t dx = sim.buffer(x), dy = sim.empty<uint32_t>(out);
  const Report r = sim.run("k", shape(1, threads), dx, dy);
  if (r.ok()) {
    const auto y = sim.read<uint32_t>(dy, threads);
    for (uint32_t i = 0; i < threads; ++i) {
      EXPECT_EQ(y[i], (i + 32) % threads * 3);
    }
  }
  return r;
}

TEST(Checkers, ExchangeIsClean) {
  EXPECT_CLEAN(run_exchange(exchange));
  EXPECT_CLEAN(run_exchange(exchange, 64));
}
TEST(Checkers, RemovedFirstBarrier) {
  // Whether the reader runs first or last decides how it shows.
  const Report r = run_exchange(replaced(exchange, "bar.sync 0;", ""));
  ASSERT_FALSE(r.ok());
  EXPECT_TRUE(r.faults[0].kind == FaultKind::shared_race ||
              r.faults[0].kind == FaultKind::uninitialized)
      << texts(r);
}
TEST(Checkers, RemovedSecondBarrier) { // write after read
  const size_t second = exchange.rfind("bar.sync 0;");
  std::string ptx = exchange;
  ptx.erase(second, 11);
  expect_fault(run_exchange(ptx), FaultKind::shared_race, "read");
}
TEST(Checkers, BarrierForHalfOfTheWarps) {
  const Report r =
      run_exchange(replaced(exchange, "bar.sync 0;", "setp.lt.u32 p, t, 64; @p bar.sync 0;"));
  ASSERT_FALSE(r.ok());
}
TEST(Checkers, DivergentBarrier) {
  const std::string ptx = replaced(exchange, "bar.sync 0;",
                                   "and.b32 u, t, 1; setp.eq.u32 p, u, 0;\n"
                                   "@p bra A; bar.sync 0; bra B; A: bar.sync 0; B:");
  expect_fault(run_exchange(ptx), FaultKind::divergent_barrier);
}
TEST(Checkers, BarrierAfterSomeThreadsEnded) {
  const std::string ptx =
      replaced(exchange, "bar.sync 0;", "setp.ge.u32 p, t, 120; @p ret; bar.sync 0;");
  expect_fault(run_exchange(ptx), FaultKind::missing_thread);
}
TEST(Checkers, BarrierAfterAWarpEnded) {
  const std::string ptx =
      replaced(exchange, "bar.sync 0;", "setp.ge.u32 p, t, 96; @p ret; bar.sync 0;");
  expect_fault(run_exchange(ptx), FaultKind::missing_thread, "32 of 128");
}
TEST(Checkers, BarriersOfDifferentNumbers) {
  const std::string ptx = replaced(exchange, "bar.sync 0;",
                                   "setp.ge.u32 p, t, 64; @p bra A; bar.sync 1; bra B;\n"
                                   "A: bar.sync 2; B:");
  expect_fault(run_exchange(ptx), FaultKind::divergent_barrier);
}
TEST(Checkers, SharedOutOfBounds) {
  const std::string ptx = replaced(exchange, "st.shared.u32 [a], v;", "st.shared.u32 [a+4], v;");
  expect_fault(run_exchange(ptx), FaultKind::out_of_bounds, "512 of 512");
}
TEST(Checkers, SharedMisaligned) {
  const std::string ptx = replaced(exchange, "st.shared.u32 [a], v;", "st.shared.u32 [a+2], v;");
  expect_fault(run_exchange(ptx), FaultKind::misaligned);
}
TEST(Checkers, GlobalOffByOne) {
  const std::string ptx = replaced(exchange, "st.global.u32 [y], v;", "st.global.u32 [y+4], v;");
  expect_fault(run_exchange(ptx), FaultKind::out_of_bounds, "after the end");
}
TEST(Checkers, GlobalOutOfBoundsToTheByte) {
  const std::string ptx = replaced(exchange, "st.global.u32 [y], v;", "st.global.u8 [y+4], v;");
  expect_fault(run_exchange(ptx), FaultKind::out_of_bounds);
}
TEST(Checkers, NullPointer) {
  const std::string ptx = replaced(exchange, "ld.global.u32 v, [x];", "ld.global.u32 v, [0];");
  expect_fault(run_exchange(ptx), FaultKind::out_of_bounds, "null");
}
TEST(Checkers, UninitializedGlobal) {
  const std::string ptx = replaced(exchange, "ld.global.u32 v, [x];", "ld.global.u32 v, [y];");
  expect_fault(run_exchange(ptx), FaultKind::uninitialized);
}
TEST(Checkers, UninitializedShared) {
  const std::string ptx = replaced(exchange, "st.shared.u32 [a], v;", "");
  expect_fault(run_exchange(ptx), FaultKind::uninitialized);
}
// Three floats of four that were written; `use` says what becomes of them.
Report run_wide_load(const std::string &use) {
  Sim sim(header + R"(
.visible .entry k(.param .u64 px, .param .u64 py) {
  .reg .b64 x, y; .reg .f32 a, b, c, d;
  ld.param.u64 x, [px]; ld.param.u64 y, [py];
  ld.global.v4.f32 {a, b, c, d}, [x];
  add.f32 a, a, b; add.f32 a, a, c;
)" + use + R"(
  st.global.f32 [y], a;
  ret;
})");
  const uint64_t x = sim.buffer(std::vector<float>{1, 2, 3, 4}), y = sim.empty<float>(1);
  sim.memory.mark(x + 12, 4, false);
  const Report r = sim.run("k", shape(1, 1), x, y);
  EXPECT_EQ(sim.read<float>(y, 1)[0], use.empty() ? 6.0f : 10.0f);
  return r;
}
TEST(Checkers, UninitializedPartThatNothingReads) {
  EXPECT_CLEAN(run_wide_load(""));
  expect_fault(run_wide_load("add.f32 a, a, d;"), FaultKind::uninitialized);
}
TEST(Checkers, GlobalRaceOfWarps) {
  const std::string ptx =
      replaced(exchange, "st.global.u32 [y], v;", "ld.param.u64 y, [py]; st.global.u32 [y], t;");
  expect_fault(run_exchange(ptx), FaultKind::global_race);
}
TEST(Checkers, LanesWriteDifferentValues) {
  const std::string ptx =
      replaced(exchange, "st.shared.u32 [a], v;", "mov.u32 a, tile; st.shared.u32 [a], v;");
  expect_fault(run_exchange(ptx, 32), FaultKind::shared_race);
}
TEST(Checkers, GlobalRaceOfBlocks) {
  Sim sim(exchange);
  const uint64_t dx = sim.buffer(std::vector<uint32_t>(128, 1)), dy = sim.empty<uint32_t>(128);
  Launch launch = shape(2, 128);
  launch.threads = 1;
  expect_fault(sim.run("k", launch, dx, dy), FaultKind::global_race, "block 0");
}
TEST(Checkers, UseAfterFree) {
  Sim sim(exchange);
  const uint64_t dx = sim.buffer(std::vector<uint32_t>(128, 1)), dy = sim.empty<uint32_t>(128);
  sim.memory.release(dx);
  expect_fault(sim.run("k", shape(1, 128), dx, dy), FaultKind::use_after_free);
}

// Lanes of one warp: through shared memory, with bar.warp.sync in between.
const std::string in_warp = header + R"(
.visible .entry k(.param .u64 px, .param .u64 py) {
  .reg .b32 t, u, a, v; .reg .b64 x, y, o; .reg .pred p;
  .shared .align 4 .b8 tile[128];
  mov.u32 t, %tid.x;
  ld.param.u64 y, [py]; mul.wide.u32 o, t, 4; add.u64 y, y, o;
  mov.u32 a, tile; mad.lo.u32 a, t, 4, a;
  st.shared.u32 [a], t;
  bar.warp.sync 0xffffffff;
  xor.b32 u, t, 1;
  mov.u32 a, tile; mad.lo.u32 a, u, 4, a;
  ld.shared.u32 v, [a];
  shfl.sync.bfly.b32 u, v, 1, 31, 0xffffffff;
  st.global.u32 [y], u;
  ret;
})";
Report run_in_warp(const std::string &ptx) {
  Sim sim(ptx);
  const uint64_t y = sim.empty<uint32_t>(32);
  const Report r = sim.run("k", shape(1, 32), uint64_t{0}, y);
  if (r.ok()) {
    const auto v = sim.read<uint32_t>(y, 32);
    for (uint32_t i = 0; i < 32; ++i) {
      EXPECT_EQ(v[i], i);
    }
  }
  return r;
}
TEST(Checkers, InWarpIsClean) {
  EXPECT_CLEAN(run_in_warp(in_warp));
}
TEST(Checkers, RemovedWarpBarrier) {
  expect_fault(run_in_warp(replaced(in_warp, "bar.warp.sync 0xffffffff;", "")),
               FaultKind::shared_race);
}
TEST(Checkers, ShuffleWithoutItsLanes) {
  const std::string ptx = replaced(in_warp, "shfl.sync.bfly.b32 u, v, 1, 31, 0xffffffff;",
                                   "mov.u32 u, v; setp.lt.u32 p, t, 16;\n"
                                   "@p shfl.sync.bfly.b32 u, v, 1, 31, 0xffffffff;");
  expect_fault(run_in_warp(ptx), FaultKind::missing_thread, "16-31");
}
TEST(Checkers, ShuffleFromALaneOutsideTheMask) {
  const std::string ptx = replaced(in_warp, "shfl.sync.bfly.b32 u, v, 1, 31, 0xffffffff;",
                                   "mov.u32 u, v; setp.lt.u32 p, t, 16;\n"
                                   "@p shfl.sync.bfly.b32 u, v, 16, 31, 0x0000ffff;");
  expect_fault(run_in_warp(ptx), FaultKind::inactive_lane);
}
TEST(Checkers, LaneOutsideItsOwnMask) {
  expect_fault(run_in_warp(replaced(in_warp, "1, 31, 0xffffffff", "1, 31, 0x0fffffff")),
               FaultKind::bad_member_mask);
}

// A copy that lands when it is waited for.
const std::string staged = header + R"(
.visible .entry k(.param .u64 px, .param .u64 py) {
  .reg .b32 t, u, a, v; .reg .b64 x, y, o; .reg .pred p;
  .shared .align 16 .b8 tile[512];
  mov.u32 t, %tid.x;
  ld.param.u64 x, [px]; ld.param.u64 y, [py];
  mul.wide.u32 o, t, 4; add.u64 y, y, o;
  setp.lt.u32 p, t, 32;
  @!p bra SKIP;
  mul.wide.u32 o, t, 16; add.u64 x, x, o;
  mov.u32 a, tile; mad.lo.u32 a, t, 16, a;
  cp.async.cg.shared.global [a], [x], 16;
  cp.async.commit_group;
SKIP:
  cp.async.wait_group 0;
  bar.sync 0;
  mov.u32 a, tile; mad.lo.u32 a, t, 4, a;
  ld.shared.u32 v, [a];
  st.global.u32 [y], v;
  ret;
})";
Report run_staged(const std::string &ptx) {
  Sim sim(ptx);
  std::vector<uint32_t> x(128);
  for (uint32_t i = 0; i < 128; ++i) {
    x[i] = i * 5;
  }
  const uint64_t dx = sim.buffer(x), dy = sim.empty<uint32_t>(128);
  const Report r = sim.run("k", shape(1, 128), dx, dy);
  if (r.ok()) {
    EXPECT_EQ(sim.read<uint32_t>(dy, 128), x);
  }
  return r;
}
TEST(Checkers, StagedIsClean) {
  EXPECT_CLEAN(run_staged(staged));
}
TEST(Checkers, RemovedCopyWait) {
  expect_fault(run_staged(replaced(staged, "cp.async.wait_group 0;", "")),
               FaultKind::unwaited_copy);
}
TEST(Checkers, WaitForTheWrongGroup) {
  expect_fault(run_staged(replaced(staged, "wait_group 0", "wait_group 1")),
               FaultKind::unwaited_copy);
}
TEST(Checkers, RemovedCommit) {
  expect_fault(run_staged(replaced(staged, "cp.async.commit_group;", "")),
               FaultKind::unwaited_copy);
}
TEST(Checkers, WaitedButNoBarrier) {
  expect_fault(run_staged(replaced(staged, "bar.sync 0;", "")), FaultKind::shared_race);
}
TEST(Checkers, CopySourceOutOfBounds) {
  expect_fault(run_staged(replaced(staged, "[x], 16", "[x+16], 16")), FaultKind::out_of_bounds);
}
TEST(Checkers, CopyMisaligned) {
  expect_fault(run_staged(replaced(staged, "[a], [x], 16", "[a+8], [x], 16")),
               FaultKind::misaligned);
}

// mbarrier: warp 0 waits for what warp 1 wrote.
const std::string with_mbarrier = header + R"(
.visible .entry k(.param .u64 px, .param .u64 py) {
  .reg .b32 t, a, v; .reg .b64 y, o, s; .reg .pred p, q;
  .shared .align 8 .b8 bar[8];
  .shared .align 4 .b8 tile[128];
  mov.u32 t, %tid.x;
  ld.param.u64 y, [py];
  setp.eq.u32 p, t, 0;
  mov.u32 a, bar;
  @p mbarrier.init.shared.b64 [a], 32;
  bar.sync 0;
  setp.lt.u32 p, t, 32;
  @p bra CONSUMER;
  mov.u32 v, tile; mad.lo.u32 v, t, 4, v;
  st.shared.u32 [v+-128], t;
  mbarrier.arrive.shared.b64 s, [a];
  ret;
CONSUMER:
WAIT:
  mbarrier.try_wait.parity.shared.b64 q, [a], 0;
  @!q bra WAIT;
  mov.u32 v, tile; mad.lo.u32 v, t, 4, v;
  ld.shared.u32 v, [v];
  mul.wide.u32 o, t, 4; add.u64 y, y, o;
  st.global.u32 [y], v;
  ret;
})";
Report run_mbarrier(const std::string &ptx) {
  Sim sim(ptx);
  const uint64_t y = sim.empty<uint32_t>(32);
  const Report r = sim.run("k", shape(1, 64), uint64_t{0}, y);
  if (r.ok()) {
    const auto v = sim.read<uint32_t>(y, 32);
    for (uint32_t i = 0; i < 32; ++i) {
      EXPECT_EQ(v[i], i + 32);
    }
  }
  return r;
}
TEST(Checkers, MbarrierIsClean) {
  EXPECT_CLEAN(run_mbarrier(with_mbarrier));
}
TEST(Checkers, MbarrierDeadlock) {
  expect_fault(run_mbarrier(replaced(with_mbarrier, "mbarrier.arrive.shared.b64 s, [a];", "")),
               FaultKind::deadlock);
}
TEST(Checkers, MbarrierCountsTooMany) {
  expect_fault(run_mbarrier(replaced(with_mbarrier, "[a], 32;", "[a], 33;")), FaultKind::deadlock);
}
TEST(Checkers, MbarrierNotInitialized) {
  expect_fault(run_mbarrier(replaced(with_mbarrier, "@p mbarrier.init.shared.b64 [a], 32;", "")),
               FaultKind::bad_operand);
}
TEST(Checkers, MbarrierWaitForTheWrongPhase) {
  // Parity 1 is the phase before: whoever asks early passes at once, whoever asks late waits for
  // ever. Which of the two comes first is the seed's choice.
  for (uint64_t seed = 0; seed < 4; ++seed) {
    Sim sim(replaced(with_mbarrier, "[a], 0;\n  @!q", "[a], 1;\n  @!q"));
    const uint64_t y = sim.empty<uint32_t>(32);
    Launch launch = shape(1, 64);
    launch.seed = seed;
    const Report r = sim.run("k", launch, uint64_t{0}, y);
    ASSERT_FALSE(r.ok());
    EXPECT_TRUE(r.faults[0].kind == FaultKind::shared_race ||
                r.faults[0].kind == FaultKind::uninitialized ||
                r.faults[0].kind == FaultKind::deadlock)
        << texts(r);
  }
}

TEST(Checkers, EndlessLoop) {
  Sim sim(header + ".visible .entry k() { L: bra L; }");
  Launch l = shape(1, 32);
  l.budget = 100000;
  expect_fault(sim.run("k", l), FaultKind::budget);
}
TEST(Checkers, Trap) {
  Sim sim(header + ".visible .entry k() { trap; }");
  expect_fault(sim.run("k", shape(1, 32)), FaultKind::trap);
}
TEST(Checkers, ReadOnly) {
  Sim sim(header + ".const .align 4 .u32 c = 5;\n.visible .entry k() { .reg .b64 a;\n"
                   "mov.u64 a, c; st.global.u32 [a], 1; ret; }");
  expect_fault(sim.run("k", shape(1, 32)), FaultKind::read_only);
}

TEST(Checkers, FaultsAreThoseOfTheFirstBlocksWhateverTheThreads) {
  const std::string ptx = header + R"(
.visible .entry k(.param .u64 px) {
  .reg .b32 b; .reg .b64 x; .reg .pred p;
  ld.param.u64 x, [px]; mov.u32 b, %ctaid.x;
  setp.ge.u32 p, b, 37;
  @p st.global.u32 [x+1024], b;
  ret;
})";
  for (const int threads : {1, 4}) {
    Sim sim(ptx);
    const uint64_t x = sim.empty<uint32_t>(256);
    Launch l = shape(400, 32);
    l.threads = threads;
    const Report r = sim.run("k", l, x);
    ASSERT_EQ(r.faults.size(), 1u) << texts(r);
    EXPECT_EQ(r.faults[0].block, 37u);
  }
}

TEST(Counters, Exchange) {
  const Report r = run_exchange(exchange);
  const Counters &c = r.counters;
  EXPECT_EQ(c.warps, 4u);
  EXPECT_EQ(c.load_requests, 4u);
  EXPECT_EQ(c.load_sectors, 16u); // 128 bytes a warp
  EXPECT_EQ(c.store_sectors, 16u);
  EXPECT_EQ(c.shared_requests, 12u);
  EXPECT_EQ(c.shared_wavefronts, 12u);
  EXPECT_EQ(c.warp_instructions[size_t(Kind::barrier)], 8u);
}
TEST(Counters, BankConflicts) {
  const std::string ptx = header + R"(
.visible .entry k() {
  .reg .b32 t, a; .shared .align 4 .b8 tile[4096];
  mov.u32 t, %tid.x; mov.u32 a, tile; mad.lo.u32 a, t, 128, a;
  st.shared.u32 [a], t;
  ret;
})";
  Sim sim(ptx);
  const Report r = sim.run("k", shape(1, 32));
  EXPECT_EQ(r.counters.shared_wavefronts, 32u); // all lanes in one bank
  EXPECT_EQ(r.counters.shared_ideal, 1u);
}
TEST(Counters, Strided) {
  const std::string ptx = header + R"(
.visible .entry k(.param .u64 px) {
  .reg .b32 t; .reg .b64 x, o;
  mov.u32 t, %tid.x; ld.param.u64 x, [px]; mul.wide.u32 o, t, 64; add.u64 x, x, o;
  st.global.u32 [x], t;
  ret;
})";
  Sim sim(ptx);
  const uint64_t x = sim.empty<uint8_t>(2048);
  EXPECT_EQ(sim.run("k", shape(1, 32), x).counters.store_sectors, 32u);
}
TEST(Counters, SectorsOfEachBuffer) {
  const std::string ptx = header + R"(
.visible .entry k(.param .u64 px, .param .u64 py) {
  .reg .b32 t, v; .reg .b64 x, y, o;
  ld.param.u64 x, [px]; ld.param.u64 y, [py];
  mov.u32 t, %tid.x; mul.wide.u32 o, t, 4; add.u64 x, x, o;
  ld.global.u32 v, [x]; ld.global.u32 v, [x];
  st.global.u32 [y], v;
  ret;
})";
  Sim sim(ptx);
  const uint64_t x = sim.buffer(std::vector<uint32_t>(32)), y = sim.empty<uint32_t>(1);
  Launch l = shape(3, 32);
  l.count_buffers = true;
  l.checks.races = false; // all write y
  const Report r = sim.run("k", l, x, y);
  ASSERT_EQ(r.buffer_sectors.size(), 2u);
  EXPECT_EQ(r.buffer_sectors.at(x), 12u); // 128 bytes, once in each of three blocks
  EXPECT_EQ(r.buffer_sectors.at(y), 3u);
}

} // namespace
} // namespace mome::ptxsim::test

// sm_90a: bulk copies, tensor maps, wgmma.
#include <algorithm>
#include <cmath>

#include "runtime/cuda/sim/half.h"
#include "runtime/cuda/sim/tensor_map.h"
#include "test/ptxsim/support.h"

namespace mome::ptxsim::test {
namespace {

const std::string header = ".version 8.0\n.target sm_90a\n.address_size 64\n";

// Thread 0 asks for a tile; everybody waits for it and copies it out, byte for byte.
std::string tile_kernel(const std::string &copy, uint32_t bytes) {
  return header + R"(
.visible .entry k(.param .align 64 .b8 map[128], .param .u64 px, .param .u64 py) {
  .reg .b32 t, a, v, i, c, r, bar; .reg .b64 x, y, o, m; .reg .pred p, q;
  .shared .align 1024 .b8 tile[2048]; .shared .align 8 .b8 mb[8];
  mov.u32 t, %tid.x; ld.param.u64 x, [px]; ld.param.u64 y, [py];
  mov.u32 bar, mb; mov.u32 a, tile; mov.b64 m, map; cvta.param.u64 m, m;
  setp.eq.u32 p, t, 0;
  @p mbarrier.init.shared::cta.b64 [bar], 1;
  bar.sync 0;
  @!p bra WAIT;
  mbarrier.arrive.expect_tx.shared::cta.b64 _, [bar], )" +
         std::to_string(bytes) + ";\n" + copy + R"(
WAIT: mbarrier.try_wait.parity.shared::cta.b64 q, [bar], 0;
  @!q bra WAIT;
  mov.u32 i, t;
LOOP: shl.b32 v, i, 2; add.u32 v, v, a; ld.shared.u32 r, [v];
  mul.wide.u32 o, i, 4; add.u64 o, y, o; st.global.u32 [o], r;
  add.u32 i, i, 32; setp.lt.u32 q, i, )" +
         std::to_string(bytes / 4) + R"(; @q bra LOOP;
  ret;
})";
}

TEST(Bulk, Copy) {
  const std::string ptx = tile_kernel(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [a], [x], 512, [bar];",
      512);
  std::vector<uint32_t> x(128);
  for (uint32_t i = 0; i < 128; ++i) {
    x[i] = i * 7;
  }
  Sim sim(ptx);
  const uint64_t dx = sim.buffer(x), dy = sim.empty<uint32_t>(128);
  EXPECT_CLEAN(sim.run("k", shape(1, 32), TensorMap{}, dx, dy));
  EXPECT_EQ(sim.read<uint32_t>(dy, 128), x);

  std::string no_wait = ptx;
  no_wait.replace(no_wait.find("@!q bra WAIT;"), 13, "");
  no_wait.replace(no_wait.find("mbarrier.try_wait.parity.shared::cta.b64 q, [bar], 0;"), 53, "");
  Sim bad(no_wait);
  const uint64_t bx = bad.buffer(x), by = bad.empty<uint32_t>(128);
  const Report r = bad.run("k", shape(1, 64), TensorMap{}, bx, by);
  EXPECT_TRUE(std::any_of(r.faults.begin(), r.faults.end(), [](const Fault &f) {
    return f.kind == FaultKind::shared_race;
  })) << texts(r);
}

TEST(Bulk, TooFewBytesAnnouncedIsADeadlock) {
  Sim sim(tile_kernel(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [a], [x], 256, [bar];",
      512));
  const uint64_t dx = sim.buffer(std::vector<uint32_t>(128, 1)), dy = sim.empty<uint32_t>(128);
  expect_fault(sim.run("k", shape(1, 32), TensorMap{}, dx, dy), FaultKind::deadlock);
}

TEST(Bulk, TensorTileWithSwizzleAndEdges) {
  // A 20 x 70 matrix of 16-bit elements; a box of 8 rows x 64 columns at (16, 10): 4 rows and 4
  // columns of it hang over.
  constexpr uint32_t rows = 20, columns = 72;
  std::vector<uint16_t> x(rows * columns);
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = uint16_t(i + 1);
  }
  Sim sim(tile_kernel("mov.u32 c, 10; mov.u32 r, 16;\n"
                      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes "
                      "[a], [m, {c, r}], [bar];",
                      1024));
  const uint64_t dx = sim.buffer(x), dy = sim.empty<uint16_t>(512);
  TensorMap map;
  map.magic = TensorMap::right_magic;
  map.element_bytes = 2;
  map.rank = 2;
  map.swizzle = Swizzle::bytes_128;
  map.address = dx;
  map.size[0] = 70;
  map.size[1] = rows;
  map.stride[0] = columns * 2;
  map.box[0] = 64;
  map.box[1] = 8;
  EXPECT_CLEAN(sim.run("k", shape(1, 32), map, uint64_t{0}, dy));
  const auto y = sim.read<uint16_t>(dy, 512);
  for (uint32_t r = 0; r < 8; ++r) {
    for (uint32_t c = 0; c < 64; ++c) {
      const bool inside = 16 + r < rows && 10 + c < 70;
      // 16-byte units of a row of 128 bytes are permuted by the row number.
      const uint32_t at = r * 64 + ((c / 8) ^ r) * 8 + c % 8;
      EXPECT_EQ(y[at], inside ? x[(16 + r) * columns + 10 + c] : 0) << r << " " << c;
    }
  }
}

/// D = A B^T for 64 x K and 8 x K by one warpgroup: x has A's tile and 8192 bytes later B's, pd the descriptor of
/// the first, y takes four sums per thread. A step of 16 in k advances descriptors by `step` bytes; `major` are the
/// transpositions.
std::string wgmma_kernel(int k, int step = 32, const std::string &major = "0, 0") {
  std::string text = header + R"(
.extern .shared .align 1024 .b8 smem[];
.visible .entry k(.param .u64 px, .param .u64 py, .param .u64 pd) {
  .reg .b32 t, s, v<4>; .reg .b64 x, y, o, da, db; .reg .pred p; .reg .f32 f<4>;
  mov.u32 t, %tid.x; ld.param.u64 x, [px]; ld.param.u64 y, [py]; ld.param.u64 da, [pd];
  mov.u32 s, smem; mad.lo.u32 s, t, 16, s; mul.wide.u32 o, t, 16; add.u64 x, x, o; add.u64 y, y, o;
)";
  for (int i = 0; i < 8; ++i) {
    const std::string at = std::to_string(i * 2048);
    text += "ld.global.v4.u32 {v0, v1, v2, v3}, [x+" + at + "]; st.shared.v4.u32 [s+" + at +
            "], {v0, v1, v2, v3};\n";
  }
  text += "fence.proxy.async; bar.sync 0; add.u64 db, da, 512; wgmma.fence.sync.aligned;\n"
          "mov.f32 f0, 0f00000000; mov.f32 f1, f0; mov.f32 f2, f0; mov.f32 f3, f0;\n"
          "setp.ne.u32 p, s, -1;\n";
  const std::string next = std::to_string(step / 16);
  for (int slice = 0; slice < k / 16; ++slice) {
    text +=
        "wgmma.mma_async.sync.aligned.m64n8k16.f32.bf16.bf16 {f0, f1, f2, f3}, da, db, p, 1, 1, " +
        major + ";\nadd.u64 da, da, " + next + "; add.u64 db, db, " + next + ";\n";
  }
  return text + "wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;\n"
                "st.global.v4.f32 [y], {f0, f1, f2, f3};\nret; }";
}

/// Tiles laid out by `place`.
void check_wgmma(int k, uint64_t mode, uint64_t leading, uint64_t stride,
                 const std::function<size_t(int, int)> &place_a,
                 const std::function<size_t(int, int)> &place_b, bool perturb,
                 const std::string &text) {
  std::vector<float> a(size_t(64 * k)), b(size_t(8 * k));
  std::vector<uint16_t> image(8192);
  for (int r = 0; r < 64; ++r) {
    for (int c = 0; c < k; ++c) {
      a[size_t(r * k + c)] = float((r * 13 + c * 7) % 15 - 7) / 4;
      image[place_a(r, c) / 2] = to_bf16(a[size_t(r * k + c)]);
    }
  }
  for (int r = 0; r < 8; ++r) {
    for (int c = 0; c < k; ++c) {
      b[size_t(r * k + c)] = float((r * 5 + c * 11) % 13 - 6) / 4;
      image[4096 + place_b(r, c) / 2] = to_bf16(b[size_t(r * k + c)]);
    }
  }
  Sim sim(text);
  const uint64_t dx = sim.buffer(image), dy = sim.empty<float>(512);
  const uint64_t descriptor = leading >> 4 << 16 | stride >> 4 << 32 | mode << 62;
  Launch launch = shape(1, 128, 16384);
  launch.perturb = perturb;
  EXPECT_CLEAN(sim.run("k", launch, dx, dy, descriptor));
  const auto d = sim.read<float>(dy, 512);
  for (int t = 0; t < 128; ++t) {
    for (int e = 0; e < 4; ++e) {
      const int row = t / 32 * 16 + t % 32 / 4 + (e < 2 ? 0 : 8), column = t % 4 * 2 + e % 2;
      double want = 0;
      for (int c = 0; c < k; ++c) {
        want += double(a[size_t(row * k + c)]) * b[size_t(column * k + c)];
      }
      EXPECT_EQ(d[size_t(t * 4 + e)], float(want)) << row << " " << column;
    }
  }
}

TEST(Wgmma, PlainLayout) {
  const auto place = [](int r, int c) {
    return size_t(r / 8 * 256 + c / 8 * 128 + r % 8 * 16 + c % 8 * 2);
  };
  check_wgmma(16, 0, 128, 256, place, place, false, wgmma_kernel(16));
  check_wgmma(16, 0, 128, 256, place, place, true, wgmma_kernel(16));
}
TEST(Wgmma, Swizzled128) {
  const auto place = [](int r, int c) {
    return size_t(r / 8 * 1024 + r % 8 * 128 + ((c / 8) ^ (r % 8)) * 16 + c % 8 * 2);
  };
  check_wgmma(64, 1, 0, 1024, place, place, false, wgmma_kernel(64));
}
TEST(Wgmma, Swizzled128AlongRows) {
  // Rows of k hold 64 elements of A or B, of which B has eight.
  const auto place = [](int r, int c) {
    return size_t(c / 8 * 1024 + c % 8 * 128 + ((r / 8) ^ (c % 8)) * 16 + r % 8 * 2);
  };
  check_wgmma(64, 1, 8192, 1024, place, place, false, wgmma_kernel(64, 2048, "1, 1"));
}

/// With the text `what` of a kernel replaced, the faults; the sums of the first thread.
Report run_edited(const std::string &what, const std::string &by, std::vector<float> &sums) {
  std::string text = wgmma_kernel(16);
  text.replace(text.find(what), what.size(), by);
  Sim sim(text);
  const uint64_t dx = sim.buffer(std::vector<uint16_t>(8192, to_bf16(1))),
                 dy = sim.empty<float>(512);
  const Report r = sim.run("k", shape(1, 128, 16384), dx, dy, uint64_t{16} << 32 | 8 << 16);
  sums = sim.read<float>(dy, 4);
  return r;
}

TEST(Wgmma, SumsComeWithTheWait) {
  std::vector<float> sums;
  EXPECT_CLEAN(run_edited("ret;", "ret;", sums));
  EXPECT_EQ(sums, std::vector<float>(4, 16));
  EXPECT_CLEAN(
      run_edited("wgmma.wait_group.sync.aligned 0;", "wgmma.wait_group.sync.aligned 1;", sums));
  EXPECT_EQ(sums, std::vector<float>(4, 0));
}
TEST(Wgmma, WritesMustBeFenced) {
  std::vector<float> sums;
  expect_fault(run_edited("fence.proxy.async;", "", sums), FaultKind::shared_race);
  // Behind the barrier it is in time as well; that of global memory does not help.
  EXPECT_CLEAN(run_edited("fence.proxy.async; bar.sync 0;",
                          "bar.sync 0; fence.proxy.async.shared::cta;", sums));
  expect_fault(run_edited("fence.proxy.async;", "fence.proxy.async.global;", sums),
               FaultKind::shared_race);
}
TEST(Wgmma, AFenceIsNoBarrier) {
  std::vector<float> sums;
  const Report r = run_edited("bar.sync 0;", "", sums);
  EXPECT_FALSE(r.ok());
}
TEST(Wgmma, TilesAreReadUntilTheWait) {
  std::vector<float> sums;
  expect_fault(run_edited("wgmma.wait_group", "st.shared.u32 [s], t; wgmma.wait_group", sums),
               FaultKind::shared_race);
}

} // namespace
} // namespace mome::ptxsim::test

// Kernels that nvcc and clang compiled give what the host computes, whatever the seed.
#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>

#include "runtime/cuda/sim/half.h"
#include "test/ptxsim/support.h"

namespace mome::ptxsim::test {

std::string kernel_file(const std::string &name) {
  std::ifstream in(std::string(MOME_PTXSIM_KERNELS) + "/" + name);
  if (!in) {
    throw std::runtime_error("no file " + name);
  }
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

namespace {

struct Variant {
  const char *compiler;
  uint64_t seed;
};
void PrintTo(const Variant &v, std::ostream *out) {
  *out << v.compiler << v.seed;
}

class Compiled : public ::testing::TestWithParam<Variant> {
protected:
  Sim sim{kernel_file(std::string("basics.") + GetParam().compiler + ".ptx")};

  Launch launch(uint32_t grid, uint32_t block, uint32_t shared = 0) const {
    Launch l = shape(grid, block, shared);
    l.seed = l.rounding_seed = GetParam().seed;
    l.perturb = GetParam().seed != 0;
    return l;
  }
  std::vector<float> numbers(size_t count, float scale = 1) const {
    std::vector<float> v(count);
    uint32_t state = 12345;
    for (float &x : v) {
      state = state * 1664525 + 1013904223;
      x = scale * (float(state >> 8) / float(1 << 23) - 1);
    }
    return v;
  }
};

TEST_P(Compiled, VectorAdd) {
  const auto a = numbers(1000), b = numbers(1000, 3);
  const uint64_t da = sim.buffer(a), db = sim.buffer(b), dc = sim.empty<float>(1000);
  EXPECT_CLEAN(sim.run("vector_add", launch(8, 128), da, db, dc, 1000));
  const auto c = sim.read<float>(dc, 1000);
  for (size_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(c[i], a[i] + b[i]) << i;
  }
}

TEST_P(Compiled, BlockReduce) {
  const auto x = numbers(5000);
  const uint64_t dx = sim.buffer(x), out = sim.empty<float>(4);
  EXPECT_CLEAN(sim.run("block_reduce", launch(4, 256), dx, out, 5000));
  const auto parts = sim.read<float>(out, 4);
  EXPECT_NEAR(std::accumulate(parts.begin(), parts.end(), 0.0),
              std::accumulate(x.begin(), x.end(), 0.0), 1e-3);
}

TEST_P(Compiled, WarpScan) {
  std::vector<int> x(128), want(128);
  for (int i = 0; i < 128; ++i) {
    x[size_t(i)] = i * 7 % 13 - 5;
    want[size_t(i)] = x[size_t(i)] + (i % 32 ? want[size_t(i) - 1] : 0);
  }
  const uint64_t dx = sim.buffer(x), out = sim.empty<int>(128);
  EXPECT_CLEAN(sim.run("warp_scan", launch(2, 64), dx, out));
  EXPECT_EQ(sim.read<int>(out, 128), want);
}

TEST_P(Compiled, Softmax) {
  constexpr int rows = 3, columns = 197;
  const auto x = numbers(rows * columns, 8);
  const uint64_t dx = sim.buffer(x), dy = sim.empty<float>(rows * columns);
  EXPECT_CLEAN(sim.run("softmax", launch(rows, 128, columns * 4), dx, dy, columns));
  const auto y = sim.read<float>(dy, rows * columns);
  for (int r = 0; r < rows; ++r) {
    double sum = 0;
    for (int c = 0; c < columns; ++c) {
      sum += std::exp(double(x[size_t(r * columns + c)]));
    }
    for (int c = 0; c < columns; ++c) {
      const double want = std::exp(double(x[size_t(r * columns + c)])) / sum;
      EXPECT_TRUE(std::fabs(y[size_t(r * columns + c)] - want) <= 2e-6 * want + 1e-9)
          << r << " " << c;
    }
  }
}

TEST_P(Compiled, HalfMath) {
  const auto a = numbers(512, 4), b = numbers(512, 2);
  std::vector<uint16_t> ha, hb;
  for (size_t i = 0; i < a.size(); ++i) {
    ha.push_back(to_f16(a[i]));
    hb.push_back(to_f16(b[511 - i]));
  }
  const uint64_t da = sim.buffer(ha), db = sim.buffer(hb), out = sim.empty<uint16_t>(512);
  EXPECT_CLEAN(sim.run("half_math", launch(2, 128), da, db, out, 256));
  const auto got = sim.read<uint16_t>(out, 512);
  for (size_t i = 0; i < 512; ++i) {
    const double x = from_f16(ha[i]), y = from_f16(hb[i]);
    const double sum = decode(encode(x + y, f16_format, Round::nearest), f16_format);
    EXPECT_EQ(got[i], encode(x * y + sum, f16_format, Round::nearest)) << i;
  }
}

TEST_P(Compiled, Bf16Math) {
  const auto a = numbers(300, 2), b = numbers(300, 1.5f);
  std::vector<uint16_t> ba, bb;
  for (size_t i = 0; i < a.size(); ++i) {
    ba.push_back(to_bf16(a[i]));
    bb.push_back(to_bf16(b[299 - i]));
  }
  const uint64_t da = sim.buffer(ba), db = sim.buffer(bb), out = sim.empty<uint16_t>(300);
  EXPECT_CLEAN(sim.run("bf16_math", launch(3, 128), da, db, out, 300));
  const auto got = sim.read<uint16_t>(out, 300);
  for (size_t i = 0; i < 300; ++i) {
    const double want = std::tanh(double(from_bf16(ba[i])) * from_bf16(bb[i]));
    EXPECT_TRUE(std::fabs(from_bf16(got[i]) - want) <= std::fabs(want) * 0x1p-8 + 1e-30) << i;
  }
}

TEST_P(Compiled, Histogram) {
  std::vector<uint8_t> x(3001);
  std::vector<uint32_t> want(64);
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] = uint8_t(i * i * 31 >> 3);
    ++want[x[i] & 63];
  }
  const uint64_t dx = sim.buffer(x), bins = sim.buffer(std::vector<uint32_t>(64));
  EXPECT_CLEAN(sim.run("histogram", launch(5, 96), dx, bins, 3001));
  EXPECT_EQ(sim.read<uint32_t>(bins, 64), want);
}

TEST_P(Compiled, Gemm) {
  constexpr int m = 33, n = 40, k = 37;
  const auto a = numbers(m * k), b = numbers(k * n);
  const uint64_t da = sim.buffer(a), db = sim.buffer(b), dc = sim.empty<float>(m * n);
  Launch l = launch(1, 1);
  l.grid = {3, 3, 1};
  l.block = {16, 16, 1};
  EXPECT_CLEAN(sim.run("gemm", l, da, db, dc, m, n, k));
  const auto c = sim.read<float>(dc, m * n);
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) {
      double want = 0;
      for (int p = 0; p < k; ++p) {
        want += double(a[size_t(i * k + p)]) * b[size_t(p * n + j)];
      }
      EXPECT_TRUE(std::fabs(c[size_t(i * n + j)] - want) <= 1e-5) << i << " " << j;
    }
  }
}

TEST_P(Compiled, Collatz) {
  std::vector<uint32_t> x(100), want(100);
  for (uint32_t i = 0; i < 100; ++i) {
    x[i] = i + 1;
    for (uint64_t v = i + 1; v != 1; ++want[i]) {
      v = v & 1 ? 3 * v + 1 : v / 2;
    }
  }
  const uint64_t dx = sim.buffer(x), out = sim.empty<uint32_t>(100);
  EXPECT_CLEAN(sim.run("collatz", launch(2, 64), dx, out, 100));
  EXPECT_EQ(sim.read<uint32_t>(out, 100), want);
}

TEST_P(Compiled, GridSum) {
  const auto x = numbers(4096);
  const uint64_t dx = sim.buffer(x), part = sim.empty<float>(6), out = sim.empty<float>(1);
  EXPECT_CLEAN(sim.run("grid_sum", launch(6, 128), dx, part, out, 4096));
  EXPECT_NEAR(sim.read<float>(out, 1)[0], std::accumulate(x.begin(), x.end(), 0.0), 1e-3);
}

TEST_P(Compiled, Calls) {
  std::vector<int> x, want;
  for (int i = 0; i < 32; ++i) {
    x.push_back(i * 12 + 6);
    x.push_back(i * i + 4);
    want.push_back(std::gcd(i * 12 + 6, i * i + 4));
  }
  const uint64_t dx = sim.buffer(x), out = sim.empty<int>(32);
  EXPECT_CLEAN(sim.run("calls", launch(1, 32), dx, out));
  EXPECT_EQ(sim.read<int>(out, 32), want);
}

TEST_P(Compiled, DoubleMath) {
  std::vector<double> x(70);
  for (size_t i = 0; i < 70; ++i) {
    x[i] = double(i) * 0.37;
  }
  const uint64_t dx = sim.buffer(x), dy = sim.empty<double>(70);
  EXPECT_CLEAN(sim.run("double_math", launch(1, 96), dx, dy, 70));
  const auto y = sim.read<double>(dy, 70);
  for (size_t i = 0; i < 70; ++i) {
    const double want = std::sqrt(x[i]) + std::exp(-x[i]) / 3;
    EXPECT_TRUE(std::fabs(y[i] - want) <= 1e-15 * want) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Compiled,
                         ::testing::Values(Variant{"nvcc", 0}, Variant{"nvcc", 1},
                                           Variant{"nvcc", 2}, Variant{"clang", 0},
                                           Variant{"clang", 1}, Variant{"clang", 2}),
                         [](const auto &p) {
                           return std::string(p.param.compiler) + std::to_string(p.param.seed);
                         });

} // namespace
} // namespace mome::ptxsim::test

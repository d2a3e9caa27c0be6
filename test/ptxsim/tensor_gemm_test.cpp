// A compiled tensor-core GEMM: right, and each of its waits and barriers is
// needed: with any one gone a checker speaks.
#include <cmath>

#include "runtime/cuda/sim/half.h"
#include "test/ptxsim/support.h"

namespace mome::ptxsim::test {
namespace {

constexpr int m = 128, n = 64, k = 96;

float value(int i, int salt) {
  return float((i * 37 + salt) % 61 - 30) / 16;
}

Report run_gemm(const std::string &ptx, uint64_t seed, bool perturb, bool compare = true) {
  std::vector<uint16_t> a(m * k), b(k * n);
  for (int i = 0; i < m * k; ++i) {
    a[size_t(i)] = to_bf16(value(i, 3));
  }
  for (int i = 0; i < k * n; ++i) {
    b[size_t(i)] = to_bf16(value(i, 11));
  }
  Sim sim(ptx);
  const uint64_t da = sim.buffer(a), db = sim.buffer(b), dc = sim.empty<float>(m * n);
  Launch l = shape(1, 128);
  l.grid = {n / 64, m / 64, 1};
  l.seed = l.rounding_seed = seed;
  l.perturb = perturb;
  Report r = sim.run("tensor_gemm", l, da, db, dc, m, n, k);
  if (!compare) {
    return r;
  }
  const auto c = sim.read<float>(dc, m * n);
  int wrong = 0;
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) {
      double want = 0;
      for (int p = 0; p < k; ++p) {
        want += double(from_bf16(a[size_t(i * k + p)])) * from_bf16(b[size_t(p * n + j)]);
      }
      wrong += !(std::fabs(c[size_t(i * n + j)] - want) <= 1e-3);
    }
  }
  EXPECT_EQ(wrong, 0);
  return r;
}

class TensorGemm : public ::testing::TestWithParam<const char *> {
protected:
  std::string ptx = kernel_file(std::string("tensor_gemm.") + GetParam() + ".ptx");

  /// The text without the n-th (from 0) line that has `what`; empty when there are fewer.
  std::string without(const std::string &what, int number) const {
    size_t at = ptx.find(what);
    for (; number > 0 && at != ptx.npos; --number) {
      at = ptx.find(what, at + 1);
    }
    if (at == ptx.npos) {
      return "";
    }
    std::string text = ptx;
    return text.erase(at, text.find(';', at) + 1 - at);
  }
};

TEST_P(TensorGemm, IsRight) {
  EXPECT_CLEAN(run_gemm(ptx, 0, false));
  EXPECT_CLEAN(run_gemm(ptx, 1, true));
  const Counters c = run_gemm(ptx, 2, false).counters;
  EXPECT_EQ(c.tensor_flops, uint64_t(2) * m * n * k);
  // ldmatrix has no bank conflicts; the copies of A, two rows of 80 bytes at a time, have some.
  EXPECT_GT(c.shared_wavefronts, c.shared_ideal);
  EXPECT_LE(c.shared_wavefronts * 5, c.shared_ideal * 6);
}
TEST_P(TensorGemm, EveryBarrierIsNeeded) {
  int removed = 0;
  for (std::string text; !(text = without("bar.sync", removed)).empty(); ++removed) {
    EXPECT_FALSE(run_gemm(text, 0, false, false).ok()) << "barrier " << removed;
  }
  EXPECT_GE(removed, 2);
}
TEST_P(TensorGemm, EveryWaitIsNeeded) {
  int removed = 0;
  for (std::string text; !(text = without("cp.async.wait_group", removed)).empty(); ++removed) {
    const Report r = run_gemm(text, 0, false, false);
    ASSERT_FALSE(r.ok()) << "wait " << removed;
    EXPECT_EQ(r.faults[0].kind, FaultKind::unwaited_copy) << texts(r);
  }
  EXPECT_GE(removed, 2);
}
TEST_P(TensorGemm, WaitingForOneGroupTooFew) {
  std::string text = ptx;
  const std::string wait = "cp.async.wait_group 1";
  for (size_t at = 0; (at = text.find(wait, at)) != text.npos; at += 5) {
    text.replace(at, wait.size(), "cp.async.wait_group 2");
  }
  expect_fault(run_gemm(text, 0, false, false), FaultKind::unwaited_copy);
}

INSTANTIATE_TEST_SUITE_P(Compilers, TensorGemm, ::testing::Values("nvcc", "clang"),
                         [](const auto &p) { return std::string(p.param); });

} // namespace
} // namespace mome::ptxsim::test

// Sessions over a real package with real machine code.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <numeric>

#include "runtime/error.h"
#include "runtime/session.h"
#include "test/runtime/tiny_package.h"

namespace mome::test {
namespace {

struct Fixture : ::testing::Test {
  std::vector<uint8_t> file;

  std::unique_ptr<Session> open(const SessionOptions &options = {},
                                const std::function<void(fb::PackageT &)> &change = {}) {
    file = tiny_package(change);
    return std::make_unique<Session>(Package::parse(std::as_bytes(std::span(file)), "t.mpk"),
                                     options);
  }
  static void write(Session &s, size_t tensor, const std::vector<float> &values) {
    s.write(tensor, std::as_bytes(std::span(values)));
  }
  static std::vector<float> read(const Session &s, size_t tensor) {
    std::vector<float> values(s.package().tensors[tensor].elements());
    s.read(tensor, std::as_writable_bytes(std::span(values)));
    return values;
  }
  Error error_of(const std::function<void()> &action) {
    try {
      action();
    } catch (const Error &error) {
      return error;
    }
    ADD_FAILURE() << "no error";
    return internal_error("", "");
  }
};

const std::vector<float> x = {1, 2, 3, 4, 5, 6, 7, 8}, w = {1, 0, 0, 1, 2, -1};
const std::vector<float> y = {1, 2, 0, 3, 4, 2, 5, 6, 4, 7, 8, 6};

TEST_F(Fixture, RunsAnEntryOverPanelsAndThreads) {
  for (int threads : {1, 2, 3}) {
    const auto session = open({.threads = threads});
    write(*session, Tiny::x, x);
    write(*session, Tiny::w, w);
    EXPECT_EQ(read(*session, Tiny::w), w); // through the panel layout and back
    session->run("predict");
    EXPECT_EQ(read(*session, Tiny::logits), y);
  }
}

TEST_F(Fixture, StepUpdatesInPlace) {
  const auto session = open({.threads = 2});
  write(*session, Tiny::x, x);
  write(*session, Tiny::w, w);
  session->set_scalar(Tiny::lr_now, 0.25);
  session->run("fit.grad");
  float loss = 0;
  for (float v : y) {
    loss += 0.5f * v * v;
  }
  EXPECT_EQ(read(*session, Tiny::loss)[0], loss);
  const std::vector<float> grad = read(*session, Tiny::grad);
  EXPECT_EQ(grad[0], 1 * 1 + 3 * 3 + 5 * 5 + 7 * 7);
  EXPECT_EQ(read(*session, Tiny::w), w); // grad does not update
  session->run("fit.step");
  std::vector<float> expected = w;
  for (size_t i = 0; i < w.size(); ++i) {
    expected[i] -= 0.25f * grad[i];
  }
  EXPECT_EQ(read(*session, Tiny::w), expected);
}

TEST_F(Fixture, DispatchesCanBeTimedInPieces) {
  for (const int threads : {1, 2}) {
    const auto session = open({.threads = threads});
    write(*session, Tiny::x, x);
    write(*session, Tiny::w, w);
    const Program &program = session->program("predict");
    size_t chunks = 0;
    for (const Dispatch &dispatch : program.dispatches) {
      const Kernel &kernel = session->variant().kernels[dispatch.kernel];
      chunks += size_t(kernel.packs + kernel.chunks);
    }
    ASSERT_EQ(session->pieces(program), chunks);
    ASSERT_GT(chunks, program.dispatches.size());
    std::vector<double> seconds(chunks, -1);
    session->run_pieces(program, seconds);
    EXPECT_EQ(read(*session, Tiny::logits), y);
    EXPECT_TRUE(std::ranges::all_of(seconds, [](double s) { return s >= 0; }));
    const std::vector<double> dealt = session->deal(program, std::vector<double>(chunks, 1));
    EXPECT_EQ(dealt.size(), program.dispatches.size());
    const double total = std::accumulate(dealt.begin(), dealt.end(), 0.0);
    EXPECT_LE(total, double(chunks));
    EXPECT_GE(total, double(chunks) / threads);
    EXPECT_EQ(total == double(chunks), threads == 1);
  }
}

TEST_F(Fixture, ScalarsHaveDefaultsAndTypes) {
  const auto session = open();
  EXPECT_EQ(session->scalar(Tiny::lr), 0.5);
  session->set_scalar(Tiny::seed, 7);
  session->run("init");
  EXPECT_EQ(read(*session, Tiny::w), (std::vector<float>{7, 8, 9, 10, 11, 12}));
}

TEST_F(Fixture, MemoryStartsZeroAndCanBeZeroed) {
  const auto session = open();
  EXPECT_EQ(read(*session, Tiny::w), std::vector<float>(6));
  write(*session, Tiny::w, w);
  session->zero(Tiny::w);
  EXPECT_EQ(read(*session, Tiny::w), std::vector<float>(6));
}

TEST_F(Fixture, CheckNumericsNamesTheFirstBadOperation) {
  const auto session = open({.threads = 2, .check_numerics = true});
  write(*session, Tiny::x, std::vector<float>(8, 1e30f));
  write(*session, Tiny::w, std::vector<float>(6, 1e30f));
  const Error error = error_of([&] { session->run("fit.grad"); });
  EXPECT_EQ(error.exit, Exit::numerics);
  EXPECT_EQ(error.where, "entry 'fit.grad', dispatch 0");
  EXPECT_EQ(error.message,
            "forward nn.linear of head at tiny.mome:3:5 gave inf at element 0 of result 0");
  write(*session, Tiny::x, x);
  write(*session, Tiny::w, w);
  session->run("fit.grad"); // finite: passes
}

TEST_F(Fixture, CheckNumericsBlamesTheInputItCameFrom) {
  const auto session = open({.check_numerics = true});
  std::vector<float> bad = x;
  bad[3] = NAN;
  write(*session, Tiny::x, bad);
  const Error error = error_of([&] { session->run("predict"); });
  EXPECT_EQ(error.exit, Exit::numerics);
  EXPECT_EQ(error.message, "input 'x' f32 [4, 2] holds nan at element 3 before the run");
}

TEST_F(Fixture, EntriesThatAreMissingAreExplained) {
  const auto session = open();
  EXPECT_FALSE(session->has("explain"));
  const Error error = error_of([&] { session->run("predictt"); });
  EXPECT_EQ(error.exit, Exit::mismatch);
  EXPECT_EQ(error.hint, "did you mean 'predict'?");
}

TEST_F(Fixture, ModelsThatDoNotFitAreRefusedBeforeAnythingIsAllocated) {
  const Error error = error_of(
      [&] { open({}, [](fb::PackageT &p) { p.variants[0]->arenas[2]->size = 1ull << 45; }); });
  EXPECT_EQ(error.exit, Exit::budget);
  EXPECT_NE(error.message.find("needs 32.0 TiB"), std::string::npos) << error.message;
}

TEST_F(Fixture, VariantsOfOtherMachinesAreNotChosen) {
  const auto rename = [](const char *name) {
    return [name](fb::PackageT &p) { p.variants[0]->name = name; };
  };
  const Error cuda = error_of([&] { open({}, rename("cuda:sm_90")); }); // kernels without launches
  EXPECT_EQ(cuda.exit, Exit::mismatch);
  EXPECT_NE(cuda.message.find("impossible launches"), std::string::npos) << cuda.message;
  const auto on_device = [&](fb::PackageT &p) {
    rename("cuda:sm_90")(p);
    for (auto &kernel : p.variants[0]->kernels) {
      auto launch = std::make_unique<fb::LaunchT>();
      launch->symbol = kernel->symbol;
      launch->blocks = launch->threads = 1;
      kernel->launches.push_back(std::move(launch));
    }
  };
  const auto refused = [&](const SessionOptions &options, const std::function<void(fb::PackageT &)> &change, const char *hint) {
    const Error error = error_of([&] { open(options, change); });
    EXPECT_EQ(error.exit, Exit::device);
    EXPECT_NE(error.hint.find(hint), std::string::npos) << error.hint;
  };
  refused({.device = "cpu"}, on_device, "--target=cpu, or say --device cuda:0");
  refused({.device = "cpu", .variant = "cuda:sm_90"}, on_device, "say --device cuda:0; it has: cuda:sm_90");
  refused({}, rename("x86-64+unknown"), "it has: x86-64+unknown; compile with --target-cpu=native");
  refused({.variant = "x86-64-v9"}, {}, "it has: x86-64");
  const auto both = open({}, [](fb::PackageT &p) {
    p.variants.push_back(Tiny::variant());
    p.variants[1]->name = "x86-64-v2";
  });
  EXPECT_EQ(both->variant().name, "x86-64-v2");
  EXPECT_EQ(open({.variant = "x86-64"})->variant().name, "x86-64");
}

TEST_F(Fixture, KernelsMustBeInTheCode) {
  const Error error = error_of(
      [&] { open({}, [](fb::PackageT &p) { p.variants[0]->kernels[0]->symbol = "k_nothing"; }); });
  EXPECT_EQ(error.exit, Exit::mismatch);
  EXPECT_NE(error.message.find("k_nothing"), std::string::npos);
}

} // namespace
} // namespace mome::test

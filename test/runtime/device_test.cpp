// What every device must do. A new device adds a row to INSTANTIATE at the end: how to make it, and
// code for it that computes what tiny_kernels.c says.
#include <array>
#include <functional>
#include <gtest/gtest.h>

#include "runtime/cpu_device.h"
#include "runtime/error.h"
#include "test/runtime/tiny_package.h"

namespace mome::test {
namespace {

struct DeviceUnderTest {
  const char *name;
  std::function<std::unique_ptr<Device>()> make;
  std::function<std::vector<uint8_t>()> code;
};
void PrintTo(const DeviceUnderTest &device, std::ostream *out) {
  *out << device.name;
}

class DeviceTest : public ::testing::TestWithParam<DeviceUnderTest> {
protected:
  static constexpr Slice x{0, 0, 32}, w{0, 64, 32}, y{0, 128, 48}, loss{0, 192, 4};
  static constexpr Slice grad{1, 0, 24}, lr{1, 64, 4};

  static std::vector<Kernel> kernels() {
    constexpr DType f = DType::f32;
    return {{"k_linear", 4, 64, {f, f, f}, 1},
            {"k_loss", 1, 0, {f, f}, 1},
            {"k_grad", 3, 0, {f, f, f}, 1},
            {"k_update", 3, 0, {f, f, f, f}, 1}};
  }
  static Program program(std::vector<std::pair<uint32_t, std::vector<Slice>>> calls) {
    Program p;
    for (auto &[kernel, args] : calls) {
      p.dispatches.emplace_back();
      p.dispatches.back().kernel = kernel;
      p.dispatches.back().args = std::move(args);
    }
    return p;
  }

  std::unique_ptr<Device> open() {
    auto device = GetParam().make();
    device->allocate(std::vector<Arena>{{"a", ArenaKind::state, 256}, {"b", ArenaKind::io, 128}});
    const std::vector<uint8_t> code = GetParam().code();
    device->load(std::as_bytes(std::span(code)), kernels(), "code");
    return device;
  }
  static void put(Device &device, const Slice &slice, const std::vector<float> &values) {
    device.upload(slice, std::as_bytes(std::span(values)));
  }
  static std::vector<float> get(Device &device, const Slice &slice) {
    std::vector<float> values(slice.size / sizeof(float));
    device.download(slice, std::as_writable_bytes(std::span(values)));
    return values;
  }
  static void put_operands(Device &device) {
    put(device, x, {1, 2, 3, 4, 5, 6, 7, 8});
    put(device, w, {1, 0, 0, 1, 2, 0, -1, 0}); // panels of 2: rows (1,0) (0,1) (2,-1)
  }
  const std::vector<float> product = {1, 2, 0, 3, 4, 2, 5, 6, 4, 7, 8, 6};
};

TEST_P(DeviceTest, HasAName) {
  EXPECT_FALSE(GetParam().make()->name().empty());
}

TEST_P(DeviceTest, ArenasStartAsZero) {
  const auto device = open();
  EXPECT_EQ(get(*device, {0, 0, 256}), std::vector<float>(64));
  EXPECT_EQ(get(*device, {1, 0, 128}), std::vector<float>(32));
}

TEST_P(DeviceTest, SlicesAreIndependent) {
  const auto device = open();
  put(*device, {0, 64, 64}, std::vector<float>(16, 1));
  put(*device, {1, 64, 64}, std::vector<float>(16, 2));
  EXPECT_EQ(get(*device, {0, 0, 64}), std::vector<float>(16, 0));
  EXPECT_EQ(get(*device, {0, 64, 64}), std::vector<float>(16, 1));
  EXPECT_EQ(get(*device, {0, 128, 64}), std::vector<float>(16, 0));
  EXPECT_EQ(get(*device, {1, 64, 64}), std::vector<float>(16, 2));
}

TEST_P(DeviceTest, HostMemoryIsTheArena) {
  const auto device = open();
  put(*device, {0, 64, 4}, {42});
  if (std::byte *memory = device->host_memory(0)) {
    EXPECT_EQ(*reinterpret_cast<float *>(memory + 64), 42);
  }
}

TEST_P(DeviceTest, EmptyArenasAndNoKernelsAreFine) {
  const auto device = GetParam().make();
  device->load({}, {}, "code");
  device->allocate(std::vector<Arena>{{"none", ArenaKind::work, 0}});
  device->run(device->prepare({}), 0, 0);
}

TEST_P(DeviceTest, RefusesMoreMemoryThanThereIs) {
  const auto device = GetParam().make();
  try {
    device->allocate(std::vector<Arena>{{"huge", ArenaKind::work, uint64_t{1} << 45}});
    FAIL() << "allocated";
  } catch (const Error &error) {
    EXPECT_EQ(error.exit, Exit::budget);
  }
}

TEST_P(DeviceTest, RefusesDamagedCodeAndMissingKernels) {
  const auto refused = [](std::vector<uint8_t> code, std::vector<Kernel> kernels) {
    try {
      GetParam().make()->load(std::as_bytes(std::span(code)), kernels, "code");
    } catch (const Error &error) {
      return error.exit == Exit::mismatch;
    }
    return false;
  };
  std::vector<uint8_t> code = GetParam().code();
  EXPECT_TRUE(refused(code, {{"k_absent", 1, 0, {}, 0}}));
  EXPECT_TRUE(refused({}, kernels()));
  code.resize(code.size() / 8);
  EXPECT_TRUE(refused(code, kernels()));
}

TEST_P(DeviceTest, RunsAProgramInOrder) {
  const auto device = open();
  put_operands(*device);
  const size_t p = device->prepare(program({{0, {x, w, y}}, {1, {y, loss}}}));
  device->run(p, 0, 2);
  EXPECT_EQ(get(*device, y), product);
  float sum = 0;
  for (float v : product) {
    sum += 0.5f * v * v;
  }
  EXPECT_EQ(get(*device, loss)[0], sum);
}

TEST_P(DeviceTest, RunsAPartOfAProgram) {
  const auto device = open();
  put_operands(*device);
  const size_t p = device->prepare(program({{0, {x, w, y}}, {1, {y, loss}}}));
  device->run(p, 1, 2);
  EXPECT_EQ(get(*device, loss)[0], 0); // y was not computed
  EXPECT_EQ(get(*device, y), std::vector<float>(12));
  device->run(p, 0, 1);
  EXPECT_EQ(get(*device, y), product);
  EXPECT_EQ(get(*device, loss)[0], 0);
}

// Only the loss and the gradient may run side by side: the update writes what the first product reads, the
// second one reads what the update writes.
TEST_P(DeviceTest, WhatTouchesTheSameMemoryRunsInOrder) {
  const auto device = open();
  const Slice y2{0, 208, 48};
  Program p = program(
      {{0, {x, w, y}}, {1, {y, loss}}, {2, {y, x, grad}}, {3, {w, grad, lr, w}}, {0, {x, w, y2}}});
  p.dispatches[2].beside = 1;
  const size_t prepared = device->prepare(p);
  put(*device, lr, {1});
  for (int i = 0; i < 200; ++i) {
    put_operands(*device);
    put(*device, loss, {0});
    device->run(prepared, 0, 5);
    ASSERT_EQ(get(*device, y), product);
    ASSERT_EQ(get(*device, loss)[0], 130);
    ASSERT_EQ(get(*device, grad), (std::vector<float>{84, 100, 100, 120, 68, 80}));
    ASSERT_EQ(get(*device, w), (std::vector<float>{-83, -100, -100, -119, -66, 0, -81, 0}));
    ASSERT_EQ(get(*device, y2), (std::vector<float>{-283, -338, -228, -649, -776, -522, -1015,
                                                    -1214, -816, -1381, -1652, -1110}));
  }
}

TEST(CpuDevice, RunsIndependentNeighboursSideBySide) {
  CpuDevice device(DeviceOptions{.threads = 2});
  device.allocate(std::vector<Arena>{{"a", ArenaKind::work, 1024}});
  const std::vector<uint8_t> code = tiny_code();
  constexpr DType f = DType::f32;
  device.load(
      std::as_bytes(std::span(code)),
      std::vector<Kernel>{{"k_loss", 1, 0, {f, f}, 1}, {"k_loss", 1, 0, {f, f}, 1, {}, 1, 64}},
      "code");
  const auto waves = [&](std::vector<std::array<uint32_t, 2>> calls) { // kernel, beside how many
    Program p;
    for (const auto &[kernel, beside] : calls) {
      p.dispatches.emplace_back();
      p.dispatches.back().kernel = kernel;
      p.dispatches.back().beside = beside;
      p.dispatches.back().args = {{0, 0, 48}, {0, 64 * p.dispatches.size(), 4}};
    }
    return device.wave_sizes(device.prepare(p));
  };
  using Sizes = std::vector<size_t>;
  EXPECT_EQ(waves({{0, 0}, {0, 1}, {0, 2}}), (Sizes{3}));
  EXPECT_EQ(waves({{0, 0}, {0, 0}, {0, 1}}), (Sizes{1, 2}));
  EXPECT_EQ(waves({{0, 0}, {0, 1}, {0, 1}}), (Sizes{2, 1})); // not beside the first
  EXPECT_EQ(waves({{0, 0}, {0, 1}, {0, 1}, {0, 3}}), (Sizes{2, 2}));
  EXPECT_EQ(waves({{0, 0}, {1, 1}, {0, 2}, {0, 3}}), (Sizes{1, 1, 1, 2})); // packs, chunks: alone
}

TEST_P(DeviceTest, UpdatesInPlace) {
  const auto device = open();
  put_operands(*device);
  put(*device, lr, {0.5f});
  put(*device, grad, {1, 2, 3, 4, 5, 6});
  device->run(device->prepare(program({{3, {w, grad, lr, w}}})), 0, 1);
  EXPECT_EQ(get(*device, w),
            (std::vector<float>{1 - 0.5f, 0 - 1.5f, 0 - 1, 1 - 2, 2 - 2.5f, 0, -1 - 3, 0}));
}

TEST_P(DeviceTest, ProgramsKeepTheirAddresses) {
  const auto device = open();
  put_operands(*device);
  std::vector<size_t> programs;
  for (int i = 0; i < 50; ++i) { // preparing more must not move what is prepared
    programs.push_back(device->prepare(program({{0, {x, w, y}}})));
  }
  for (size_t p : programs) {
    put(*device, y, std::vector<float>(12));
    device->run(p, 0, 1);
    ASSERT_EQ(get(*device, y), product);
  }
}

TEST_P(DeviceTest, GivesTheSameBitsEveryTime) {
  const auto device = open();
  put(*device, x, {0.1f, 0.7f, -0.3f, 1e-8f, 3.3f, -2.2f, 1e8f, 0.9f});
  put(*device, w, {0.3f, -0.2f, 1.7f, 0.1f, 0.6f, 0, 1.1f, 0});
  const size_t p = device->prepare(program({{0, {x, w, y}}, {1, {y, loss}}, {2, {y, x, grad}}}));
  device->run(p, 0, 3);
  const std::vector<float> first = get(*device, grad);
  for (int i = 0; i < 200; ++i) {
    put(*device, grad, std::vector<float>(6));
    device->run(p, 0, 3);
    ASSERT_EQ(get(*device, grad), first) << i;
  }
}

TEST_P(DeviceTest, DevicesDoNotShareMemory) {
  const auto one = open(), two = open();
  put(*one, x, std::vector<float>(8, 1));
  EXPECT_EQ(get(*two, x), std::vector<float>(8));
}

TEST(Variants, TheLaterOneIsPreferredUnlessPairsAreSlow) {
  const std::vector<std::string> names = {"x86-64-v3",  "x86-64-v4",  "x86-64-v4+bf16",
                                          "cuda:sm_80", "cuda:sm_90", "cuda:sm_90a"};
  for (size_t i = 1; i < names.size(); ++i) {
    EXPECT_LT(rank_variant(names[i - 1], false), rank_variant(names[i], false)) << names[i];
  }
  EXPECT_LT(rank_variant("x86-64-v4+bf16", true), rank_variant("x86-64-v4", true));
  EXPECT_LT(rank_variant("x86-64-v3", true), rank_variant("x86-64-v4+bf16", true));
}

DeviceUnderTest cpu(const char *name, int threads) {
  return {name, [=] { return std::make_unique<CpuDevice>(DeviceOptions{.threads = threads}); },
          tiny_code};
}

INSTANTIATE_TEST_SUITE_P(All, DeviceTest,
                         ::testing::Values(cpu("cpu1", 1), cpu("cpu2", 2), cpu("cpu5", 5)),
                         [](const auto &info) { return info.param.name; });

} // namespace
} // namespace mome::test

// CUDA devices on the stand-in driver: streams, uploads beside a run, several devices, and bad input of every kind. Each
// test is a process of its own: the driver is opened, and reads its options, once.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <gtest/gtest.h>
#include <random>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cuda/device_image.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/session.h"
#include "test/runtime/tiny_package.h"

namespace mome::test {
namespace {

// y = x + 1, y = x1 + x2, each of 8 numbers; the first once more, of up to three dispatches, whose scratch has the sum in
// between; and a kernel that never ends.
const std::string ptx = R"(.version 7.0
.target sm_80
.address_size 64
.visible .entry inc(.param .u64 px, .param .u64 py, .param .u64 ps) {
  .reg .b64 x, y; .reg .b32 t; .reg .f32 v; .reg .b64 o;
  mov.u32 t, %tid.x; mul.wide.u32 o, t, 4;
  ld.param.u64 x, [px]; ld.param.u64 y, [py]; add.u64 x, x, o; add.u64 y, y, o;
  ld.global.f32 v, [x]; add.f32 v, v, 0f3f800000; st.global.f32 [y], v;
  ret;
}
.visible .entry add(.param .u64 pa, .param .u64 pb, .param .u64 py, .param .u64 ps) {
  .reg .b64 a, b, y; .reg .b32 t; .reg .f32 v, w; .reg .b64 o;
  mov.u32 t, %tid.x; mul.wide.u32 o, t, 4;
  ld.param.u64 a, [pa]; ld.param.u64 b, [pb]; ld.param.u64 y, [py];
  add.u64 a, a, o; add.u64 b, b, o; add.u64 y, y, o;
  ld.global.f32 v, [a]; ld.global.f32 w, [b]; add.f32 v, v, w; st.global.f32 [y], v;
  ret;
}
.visible .entry incs(.param .align 8 .b8 table[72]) {
  .reg .b64 at, x, y, s; .reg .b32 t, row; .reg .f32 v; .reg .b64 o;
  mov.u32 t, %tid.x; mul.wide.u32 o, t, 4;
  mov.u32 row, %ctaid.y; mul.wide.u32 at, row, 24; mov.b64 x, table; add.u64 at, at, x;
  ld.param.u64 x, [at]; ld.param.u64 y, [at+8]; ld.param.u64 s, [at+16];
  add.u64 x, x, o; add.u64 y, y, o; add.u64 s, s, o;
  ld.global.f32 v, [x]; add.f32 v, v, 0f3f800000; st.global.f32 [s], v;
  ld.global.f32 v, [s]; st.global.f32 [y], v;
  ret;
}
.visible .entry endless(.param .u64 px, .param .u64 py, .param .u64 ps) {
again:
  bra again;
}
)";

void options(const std::string &text) {
  ::setenv("MOME_CUDA_DRIVER", MOME_FAKECUDA_LIBRARY, 1);
  ::setenv("MOME_FAKECUDA", text.c_str(), 1);
}

std::unique_ptr<fb::KernelT> device_kernel(const std::string &name, size_t operands) {
  auto k = kernel(name, 1, std::vector<fb::DType>(operands + 1, fb::DType::f32));
  k->launches.push_back(std::make_unique<fb::LaunchT>());
  *k->launches.back() = {};
  k->launches.back()->symbol = name;
  k->launches.back()->blocks = 1;
  k->launches.back()->threads = 8;
  return k;
}

/// "twice": x + 1 on two streams, then their sum, which waits. "long": runs into nowhere. "grouped": x + 1 in one launch
/// twice, their sum on another stream, which waits for the second of both, and x + 1 again.
std::unique_ptr<fb::VariantT> cuda_variant(const std::string &code) {
  auto v = std::make_unique<fb::VariantT>();
  v->name = "cuda:sm_80";
  for (const auto &[name, kind, size] :
       {std::tuple("io", fb::ArenaKind::io, 128), std::tuple("work", fb::ArenaKind::work, 128)}) {
    v->arenas.push_back(std::make_unique<fb::ArenaT>());
    v->arenas.back()->name = name;
    v->arenas.back()->kind = kind;
    v->arenas.back()->size = uint64_t(size);
  }
  for (uint32_t t = 0; t < 2; ++t) {
    v->slots.push_back(std::make_unique<fb::SlotT>());
    v->slots.back()->tensor = t;
    v->slots.back()->offset = 64 * t;
    v->slots.back()->size = 32;
  }
  v->kernels.push_back(device_kernel("inc", 1));
  v->kernels.push_back(device_kernel("add", 2));
  v->kernels.push_back(device_kernel("endless", 1));
  v->kernels.push_back(device_kernel("incs", 1));
  v->kernels.back()->group = 3;
  v->kernels.back()->scratch = 32;
  const fb::Slice x{0, 0, 32}, y{0, 64, 32}, a{1, 0, 32}, b{1, 64, 32};
  std::vector<std::unique_ptr<fb::DispatchT>> calls;
  calls.push_back(dispatch(0, {x, a}, "nn.add"));
  calls.push_back(dispatch(0, {x, b}, "nn.add"));
  calls.back()->stream = 1;
  calls.push_back(dispatch(1, {a, b, y}, "nn.add"));
  calls.back()->after = {1};
  v->programs.push_back(Tiny::program("twice", {0}, {1}, std::move(calls)));
  calls.clear();
  calls.push_back(dispatch(2, {x, y}, "nn.loop"));
  v->programs.push_back(Tiny::program("long", {0}, {1}, std::move(calls)));
  calls.clear();
  calls.push_back(dispatch(3, {x, a}, "nn.add"));
  calls.back()->group = 2;
  calls.push_back(dispatch(3, {x, b}, "nn.add"));
  calls.push_back(dispatch(1, {a, b, y}, "nn.add"));
  calls.back()->stream = 1;
  calls.back()->after = {1};
  calls.push_back(dispatch(3, {y, y}, "nn.add"));
  calls.back()->stream = 1;
  v->programs.push_back(Tiny::program("grouped", {0}, {1}, std::move(calls)));
  v->code.assign(code.begin(), code.end());
  return v;
}

std::shared_ptr<const Package> package(const std::string &code = ptx,
                                       const std::string &variant = "cuda:sm_80") {
  static std::vector<uint8_t> bytes; // a package points into what it was made of
  fb::PackageT p;
  p.format = 1;
  p.model = "cuda";
  p.tensors.push_back(tensor("x", fb::BindKind::input, {8}));
  p.tensors.push_back(tensor("y", fb::BindKind::output, {8}));
  p.variants.push_back(cuda_variant(code));
  p.variants.back()->name = variant;
  bytes = pack(p);
  return Package::parse(std::as_bytes(std::span(bytes)), "cuda.mpk");
}

constexpr size_t x = 0, y = 1;
std::vector<float> ones(float value) {
  return std::vector<float>(8, value);
}
std::span<const std::byte> bytes_of(const std::vector<float> &values) {
  return std::as_bytes(std::span(values));
}
std::vector<float> get(const Session &session, size_t tensor) {
  std::vector<float> values(8);
  session.read(tensor, std::as_writable_bytes(std::span(values)));
  return values;
}

template <class Body> Error error_of(Body body) {
  try {
    body();
  } catch (const Error &error) {
    return error;
  }
  ADD_FAILURE() << "no error";
  return Error(Exit::ok, "", "", "");
}
size_t count(const std::string &text, const std::string &word) {
  size_t number = 0;
  for (size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) {
    ++number;
  }
  return number;
}

bool has(const Error &error, const std::string &text) {
  return std::string(error.what()).find(text) != std::string::npos;
}

/// Runs `body` in a process of its own, because a fault is the end of a context. What it returns, the exit code of its
/// error, or -1 for a crash.
int in_a_process(const std::function<int()> &body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);
    std::freopen("/dev/null", "w", stderr);
    try {
      ::_exit(body());
    } catch (const Error &error) {
      ::_exit(int(error.exit));
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Cuda, RunsAProgramOfTwoStreams) {
  options("seed=3");
  Session session(package(), {.device = "cuda:0"});
  for (const float value : {1.0f, 5.0f}) {
    session.write(x, bytes_of(ones(value)));
    session.run("twice");
    EXPECT_EQ(get(session, y), ones(2 * value + 2));
  }
}

TEST(Cuda, RunsGroupsInOneLaunch) {
  const std::string trace = testing::TempDir() + "/groups.trace";
  options("seed=5,trace=" + trace);
  Session session(package(), {.device = "cuda:0"});
  session.write(x, bytes_of(ones(1)));
  session.run("grouped");
  EXPECT_EQ(get(session, y), ones(5));
  EXPECT_EQ(count(read_file(trace), "cuLaunchKernel("), 3u);
  session.device().run(2, 1, 3); // the second of the group alone
  EXPECT_EQ(get(session, y), ones(4));
}

TEST(Cuda, AGroupThatIsNotWaitedForIsFound) {
  options("drop=cuStreamWaitEvent:1");
  Session session(package(), {.device = "cuda:0"});
  session.write(x, bytes_of(ones(1)));
  EXPECT_EQ(error_of([&] { session.run("grouped"); }).exit, Exit::device);
}

TEST(Cuda, AProgramThatDoesNotWaitIsFound) {
  options("drop=cuStreamWaitEvent:2"); // the first lets the other stream begin
  Session session(package(), {.device = "cuda:0"});
  session.write(x, bytes_of(ones(1)));
  EXPECT_EQ(error_of([&] { session.run("twice"); }).exit, Exit::device);
}

TEST(Cuda, WhatIsStagedIsThereAfterTheCommit) {
  options("seed=9");
  Session session(package(), {.device = "cuda:0"});
  ASSERT_TRUE(session.stage(x, bytes_of(ones(1))));
  for (int step = 1; step <= 5; ++step) {
    session.commit();
    session.start("twice");
    ASSERT_TRUE(session.stage(x, bytes_of(ones(float(step + 1))))); // while it runs
    session.finish();
    EXPECT_EQ(get(session, y), ones(2 * float(step) + 2));
  }
  session.run("twice"); // not committed: still the last one's
  EXPECT_EQ(get(session, y), ones(12));
}

TEST(Cuda, AStepThatDoesNotWaitForItsInputIsFound) {
  options("drop=cuStreamWaitEvent:1");
  Session session(package(), {.device = "cuda:0"});
  ASSERT_TRUE(session.stage(x, bytes_of(ones(1))));
  session.commit();
  EXPECT_EQ(error_of([&] { session.run("twice"); }).exit, Exit::device);
}

TEST(Cuda, AnyDevice) {
  options("devices=2,model=a100,model=h100");
  for (const char *device : {"cuda:0", "cuda:1"}) {
    Session session(package(), {.device = device});
    session.write(x, bytes_of(ones(1)));
    session.run("twice");
    EXPECT_EQ(get(session, y), ones(4)) << device;
    EXPECT_NE(session.device().name().find(device), std::string::npos);
  }
  const Error error = error_of([] { Session(package(), {.device = "cuda:2"}); });
  EXPECT_EQ(error.exit, Exit::device);
}

/// Weights of 8 numbers, which "learn" sets to x + 1, and of 12 MiB, which the way by the host takes in pieces.
std::shared_ptr<const Package> package_with_weights() {
  static std::vector<uint8_t> bytes;
  fb::PackageT p;
  p.format = 1;
  p.model = "weights";
  p.tensors.push_back(tensor("x", fb::BindKind::input, {8}));
  p.tensors.push_back(tensor("y", fb::BindKind::output, {8}));
  p.tensors.push_back(tensor("small", fb::BindKind::param, {8}));
  p.tensors.push_back(tensor("large", fb::BindKind::state, {3 << 20}));
  p.variants.push_back(cuda_variant(ptx));
  fb::VariantT &v = *p.variants.back();
  v.arenas.push_back(std::make_unique<fb::ArenaT>());
  v.arenas.back()->name = "state";
  v.arenas.back()->kind = fb::ArenaKind::state;
  v.arenas.back()->size = 64 + (12 << 20);
  for (const auto &[number, offset, size] : {std::tuple(2, 0, 32), std::tuple(3, 64, 12 << 20)}) {
    v.slots.push_back(std::make_unique<fb::SlotT>());
    v.slots.back()->tensor = uint32_t(number);
    v.slots.back()->arena = 2;
    v.slots.back()->offset = uint64_t(offset);
    v.slots.back()->size = uint64_t(size);
  }
  std::vector<std::unique_ptr<fb::DispatchT>> calls;
  calls.push_back(dispatch(0, {{0, 0, 32}, {2, 0, 32}}, "nn.add"));
  v.programs.push_back(Tiny::program("learn", {0}, {2}, std::move(calls)));
  bytes = pack(p);
  return Package::parse(std::as_bytes(std::span(bytes)), "weights.mpk");
}

void copies_weights(const std::string &fakecuda) {
  options(fakecuda);
  const auto package = package_with_weights();
  Session first(package, {.device = "cuda:0"}), second(package, {.device = "cuda:1"}),
      third(package, {.device = "cuda:2"});
  std::vector<float> large(3 << 20);
  for (size_t i = 0; i < large.size(); ++i) {
    large[i] = float(i % 65521);
  }
  first.write(x, bytes_of(ones(6)));
  first.write(3, bytes_of(large));
  first.start("learn");
  second.write(x, bytes_of(ones(2)));
  second.copy_from(first);
  first.write(2, bytes_of(ones(8))); // after the copy
  third.copy_from(second);
  for (Session *session : {&second, &third}) {
    EXPECT_EQ(get(*session, 2), ones(7));
    std::vector<float> copied(large.size());
    session->read(3, std::as_writable_bytes(std::span(copied)));
    EXPECT_EQ(copied, large);
  }
  EXPECT_EQ(get(second, x), ones(2)); // inputs are not copied
}

TEST(Cuda, DevicesCopyDirectly) {
  const std::string trace = ::testing::TempDir() + "/peers." + std::to_string(::getpid());
  copies_weights("devices=3,seed=4,trace=" + trace);
  const std::string calls = read_file(trace);
  EXPECT_NE(calls.find("cuMemcpyPeerAsync("), calls.npos);
  EXPECT_EQ(calls.find("cuMemHostAlloc("), calls.npos);
}

TEST(Cuda, DevicesThatDoNotReachEachOtherCopyByTheHost) {
  const std::string trace = ::testing::TempDir() + "/bridge." + std::to_string(::getpid());
  copies_weights("devices=3,peers=0,seed=5,trace=" + trace);
  const std::string calls = read_file(trace);
  EXPECT_EQ(calls.find("cuMemcpyPeerAsync("), calls.npos);
  EXPECT_NE(calls.find("cuMemHostAlloc("), calls.npos);
}

/// That of a direct copy; by the host each of the four pieces waits to be filled, two for their place to be empty.
TEST(Cuda, EveryWaitBetweenDevicesIsNeeded) {
  for (const auto &[peers, waits] : {std::pair(0, 6), std::pair(1, 1)}) {
    for (int number = 1; number <= waits; ++number) {
      const int code = in_a_process([&] {
        options("devices=2,seed=3,peers=" + std::to_string(peers) +
                ",drop=cuStreamWaitEvent:" + std::to_string(number));
        const auto package = package_with_weights();
        Session first(package, {.device = "cuda:0"}), second(package, {.device = "cuda:1"});
        first.write(x, bytes_of(ones(6)));
        first.start("learn");
        second.copy_from(first);
        return 0;
      });
      EXPECT_EQ(code, int(Exit::device)) << peers << " " << number;
    }
  }
}

TEST(Cuda, ADeviceThatFailsDuringACopy) {
  for (const char *call :
       {"cuMemcpyPeerAsync:1:700", "cuMemcpyHtoDAsync:3:700", "cuMemHostAlloc:2:2",
        "cuCtxEnablePeerAccess:1:711", "cuStreamWaitEvent:1:700"}) {
    const std::string text = call;
    const bool direct = !text.starts_with("cuMemcpyHtoD") && !text.starts_with("cuMemHost");
    const std::string trace = ::testing::TempDir() + "/failing." + std::to_string(::getpid());
    const int code = in_a_process([&] {
      options("devices=3,peers=" + std::to_string(direct) + ",trace=" + trace + ",fail=" + text);
      const auto package = package_with_weights();
      Session first(package, {.device = "cuda:0"}), second(package, {.device = "cuda:1"});
      second.copy_from(first);
      return 0;
    });
    EXPECT_EQ(code,
              text.ends_with(":711") ? 0 : int(text.ends_with(":2") ? Exit::budget : Exit::device))
        << text;
    const std::string calls = read_file(trace);
    EXPECT_EQ(count(calls, "cuEventCreate("), count(calls, "cuEventDestroy(")) << text;
  }
}

TEST(Cuda, ListsOfDevices) {
  EXPECT_EQ(parse_places("cuda:3").size(), 1u);
  EXPECT_EQ(parse_places("cuda:1,cuda:0").at(0).ordinal, 1);
  for (const auto &[text, what] :
       {std::pair("cuda:0,cuda:1,cuda:0", "names cuda:0 twice"), std::pair("cuda:0,cpu", "of CUDA"),
        std::pair("cuda:0,cuda:x", "there is no device 'cuda:x'"),
        std::pair("cuda:0,,cuda:1", "of CUDA")}) {
    const Error error = error_of([&, text = text] { parse_places(text); });
    EXPECT_EQ(error.exit, Exit::usage);
    EXPECT_TRUE(has(error, what)) << error.what();
  }
}

TEST(Cuda, AVariantForAllDevices) {
  options("devices=2,model=h100,model=a100");
  const auto newer = package(ptx, "cuda:sm_90");
  const Error error = error_of([&] { choose_variant(*newer, "", parse_places("cuda:0,cuda:1")); });
  EXPECT_EQ(error.exit, Exit::device);
  EXPECT_TRUE(has(error, "no variant of the package runs on all of cuda:0 (sm_90), cuda:1 (sm_80)"))
      << error.what();
  EXPECT_EQ(choose_variant(*package(), "", parse_places("cuda:0,cuda:1")).name, "cuda:sm_80");
}

TEST(Cuda, CodeForOneArchitecture) {
  options("devices=3,model=h100,model=a100,model=rtx4090");
  Package both = *package();
  both.variants.push_back(both.variants.front());
  both.variants.back().name = "cuda:sm_90a";
  const auto chosen = [&](const char *places) {
    return choose_variant(both, "", parse_places(places)).name;
  };
  EXPECT_EQ(chosen("cuda:0"), "cuda:sm_90a");
  EXPECT_EQ(chosen("cuda:1"), "cuda:sm_80");
  EXPECT_EQ(chosen("cuda:2"), "cuda:sm_80");
  EXPECT_EQ(chosen("cuda:0,cuda:1"), "cuda:sm_80");
  const auto alone = package(ptx, "cuda:sm_90a");
  EXPECT_EQ(choose_variant(*alone, "", parse_places("cuda:0")).name, "cuda:sm_90a");
  const Error error = error_of([&] { choose_variant(*alone, "", parse_places("cuda:1")); });
  EXPECT_EQ(error.exit, Exit::device);
}

TEST(Cuda, OneDeviceIsFull) {
  options("devices=2,memory=100000000,memory=1000000");
  const auto package = package_with_weights();
  Session first(package, {.device = "cuda:0"});
  const Error error = error_of([&] { Session(package, {.device = "cuda:1"}); });
  EXPECT_EQ(error.exit, Exit::budget);
  EXPECT_TRUE(has(error, "free on cuda:1")) << error.what();
}

TEST(Cuda, ALibraryWithoutTheFunctions) {
  ::setenv("MOME_CUDA_DRIVER", "libm.so.6", 1);
  const Error error = error_of([] { Session(package(), {.device = "cuda:0"}); });
  EXPECT_EQ(error.exit, Exit::device);
  EXPECT_TRUE(has(error, "has no function cuInit: it is too old")) << error.what();
}

TEST(Cuda, CodeForAnotherArchitecture) {
  options("model=a100");
  const auto newer = package(ptx, "cuda:sm_90");
  const Error error = error_of([&] { Session(newer, {.device = "cuda:0"}); });
  EXPECT_TRUE(has(error, "cuda:sm_90")) << error.what();
  std::string text = ptx; // the name of the variant is right, the code is not
  text.replace(text.find("sm_80"), 5, "sm_90");
  const Error other = error_of([&] { Session(package(text), {.device = "cuda:0"}); });
  EXPECT_EQ(other.exit, Exit::device);
  EXPECT_TRUE(has(other, "not for cuda:0 (NVIDIA A100-SXM4-80GB), sm_80")) << other.what();
}

TEST(Cuda, ADriverThatIsTooOldForThePtx) {
  options("fail=cuModuleLoadDataEx:1:222");
  const Error error = error_of([] { Session(package(), {.device = "cuda:0"}); });
  EXPECT_EQ(error.exit, Exit::device);
  EXPECT_TRUE(has(error, "too old for the PTX of cuda.mpk")) << error.what();
}

TEST(Cuda, ADriverThatDoesNotStart) {
  options("fail=cuInit:1:999");
  const Error error = error_of([] { Session(package(), {.device = "cuda:0"}); });
  EXPECT_EQ(error.exit, Exit::device);
  EXPECT_TRUE(has(error, "the CUDA driver does not start")) << error.what();
}

TEST(Cuda, AnEndlessKernel) {
  options("budget=10000");
  Session session(package(), {.device = "cuda:0"});
  session.write(x, bytes_of(ones(1)));
  const Error error = error_of([&] { session.run("long"); });
  EXPECT_EQ(error.exit, Exit::device);
  EXPECT_TRUE(has(error, "CUDA_ERROR_LAUNCH_TIMEOUT")) << error.what();
}

/// Loads and runs code.
int outcome(const std::string &code) {
  return in_a_process([&] {
    Session session(package(code), {.device = "cuda:0"});
    session.write(x, bytes_of(ones(1)));
    session.run("twice");
    return get(session, y) == ones(4) ? 0 : 1;
  });
}

/// A fat binary of these entries; kind 1 is PTX, 2 machine code.
std::string fat_binary(const std::vector<std::pair<uint16_t, std::string>> &entries) {
  const auto number = [](uint64_t value, size_t bytes) {
    return std::string(reinterpret_cast<const char *>(&value), bytes);
  };
  std::string body;
  for (auto [kind, payload] : entries) {
    payload.resize((payload.size() + 8) / 8 * 8);
    std::string head =
        number(kind, 2) + number(0x101, 2) + number(64, 4) + number(payload.size(), 8);
    head.resize(64);
    body += head + payload;
  }
  return number(0xBA55ED50, 4) + number(1, 2) + number(16, 2) + number(body.size(), 8) + body;
}
/// An ELF file of one section; no GPU's, but whole.
std::string elf_file() {
  std::string file(192, '\0');
  const auto put = [&](size_t at, uint64_t value, size_t bytes) {
    std::memcpy(&file[at], &value, bytes);
  };
  file.replace(0, 7,
               "\x7f"
               "ELF\x02\x01\x01");
  put(40, 64, 8);    // section headers: where,
  put(58, 64, 2);    // how long,
  put(60, 1, 2);     // how many
  put(64 + 4, 1, 4); // the section's type,
  put(64 + 24, 128, 8);
  put(64 + 32, 64, 8);
  return file;
}

TEST(Cuda, ForeignCode) {
  options("budget=10000");
  const std::string cubin = elf_file();
  EXPECT_EQ(outcome(ptx), 0);
  EXPECT_EQ(outcome(fat_binary({{2, cubin}, {1, ptx}})), 0);
  for (const std::string &foreign :
       {std::string("hello"), std::string(1000, 'x'), cubin, std::string(1, '\0'), fat_binary({}),
        fat_binary({{1, "hello"}}), fat_binary({{7, ptx}}), fat_binary({{2, "no ELF"}, {1, ptx}}),
        fat_binary({{2, cubin.substr(0, 150)}, {1, ptx}}), ptx + '\0' + ptx}) {
    EXPECT_EQ(outcome(foreign), int(Exit::mismatch)) << foreign;
  }
  EXPECT_EQ(outcome(fat_binary({{2, cubin}})), int(Exit::device)); // for another device
}

/// A driver is told no size: what is cut off is found before it.
TEST(Cuda, CodeThatIsCutOff) {
  options("budget=10000");
  const std::string binary = fat_binary({{2, elf_file()}, {1, ptx}});
  ASSERT_EQ(outcome(binary), 0);
  for (size_t size = 1; size < ptx.size() - 60; size += 41) { // all three kernels are cut, or gone
    EXPECT_EQ(outcome(ptx.substr(0, size)), int(Exit::mismatch)) << size;
  }
  for (size_t size = 0; size < binary.size(); ++size) {
    EXPECT_NE(cuda::find_damage(std::as_bytes(std::span(binary)).first(size)), "") << size;
  }
  EXPECT_EQ(cuda::find_damage(std::as_bytes(std::span(binary))), "");
}

/// No flip makes the checker read elsewhere (the sanitizers' build), or a length go unnoticed.
TEST(Cuda, FlippedBitsOfLengths) {
  const std::string binary = fat_binary({{2, elf_file()}, {1, ptx}});
  int found = 0;
  for (size_t bit = 0; bit < 8 * (16 + 64 + 192); ++bit) {
    std::string code = binary;
    code[bit / 8] ^= char(1u << bit % 8);
    found += !cuda::find_damage(std::as_bytes(std::span(code))).empty();
    if (bit / 8 >= 8 && bit / 8 < 16) { // of all that follows
      EXPECT_NE(cuda::find_damage(std::as_bytes(std::span(code))), "") << bit;
    }
  }
  EXPECT_GT(found, 300);
}

/// A flipped bit may do nothing, give other numbers, or be an error; it is never a crash or a hang.
TEST(Cuda, FlippedBits) {
  options("budget=10000");
  ASSERT_EQ(outcome(ptx), 0);
  std::mt19937 random(1);
  int refused = 0;
  for (int i = 0; i < 200; ++i) {
    std::string code = i % 2 ? ptx : fat_binary({{2, elf_file()}, {1, ptx}});
    code[random() % std::min<size_t>(code.size(), i % 4 ? code.size() : 150)] ^=
        char(1u << random() % 8);
    const int result = outcome(code);
    EXPECT_TRUE(result == 0 || result == 1 || result == int(Exit::mismatch) ||
                result == int(Exit::device))
        << i << ": " << result;
    refused += result > 1;
  }
  EXPECT_GT(refused, 100);
}

} // namespace
} // namespace mome::test

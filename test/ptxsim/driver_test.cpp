// The stand-in driver as programs see it: loaded by dlopen, called through function pointers. Each
// test has its own copy of the library, since options are read once.
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <sstream>
#include <unistd.h>
#include <vector>

#include "runtime/cuda/driver_abi.h"

namespace {

using namespace mome::cuda;

const char *const ptx = R"(.version 7.0
.target sm_80
.address_size 64
.global .align 4 .u32 scale = 3;
// y[i] = x[i] * scale
.visible .entry multiply(.param .u64 px, .param .u64 py, .param .u32 n) {
  .reg .b32 i, v, s, n, c, b; .reg .b64 x, y, o; .reg .pred p;
  mov.u32 i, %tid.x; mov.u32 c, %ctaid.x; mov.u32 b, %ntid.x; mad.lo.u32 i, c, b, i;
  ld.param.u32 n, [n_]; setp.ge.u32 p, i, n; @p ret;
  ld.param.u64 x, [px]; ld.param.u64 y, [py];
  mul.wide.u32 o, i, 4; add.u64 x, x, o; add.u64 y, y, o;
  ld.global.u32 v, [x]; ld.global.u32 s, [scale]; mul.lo.u32 v, v, s; st.global.u32 [y], v;
  ret;
}
)";

std::string module_text() {
  std::string text = ptx;
  text.replace(text.find(".param .u32 n)"), 14, ".param .u32 n_)");
  return text;
}

class Api {
  /// Named constants are the integers that the functions take.
  template <class T> static auto plain(T value) {
    if constexpr (std::is_enum_v<T>) {
      return std::underlying_type_t<T>(value);
    } else {
      return value;
    }
  }

public:
  explicit Api(const std::string &options = "") {
    static int number = 0;
    copy = ::testing::TempDir() + "fakecuda_" + std::to_string(::getpid()) + "_" +
           std::to_string(number++) + ".so";
    std::filesystem::copy_file(MOME_FAKECUDA_LIBRARY, copy,
                               std::filesystem::copy_options::overwrite_existing);
    ::setenv("MOME_FAKECUDA", options.c_str(), 1);
    library = ::dlopen(copy.c_str(), RTLD_NOW | RTLD_LOCAL);
    EXPECT_NE(library, nullptr) << ::dlerror();
    std::filesystem::remove(copy);
  }
  /// `call("cuMemAlloc_v2", &p, size)`: arguments must have the exact types.
  template <class... Args> CUresult call(const char *name, Args... args) {
    return call_plain(name, plain(args)...);
  }
  template <class... Args> CUresult call_plain(const char *name, Args... args) {
    auto *f = reinterpret_cast<CUresult (*)(Args...)>(::dlsym(library, name));
    EXPECT_NE(f, nullptr) << name;
    return f ? f(args...) : CUDA_ERROR_NOT_FOUND;
  }

  void start(CUdevice device = 0) {
    ASSERT_EQ(call("cuInit", 0u), 0);
    CUcontext context;
    ASSERT_EQ(call("cuDevicePrimaryCtxRetain", &context, device), 0);
    ASSERT_EQ(call("cuCtxSetCurrent", context), 0);
  }
  CUdeviceptr alloc(size_t bytes) {
    CUdeviceptr p = 0;
    EXPECT_EQ(call("cuMemAlloc_v2", &p, bytes), 0);
    return p;
  }
  CUstream stream() {
    CUstream s;
    EXPECT_EQ(call("cuStreamCreate", &s, CU_STREAM_NON_BLOCKING), 0);
    return s;
  }
  CUevent event() {
    CUevent e;
    EXPECT_EQ(call("cuEventCreate", &e, CU_EVENT_DISABLE_TIMING), 0);
    return e;
  }
  CUfunction load() {
    const std::string text = module_text();
    CUfunction f = nullptr;
    EXPECT_EQ(call("cuModuleLoadData", &module, static_cast<const void *>(text.c_str())), 0);
    EXPECT_EQ(call("cuModuleGetFunction", &f, module, "multiply"), 0);
    return f;
  }
  CUresult upload(CUdeviceptr to, const std::vector<uint32_t> &from) {
    return call("cuMemcpyHtoD_v2", to, static_cast<const void *>(from.data()), from.size() * 4);
  }
  std::vector<uint32_t> download(CUdeviceptr from, size_t n) {
    std::vector<uint32_t> v(n);
    EXPECT_EQ(call("cuMemcpyDtoH_v2", static_cast<void *>(v.data()), from, n * 4), 0);
    return v;
  }
  CUresult launch(CUfunction f, CUdeviceptr x, CUdeviceptr y, uint32_t n, CUstream s) {
    void *params[] = {&x, &y, &n};
    return call("cuLaunchKernel", f, (n + 63) / 64, 1u, 1u, 64u, 1u, 1u, 0u, s,
                static_cast<void **>(params), static_cast<void **>(nullptr));
  }

  CUmodule module = nullptr;

private:
  std::string copy;
  void *library;
};

std::vector<uint32_t> ramp(uint32_t n, uint32_t by = 1) {
  std::vector<uint32_t> v(n);
  for (uint32_t i = 0; i < n; ++i) {
    v[i] = i * by;
  }
  return v;
}

TEST(Driver, RunsAKernel) {
  Api cu;
  cu.start();
  const CUfunction f = cu.load();
  const CUdeviceptr x = cu.alloc(400), y = cu.alloc(400);
  ASSERT_EQ(cu.upload(x, ramp(100)), 0);
  ASSERT_EQ(cu.launch(f, x, y, 100, nullptr), 0);
  EXPECT_EQ(cu.download(y, 100), ramp(100, 3));
  EXPECT_EQ(cu.call("cuMemFree_v2", x), 0);
  EXPECT_EQ(cu.call("cuMemFree_v2", x), CUDA_ERROR_INVALID_VALUE);
}

TEST(Driver, NeedsInitialisationAndAContext) {
  Api cu;
  int count = 0;
  CUdeviceptr p;
  EXPECT_EQ(cu.call("cuDeviceGetCount", &count), CUDA_ERROR_NOT_INITIALIZED);
  EXPECT_EQ(cu.call("cuMemAlloc_v2", &p, size_t{4}), CUDA_ERROR_NOT_INITIALIZED);
  ASSERT_EQ(cu.call("cuInit", 0u), 0);
  EXPECT_EQ(cu.call("cuMemAlloc_v2", &p, size_t{4}), CUDA_ERROR_INVALID_CONTEXT);
}

TEST(Driver, DevicesHaveTheirRealLimits) {
  Api cu("devices=3,model=a100,model=h100,model=rtx4090");
  ASSERT_EQ(cu.call("cuInit", 0u), 0);
  int count = 0;
  ASSERT_EQ(cu.call("cuDeviceGetCount", &count), 0);
  EXPECT_EQ(count, 3);
  const int shared[] = {166912, 232448, 101376}, major[] = {8, 9, 8};
  for (int d = 0; d < 3; ++d) {
    int value = 0;
    EXPECT_EQ(cu.call("cuDeviceGetAttribute", &value,
                      int(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN), d),
              0);
    EXPECT_EQ(value, shared[d]);
    EXPECT_EQ(cu.call("cuDeviceGetAttribute", &value,
                      int(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR), d),
              0);
    EXPECT_EQ(value, major[d]);
  }
  CUdevice device;
  EXPECT_EQ(cu.call("cuDeviceGet", &device, 3), CUDA_ERROR_INVALID_DEVICE);
}

TEST(Driver, SharedMemoryBeyond48KiBMustBeAskedFor) {
  Api cu;
  cu.start();
  const CUfunction f = cu.load();
  const CUdeviceptr x = cu.alloc(4);
  uint32_t n = 0;
  CUdeviceptr px = x;
  void *params[] = {&px, &px, &n};
  const auto launch = [&](unsigned shared) {
    return cu.call("cuLaunchKernel", f, 1u, 1u, 1u, 32u, 1u, 1u, shared, CUstream(nullptr),
                   static_cast<void **>(params), static_cast<void **>(nullptr));
  };
  EXPECT_EQ(launch(49152), 0);
  EXPECT_EQ(launch(49153), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cu.call("cuFuncSetAttribute", f, int(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES),
                    166913),
            CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cu.call("cuFuncSetAttribute", f, int(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES),
                    166912),
            0);
  EXPECT_EQ(launch(166912), 0);
  EXPECT_EQ(cu.call("cuLaunchKernel", f, 1u, 1u, 1u, 2048u, 1u, 1u, 0u, CUstream(nullptr),
                    static_cast<void **>(params), static_cast<void **>(nullptr)),
            CUDA_ERROR_INVALID_VALUE);
}

/// x -> (stream a) -> y -> (stream b) -> z, with or without the event in between.
std::vector<uint32_t> two_streams(Api &cu, bool with_event) {
  cu.start();
  const CUfunction f = cu.load();
  const CUdeviceptr x = cu.alloc(400), y = cu.alloc(400), z = cu.alloc(400);
  EXPECT_EQ(cu.upload(x, ramp(100)), 0);
  EXPECT_EQ(cu.call("cuMemsetD32_v2", y, 7u, size_t{100}), 0);
  EXPECT_EQ(cu.call("cuCtxSynchronize"), 0);
  const CUstream a = cu.stream(), b = cu.stream();
  const CUevent e = cu.event();
  EXPECT_EQ(cu.launch(f, x, y, 100, a), 0);
  EXPECT_EQ(cu.call("cuEventRecord", e, a), 0);
  if (with_event) {
    EXPECT_EQ(cu.call("cuStreamWaitEvent", b, e, 0u), 0);
  }
  EXPECT_EQ(cu.launch(f, y, z, 100, b), 0);
  EXPECT_EQ(cu.call("cuStreamSynchronize", b), 0);
  return cu.download(z, 100);
}

TEST(Streams, AnEventOrdersThem) {
  for (int seed = 0; seed < 8; ++seed) {
    Api cu("seed=" + std::to_string(seed));
    EXPECT_EQ(two_streams(cu, true), ramp(100, 9)) << seed;
  }
}
TEST(Streams, AMissingEventWaitShows) {
  int wrong = 0;
  for (int seed = 0; seed < 16; ++seed) {
    Api cu("checks=0,seed=" + std::to_string(seed));
    wrong += two_streams(cu, false) != ramp(100, 9);
  }
  EXPECT_GT(wrong, 3);
}

/// x -> y on one stream, and on another y -> z, or z -> y, or y -> z after the host has waited.
enum class Second { reads, writes, waits };
CUresult race(Api &cu, Second second) {
  cu.start();
  const CUfunction f = cu.load();
  const CUdeviceptr x = cu.alloc(400), y = cu.alloc(400), z = cu.alloc(400);
  for (const CUdeviceptr memory : {x, y, z}) {
    EXPECT_EQ(cu.upload(memory, ramp(100)), 0);
  }
  const CUstream a = cu.stream(), b = cu.stream();
  EXPECT_EQ(cu.launch(f, x, y, 100, a), 0);
  if (second == Second::waits) {
    EXPECT_EQ(cu.call("cuStreamSynchronize", a), 0);
  }
  const bool writes = second == Second::writes;
  EXPECT_EQ(cu.launch(f, writes ? z : y, writes ? y : z, 100, b), 0);
  return cu.call("cuCtxSynchronize");
}

TEST(Streams, ARaceIsFoundForEverySeed) {
  for (int seed = 0; seed < 8; ++seed) {
    for (const Second second : {Second::reads, Second::writes}) {
      Api cu("seed=" + std::to_string(seed));
      EXPECT_EQ(race(cu, second), CUDA_ERROR_LAUNCH_FAILED) << seed;
    }
    Api cu("seed=" + std::to_string(seed));
    EXPECT_EQ(race(cu, Second::waits), 0) << seed;
  }
}

TEST(Streams, ADroppedCallDoesNothing) {
  Api cu("drop=cuStreamWaitEvent:1");
  cu.start();
  const CUfunction f = cu.load();
  const CUdeviceptr x = cu.alloc(400), y = cu.alloc(400);
  ASSERT_EQ(cu.upload(x, ramp(100)), 0);
  const CUstream a = cu.stream(), b = cu.stream();
  const CUevent e = cu.event();
  ASSERT_EQ(cu.launch(f, x, y, 100, a), 0);
  ASSERT_EQ(cu.call("cuEventRecord", e, a), 0);
  ASSERT_EQ(cu.call("cuStreamWaitEvent", b, e, 0u), 0);
  ASSERT_EQ(cu.launch(f, y, x, 100, b), 0);
  EXPECT_EQ(cu.call("cuCtxSynchronize"), CUDA_ERROR_LAUNCH_FAILED);
}

TEST(Streams, AreLazy) {
  Api cu;
  cu.start();
  const CUfunction f = cu.load();
  const CUdeviceptr x = cu.alloc(400), y = cu.alloc(400);
  ASSERT_EQ(cu.upload(x, ramp(100)), 0);
  const CUstream s = cu.stream();
  uint32_t *pinned = nullptr;
  ASSERT_EQ(cu.call("cuMemHostAlloc", reinterpret_cast<void **>(&pinned), size_t{400}, 0u), 0);
  ASSERT_EQ(cu.launch(f, x, y, 100, s), 0);
  ASSERT_EQ(cu.call("cuMemcpyDtoHAsync_v2", static_cast<void *>(pinned), y, size_t{400}, s), 0);
  EXPECT_EQ(pinned[5], 0xffffffffu); // nothing ran
  ASSERT_EQ(cu.call("cuStreamSynchronize", s), 0);
  EXPECT_EQ(pinned[5], 15u);
  EXPECT_EQ(cu.call("cuMemFreeHost", static_cast<void *>(pinned)), 0);
}

TEST(Streams, APinnedSourceIsReadLateAPageableOneAtOnce) {
  Api cu;
  cu.start();
  const CUdeviceptr x = cu.alloc(4), y = cu.alloc(4);
  const CUstream s = cu.stream();
  uint32_t *pinned = nullptr, pageable = 1;
  ASSERT_EQ(cu.call("cuMemHostAlloc", reinterpret_cast<void **>(&pinned), size_t{4}, 0u), 0);
  *pinned = 1;
  ASSERT_EQ(cu.call("cuMemcpyHtoDAsync_v2", x, static_cast<const void *>(pinned), size_t{4}, s), 0);
  ASSERT_EQ(cu.call("cuMemcpyHtoDAsync_v2", y, static_cast<const void *>(&pageable), size_t{4}, s),
            0);
  *pinned = pageable = 2;
  ASSERT_EQ(cu.call("cuStreamSynchronize", s), 0);
  EXPECT_EQ(cu.download(x, 1)[0], 2u);
  EXPECT_EQ(cu.download(y, 1)[0], 1u);
}

TEST(Streams, HostFunctionsRunInOrder) {
  Api cu;
  cu.start();
  const CUstream s = cu.stream();
  std::vector<int> order;
  const auto add = [](void *data) {
    auto *v = static_cast<std::vector<int> *>(data);
    v->push_back(int(v->size()));
  };
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(cu.call("cuLaunchHostFunc", s, CUhostFn(add), static_cast<void *>(&order)), 0);
  }
  EXPECT_TRUE(order.empty());
  ASSERT_EQ(cu.call("cuCtxSynchronize"), 0);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(Graphs, CaptureTwoStreamsAndReplay) {
  for (int seed = 0; seed < 5; ++seed) {
    Api cu("seed=" + std::to_string(seed));
    cu.start();
    const CUfunction f = cu.load();
    const CUdeviceptr x = cu.alloc(400), y = cu.alloc(400), z = cu.alloc(400);
    const CUstream a = cu.stream(), b = cu.stream();
    const CUevent fork = cu.event(), join = cu.event();
    ASSERT_EQ(cu.call("cuStreamBeginCapture_v2", a, 0), 0);
    ASSERT_EQ(cu.launch(f, x, y, 100, a), 0);
    ASSERT_EQ(cu.call("cuEventRecord", fork, a), 0);
    ASSERT_EQ(cu.call("cuStreamWaitEvent", b, fork, 0u), 0);
    ASSERT_EQ(cu.launch(f, y, z, 100, b), 0);
    ASSERT_EQ(cu.call("cuEventRecord", join, b), 0);
    ASSERT_EQ(cu.call("cuStreamWaitEvent", a, join, 0u), 0);
    ASSERT_EQ(cu.launch(f, z, y, 100, a), 0);
    CUgraph graph;
    CUgraphExec executable;
    ASSERT_EQ(cu.call("cuStreamEndCapture", a, &graph), 0);
    size_t nodes = 0;
    ASSERT_EQ(cu.call("cuGraphGetNodes", graph, static_cast<CUgraphNode *>(nullptr), &nodes), 0);
    EXPECT_EQ(nodes, 3u);
    ASSERT_EQ(cu.call("cuGraphInstantiateWithFlags", &executable, graph, 0ull), 0);
    for (uint32_t step = 1; step < 3; ++step) {
      ASSERT_EQ(cu.upload(x, ramp(100, step)), 0);
      ASSERT_EQ(cu.call("cuGraphLaunch", executable, a), 0);
      ASSERT_EQ(cu.call("cuStreamSynchronize", a), 0);
      EXPECT_EQ(cu.download(y, 100), ramp(100, 27 * step));
    }
    EXPECT_EQ(cu.call("cuGraphExecDestroy", executable), 0);
    EXPECT_EQ(cu.call("cuGraphDestroy", graph), 0);
    EXPECT_EQ(cu.call("cuGraphDestroy", graph), CUDA_ERROR_INVALID_HANDLE);
  }
}
TEST(Graphs, UnjoinedAndForbiddenCaptures) {
  Api cu;
  cu.start();
  const CUfunction f = cu.load();
  const CUdeviceptr x = cu.alloc(4);
  const CUstream a = cu.stream(), b = cu.stream();
  const CUevent fork = cu.event();
  CUgraph graph;
  ASSERT_EQ(cu.call("cuStreamBeginCapture_v2", a, 0), 0);
  ASSERT_EQ(cu.call("cuEventRecord", fork, a), 0);
  ASSERT_EQ(cu.call("cuStreamWaitEvent", b, fork, 0u), 0);
  ASSERT_EQ(cu.launch(f, x, x, 1, b), 0);
  EXPECT_EQ(cu.call("cuStreamEndCapture", a, &graph), CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
  ASSERT_EQ(cu.call("cuStreamBeginCapture_v2", a, 0), 0);
  EXPECT_EQ(cu.call("cuStreamSynchronize", a), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  EXPECT_EQ(cu.call("cuStreamEndCapture", a, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
}

TEST(Peers, CopyAndDirectAccess) {
  Api cu("devices=2");
  cu.start(1);
  const CUdeviceptr there = cu.alloc(400);
  CUcontext peer;
  ASSERT_EQ(cu.call("cuCtxGetCurrent", &peer), 0);
  cu.start(0);
  CUcontext here;
  ASSERT_EQ(cu.call("cuCtxGetCurrent", &here), 0);
  const CUfunction f = cu.load();
  const CUdeviceptr x = cu.alloc(400), y = cu.alloc(400);
  ASSERT_EQ(cu.upload(x, ramp(100)), 0);
  const auto copy = [&](CUcontext to, CUcontext from) {
    return cu.call("cuMemcpyPeerAsync", there, to, x, from, size_t{400}, CUstream(nullptr));
  };
  EXPECT_EQ(copy(here, peer), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(copy(peer, CUcontext(nullptr)), CUDA_ERROR_INVALID_CONTEXT);
  ASSERT_EQ(copy(peer, here), 0);
  ASSERT_EQ(cu.call("cuCtxEnablePeerAccess", peer, 0u), 0);
  EXPECT_EQ(cu.call("cuCtxEnablePeerAccess", peer, 0u), CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED);
  ASSERT_EQ(cu.launch(f, there, y, 100, nullptr), 0);
  EXPECT_EQ(cu.download(y, 100), ramp(100, 3));
}
TEST(Peers, DevicesThatDoNotReachEachOther) {
  Api cu("devices=2,peers=0");
  cu.start(1);
  CUcontext peer;
  ASSERT_EQ(cu.call("cuCtxGetCurrent", &peer), 0);
  cu.start(0);
  int can = 1;
  ASSERT_EQ(cu.call("cuDeviceCanAccessPeer", &can, 0, 1), 0);
  EXPECT_EQ(can, 0);
  EXPECT_EQ(cu.call("cuCtxEnablePeerAccess", peer, 0u), CUDA_ERROR_PEER_ACCESS_UNSUPPORTED);
}
TEST(Peers, PinnedMemoryBetweenTwoStreamsIsWatched) {
  for (const bool waits : {false, true}) {
    Api cu;
    cu.start();
    const CUdeviceptr x = cu.alloc(400), y = cu.alloc(400);
    ASSERT_EQ(cu.upload(x, ramp(100)), 0);
    void *pinned = nullptr;
    CUstream a, b;
    CUevent event;
    ASSERT_EQ(cu.call("cuMemHostAlloc", &pinned, size_t{400}, 0u), 0);
    ASSERT_EQ(cu.call("cuStreamCreate", &a, 1u), 0);
    ASSERT_EQ(cu.call("cuStreamCreate", &b, 1u), 0);
    ASSERT_EQ(cu.call("cuEventCreate", &event, 2u), 0);
    ASSERT_EQ(cu.call("cuMemcpyDtoHAsync_v2", pinned, x, size_t{400}, a), 0);
    ASSERT_EQ(cu.call("cuEventRecord", event, a), 0);
    if (waits) {
      ASSERT_EQ(cu.call("cuStreamWaitEvent", b, event, 0u), 0);
    }
    ASSERT_EQ(cu.call("cuMemcpyHtoDAsync_v2", y, static_cast<const void *>(pinned), size_t{400}, b),
              0);
    const int first = cu.call("cuStreamSynchronize", a), second = cu.call("cuStreamSynchronize", b);
    EXPECT_EQ(first == 0 && second == 0, waits);
  }
}
TEST(Peers, WithoutAccessAKernelFaults) {
  Api cu("devices=2");
  cu.start(1);
  const CUdeviceptr there = cu.alloc(400);
  cu.start(0);
  const CUfunction f = cu.load();
  ASSERT_EQ(cu.launch(f, there, there, 100, nullptr), 0);
  EXPECT_EQ(cu.call("cuCtxSynchronize"), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST(Errors, OutOfBoundsIsSticky) {
  Api cu;
  cu.start();
  const CUfunction f = cu.load();
  const CUdeviceptr x = cu.alloc(400), y = cu.alloc(396); // one too short
  ASSERT_EQ(cu.upload(x, ramp(100)), 0);
  ASSERT_EQ(cu.launch(f, x, y, 100, nullptr), 0);
  EXPECT_EQ(cu.call("cuCtxSynchronize"), CUDA_ERROR_ILLEGAL_ADDRESS);
  CUdeviceptr p;
  EXPECT_EQ(cu.call("cuMemAlloc_v2", &p, size_t{4}), CUDA_ERROR_ILLEGAL_ADDRESS);
}
TEST(Errors, UninitializedMemoryIsALaunchFailure) {
  Api cu;
  cu.start();
  const CUfunction f = cu.load();
  const CUdeviceptr x = cu.alloc(400), y = cu.alloc(400);
  ASSERT_EQ(cu.launch(f, x, y, 100, nullptr), 0);
  EXPECT_EQ(cu.call("cuCtxSynchronize"), CUDA_ERROR_LAUNCH_FAILED);
}
TEST(Errors, EarlyFree) {
  int faults = 0;
  for (int seed = 0; seed < 6; ++seed) {
    Api cu("seed=" + std::to_string(seed));
    cu.start();
    const CUfunction f = cu.load();
    const CUdeviceptr x = cu.alloc(400), y = cu.alloc(400);
    ASSERT_EQ(cu.upload(x, ramp(100)), 0);
    const CUstream a = cu.stream(), b = cu.stream();
    ASSERT_EQ(cu.launch(f, x, y, 100, a), 0);
    ASSERT_EQ(cu.call("cuMemFreeAsync", x, b), 0); // no event: may come first
    faults += cu.call("cuCtxSynchronize") == CUDA_ERROR_ILLEGAL_ADDRESS;
  }
  EXPECT_GT(faults, 0);
  Api strict("strict_free=1");
  strict.start();
  const CUfunction f = strict.load();
  const CUdeviceptr x = strict.alloc(400), y = strict.alloc(400);
  ASSERT_EQ(strict.upload(x, ramp(100)), 0);
  ASSERT_EQ(strict.launch(f, x, y, 100, strict.stream()), 0);
  ASSERT_EQ(strict.call("cuMemFree_v2", x), 0);
  EXPECT_EQ(strict.call("cuCtxSynchronize"), CUDA_ERROR_ILLEGAL_ADDRESS);
}
TEST(Errors, Injected) {
  Api cu("fail=cuMemAlloc:2:2,fail=kernel:2:214,fail=cuStreamCreate:1:999");
  cu.start();
  const CUfunction f = cu.load();
  CUdeviceptr p;
  EXPECT_EQ(cu.call("cuMemAlloc_v2", &p, size_t{4}), 0);
  EXPECT_EQ(cu.call("cuMemAlloc_v2", &p, size_t{4}), CUDA_ERROR_OUT_OF_MEMORY);
  const CUdeviceptr x = cu.alloc(4), y = cu.alloc(4);
  CUstream s;
  EXPECT_EQ(cu.call("cuStreamCreate", &s, 0u), CUDA_ERROR_UNKNOWN);
  ASSERT_EQ(cu.upload(x, {1}), 0);
  ASSERT_EQ(cu.launch(f, x, y, 1, nullptr), 0);
  EXPECT_EQ(cu.call("cuCtxSynchronize"), 0);
  ASSERT_EQ(cu.launch(f, x, y, 1, nullptr), 0);
  EXPECT_EQ(cu.call("cuCtxSynchronize"), CUDA_ERROR_ECC_UNCORRECTABLE);
  EXPECT_EQ(cu.call("cuCtxSynchronize"), CUDA_ERROR_ECC_UNCORRECTABLE);
}
TEST(Errors, OutOfMemory) {
  Api cu("memory=1000000");
  cu.start();
  CUdeviceptr p;
  EXPECT_EQ(cu.call("cuMemAlloc_v2", &p, size_t{1000001}), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(cu.call("cuMemAlloc_v2", &p, size_t{600000}), 0);
  CUdeviceptr q;
  EXPECT_EQ(cu.call("cuMemAlloc_v2", &q, size_t{600000}), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(cu.call("cuMemFree_v2", p), 0);
  EXPECT_EQ(cu.call("cuMemAlloc_v2", &q, size_t{600000}), 0);
}
TEST(Errors, NamesAndTexts) {
  Api cu;
  const char *name = nullptr, *text = nullptr;
  EXPECT_EQ(cu.call("cuGetErrorName", 700, &name), 0);
  EXPECT_STREQ(name, "CUDA_ERROR_ILLEGAL_ADDRESS");
  EXPECT_EQ(cu.call("cuGetErrorString", 2, &text), 0);
  EXPECT_STREQ(text, "out of memory");
  EXPECT_EQ(cu.call("cuGetErrorName", 12345, &name), CUDA_ERROR_INVALID_VALUE);
}

TEST(Modules, BadImages) {
  Api cu;
  cu.start();
  CUmodule m;
  char log[200] = "";
  int options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log, reinterpret_cast<void *>(sizeof log)};
  const auto load = [&](const void *image) {
    return cu.call("cuModuleLoadDataEx", &m, image, 2u, static_cast<int *>(options),
                   static_cast<void **>(values));
  };
  EXPECT_EQ(load("hello"), CUDA_ERROR_INVALID_PTX);
  EXPECT_EQ(load("\x7f"
                 "ELF........................"),
            CUDA_ERROR_NO_BINARY_FOR_GPU);
  std::string bad = module_text();
  bad.replace(bad.find("mul.lo.u32"), 10, "mul.zz.u32");
  EXPECT_EQ(load(bad.c_str()), CUDA_ERROR_INVALID_PTX);
  EXPECT_NE(std::string(log).find("module.ptx:"), std::string::npos) << log;
  std::string newer = module_text();
  newer.replace(newer.find("sm_80"), 5, "sm_90");
  EXPECT_EQ(load(newer.c_str()), CUDA_ERROR_NO_BINARY_FOR_GPU);
  CUfunction f;
  cu.load();
  EXPECT_EQ(cu.call("cuModuleGetFunction", &f, cu.module, "nothing"), CUDA_ERROR_NOT_FOUND);
  EXPECT_EQ(cu.call("cuModuleUnload", cu.module), 0);
  EXPECT_EQ(cu.call("cuModuleUnload", cu.module), CUDA_ERROR_INVALID_HANDLE);
}

/// A fat binary with an ELF entry and then our PTX, as `fatbinary --compress=false` lays it out.
std::string fatbin(uint64_t ptx_flags) {
  const auto put = [](std::string &s, uint64_t value, size_t bytes) {
    s.append(reinterpret_cast<const char *>(&value), bytes);
  };
  const auto entry = [&](uint16_t kind, std::string payload, uint64_t flags) {
    payload.resize((payload.size() + 7) / 8 * 8);
    std::string e;
    put(e, kind, 2);
    put(e, 0x101, 2);
    put(e, 64, 4);
    put(e, payload.size(), 8);
    e.resize(40);
    put(e, flags, 8);
    e.resize(64);
    return e + payload;
  };
  const std::string body = entry(2,
                                 "\x7f"
                                 "ELF not really",
                                 0) +
                           entry(1, module_text(), ptx_flags);
  std::string out;
  put(out, 0xBA55ED50, 4);
  put(out, 1, 2);
  put(out, 16, 2);
  put(out, body.size(), 8);
  return out + body;
}
TEST(Modules, FatBinaries) {
  Api cu;
  cu.start();
  const std::string good = fatbin(0), compressed = fatbin(0x2000);
  EXPECT_EQ(cu.call("cuModuleLoadData", &cu.module, static_cast<const void *>(good.data())), 0);
  CUfunction f;
  EXPECT_EQ(cu.call("cuModuleGetFunction", &f, cu.module, "multiply"), 0);
  CUmodule m;
  EXPECT_EQ(cu.call("cuModuleLoadData", &m, static_cast<const void *>(compressed.data())),
            CUDA_ERROR_NO_BINARY_FOR_GPU);
  for (size_t n = 4; n < 160; ++n) { // damaged headers: an error, no crash
    // Nothing tells a driver how long an image is: where its header points must be memory.
    std::string bad = good + std::string(1 << 17, '\0');
    bad[n] = char(bad[n] ^ 0x80);
    if (cu.call("cuModuleLoadData", &m, static_cast<const void *>(bad.data())) == 0) {
      EXPECT_EQ(cu.call("cuModuleUnload", m), 0);
    }
  }
}
TEST(Modules, Globals) {
  Api cu;
  cu.start();
  const CUfunction f = cu.load();
  CUdeviceptr scale = 0;
  size_t size = 0;
  ASSERT_EQ(cu.call("cuModuleGetGlobal_v2", &scale, &size, cu.module, "scale"), 0);
  EXPECT_EQ(size, 4u);
  ASSERT_EQ(cu.upload(scale, {10}), 0);
  const CUdeviceptr x = cu.alloc(40), y = cu.alloc(40);
  ASSERT_EQ(cu.upload(x, ramp(10)), 0);
  ASSERT_EQ(cu.launch(f, x, y, 10, nullptr), 0);
  EXPECT_EQ(cu.download(y, 10), ramp(10, 10));
}

TEST(Api, EveryEntryPointByName) {
  Api cu;
  for (const char *name : {"cuInit",
                           "cuDriverGetVersion",
                           "cuGetErrorName",
                           "cuGetErrorString",
                           "cuDeviceGet",
                           "cuDeviceGetCount",
                           "cuDeviceGetName",
                           "cuDeviceGetAttribute",
                           "cuDeviceGetUuid",
                           "cuDeviceTotalMem",
                           "cuDeviceCanAccessPeer",
                           "cuDevicePrimaryCtxRetain",
                           "cuDevicePrimaryCtxRelease",
                           "cuCtxSetCurrent",
                           "cuCtxGetCurrent",
                           "cuCtxSynchronize",
                           "cuCtxEnablePeerAccess",
                           "cuModuleLoadData",
                           "cuModuleLoadDataEx",
                           "cuLibraryLoadData",
                           "cuModuleGetFunction",
                           "cuModuleGetGlobal",
                           "cuModuleUnload",
                           "cuFuncSetAttribute",
                           "cuFuncGetAttribute",
                           "cuOccupancyMaxActiveBlocksPerMultiprocessor",
                           "cuMemAlloc",
                           "cuMemFree",
                           "cuMemHostAlloc",
                           "cuMemFreeHost",
                           "cuMemHostRegister",
                           "cuMemPoolCreate",
                           "cuMemPoolSetAttribute",
                           "cuMemPoolTrimTo",
                           "cuMemPoolSetAccess",
                           "cuMemAllocFromPoolAsync",
                           "cuMemFreeAsync",
                           "cuMemGetInfo",
                           "cuMemcpyHtoDAsync",
                           "cuMemcpyDtoHAsync",
                           "cuMemcpyDtoDAsync",
                           "cuMemcpyPeerAsync",
                           "cuMemcpy2DAsync",
                           "cuMemsetD8Async",
                           "cuMemsetD32Async",
                           "cuStreamCreateWithPriority",
                           "cuStreamDestroy",
                           "cuStreamSynchronize",
                           "cuStreamQuery",
                           "cuStreamWaitEvent",
                           "cuStreamBeginCapture",
                           "cuStreamEndCapture",
                           "cuStreamIsCapturing",
                           "cuEventCreate",
                           "cuEventDestroy",
                           "cuEventRecord",
                           "cuEventSynchronize",
                           "cuEventQuery",
                           "cuEventElapsedTime",
                           "cuLaunchKernel",
                           "cuLaunchKernelEx",
                           "cuLaunchHostFunc",
                           "cuGraphInstantiate",
                           "cuGraphLaunch",
                           "cuGraphExecUpdate",
                           "cuGraphExecDestroy",
                           "cuGraphDestroy",
                           "cuGetProcAddress",
                           "cuTensorMapEncodeTiled"}) {
    void *f = nullptr;
    int status = 0;
    EXPECT_EQ(cu.call("cuGetProcAddress_v2", name, &f, 13000, uint64_t{0}, &status), 0) << name;
    EXPECT_NE(f, nullptr) << name;
  }
  void *f = nullptr;
  int status = 0;
  EXPECT_EQ(cu.call("cuGetProcAddress_v2", "cuNothing", &f, 13000, uint64_t{0}, &status),
            CUDA_ERROR_NOT_FOUND);
}

TEST(Api, Trace) {
  const std::string path = ::testing::TempDir() + "fakecuda_trace.txt";
  Api cu("trace=" + path);
  cu.start();
  const CUdeviceptr x = cu.alloc(400);
  ASSERT_EQ(cu.call("cuMemsetD32_v2", x, 7u, size_t{100}), 0);
  ASSERT_EQ(cu.call("cuCtxSynchronize"), 0);
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  EXPECT_NE(text.str().find("cuMemAlloc(400)"), std::string::npos) << text.str();
  EXPECT_NE(text.str().find("run fill of 400 bytes on device 0 stream 0"), std::string::npos);
}

} // namespace

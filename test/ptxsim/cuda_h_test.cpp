// Built where there is a cuda.h: our declarations are its, and a program written against it, linked
// with the stand-in library, runs.
#include "runtime/cuda/driver_abi.h"

#include <cuda.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace {

#define SAME(name) static_assert(int(mome::cuda::name) == int(::name))
SAME(CUDA_ERROR_INVALID_VALUE);
SAME(CUDA_ERROR_OUT_OF_MEMORY);
SAME(CUDA_ERROR_INVALID_CONTEXT);
SAME(CUDA_ERROR_NO_BINARY_FOR_GPU);
SAME(CUDA_ERROR_INVALID_PTX);
SAME(CUDA_ERROR_INVALID_HANDLE);
SAME(CUDA_ERROR_NOT_FOUND);
SAME(CUDA_ERROR_NOT_READY);
SAME(CUDA_ERROR_ILLEGAL_ADDRESS);
SAME(CUDA_ERROR_LAUNCH_TIMEOUT);
SAME(CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED);
SAME(CUDA_ERROR_MISALIGNED_ADDRESS);
SAME(CUDA_ERROR_LAUNCH_FAILED);
SAME(CUDA_ERROR_NOT_SUPPORTED);
SAME(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
SAME(CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
SAME(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
SAME(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
SAME(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
SAME(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR);
SAME(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
SAME(CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR);
SAME(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED);
SAME(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
SAME(CU_FUNC_ATTRIBUTE_NUM_REGS);
SAME(CU_STREAM_NON_BLOCKING);
SAME(CU_EVENT_DISABLE_TIMING);
SAME(CU_JIT_ERROR_LOG_BUFFER);
SAME(CU_POINTER_ATTRIBUTE_MEMORY_TYPE);
SAME(CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION);
static_assert(sizeof(mome::cuda::CUlaunchConfig) == sizeof(::CUlaunchConfig));
static_assert(offsetof(mome::cuda::CUlaunchConfig, hStream) == offsetof(::CUlaunchConfig, hStream));
static_assert(sizeof(mome::cuda::CUlaunchAttribute) == sizeof(::CUlaunchAttribute));
static_assert(offsetof(mome::cuda::CUlaunchAttribute, value) ==
              offsetof(::CUlaunchAttribute, value));
static_assert(sizeof(mome::cuda::CUDA_MEMCPY2D) == sizeof(::CUDA_MEMCPY2D));
static_assert(offsetof(mome::cuda::CUDA_MEMCPY2D, dstDevice) ==
              offsetof(::CUDA_MEMCPY2D, dstDevice));
static_assert(sizeof(mome::cuda::CUmemPoolProps) == sizeof(::CUmemPoolProps));
static_assert(sizeof(mome::cuda::CUmemAccessDesc) == sizeof(::CUmemAccessDesc));
static_assert(sizeof(mome::cuda::CUtensorMap) == sizeof(::CUtensorMap));

#define CHECK(call) ASSERT_EQ(call, ::CUDA_SUCCESS) << #call

TEST(CudaH, AProgramAgainstTheHeaderRuns) {
  const char *ptx =
      ".version 7.0\n.target sm_80\n.address_size 64\n"
      ".visible .entry twice(.param .u64 px) { .reg .b32 t, v; .reg .b64 x, o;\n"
      "mov.u32 t, %tid.x; ld.param.u64 x, [px]; mul.wide.u32 o, t, 4; add.u64 x, x, o;\n"
      "ld.global.u32 v, [x]; shl.b32 v, v, 1; st.global.u32 [x], v; ret; }";
  CHECK(cuInit(0));
  CUdevice device;
  CHECK(cuDeviceGet(&device, 0));
  char name[64];
  CHECK(cuDeviceGetName(name, sizeof name, device));
  CUcontext context;
  CHECK(cuDevicePrimaryCtxRetain(&context, device));
  CHECK(cuCtxSetCurrent(context));
  CUmodule module;
  CUfunction function;
  CHECK(cuModuleLoadDataEx(&module, ptx, 0, nullptr, nullptr));
  CHECK(cuModuleGetFunction(&function, module, "twice"));
  int blocks = 0;
  CHECK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, function, 128, 16384));
  EXPECT_EQ(blocks, 9); // 167936 bytes / (16384 + 1024)
  CUdeviceptr x, pitched;
  size_t pitch;
  std::vector<unsigned> values(32);
  for (unsigned i = 0; i < 32; ++i) {
    values[i] = i;
  }
  CHECK(cuMemAlloc(&x, 128));
  CHECK(cuMemAllocPitch(&pitched, &pitch, 16, 8, 4));
  CUstream stream;
  CUevent begin, end;
  CHECK(cuStreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, -1));
  CHECK(cuEventCreate(&begin, CU_EVENT_DEFAULT));
  CHECK(cuEventCreate(&end, CU_EVENT_DEFAULT));
  CHECK(cuMemcpyHtoDAsync(x, values.data(), 128, stream));
  CHECK(cuEventRecord(begin, stream));
  CUlaunchConfig config = {};
  config.gridDimX = config.gridDimY = config.gridDimZ = config.blockDimY = config.blockDimZ = 1;
  config.blockDimX = 32;
  config.hStream = stream;
  void *params[] = {&x};
  CHECK(cuLaunchKernelEx(&config, function, params, nullptr));
  CHECK(cuEventRecord(end, stream));
  // 8 rows of 16 bytes into pitched memory and back.
  CUDA_MEMCPY2D copy = {};
  copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcDevice = x;
  copy.srcPitch = 16;
  copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.dstDevice = pitched;
  copy.dstPitch = pitch;
  copy.WidthInBytes = 16;
  copy.Height = 8;
  CHECK(cuMemcpy2DAsync(&copy, stream));
  CHECK(cuStreamSynchronize(stream));
  float milliseconds = 0;
  CHECK(cuEventElapsedTime(&milliseconds, begin, end));
  EXPECT_GT(milliseconds, 0);
  unsigned row[4];
  CHECK(cuMemcpyDtoH(row, pitched + 2 * pitch, 16));
  EXPECT_EQ(row[3], 22u);
  CUmemoryPool pool;
  CHECK(cuDeviceGetDefaultMemPool(&pool, device));
  CUdeviceptr y;
  CHECK(cuMemAllocFromPoolAsync(&y, 64, pool, stream));
  CHECK(cuMemsetD32Async(y, 5, 16, stream));
  CHECK(cuMemFreeAsync(y, stream));
  CHECK(cuCtxSynchronize());
  EXPECT_EQ(cuMemcpyDtoH(row, y, 16), ::CUDA_ERROR_INVALID_VALUE);
  CHECK(cuModuleUnload(module));
  CHECK(cuDevicePrimaryCtxRelease(device));
}

} // namespace

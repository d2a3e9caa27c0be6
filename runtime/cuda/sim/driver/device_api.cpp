// Initialisation, errors, devices, contexts.
#include <algorithm>
#include <cstring>

#include "runtime/cuda/sim/driver/entry.h"

using namespace mome::fakecuda;

namespace mome::fakecuda {
namespace {

thread_local std::vector<Device *> contexts; // the top is current

struct ErrorRow {
  CUresult code;
  const char *name, *text;
};
constexpr ErrorRow error_rows[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {200, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {209, "CUDA_ERROR_NO_BINARY_FOR_GPU",
     "no kernel image is available for execution on the device"},
    {214, "CUDA_ERROR_ECC_UNCORRECTABLE", "uncorrectable ECC error encountered"},
    {217, "CUDA_ERROR_PEER_ACCESS_UNSUPPORTED",
     "peer access is not supported between these two devices"},
    {218, "CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"},
    {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION",
     "the provided PTX was compiled with an unsupported toolchain"},
    {301, "CUDA_ERROR_FILE_NOT_FOUND", "file not found"},
    {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {401, "CUDA_ERROR_ILLEGAL_STATE", "the operation cannot be performed in the present state"},
    {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {600, "CUDA_ERROR_NOT_READY", "device not ready"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {701, "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"},
    {702, "CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"},
    {704, "CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED", "peer access is already enabled"},
    {705, "CUDA_ERROR_PEER_ACCESS_NOT_ENABLED", "peer access has not been enabled"},
    {710, "CUDA_ERROR_ASSERT", "device-side assert triggered"},
    {712, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED",
     "part or all of the requested memory range is already mapped"},
    {713, "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED",
     "pointer does not correspond to a registered memory region"},
    {715, "CUDA_ERROR_ILLEGAL_INSTRUCTION", "an illegal instruction was encountered"},
    {716, "CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {801, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {900, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED",
     "operation not permitted when stream is capturing"},
    {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED",
     "operation failed due to a previous error during capture"},
    {902, "CUDA_ERROR_STREAM_CAPTURE_MERGE",
     "operation would result in a merge of separate capture sequences"},
    {903, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED", "capture was not ended in the stream it began in"},
    {904, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED", "capturing stream has unjoined work"},
    {910, "CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE",
     "the graph update was not performed because of a mismatch"},
    {999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

CUcontext handle(Device *d) {
  return reinterpret_cast<CUcontext>(d);
}

CUresult attribute(const Device &d, int what, int *value) {
  const Model &m = *d.model;
  const std::pair<int, int> known[] = {
      {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1024},
      {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, 1024},
      {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, 1024},
      {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, 64},
      {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, 0x7fffffff},
      {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, 65535},
      {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, 65535},
      {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, 49152},
      {CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY, 65536},
      {CU_DEVICE_ATTRIBUTE_WARP_SIZE, 32},
      {CU_DEVICE_ATTRIBUTE_MAX_PITCH, 0x7fffffff},
      {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, 65536},
      {CU_DEVICE_ATTRIBUTE_CLOCK_RATE, m.clock_khz},
      {CU_DEVICE_ATTRIBUTE_GPU_OVERLAP, 1},
      {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, m.multiprocessors},
      {CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY, 1},
      {CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS, 1},
      {CU_DEVICE_ATTRIBUTE_PCI_BUS_ID, d.index + 1},
      {CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, m.memory_khz},
      {CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, m.bus_bits},
      {CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, m.l2_bytes},
      {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, m.threads_per_multiprocessor},
      {CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT, 2},
      {CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, 1},
      {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, m.major},
      {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, m.minor},
      {CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED, 1},
      {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, m.shared_per_multiprocessor},
      {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR, 65536},
      {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, m.shared_optin},
      {CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED, 1},
      {CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR, m.blocks_per_multiprocessor},
      {CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK, 1024},
      {CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, 1},
  };
  if (what <= 0 || what >= CU_DEVICE_ATTRIBUTE_MAX) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const auto row = std::find_if(std::begin(known), std::end(known),
                                [&](const auto &r) { return r.first == what; });
  *value = row == std::end(known) ? 0 : row->second; // features that are not there
  return CUDA_SUCCESS;
}

} // namespace

Device *Driver::current() {
  return contexts.empty() ? nullptr : contexts.back();
}

Device *device_at(CUdevice index) {
  auto &devices = Driver::get().devices;
  return index >= 0 && size_t(index) < devices.size() ? devices[size_t(index)].get() : nullptr;
}
Device *device_of(CUcontext c) {
  for (const auto &d : Driver::get().devices) {
    if (handle(d.get()) == c) {
      return d.get();
    }
  }
  return nullptr;
}

} // namespace mome::fakecuda

MOME_EXPORT CUresult cuInit(unsigned flags) {
  return free_entry("cuInit", text(flags), [&]() -> CUresult {
    if (flags) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    if (Driver::get().devices.empty()) {
      return CUDA_ERROR_NO_DEVICE;
    }
    Driver::get().initialized = true;
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuDriverGetVersion(int *version) {
  *version = 13000;
  return CUDA_SUCCESS;
}
MOME_EXPORT CUresult cuGetErrorName(CUresult error, const char **name) {
  for (const ErrorRow &row : error_rows) {
    if (row.code == error) {
      *name = row.name;
      return CUDA_SUCCESS;
    }
  }
  *name = nullptr;
  return CUDA_ERROR_INVALID_VALUE;
}
MOME_EXPORT CUresult cuGetErrorString(CUresult error, const char **string) {
  for (const ErrorRow &row : error_rows) {
    if (row.code == error) {
      *string = row.text;
      return CUDA_SUCCESS;
    }
  }
  *string = nullptr;
  return CUDA_ERROR_INVALID_VALUE;
}

namespace {
/// Calls on a device, which need cuInit and no context.
template <class Body> CUresult on_device(const char *name, CUdevice index, bool valid, Body body) {
  return free_entry(name, text(uint64_t(index)), [&]() -> CUresult {
    if (!Driver::get().initialized) {
      return CUDA_ERROR_NOT_INITIALIZED;
    }
    Device *device = device_at(index);
    if (!device) {
      return CUDA_ERROR_INVALID_DEVICE;
    }
    return valid ? body(*device) : CUDA_ERROR_INVALID_VALUE;
  });
}
} // namespace

MOME_EXPORT CUresult cuDeviceGetCount(int *count) {
  return free_entry("cuDeviceGetCount", "", [&]() -> CUresult {
    if (!Driver::get().initialized) {
      return CUDA_ERROR_NOT_INITIALIZED;
    }
    *count = int(Driver::get().devices.size());
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  return on_device("cuDeviceGet", ordinal, device, [&](Device &d) {
    *device = d.index;
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuDeviceGetName(char *name, int length, CUdevice device) {
  return on_device("cuDeviceGetName", device, name && length > 0, [&](Device &d) {
    std::strncpy(name, d.model->name, size_t(length));
    name[length - 1] = 0;
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device) {
  return on_device("cuDeviceGetUuid", device, uuid, [&](Device &d) {
    std::memset(uuid, 0, sizeof *uuid);
    std::memcpy(uuid->bytes, "ptxsim", 6);
    uuid->bytes[15] = char(d.index);
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice device) {
  return cuDeviceGetUuid_v2(uuid, device);
}
MOME_EXPORT CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
  return on_device("cuDeviceTotalMem", device, bytes, [&](Device &d) {
    *bytes = d.total;
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuDeviceGetAttribute(int *value, int what, CUdevice device) {
  return on_device("cuDeviceGetAttribute", device, value,
                   [&](Device &d) { return attribute(d, what, value); });
}
MOME_EXPORT CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *pool, CUdevice device) {
  return on_device("cuDeviceGetDefaultMemPool", device, pool, [&](Device &d) {
    *pool = reinterpret_cast<CUmemoryPool>(&d.pool);
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice device) {
  return cuDeviceGetDefaultMemPool(pool, device);
}

MOME_EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
  return on_device("cuDevicePrimaryCtxRetain", device, context, [&](Device &d) {
    ++d.retained;
    *context = handle(&d);
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
  return on_device("cuDevicePrimaryCtxReset", device, true, [&](Device &d) {
    Driver::get().drain_device(d);
    d.sticky = CUDA_SUCCESS;
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  return on_device("cuDevicePrimaryCtxRelease", device, true, [&](Device &d) -> CUresult {
    if (d.retained == 0) {
      return CUDA_ERROR_INVALID_CONTEXT;
    }
    if (--d.retained == 0) {
      Driver::get().drain_device(d);
      d.sticky = CUDA_SUCCESS;
    }
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned *flags, int *active) {
  return on_device("cuDevicePrimaryCtxGetState", device, flags && active, [&](Device &d) {
    *flags = 0;
    *active = d.retained > 0;
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned) {
  return on_device("cuDevicePrimaryCtxSetFlags", device, true,
                   [&](Device &) { return CUDA_SUCCESS; });
}

// Contexts that programs create are the device's primary one: one address space, one error state.
MOME_EXPORT CUresult cuCtxCreate_v2(CUcontext *context, unsigned, CUdevice device) {
  return on_device("cuCtxCreate", device, context, [&](Device &d) {
    ++d.retained;
    *context = handle(&d);
    contexts.push_back(&d);
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuCtxCreate_v4(CUcontext *context, void *, unsigned flags, CUdevice device) {
  return cuCtxCreate_v2(context, flags, device);
}
MOME_EXPORT CUresult cuCtxDestroy_v2(CUcontext context) {
  return free_entry("cuCtxDestroy", "", [&]() -> CUresult {
    Device *d = device_of(context);
    if (!d || d->retained == 0) {
      return CUDA_ERROR_INVALID_CONTEXT;
    }
    Driver::get().drain_device(*d);
    --d->retained;
    std::erase(contexts, d);
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuCtxSetCurrent(CUcontext context) {
  return free_entry(
      "cuCtxSetCurrent",
      context ? text(uint64_t(device_of(context) ? device_of(context)->index : -1)) : "null",
      [&]() -> CUresult {
        if (!Driver::get().initialized) {
          return CUDA_ERROR_NOT_INITIALIZED;
        }
        Device *d = context ? device_of(context) : nullptr;
        if (context && (!d || d->retained == 0)) {
          return CUDA_ERROR_INVALID_CONTEXT;
        }
        if (!contexts.empty()) {
          contexts.pop_back();
        }
        if (d) {
          contexts.push_back(d);
        }
        return CUDA_SUCCESS;
      });
}
MOME_EXPORT CUresult cuCtxPushCurrent_v2(CUcontext context) {
  return free_entry("cuCtxPushCurrent", "", [&]() -> CUresult {
    Device *d = device_of(context);
    if (!d || d->retained == 0) {
      return CUDA_ERROR_INVALID_CONTEXT;
    }
    contexts.push_back(d);
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuCtxPopCurrent_v2(CUcontext *context) {
  return free_entry("cuCtxPopCurrent", "", [&]() -> CUresult {
    if (contexts.empty()) {
      return CUDA_ERROR_INVALID_CONTEXT;
    }
    if (context) {
      *context = handle(contexts.back());
    }
    contexts.pop_back();
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuCtxGetCurrent(CUcontext *context) {
  return free_entry("cuCtxGetCurrent", "", [&]() -> CUresult {
    if (!Driver::get().initialized) {
      return CUDA_ERROR_NOT_INITIALIZED;
    }
    *context = contexts.empty() ? nullptr : handle(contexts.back());
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuCtxGetDevice(CUdevice *device) {
  return entry("cuCtxGetDevice", "", [&] {
    *device = Driver::get().current()->index;
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuCtxSynchronize() {
  return entry("cuCtxSynchronize", "", [&] {
    Driver &driver = Driver::get();
    return driver.drain_device(*driver.current());
  });
}
MOME_EXPORT CUresult cuCtxGetApiVersion(CUcontext, unsigned *version) {
  *version = 13000;
  return CUDA_SUCCESS;
}
MOME_EXPORT CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest) {
  return entry("cuCtxGetStreamPriorityRange", "", [&] {
    if (least) {
      *least = 0;
    }
    if (greatest) {
      *greatest = -5;
    }
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuCtxSetLimit(int, size_t) {
  return entry("cuCtxSetLimit", "", [] { return CUDA_SUCCESS; });
}
MOME_EXPORT CUresult cuCtxSetCacheConfig(int) {
  return entry("cuCtxSetCacheConfig", "", [] { return CUDA_SUCCESS; });
}

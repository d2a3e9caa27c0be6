// See driver_api.h.
#include "runtime/cuda/driver_api.h"

#include <cstdlib>
#include <dlfcn.h>
#include <optional>

#include "runtime/error.h"

namespace mome::cuda {
namespace {

/// What dlopen and cuInit said.
struct Loaded {
  std::optional<DriverApi> api;
  std::string why;
};

/// Finds every function; the newest form of each, as cuda.h's macros choose it.
bool fill(void *library, DriverApi &api, std::string &why) {
  bool complete = true;
  const auto find = [&](auto &member, const char *symbol) {
    void *address = ::dlsym(library, symbol);
    if (address == nullptr && complete) {
      why = std::string("the CUDA driver has no function ") + symbol + ": it is too old";
      complete = false;
    }
    member = reinterpret_cast<std::remove_reference_t<decltype(member)>>(address);
  };
  find(api.Init, "cuInit");
  find(api.DriverGetVersion, "cuDriverGetVersion");
  find(api.GetErrorName, "cuGetErrorName");
  find(api.GetErrorString, "cuGetErrorString");
  find(api.DeviceGetCount, "cuDeviceGetCount");
  find(api.DeviceGet, "cuDeviceGet");
  find(api.DeviceGetName, "cuDeviceGetName");
  find(api.DeviceGetAttribute, "cuDeviceGetAttribute");
  find(api.DeviceCanAccessPeer, "cuDeviceCanAccessPeer");
  find(api.DevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain");
  find(api.DevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2");
  find(api.CtxSetCurrent, "cuCtxSetCurrent");
  find(api.CtxEnablePeerAccess, "cuCtxEnablePeerAccess");
  find(api.MemGetInfo, "cuMemGetInfo_v2");
  find(api.MemAlloc, "cuMemAlloc_v2");
  find(api.MemFree, "cuMemFree_v2");
  find(api.MemsetD8Async, "cuMemsetD8Async");
  find(api.MemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2");
  find(api.MemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2");
  find(api.MemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2");
  find(api.MemcpyPeerAsync, "cuMemcpyPeerAsync");
  find(api.MemHostAlloc, "cuMemHostAlloc");
  find(api.MemFreeHost, "cuMemFreeHost");
  find(api.ModuleLoadDataEx, "cuModuleLoadDataEx");
  find(api.ModuleUnload, "cuModuleUnload");
  find(api.ModuleGetFunction, "cuModuleGetFunction");
  find(api.FuncSetAttribute, "cuFuncSetAttribute");
  find(api.StreamCreate, "cuStreamCreate");
  find(api.StreamDestroy, "cuStreamDestroy_v2");
  find(api.StreamSynchronize, "cuStreamSynchronize");
  find(api.StreamWaitEvent, "cuStreamWaitEvent");
  find(api.EventCreate, "cuEventCreate");
  find(api.EventDestroy, "cuEventDestroy_v2");
  find(api.EventRecord, "cuEventRecord");
  find(api.StreamBeginCapture, "cuStreamBeginCapture_v2");
  find(api.StreamEndCapture, "cuStreamEndCapture");
  find(api.LaunchKernel, "cuLaunchKernel");
  find(api.GraphInstantiateWithFlags, "cuGraphInstantiateWithFlags");
  find(api.GraphLaunch, "cuGraphLaunch");
  find(api.GraphExecDestroy, "cuGraphExecDestroy");
  find(api.GraphDestroy, "cuGraphDestroy");
  return complete;
}

std::string describe(const DriverApi &api, CUresult result) {
  const char *name = nullptr, *text = nullptr;
  api.GetErrorName(result, &name);
  api.GetErrorString(result, &text);
  const std::string code = name == nullptr ? "error " + std::to_string(result) : name;
  return text == nullptr ? code : std::string(text) + " (" + code + ")";
}

Loaded load() {
  const char *wanted = std::getenv("MOME_CUDA_DRIVER");
  void *library = ::dlopen(wanted == nullptr ? "libcuda.so.1" : wanted, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return {std::nullopt, std::string("no CUDA driver: ") + ::dlerror()};
  }
  Loaded loaded{DriverApi(), ""};
  if (!fill(library, *loaded.api, loaded.why)) {
    loaded.api.reset();
    return loaded;
  }
  if (const CUresult result = loaded.api->Init(0); result != CUDA_SUCCESS) {
    loaded.why = "the CUDA driver does not start: " + describe(*loaded.api, result);
    loaded.api.reset();
  }
  return loaded; // the library stays: threads of the driver may outlive us
}

const Loaded &loaded() {
  static const Loaded once = load();
  return once;
}

} // namespace

const DriverApi *find_driver(std::string *why) {
  if (why != nullptr) {
    *why = loaded().why;
  }
  return loaded().api ? &*loaded().api : nullptr;
}

const DriverApi &driver() {
  std::string why;
  if (const DriverApi *api = find_driver(&why)) {
    return *api;
  }
  throw Error(Exit::device, "device cuda", why,
              "install NVIDIA's driver and see that nvidia-smi lists the device, or run on the "
              "processor with --device cpu; `mome doctor` shows what was found");
}

void check(const DriverApi &api, CUresult result, const char *function, const std::string &where) {
  if (result == CUDA_SUCCESS) {
    return;
  }
  if (result == CUDA_ERROR_OUT_OF_MEMORY) {
    throw Error(Exit::budget, where, std::string(function) + ": " + describe(api, result),
                "free some memory of the device, or compile with a smaller batch");
  }
  throw Error(Exit::device, where, std::string(function) + ": " + describe(api, result),
              "`mome doctor` shows what was found");
}

} // namespace mome::cuda

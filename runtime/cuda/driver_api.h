// The CUDA driver, found at run time: a table of its functions from a library that may not exist.
//
// Looked for: $MOME_CUDA_DRIVER, else libcuda.so.1 as the system finds it. Nothing of CUDA is linked
// or included; a stand-in with the same functions serves as well as NVIDIA's.
#pragma once

#include <string>

#include "runtime/cuda/driver_abi.h"

namespace mome::cuda {

/// One member per function, called as the name says with the prefix "cu".
struct DriverApi {
  CUresult (*Init)(unsigned flags);
  CUresult (*DriverGetVersion)(int *version);
  CUresult (*GetErrorName)(CUresult, const char **name);
  CUresult (*GetErrorString)(CUresult, const char **text);
  CUresult (*DeviceGetCount)(int *count);
  CUresult (*DeviceGet)(CUdevice *, int ordinal);
  CUresult (*DeviceGetName)(char *name, int size, CUdevice);
  CUresult (*DeviceGetAttribute)(int *value, int attribute, CUdevice);
  CUresult (*DeviceCanAccessPeer)(int *can, CUdevice, CUdevice peer);
  CUresult (*DevicePrimaryCtxRetain)(CUcontext *, CUdevice);
  CUresult (*DevicePrimaryCtxRelease)(CUdevice);
  CUresult (*CtxSetCurrent)(CUcontext);
  CUresult (*CtxEnablePeerAccess)(CUcontext peer, unsigned flags);
  CUresult (*MemGetInfo)(size_t *free, size_t *total);
  CUresult (*MemAlloc)(CUdeviceptr *, size_t bytes);
  CUresult (*MemFree)(CUdeviceptr);
  CUresult (*MemsetD8Async)(CUdeviceptr, unsigned char value, size_t bytes, CUstream);
  CUresult (*MemcpyHtoDAsync)(CUdeviceptr to, const void *from, size_t bytes, CUstream);
  CUresult (*MemcpyDtoHAsync)(void *to, CUdeviceptr from, size_t bytes, CUstream);
  CUresult (*MemcpyDtoDAsync)(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream);
  CUresult (*MemcpyPeerAsync)(CUdeviceptr to, CUcontext, CUdeviceptr from, CUcontext, size_t bytes,
                              CUstream);
  CUresult (*MemHostAlloc)(void **, size_t bytes, unsigned flags);
  CUresult (*MemFreeHost)(void *);
  CUresult (*ModuleLoadDataEx)(CUmodule *, const void *image, unsigned options, int *names,
                               void **values);
  CUresult (*ModuleUnload)(CUmodule);
  CUresult (*ModuleGetFunction)(CUfunction *, CUmodule, const char *name);
  CUresult (*FuncSetAttribute)(CUfunction, int attribute, int value);
  CUresult (*StreamCreate)(CUstream *, unsigned flags);
  CUresult (*StreamDestroy)(CUstream);
  CUresult (*StreamSynchronize)(CUstream);
  CUresult (*StreamWaitEvent)(CUstream, CUevent, unsigned flags);
  CUresult (*EventCreate)(CUevent *, unsigned flags);
  CUresult (*EventDestroy)(CUevent);
  CUresult (*EventRecord)(CUevent, CUstream);
  CUresult (*StreamBeginCapture)(CUstream, int mode);
  CUresult (*StreamEndCapture)(CUstream, CUgraph *);
  CUresult (*LaunchKernel)(CUfunction, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                           unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                           CUstream, void **arguments, void **extra);
  CUresult (*GraphInstantiateWithFlags)(CUgraphExec *, CUgraph, unsigned long long flags);
  CUresult (*GraphLaunch)(CUgraphExec, CUstream);
  CUresult (*GraphExecDestroy)(CUgraphExec);
  CUresult (*GraphDestroy)(CUgraph);
};

/// The driver of this machine, initialised; the same table every time. Throws Error (device) saying
/// why there is none.
const DriverApi &driver();
/// The same as an answer; `why` gets the reason when it is null.
const DriverApi *find_driver(std::string *why = nullptr);

/// Throws Error (device) unless `result` is success. "WHERE: cuLaunchKernel: an illegal memory
/// access was encountered (CUDA_ERROR_ILLEGAL_ADDRESS)"
void check(const DriverApi &api, CUresult result, const char *function, const std::string &where);

} // namespace mome::cuda

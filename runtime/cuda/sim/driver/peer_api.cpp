// Several devices: who may reach whose memory, and copies between them.
#include "runtime/cuda/sim/driver/entry.h"

using namespace mome::fakecuda;

namespace {

bool can_reach(const Device &here, const Device &there) {
  return Driver::get().options.peers && &here != &there;
}

/// Both addresses must be of the devices that the call names.
CUresult peer_copy(const char *name, const Copy &c, CUcontext to, CUcontext from, CUstream stream) {
  return entry(name, describe(c), [&]() -> CUresult {
    Device *target = device_of(to), *source = device_of(from);
    if (!target || !source) {
      return CUDA_ERROR_INVALID_CONTEXT;
    }
    if (Driver::get().owner(c.to) != target || Driver::get().owner(c.from) != source) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    return copy(c, stream, false);
  });
}

} // namespace

MOME_EXPORT CUresult cuDeviceCanAccessPeer(int *can, CUdevice device, CUdevice peer) {
  return free_entry("cuDeviceCanAccessPeer", text(uint64_t(device)) + ", " + text(uint64_t(peer)),
                    [&]() -> CUresult {
                      if (!Driver::get().initialized) {
                        return CUDA_ERROR_NOT_INITIALIZED;
                      }
                      const Device *here = device_at(device), *there = device_at(peer);
                      if (!here || !there) {
                        return CUDA_ERROR_INVALID_DEVICE;
                      }
                      if (!can) {
                        return CUDA_ERROR_INVALID_VALUE;
                      }
                      *can = can_reach(*here, *there);
                      return CUDA_SUCCESS;
                    });
}
MOME_EXPORT CUresult cuCtxEnablePeerAccess(CUcontext peer, unsigned flags) {
  return entry("cuCtxEnablePeerAccess", "", [&]() -> CUresult {
    Device &here = *Driver::get().current();
    Device *there = device_of(peer);
    if (!there || flags) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    if (there == &here) {
      return CUDA_ERROR_INVALID_DEVICE;
    }
    if (!can_reach(here, *there)) {
      return CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;
    }
    if (!here.peers.insert(there->index).second) {
      return CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
    }
    here.memory.add_peer(there->memory);
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuCtxDisablePeerAccess(CUcontext peer) {
  return entry("cuCtxDisablePeerAccess", "", [&]() -> CUresult {
    Device &here = *Driver::get().current();
    Device *there = device_of(peer);
    if (!there || !here.peers.erase(there->index)) {
      return CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
    }
    here.memory.remove_peer(there->memory);
    return CUDA_SUCCESS;
  });
}

MOME_EXPORT CUresult cuMemcpyPeer(CUdeviceptr to, CUcontext to_context, CUdeviceptr from,
                                  CUcontext from_context, size_t n) {
  return peer_copy("cuMemcpyPeer", {to, from, n}, to_context, from_context, nullptr);
}
MOME_EXPORT CUresult cuMemcpyPeerAsync(CUdeviceptr to, CUcontext to_context, CUdeviceptr from,
                                       CUcontext from_context, size_t n, CUstream stream) {
  return peer_copy("cuMemcpyPeerAsync", {to, from, n}, to_context, from_context, stream);
}

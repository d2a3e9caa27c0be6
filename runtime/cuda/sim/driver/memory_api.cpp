// Allocation, copies, fills.
//
// Copies are queued with the addresses alone: what they move is what is there when they run. A
// pageable host source is the exception, as on hardware: it is read before the call returns; and a
// pageable destination is written before it returns.
#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "runtime/cuda/sim/driver/entry.h"

using namespace mome::fakecuda;

namespace {

Driver &driver() {
  return Driver::get();
}

CUresult allocate(CUdeviceptr *address, size_t size) {
  Device &d = *driver().current();
  if (!address || size == 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (size > d.total - std::min(d.total, d.memory.used())) {
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  *address = d.memory.allocate(size, 256);
  return CUDA_SUCCESS;
}

bool is_allocation(const Device &d, CUdeviceptr address) {
  const mome::ptxsim::Allocation *a = d.memory.find(address);
  return a && a->base == address && !a->freed && a->owned;
}

CUresult release(CUdeviceptr address) {
  Device *d = driver().owner(address);
  if (!d || !is_allocation(*d, address)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  d->memory.release(address);
  return CUDA_SUCCESS;
}

/// Copies bytes between device, pinned or plain host memory, with its "initialised" flags.
CUresult move(uint64_t to, uint64_t from, uint64_t size, bool to_host, bool from_host) {
  std::byte *d = to_host ? reinterpret_cast<std::byte *>(to) : driver().bytes(to, size);
  const std::byte *s =
      from_host ? reinterpret_cast<const std::byte *>(from) : driver().bytes(from, size);
  if (!d || !s) {
    std::fprintf(stderr, "libcuda stand-in: a copy of %llu bytes %s freed or foreign memory\n",
                 static_cast<unsigned long long>(size), d ? "reads" : "writes");
    return CUDA_ERROR_ILLEGAL_ADDRESS;
  }
  std::memmove(d, s, size);
  driver().touch(from, size, false);
  driver().touch(to, size, true);
  if (Device *owner = to_host ? nullptr : driver().owner(to)) {
    const auto *source = from_host ? nullptr : driver().owner(from);
    auto *a = owner->memory.find(to);
    const auto *b = source ? source->memory.find(from) : nullptr;
    if (b && b->initialized) {
      std::memcpy(a->initialized + (to - a->base), b->initialized + (from - b->base), size);
    } else {
      owner->memory.mark(to, size, true);
    }
  }
  return CUDA_SUCCESS;
}

bool covers(uint64_t address, uint64_t size) {
  return driver().bytes(address, size) != nullptr;
}

} // namespace

CUresult mome::fakecuda::copy(const Copy &c, CUstream stream_handle, bool synchronous) {
  Stream *stream = driver().stream(stream_handle);
  if (!stream) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  if (c.size == 0) {
    return CUDA_SUCCESS;
  }
  if ((!c.to_host && !covers(c.to, c.size)) || (!c.from_host && !covers(c.from, c.size)) ||
      (c.to_host && !c.to) || (c.from_host && !c.from)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const bool capturing = stream->capture != nullptr;
  if (capturing && synchronous) {
    stream->capture_broken = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  Operation op;
  op.what = "copy of " + text(c.size) + " bytes";
  const auto *host = reinterpret_cast<const std::byte *>(c.from);
  if (c.from_host && !capturing && !driver().pinned(host, c.size)) {
    op.run = [c, staged = std::vector<std::byte>(host, host + c.size)] {
      return move(c.to, reinterpret_cast<uint64_t>(staged.data()), c.size, c.to_host, true);
    };
  } else {
    op.run = [c] { return move(c.to, c.from, c.size, c.to_host, c.from_host); };
  }
  const bool to_pageable =
      c.to_host && !driver().pinned(reinterpret_cast<const void *>(c.to), c.size);
  const CUresult queued = driver().enqueue(*stream, std::move(op));
  if (queued || capturing) {
    return queued;
  }
  return synchronous || to_pageable ? driver().drain(*stream, stream->queued) : CUDA_SUCCESS;
}

std::string mome::fakecuda::describe(const Copy &c) {
  return (c.to_host ? "host" : hex(c.to)) + ", " + (c.from_host ? "host" : hex(c.from)) + ", " +
         text(c.size);
}

namespace {
uint64_t number(const void *p) {
  return reinterpret_cast<uint64_t>(p);
}

CUresult do_copy(const char *name, const Copy &c, CUstream stream, bool synchronous) {
  return entry(name, describe(c), [&] { return copy(c, stream, synchronous); });
}

/// An address that may be host or device memory (cuMemcpy).
Copy unified(CUdeviceptr to, CUdeviceptr from, size_t size) {
  return {to, from, size, !driver().owner(to), !driver().owner(from)};
}

CUresult fill(const char *name, CUdeviceptr to, uint64_t value, size_t width, size_t count,
              CUstream stream_handle, bool synchronous) {
  return entry(name, hex(to) + ", " + text(value) + ", " + text(count), [&]() -> CUresult {
    Stream *stream = driver().stream(stream_handle);
    if (!stream) {
      return CUDA_ERROR_INVALID_HANDLE;
    }
    if (to % width || (count && !covers(to, width * count))) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    Operation op;
    op.what = "fill of " + text(width * count) + " bytes";
    op.run = [=]() -> CUresult {
      std::byte *d = driver().bytes(to, width * count);
      if (count && !d) {
        return CUDA_ERROR_ILLEGAL_ADDRESS;
      }
      for (size_t i = 0; i < count; ++i) {
        std::memcpy(d + i * width, &value, width);
      }
      driver().touch(to, width * count, true);
      if (Device *owner = driver().owner(to)) {
        owner->memory.mark(to, width * count, true);
      }
      return CUDA_SUCCESS;
    };
    const CUresult queued = driver().enqueue(*stream, std::move(op));
    return queued || !synchronous ? queued : driver().drain(*stream, stream->queued);
  });
}

CUresult copy_2d(const char *name, const CUDA_MEMCPY2D *p, CUstream stream_handle,
                 bool synchronous) {
  return entry(name, "", [&]() -> CUresult {
    if (!p || p->srcArray || p->dstArray) {
      return p ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE;
    }
    Copy row;
    row.from_host = p->srcMemoryType == CU_MEMORYTYPE_HOST;
    row.to_host = p->dstMemoryType == CU_MEMORYTYPE_HOST;
    row.size = p->WidthInBytes;
    for (size_t y = 0; y < p->Height; ++y) {
      row.from = (row.from_host ? number(p->srcHost) : p->srcDevice) + (p->srcY + y) * p->srcPitch +
                 p->srcXInBytes;
      row.to = (row.to_host ? number(p->dstHost) : p->dstDevice) + (p->dstY + y) * p->dstPitch +
               p->dstXInBytes;
      if (const CUresult r = copy(row, stream_handle, synchronous)) {
        return r;
      }
    }
    return CUDA_SUCCESS;
  });
}

void register_host(void *memory, size_t size) {
  driver().host_ranges.push_back({number(memory), size});
  for (const auto &d : driver().devices) {
    d->memory.add_host(memory, size);
  }
}
bool unregister_host(void *memory) {
  auto &ranges = driver().host_ranges;
  const auto it = std::find_if(ranges.begin(), ranges.end(),
                               [&](const auto &r) { return r.first == number(memory); });
  if (it == ranges.end()) {
    return false;
  }
  for (const auto &d : driver().devices) {
    d->memory.release(number(memory));
  }
  driver().forget(it->first, it->second);
  ranges.erase(it);
  return true;
}

} // namespace

MOME_EXPORT CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t size) {
  return entry("cuMemAlloc", text(size), [&] { return allocate(address, size); });
}
MOME_EXPORT CUresult cuMemAllocPitch_v2(CUdeviceptr *address, size_t *pitch, size_t width,
                                        size_t height, unsigned) {
  return entry("cuMemAllocPitch", text(width) + ", " + text(height), [&] {
    *pitch = (width + 511) / 512 * 512;
    return allocate(address, *pitch * height);
  });
}
MOME_EXPORT CUresult cuMemAllocManaged(CUdeviceptr *, size_t, unsigned) {
  return entry("cuMemAllocManaged", "", []() -> CUresult { return CUDA_ERROR_NOT_SUPPORTED; });
}
MOME_EXPORT CUresult cuMemFree_v2(CUdeviceptr address) {
  return entry("cuMemFree", hex(address), [&]() -> CUresult {
    if (address == 0) {
      return CUDA_SUCCESS;
    }
    Device *d = driver().owner(address);
    if (!d || !is_allocation(*d, address)) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    // Real drivers wait for the device here, which the manual does not promise.
    if (!driver().options.strict_free) {
      driver().drain_device(*d);
    }
    return release(address);
  });
}
MOME_EXPORT CUresult cuMemGetInfo_v2(size_t *free_bytes, size_t *total) {
  return entry("cuMemGetInfo", "", [&] {
    const Device &d = *driver().current();
    *free_bytes = d.total - std::min(d.total, d.memory.used());
    *total = d.total;
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuMemGetAddressRange_v2(CUdeviceptr *base, size_t *size, CUdeviceptr address) {
  return entry("cuMemGetAddressRange", hex(address), [&]() -> CUresult {
    Device *d = driver().owner(address);
    const auto *a = d ? d->memory.find(address) : nullptr;
    if (!a || a->freed) {
      return CUDA_ERROR_NOT_FOUND;
    }
    if (base) {
      *base = a->base;
    }
    if (size) {
      *size = a->size;
    }
    return CUDA_SUCCESS;
  });
}

MOME_EXPORT CUresult cuMemAllocAsync(CUdeviceptr *address, size_t size, CUstream stream) {
  return entry("cuMemAllocAsync", text(size), [&]() -> CUresult {
    if (!driver().stream(stream)) {
      return CUDA_ERROR_INVALID_HANDLE;
    }
    return allocate(address, size);
  });
}
MOME_EXPORT CUresult cuMemAllocFromPoolAsync(CUdeviceptr *address, size_t size, CUmemoryPool pool,
                                             CUstream stream) {
  return entry("cuMemAllocFromPoolAsync", text(size), [&]() -> CUresult {
    if (!pool || !driver().stream(stream)) {
      return CUDA_ERROR_INVALID_HANDLE;
    }
    return allocate(address, size);
  });
}
MOME_EXPORT CUresult cuMemFreeAsync(CUdeviceptr address, CUstream handle) {
  return entry("cuMemFreeAsync", hex(address), [&]() -> CUresult {
    Stream *stream = driver().stream(handle);
    Device *d = driver().owner(address);
    if (!stream || !d || !is_allocation(*d, address)) {
      return stream ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE;
    }
    Operation op;
    op.what = "free of " + hex(address);
    op.run = [address] { return release(address); };
    return driver().enqueue(*stream, std::move(op));
  });
}
MOME_EXPORT CUresult cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *properties) {
  return entry("cuMemPoolCreate", "", [&]() -> CUresult {
    const int id = properties ? properties->location.id : -1;
    if (!pool || id < 0 || size_t(id) >= driver().devices.size()) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    auto *p = new Pool;
    p->device = driver().devices[size_t(id)].get();
    *pool = reinterpret_cast<CUmemoryPool>(p);
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuMemPoolDestroy(CUmemoryPool pool) {
  return entry("cuMemPoolDestroy", "", [&]() -> CUresult {
    auto *p = reinterpret_cast<Pool *>(pool);
    if (!p || p == &p->device->pool) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    delete p;
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuMemPoolSetAttribute(CUmemoryPool pool, int, void *) {
  return entry("cuMemPoolSetAttribute", "",
               [&] { return pool ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE; });
}
MOME_EXPORT CUresult cuMemPoolGetAttribute(CUmemoryPool pool, int, void *value) {
  return entry("cuMemPoolGetAttribute", "", [&]() -> CUresult {
    if (!pool || !value) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    const uint64_t used = reinterpret_cast<Pool *>(pool)->device->memory.used();
    std::memcpy(value, &used, sizeof used);
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t) {
  return entry("cuMemPoolTrimTo", "",
               [&] { return pool ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE; });
}
MOME_EXPORT CUresult cuMemPoolSetAccess(CUmemoryPool pool, const CUmemAccessDesc *, size_t) {
  return entry("cuMemPoolSetAccess", "",
               [&] { return pool ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE; });
}

MOME_EXPORT CUresult cuMemHostAlloc(void **memory, size_t size, unsigned flags) {
  return entry("cuMemHostAlloc", text(size), [&]() -> CUresult {
    if (!memory || size == 0 || flags > 7) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    *memory = std::aligned_alloc(4096, (size + 4095) / 4096 * 4096);
    if (!*memory) {
      return CUDA_ERROR_OUT_OF_MEMORY;
    }
    std::memset(*memory, 0xff, size);
    register_host(*memory, size);
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuMemAllocHost_v2(void **memory, size_t size) {
  return cuMemHostAlloc(memory, size, 0);
}
MOME_EXPORT CUresult cuMemFreeHost(void *memory) {
  return entry("cuMemFreeHost", "", [&]() -> CUresult {
    if (!driver().options.strict_free) {
      for (const auto &d : driver().devices) {
        driver().drain_device(*d);
      }
    }
    if (!unregister_host(memory)) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    std::free(memory);
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuMemHostRegister_v2(void *memory, size_t size, unsigned) {
  return entry("cuMemHostRegister", text(size), [&]() -> CUresult {
    if (!memory || size == 0) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    if (driver().pinned(memory, 1)) {
      return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
    }
    register_host(memory, size);
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuMemHostUnregister(void *memory) {
  return entry("cuMemHostUnregister", "", [&] {
    return unregister_host(memory) ? CUDA_SUCCESS : CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  });
}
MOME_EXPORT CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *address, void *memory, unsigned) {
  return entry("cuMemHostGetDevicePointer", "", [&]() -> CUresult {
    if (!driver().pinned(memory, 1)) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    *address = number(memory);
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuPointerGetAttribute(void *data, int what, CUdeviceptr address) {
  return entry("cuPointerGetAttribute", text(uint64_t(what)) + ", " + hex(address),
               [&]() -> CUresult {
                 Device *owner = driver().owner(address);
                 const bool host = driver().pinned(reinterpret_cast<void *>(address), 1);
                 if (!owner && !host) {
                   return CUDA_ERROR_INVALID_VALUE;
                 }
                 switch (what) {
                 case CU_POINTER_ATTRIBUTE_MEMORY_TYPE: {
                   const unsigned type = owner ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
                   std::memcpy(data, &type, sizeof type);
                   return CUDA_SUCCESS;
                 }
                 case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
                   std::memcpy(data, &address, sizeof address);
                   return CUDA_SUCCESS;
                 case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: {
                   const int ordinal = owner ? owner->index : 0;
                   std::memcpy(data, &ordinal, sizeof ordinal);
                   return CUDA_SUCCESS;
                 }
                 case CU_POINTER_ATTRIBUTE_IS_MANAGED: {
                   const int managed = 0;
                   std::memcpy(data, &managed, sizeof managed);
                   return CUDA_SUCCESS;
                 }
                 default:
                   return CUDA_ERROR_NOT_SUPPORTED;
                 }
               });
}

MOME_EXPORT CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t n) {
  return do_copy("cuMemcpyHtoD", {to, number(from), n, false, true}, nullptr, true);
}
MOME_EXPORT CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t n) {
  return do_copy("cuMemcpyDtoH", {number(to), from, n, true, false}, nullptr, true);
}
MOME_EXPORT CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t n) {
  return do_copy("cuMemcpyDtoD", {to, from, n}, nullptr, false);
}
MOME_EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t n,
                                          CUstream stream) {
  return do_copy("cuMemcpyHtoDAsync", {to, number(from), n, false, true}, stream, false);
}
MOME_EXPORT CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t n, CUstream stream) {
  return do_copy("cuMemcpyDtoHAsync", {number(to), from, n, true, false}, stream, false);
}
MOME_EXPORT CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t n,
                                          CUstream stream) {
  return do_copy("cuMemcpyDtoDAsync", {to, from, n}, stream, false);
}
MOME_EXPORT CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t n) {
  return do_copy("cuMemcpy", unified(to, from, n), nullptr, true);
}
MOME_EXPORT CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t n, CUstream stream) {
  return do_copy("cuMemcpyAsync", unified(to, from, n), stream, false);
}
MOME_EXPORT CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D *p) {
  return copy_2d("cuMemcpy2D", p, nullptr, true);
}
MOME_EXPORT CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *p, CUstream stream) {
  return copy_2d("cuMemcpy2DAsync", p, stream, false);
}
MOME_EXPORT CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t n) {
  return fill("cuMemsetD8", to, value, 1, n, nullptr, false);
}
MOME_EXPORT CUresult cuMemsetD16_v2(CUdeviceptr to, unsigned short value, size_t n) {
  return fill("cuMemsetD16", to, value, 2, n, nullptr, false);
}
MOME_EXPORT CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t n) {
  return fill("cuMemsetD32", to, value, 4, n, nullptr, false);
}
MOME_EXPORT CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t n,
                                     CUstream stream) {
  return fill("cuMemsetD8Async", to, value, 1, n, stream, false);
}
MOME_EXPORT CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t n,
                                      CUstream stream) {
  return fill("cuMemsetD16Async", to, value, 2, n, stream, false);
}
MOME_EXPORT CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t n, CUstream stream) {
  return fill("cuMemsetD32Async", to, value, 4, n, stream, false);
}

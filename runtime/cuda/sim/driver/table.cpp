// cuGetProcAddress: names to entry points, by the dynamic linker's own table. A name that asks for
// no version gets the newest that there is, as a program compiled against a current cuda.h does.
#include <dlfcn.h>

#include "runtime/cuda/sim/driver/entry.h"

using namespace mome::fakecuda;

MOME_EXPORT CUresult cuGetProcAddress_v2(const char *symbol, void **function, int, uint64_t,
                                         int *status) {
  return free_entry("cuGetProcAddress", symbol ? symbol : "", [&]() -> CUresult {
    if (!symbol || !function) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    Dl_info self;
    void *library = nullptr;
    if (::dladdr(reinterpret_cast<void *>(&cuGetProcAddress_v2), &self)) {
      library = ::dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    }
    *function = nullptr;
    std::string base = symbol;
    for (const char *suffix : {"_ptsz", "_ptds"}) {
      if (base.ends_with(suffix)) {
        base.resize(base.size() - 5);
      }
    }
    if (base == "cuGraphInstantiate") {
      base = "cuGraphInstantiateWithFlags";
    }
    for (const char *version : {"_v4", "_v3", "_v2", ""}) {
      if (library && !*function &&
          !(base == "cuCtxCreate" && version[0] == '_' && version[2] > '2')) {
        *function = ::dlsym(library, (base + version).c_str());
      }
    }
    if (library) {
      ::dlclose(library);
    }
    if (status) {
      *status = *function ? 0 : 1; // 1: CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND
    }
    return *function ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
  });
}
MOME_EXPORT CUresult cuGetProcAddress(const char *symbol, void **function, int version,
                                      uint64_t flags) {
  return cuGetProcAddress_v2(symbol, function, version, flags, nullptr);
}
MOME_EXPORT CUresult cuGetExportTable(const void **table, const CUuuid *) {
  // Undocumented tables of the CUDA runtime library: programs must use the driver API.
  *table = nullptr;
  return CUDA_ERROR_NOT_FOUND;
}

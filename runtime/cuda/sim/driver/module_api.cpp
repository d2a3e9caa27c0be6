// Modules, functions, launches.
#include <algorithm>
#include <cstring>

#include "runtime/cuda/sim/driver/entry.h"
#include "runtime/cuda/sim/fat_binary.h"
#include "runtime/error.h"

using namespace mome::fakecuda;
namespace ptxsim = mome::ptxsim;

namespace mome::fakecuda {
namespace {

Driver &driver() {
  return Driver::get();
}

/// Texts for the caller's log buffers.
struct JitLog {
  char *error = nullptr;
  size_t error_size = 0;

  JitLog(unsigned count, const int *options, void *const *values) {
    for (unsigned i = 0; options && i < count; ++i) {
      const auto number = reinterpret_cast<uint64_t>(values[i]);
      if (unsigned(options[i]) == CU_JIT_ERROR_LOG_BUFFER) {
        error = static_cast<char *>(values[i]);
      } else if (unsigned(options[i]) == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) {
        error_size = number;
      }
    }
  }
  void write(const std::string &text) const {
    std::fprintf(stderr, "libcuda stand-in: %s\n", text.c_str());
    if (error && error_size) {
      const size_t n = std::min(error_size - 1, text.size());
      std::memcpy(error, text.data(), n);
      error[n] = 0;
    }
  }
};

/// sm_80 code runs on 8.0 and later; sm_90a code on 9.0 alone.
CUresult check_target(std::string_view target, const Model &model, std::string &what) {
  if (!target.starts_with("sm_")) {
    what = "a .target that is no sm_NN";
    return CUDA_ERROR_INVALID_PTX;
  }
  const int wanted = std::atoi(std::string(target.substr(3)).c_str());
  const int have = model.major * 10 + model.minor;
  const bool exact = target.ends_with("a");
  if (wanted > have || (exact && wanted != have)) {
    what = "code for " + std::string(target) + " on a device of sm_" + std::to_string(have);
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  }
  return CUDA_SUCCESS;
}

CUresult load(CUmodule *out, const void *image, const JitLog &log) {
  if (!out || !image) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  Device &device = *driver().current();
  std::string ptx, what;
  const ptxsim::ImageKind kind = ptxsim::find_ptx(image, ptx, what);
  CUresult result = kind == ptxsim::ImageKind::ptx       ? CUDA_SUCCESS
                    : kind == ptxsim::ImageKind::damaged ? CUDA_ERROR_INVALID_IMAGE
                                                         : CUDA_ERROR_NO_BINARY_FOR_GPU;
  auto module = std::make_unique<Module>();
  module->device = &device;
  try {
    if (result == CUDA_SUCCESS) {
      module->ptx = std::make_shared<ptxsim::Module>(ptxsim::parse(std::move(ptx), "module.ptx"));
      result = check_target(module->ptx->target, *device.model, what);
    }
    if (result != CUDA_SUCCESS) {
      log.write(what);
      return result;
    }
    module->symbols = ptxsim::load_variables(*module->ptx, device.memory);
    for (const ptxsim::Function &f : module->ptx->functions) {
      if (!f.kernel || !f.defined) {
        continue;
      }
      auto function = std::make_unique<Function>();
      function->module = module.get();
      function->program = ptxsim::decode(module->ptx, f.name, module->symbols);
      module->functions.push_back(std::move(function));
    }
  } catch (const mome::Error &error) {
    ptxsim::unload_variables(module->symbols, device.memory);
    log.write(error.what());
    return CUDA_ERROR_INVALID_PTX;
  }
  *out = reinterpret_cast<CUmodule>(driver().modules.add(module.release()));
  return CUDA_SUCCESS;
}

CUresult unload(void *handle) {
  Module *module = driver().modules.check(handle);
  if (!module) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  driver().drain_device(*module->device);
  ptxsim::unload_variables(module->symbols, module->device->memory);
  driver().modules.remove(module);
  return CUDA_SUCCESS;
}

CUresult find_function(void **out, void *handle, const char *name) {
  Module *module = driver().modules.check(handle);
  if (!module) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  for (const auto &f : module->functions) {
    if (f->program.name == name) {
      *out = f.get();
      return CUDA_SUCCESS;
    }
  }
  return CUDA_ERROR_NOT_FOUND;
}

CUresult find_global(CUdeviceptr *address, size_t *size, void *handle, const char *name) {
  Module *module = driver().modules.check(handle);
  if (!module) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  const auto found = module->symbols.find(name);
  if (found == module->symbols.end()) {
    return CUDA_ERROR_NOT_FOUND;
  }
  const ptxsim::Allocation *a = module->device->memory.find(found->second);
  if (address) {
    *address = found->second;
  }
  if (size) {
    *size = a ? a->size : 0;
  }
  return CUDA_SUCCESS;
}

Function *check_function(const void *handle) {
  for (Module *m : driver().modules.live) {
    for (const auto &f : m->functions) {
      if (f.get() == handle) {
        return f.get();
      }
    }
  }
  return nullptr;
}

CUresult function_attribute(int *value, int what, const Function &f) {
  const ptxsim::Program &p = f.program;
  const uint64_t most =
      uint64_t{p.max_threads[0]} * std::max(p.max_threads[1], 1u) * std::max(p.max_threads[2], 1u);
  switch (what) {
  case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
    *value = p.max_threads[0] ? int(std::min<uint64_t>(most, 1024)) : 1024;
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
    *value = int(p.static_shared);
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
    *value = int(p.local_bytes);
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_NUM_REGS:
    *value = 32; // registers are ptxas's to give: unknown here
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_PTX_VERSION:
    *value = p.module->version;
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
    *value = f.module->device->model->major * 10 + f.module->device->model->minor;
    return CUDA_SUCCESS;
  case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
    *value = f.max_dynamic_shared ? f.max_dynamic_shared : 49152 - int(p.static_shared);
    return CUDA_SUCCESS;
  default:
    *value = 0;
    return what >= 0 && what < 16 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  }
}

/// Parameters from `params`, or from the packed buffer that `extra` names.
CUresult take_params(const ptxsim::Program &p, void **params, void **extra,
                     std::vector<std::byte> &bytes) {
  bytes.resize(p.param_bytes);
  if (p.params.empty()) {
    return CUDA_SUCCESS;
  }
  if (params) {
    bytes = ptxsim::pack_params(p, params);
    return CUDA_SUCCESS;
  }
  const void *buffer = nullptr;
  size_t size = 0;
  for (size_t i = 0; extra && extra[i]; i += 2) { // 1: pointer, 2: pointer to the size
    if (extra[i] == reinterpret_cast<void *>(1)) {
      buffer = extra[i + 1];
    } else if (extra[i] == reinterpret_cast<void *>(2)) {
      size = *static_cast<size_t *>(extra[i + 1]);
    }
  }
  if (!buffer || size < p.param_bytes) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  std::memcpy(bytes.data(), buffer, p.param_bytes);
  return CUDA_SUCCESS;
}

CUresult run_kernel(Device &device, const ptxsim::Program &program, ptxsim::Launch launch,
                    const std::vector<std::byte> &params) {
  if (const CUresult injected = injected_kernel_failure()) {
    return injected;
  }
  launch.params = params;
  launch.seed = driver().options.seed ? driver().random() : 0;
  try {
    if (driver().options.barriers) {
      try_without_barriers(device, program, launch);
    }
    const ptxsim::Report report = ptxsim::simulate(program, device.memory, launch);
    if (launch.checks.races) {
      driver().touched = device.memory.take_accesses();
    }
    for (const ptxsim::Fault &f : report.faults) {
      std::fprintf(stderr, "libcuda stand-in: %s\n", f.text(program.module->name).c_str());
    }
    return report.ok() ? CUDA_SUCCESS : result_of(report.faults[0].kind);
  } catch (const mome::Error &error) {
    std::fprintf(stderr, "libcuda stand-in: %s\n", error.what());
    return CUDA_ERROR_LAUNCH_FAILED;
  }
}

CUresult check_shape(const Device &d, const Function &f, const LaunchShape &s) {
  uint64_t threads = 1;
  for (int i = 0; i < 3; ++i) {
    if (s.grid[i] == 0 || s.block[i] == 0 || s.block[i] > (i == 2 ? 64u : 1024u) ||
        s.grid[i] > (i == 0 ? 0x7fffffffu : 65535u)) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    threads *= s.block[i];
  }
  int most = 0, shared = 0;
  function_attribute(&most, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, f);
  function_attribute(&shared, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, f);
  if (threads > 1024 || threads > uint64_t(most)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (s.shared > unsigned(std::max(shared, 0)) ||
      s.shared + f.program.static_shared > uint64_t(d.model->shared_optin)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

} // namespace

CUresult launch(Device &device, Stream &stream, Function &function, const LaunchShape &shape,
                void **params, void **extra) {
  if (function.module->device != &device) {
    return CUDA_ERROR_INVALID_CONTEXT;
  }
  if (const CUresult bad = check_shape(device, function, shape)) {
    return bad;
  }
  ptxsim::Launch l;
  l.grid = {shape.grid[0], shape.grid[1], shape.grid[2]};
  l.block = {shape.block[0], shape.block[1], shape.block[2]};
  l.dynamic_shared = shape.shared;
  const Options &o = driver().options;
  l.checks = {o.checks, o.checks, true};
  l.perturb = o.perturb;
  l.rounding_seed = o.seed;
  l.threads = o.threads;
  l.sm_count = uint32_t(device.model->multiprocessors);
  l.count = false;
  if (o.budget) {
    l.budget = o.budget;
  }
  std::vector<std::byte> bytes;
  if (const CUresult bad = take_params(function.program, params, extra, bytes)) {
    return bad;
  }
  Operation op;
  op.what = "kernel " + function.program.name;
  op.run = [&device, &function, l, bytes] {
    return run_kernel(device, function.program, l, bytes);
  };
  return driver().enqueue(stream, std::move(op));
}

} // namespace mome::fakecuda

MOME_EXPORT CUresult cuModuleLoadData(CUmodule *module, const void *image) {
  return entry("cuModuleLoadData", "", [&] { return load(module, image, {0, nullptr, nullptr}); });
}
MOME_EXPORT CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned count,
                                        int *options, void **values) {
  return entry("cuModuleLoadDataEx", "",
               [&] { return load(module, image, {count, options, values}); });
}
MOME_EXPORT CUresult cuModuleLoadFatBinary(CUmodule *module, const void *image) {
  return cuModuleLoadData(module, image);
}
MOME_EXPORT CUresult cuModuleLoad(CUmodule *module, const char *path) {
  return entry("cuModuleLoad", path, [&]() -> CUresult {
    std::FILE *file = std::fopen(path, "rb");
    if (!file) {
      return CUDA_ERROR_FILE_NOT_FOUND;
    }
    std::string bytes;
    char buffer[65536];
    for (size_t n; (n = std::fread(buffer, 1, sizeof buffer, file)) > 0;) {
      bytes.append(buffer, n);
    }
    std::fclose(file);
    return load(module, bytes.c_str(), {0, nullptr, nullptr});
  });
}
MOME_EXPORT CUresult cuModuleUnload(CUmodule module) {
  return entry("cuModuleUnload", "", [&] { return unload(module); });
}
MOME_EXPORT CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name) {
  return entry("cuModuleGetFunction", name,
               [&] { return find_function(reinterpret_cast<void **>(function), module, name); });
}
MOME_EXPORT CUresult cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *size, CUmodule module,
                                          const char *name) {
  return entry("cuModuleGetGlobal", name, [&] { return find_global(address, size, module, name); });
}

// A library is a module of the current device here.
MOME_EXPORT CUresult cuLibraryLoadData(CUlibrary *library, const void *image, int *options,
                                       void **values, unsigned count, int *, void **, unsigned) {
  return entry("cuLibraryLoadData", "", [&] {
    return load(reinterpret_cast<CUmodule *>(library), image, {count, options, values});
  });
}
MOME_EXPORT CUresult cuLibraryUnload(CUlibrary library) {
  return entry("cuLibraryUnload", "", [&] { return unload(library); });
}
MOME_EXPORT CUresult cuLibraryGetModule(CUmodule *module, CUlibrary library) {
  *module = reinterpret_cast<CUmodule>(library);
  return CUDA_SUCCESS;
}
MOME_EXPORT CUresult cuLibraryGetKernel(CUkernel *kernel, CUlibrary library, const char *name) {
  return entry("cuLibraryGetKernel", name,
               [&] { return find_function(reinterpret_cast<void **>(kernel), library, name); });
}
MOME_EXPORT CUresult cuLibraryGetGlobal(CUdeviceptr *address, size_t *size, CUlibrary library,
                                        const char *name) {
  return entry("cuLibraryGetGlobal", name,
               [&] { return find_global(address, size, library, name); });
}
MOME_EXPORT CUresult cuKernelGetFunction(CUfunction *function, CUkernel kernel) {
  *function = reinterpret_cast<CUfunction>(kernel);
  return CUDA_SUCCESS;
}

MOME_EXPORT CUresult cuFuncGetAttribute(int *value, int what, CUfunction function) {
  return entry("cuFuncGetAttribute", text(uint64_t(what)), [&]() -> CUresult {
    const Function *f = check_function(function);
    return f && value ? function_attribute(value, what, *f) : CUDA_ERROR_INVALID_HANDLE;
  });
}
MOME_EXPORT CUresult cuFuncSetAttribute(CUfunction function, int what, int value) {
  return entry(
      "cuFuncSetAttribute", text(uint64_t(what)) + ", " + text(uint64_t(value)), [&]() -> CUresult {
        Function *f = check_function(function);
        if (!f) {
          return CUDA_ERROR_INVALID_HANDLE;
        }
        if (what == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT) {
          return CUDA_SUCCESS;
        }
        const int most = f->module->device->model->shared_optin - int(f->program.static_shared);
        if (what != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES || value < 0 || value > most) {
          return CUDA_ERROR_INVALID_VALUE;
        }
        f->max_dynamic_shared = value;
        return CUDA_SUCCESS;
      });
}
MOME_EXPORT CUresult cuFuncSetCacheConfig(CUfunction, int) {
  return entry("cuFuncSetCacheConfig", "", [] { return CUDA_SUCCESS; });
}
MOME_EXPORT CUresult cuFuncGetName(const char **name, CUfunction function) {
  return entry("cuFuncGetName", "", [&]() -> CUresult {
    const Function *f = check_function(function);
    if (!f) {
      return CUDA_ERROR_INVALID_HANDLE;
    }
    *name = f->program.name.c_str();
    return CUDA_SUCCESS;
  });
}
MOME_EXPORT CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, CUfunction function,
                                                                 int threads, size_t shared) {
  return entry("cuOccupancyMaxActiveBlocksPerMultiprocessor", text(uint64_t(threads)),
               [&]() -> CUresult {
                 const Function *f = check_function(function);
                 if (!f || threads <= 0 || !blocks) {
                   return f ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE;
                 }
                 const Model &m = *f->module->device->model;
                 const size_t bytes = shared + f->program.static_shared + 1024;
                 // Registers are not known; with 32 a thread they do not limit.
                 const int by_threads = m.threads_per_multiprocessor / ((threads + 31) / 32 * 32);
                 const int by_shared = int(size_t(m.shared_per_multiprocessor) / bytes);
                 *blocks = std::min({m.blocks_per_multiprocessor, by_threads, by_shared});
                 return CUDA_SUCCESS;
               });
}

namespace {
CUresult checked_launch(CUfunction function, CUstream stream_handle, const LaunchShape &shape,
                        void **params, void **extra) {
  Function *f = check_function(function);
  Stream *stream = driver().stream(stream_handle);
  if (!f || !stream) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  return launch(*driver().current(), *stream, *f, shape, params, extra);
}
std::string describe(CUfunction function, const LaunchShape &s) {
  const std::lock_guard lock(driver().mutex);
  const Function *f = check_function(function);
  return (f ? f->program.name : "?") + ", (" + text(s.grid[0]) + "," + text(s.grid[1]) + "," +
         text(s.grid[2]) + "), (" + text(s.block[0]) + "," + text(s.block[1]) + "," +
         text(s.block[2]) + "), " + text(s.shared);
}
} // namespace

MOME_EXPORT CUresult cuLaunchKernel(CUfunction function, unsigned gx, unsigned gy, unsigned gz,
                                    unsigned bx, unsigned by, unsigned bz, unsigned shared,
                                    CUstream stream, void **params, void **extra) {
  const LaunchShape shape{{gx, gy, gz}, {bx, by, bz}, shared};
  return entry("cuLaunchKernel", describe(function, shape),
               [&] { return checked_launch(function, stream, shape, params, extra); });
}
MOME_EXPORT CUresult cuLaunchKernelEx(const CUlaunchConfig *c, CUfunction function, void **params,
                                      void **extra) {
  if (!c) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const LaunchShape shape{{c->gridDimX, c->gridDimY, c->gridDimZ},
                          {c->blockDimX, c->blockDimY, c->blockDimZ},
                          c->sharedMemBytes};
  return entry("cuLaunchKernelEx", describe(function, shape), [&]() -> CUresult {
    for (unsigned i = 0; i < c->numAttrs; ++i) {
      const auto &cluster = c->attrs[i].value.cluster;
      if (unsigned(c->attrs[i].id) == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION &&
          (cluster.x != 1 || cluster.y != 1 || cluster.z != 1)) {
        return CUDA_ERROR_NOT_SUPPORTED; // clusters of several blocks are not simulated
      }
    }
    return checked_launch(function, c->hStream, shape, params, extra);
  });
}
MOME_EXPORT CUresult cuLaunchCooperativeKernel(CUfunction, unsigned, unsigned, unsigned, unsigned,
                                               unsigned, unsigned, unsigned, CUstream, void **) {
  // Blocks run one after the other: a grid-wide barrier would never be passed.
  return entry("cuLaunchCooperativeKernel", "",
               []() -> CUresult { return CUDA_ERROR_NOT_SUPPORTED; });
}

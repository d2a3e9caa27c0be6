// See cuda_device.h.
#include "runtime/cuda/cuda_device.h"

#include <algorithm>
#include <array>

#include "runtime/error.h"
#include "runtime/text.h"

namespace mome::cuda {

#define CALL(function, ...) check(api, api.function(__VA_ARGS__), "cu" #function, where)

CudaDevice::CudaDevice(int ordinal)
    : api(driver()), where("device cuda:" + std::to_string(ordinal)) {
  int count = 0;
  CALL(DeviceGetCount, &count);
  if (ordinal >= count) {
    throw Error(Exit::device, where,
                count == 0 ? "the CUDA driver finds no device"
                           : "there are only " + std::to_string(count) + " devices",
                "see `mome doctor`, or run on the processor with --device cpu");
  }
  CALL(DeviceGet, &device, ordinal);
  std::array<char, 128> text{};
  CALL(DeviceGetName, text.data(), int(text.size()), device);
  where += " (" + std::string(text.data()) + ")";
  CALL(DevicePrimaryCtxRetain, &context, device);
  CALL(CtxSetCurrent, context);
  CALL(StreamCreate, &stream, CU_STREAM_NON_BLOCKING);
}

CudaDevice::~CudaDevice() {
  // After a failed launch every call fails: nothing here may throw, and nothing is worth saying.
  api.CtxSetCurrent(context);
  for (const Prepared &program : programs) {
    if (program.graph != nullptr) {
      api.GraphExecDestroy(program.graph);
    }
  }
  for (const CUdeviceptr arena : arenas) {
    if (arena != 0) {
      api.MemFree(arena);
    }
  }
  if (scratch != 0) {
    api.MemFree(scratch);
  }
  if (module != nullptr) {
    api.ModuleUnload(module);
  }
  if (stream != nullptr) {
    api.StreamDestroy(stream);
  }
  api.DevicePrimaryCtxRelease(device);
}

void CudaDevice::make_current() const {
  CALL(CtxSetCurrent, context);
}

std::string CudaDevice::name() const {
  return where.substr(where.find(' ') + 1);
}

uint64_t CudaDevice::available_bytes() const {
  make_current();
  size_t free = 0, total = 0;
  CALL(MemGetInfo, &free, &total);
  return free;
}

void CudaDevice::allocate(std::span<const Arena> wanted) {
  uint64_t total = 0;
  for (const Arena &arena : wanted) {
    total += arena.size;
  }
  if (const uint64_t free = available_bytes(); total > free) {
    throw Error(Exit::budget, "memory",
                "the model needs " + bytes_text(total) + ", " + bytes_text(free) + " are free on " +
                    name(),
                "free some memory, or compile with a smaller batch");
  }
  for (const Arena &arena : wanted) {
    CUdeviceptr memory = 0;
    if (arena.size > 0) {
      CALL(MemAlloc, &memory, arena.size);
      arenas.push_back(memory); // at once, so that a later failure frees it
      CALL(MemsetD8Async, memory, 0, arena.size, stream);
    } else {
      arenas.push_back(0);
    }
  }
  synchronize("clearing memory");
}

void CudaDevice::load(std::span<const std::byte> code, std::span<const Kernel> wanted,
                      const std::string &package) {
  if (wanted.empty()) {
    return;
  }
  make_current();
  // PTX, which wants a zero at its end; or a fat binary, from which the driver takes what fits.
  std::string image(reinterpret_cast<const char *>(code.data()), code.size());
  std::string log(4096, '\0');
  int options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[] = {log.data(), reinterpret_cast<void *>(log.size())};
  const CUresult result = api.ModuleLoadDataEx(&module, image.c_str(), 2, options, values);
  if (result == CUDA_ERROR_INVALID_PTX || result == CUDA_ERROR_INVALID_IMAGE) {
    throw package_error(package, "the driver cannot load its code: " + std::string(log.c_str()),
                        "the package is damaged: compile it again");
  }
  check(api, result, "cuModuleLoadDataEx", where);
  uint64_t scratch_bytes = 0;
  for (const Kernel &kernel : wanted) {
    std::vector<Function> functions;
    for (const Launch &launch : kernel.launches) {
      CUfunction function = nullptr;
      if (api.ModuleGetFunction(&function, module, launch.symbol.c_str()) != CUDA_SUCCESS) {
        throw package_error(package, "no kernel '" + launch.symbol + "' in its code",
                            "the package is damaged: compile it again");
      }
      if (launch.shared > 48 << 10) {
        CALL(FuncSetAttribute, function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
             int(launch.shared));
      }
      functions.push_back(
          {function, unsigned(launch.blocks), unsigned(launch.threads), unsigned(launch.shared)});
    }
    kernels.push_back(std::move(functions));
    scratch_bytes = std::max(scratch_bytes, kernel.scratch);
  }
  if (scratch_bytes > 0) {
    CALL(MemAlloc, &scratch, scratch_bytes);
  }
}

size_t CudaDevice::prepare(const Program &program) {
  Prepared prepared;
  for (const Dispatch &dispatch : program.dispatches) {
    prepared.calls.push_back({dispatch.kernel, prepared.addresses.size()});
    for (const Slice &slice : dispatch.args) {
      prepared.addresses.push_back(arenas[slice.arena] + slice.offset);
    }
    prepared.addresses.push_back(scratch);
  }
  for (CUdeviceptr &address : prepared.addresses) { // complete, so pointers into it stay
    prepared.arguments.push_back(&address);
  }
  programs.push_back(std::move(prepared));
  return programs.size() - 1;
}

void CudaDevice::upload(const Slice &slice, std::span<const std::byte> from) {
  make_current();
  CALL(MemcpyHtoDAsync, arenas[slice.arena] + slice.offset, from.data(), from.size(), stream);
  synchronize("a copy to the device");
}

void CudaDevice::download(const Slice &slice, std::span<std::byte> to) {
  make_current();
  CALL(MemcpyDtoHAsync, to.data(), arenas[slice.arena] + slice.offset, to.size(), stream);
  synchronize("a copy from the device");
}

void CudaDevice::launch(const Prepared &program, size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) {
    const Call &call = program.calls[i];
    void **arguments = const_cast<void **>(program.arguments.data()) + call.first;
    for (const Function &f : kernels[call.kernel]) {
      CALL(LaunchKernel, f.function, f.blocks, 1, 1, f.threads, 1, 1, f.shared, stream, arguments,
           nullptr);
    }
  }
}

CUgraphExec CudaDevice::capture(const Prepared &program) {
  constexpr int thread_local_mode = 1;
  CUgraph graph = nullptr;
  CUgraphExec executable = nullptr;
  CALL(StreamBeginCapture, stream, thread_local_mode);
  launch(program, 0, program.calls.size());
  CALL(StreamEndCapture, stream, &graph);
  const CUresult result = api.GraphInstantiateWithFlags(&executable, graph, 0);
  api.GraphDestroy(graph);
  check(api, result, "cuGraphInstantiateWithFlags", where);
  return executable;
}

void CudaDevice::run(size_t index, size_t begin, size_t end) {
  make_current();
  Prepared &program = programs[index];
  if (begin == 0 && end == program.calls.size() && end > 1) {
    if (program.graph == nullptr) {
      program.graph = capture(program);
    }
    CALL(GraphLaunch, program.graph, stream);
  } else {
    launch(program, begin, end);
  }
  synchronize("a program");
}

void CudaDevice::synchronize(const char *after) {
  check(api, api.StreamSynchronize(stream), "cuStreamSynchronize",
        where + ", after " + std::string(after));
}

int compute_capability(int ordinal) {
  const DriverApi *api = find_driver();
  CUdevice device = 0;
  int major = 0, minor = 0;
  if (api == nullptr || api->DeviceGet(&device, ordinal) != CUDA_SUCCESS) {
    return 0;
  }
  api->DeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device);
  api->DeviceGetAttribute(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device);
  return 10 * major + minor;
}

} // namespace mome::cuda

// See cuda_device.h.
#include "runtime/cuda/cuda_device.h"

#include <algorithm>
#include <array>

#include "runtime/cuda/device_image.h"
#include "runtime/cuda/peer_copy.h"
#include "runtime/error.h"
#include "runtime/text.h"

namespace mome::cuda {

namespace {
/// What cuMemAlloc gives.
constexpr uint64_t scratch_alignment = 256;
} // namespace

#define CALL(function, ...) check(api, api.function(__VA_ARGS__), "cu" #function, where)

CudaDevice::CudaDevice(int ordinal)
    : api(driver()), where("device cuda:" + std::to_string(ordinal)) {
  require_device(ordinal);
  CALL(DeviceGet, &device, ordinal);
  std::array<char, 128> text{};
  CALL(DeviceGetName, text.data(), int(text.size()), device);
  where += " (" + std::string(text.data()) + ")";
  CALL(DevicePrimaryCtxRetain, &context, device);
  CALL(CtxSetCurrent, context);
  add_streams(1);
}

CudaDevice::~CudaDevice() {
  // After a failed launch every call fails: nothing here may throw, and nothing is worth saying.
  api.CtxSetCurrent(context);
  staging.reset();
  kernels.clear(); // calls of libraries, too
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
  for (const CUdeviceptr memory : scratch) {
    api.MemFree(memory);
  }
  if (module != nullptr) {
    api.ModuleUnload(module);
  }
  for (const CUstream stream : streams) {
    api.StreamDestroy(stream);
  }
  api.DevicePrimaryCtxRelease(device);
}

void CudaDevice::make_current() const {
  CALL(CtxSetCurrent, context);
}

/// As many streams as that, and for each the scratch memory of the kernel that runs there.
void CudaDevice::add_streams(size_t count) {
  while (streams.size() < count) {
    CUstream stream = nullptr;
    CALL(StreamCreate, &stream, CU_STREAM_NON_BLOCKING);
    streams.push_back(stream);
  }
  while (scratch_bytes > 0 && scratch.size() < streams.size()) {
    CUdeviceptr memory = 0;
    CALL(MemAlloc, &memory, scratch_bytes);
    scratch.push_back(memory);
  }
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
      CALL(MemsetD8Async, memory, 0, arena.size, streams[0]);
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
  if (const std::string damage = find_damage(code); !damage.empty()) {
    throw package_error(package, "its code is " + damage,
                        "the package is damaged: compile it again");
  }
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
  if (result == CUDA_ERROR_NO_BINARY_FOR_GPU) {
    const int architecture = compute_capability(device);
    throw Error(Exit::device, package,
                "its code is not for " + name() + ", sm_" + std::to_string(architecture),
                "compile it with --target=cpu,cuda:sm_" + std::to_string(architecture));
  }
  if (result == CUDA_ERROR_UNSUPPORTED_PTX_VERSION) {
    throw Error(
        Exit::device, where, "the driver is too old for the PTX of " + package,
        "install a newer driver; or compile where there is a CUDA toolkit, for machine code");
  }
  check(api, result, "cuModuleLoadDataEx", where);
  for (const Kernel &kernel : wanted) {
    LoadedKernel loaded{{},
                        nullptr,
                        kernel.group,
                        (kernel.scratch + scratch_alignment - 1) / scratch_alignment *
                            scratch_alignment};
    if (!kernel.library.empty()) {
      const LibraryCall call = LibraryCall::parse(kernel.library, package, kernel.types.size());
      loaded.library = provider(call.library, where).bind(call, kernel.scratch, where);
      choices.push_back(kernel.symbol + ": " + call.library + ", " + loaded.library->choice());
    }
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
      loaded.functions.push_back(
          {function, unsigned(launch.blocks), unsigned(launch.threads), unsigned(launch.shared)});
    }
    scratch_bytes = std::max(scratch_bytes, loaded.scratch * loaded.group);
    kernels.push_back(std::move(loaded));
  }
}

/// Of dispatch number `member` of a group, on the stream of the dispatch.
void CudaDevice::add_addresses(const Dispatch &dispatch, size_t member, Prepared &to) const {
  for (const Slice &slice : dispatch.args) {
    to.addresses.push_back(arenas[slice.arena] + slice.offset);
  }
  const CUdeviceptr memory = scratch_bytes > 0 ? scratch[dispatch.stream] : 0;
  to.addresses.push_back(memory + member * kernels[dispatch.kernel].scratch);
}

size_t CudaDevice::prepare(const Program &program) {
  make_current();
  Prepared prepared;
  prepared.dispatches = program.dispatches.size();
  std::vector<size_t> call_of; // by dispatch
  size_t largest_table = 0;
  for (size_t i = 0; i < program.dispatches.size(); i += program.dispatches[i].group) {
    const Dispatch &first = program.dispatches[i];
    add_streams(first.stream + 1);
    Call call{first.kernel,
              first.stream,
              i,
              first.group,
              prepared.addresses.size(),
              first.args.size() + 1,
              {}};
    for (const uint32_t earlier : first.after) {
      call.after.push_back(call_of[earlier]);
      prepared.calls[call_of[earlier]].awaited = true;
    }
    for (size_t member = 0; member < call.count; ++member) {
      add_addresses(program.dispatches[i + member], member, prepared);
      call_of.push_back(prepared.calls.size());
    }
    largest_table = std::max(largest_table, kernels[call.kernel].group * call.row);
    prepared.calls.push_back(std::move(call));
  }
  const size_t all = prepared.addresses.size();
  prepared.addresses.resize(all + largest_table); // the driver reads whole tables
  for (size_t i = 0; i < all; ++i) {              // complete, so pointers into it stay
    prepared.arguments.push_back(&prepared.addresses[i]);
  }
  programs.push_back(std::move(prepared));
  return programs.size() - 1;
}

void CudaDevice::upload(const Slice &slice, std::span<const std::byte> from) {
  make_current();
  CALL(MemcpyHtoDAsync, arenas[slice.arena] + slice.offset, from.data(), from.size(), streams[0]);
  synchronize("a copy to the device");
}

void CudaDevice::download(const Slice &slice, std::span<std::byte> to) {
  make_current();
  CALL(MemcpyDtoHAsync, to.data(), arenas[slice.arena] + slice.offset, to.size(), streams[0]);
  synchronize("a copy from the device");
}

void CudaDevice::copy(std::span<const Slice> slices, Device &from) {
  const auto *other = dynamic_cast<const CudaDevice *>(&from);
  if (other == nullptr) {
    Device::copy(slices, from);
    return;
  }
  PeerCopy copies(api, {other->device, other->context, other->streams[0]},
                  {device, context, streams[0]},
                  where + ", copying from " + other->name().substr(0, other->name().find(' ')));
  for (const Slice &slice : slices) {
    copies.add(arenas[slice.arena] + slice.offset, other->arenas[slice.arena] + slice.offset,
               slice.size);
  }
  copies.finish();
}

/// Functions of a kernel with a group find the table of all dispatches' arguments where the first's begin.
void CudaDevice::launch(const Prepared &program, const Call &call, CUstream on) {
  const LoadedKernel &kernel = kernels[call.kernel];
  if (kernel.library) {
    for (size_t member = 0; member < call.count; ++member) {
      const CUdeviceptr *const first = &program.addresses[call.first + member * call.row];
      kernel.library->enqueue({first, call.row - 1}, first[call.row - 1], on);
    }
    return;
  }
  void **arguments = const_cast<void **>(program.arguments.data()) + call.first;
  for (const Function &f : kernel.functions) {
    CALL(LaunchKernel, f.function, f.blocks, unsigned(call.count), 1, f.threads, 1, 1, f.shared, on,
         arguments, nullptr);
  }
}

/// Some dispatches of the program, or all: groups of which only a part is wanted are cut.
void CudaDevice::launch_in_order(const Prepared &program, size_t begin, size_t end) {
  for (const Call &call : program.calls) {
    Call part = call;
    part.dispatch = std::max(begin, call.dispatch);
    const size_t part_end = std::min(end, call.dispatch + call.count);
    if (part.dispatch < part_end) {
      part.count = part_end - part.dispatch;
      part.first += (part.dispatch - call.dispatch) * call.row;
      launch(program, part, streams[0]);
    }
  }
}

/// Events that live until a capture ends.
class CudaDevice::Events {
public:
  explicit Events(const CudaDevice &device) : api(device.api), where(device.where) {}
  ~Events() {
    for (const CUevent event : events) {
      api.EventDestroy(event);
    }
  }
  CUevent record(CUstream stream) {
    CUevent event = nullptr;
    CALL(EventCreate, &event, CU_EVENT_DISABLE_TIMING);
    events.push_back(event);
    CALL(EventRecord, event, stream);
    return event;
  }
  void wait(CUstream stream, CUevent event) { CALL(StreamWaitEvent, stream, event, 0); }

private:
  const DriverApi &api;
  const std::string &where;
  std::vector<CUevent> events;
};

/// Every stream starts behind the first one's past and is waited for by its future.
void CudaDevice::launch_on_streams(const Prepared &program, Events &events) {
  const CUevent begin = events.record(streams[0]);
  std::vector<CUevent> done(program.calls.size());
  std::vector<const Call *> last(streams.size());
  for (size_t i = 0; i < program.calls.size(); ++i) {
    const Call &call = program.calls[i];
    const CUstream stream = streams[call.stream];
    if (last[call.stream] == nullptr && call.stream != 0 && call.after.empty()) {
      events.wait(stream, begin);
    }
    for (const size_t earlier : call.after) {
      events.wait(stream, done[earlier]);
    }
    launch(program, call, stream);
    if (call.awaited) {
      done[i] = events.record(stream);
    }
    last[call.stream] = &call;
  }
  for (size_t stream = 1; stream < streams.size(); ++stream) {
    if (last[stream] != nullptr && !last[stream]->awaited) { // else the waiting one comes later
      events.wait(streams[0], events.record(streams[stream]));
    }
  }
}

CUgraphExec CudaDevice::capture(const Prepared &program) {
  constexpr int thread_local_mode = 1;
  CUgraph graph = nullptr;
  CUgraphExec executable = nullptr;
  Events events(*this);
  CALL(StreamBeginCapture, streams[0], thread_local_mode);
  launch_on_streams(program, events);
  CALL(StreamEndCapture, streams[0], &graph);
  const CUresult result = api.GraphInstantiateWithFlags(&executable, graph, 0);
  api.GraphDestroy(graph);
  check(api, result, "cuGraphInstantiateWithFlags", where);
  return executable;
}

void CudaDevice::start(size_t index, size_t dispatches) {
  make_current();
  Prepared &program = programs[index];
  if (dispatches <= 1) {
    launch_in_order(program, 0, dispatches);
    return;
  }
  if (program.graph == nullptr) {
    program.graph = capture(program);
  }
  CALL(GraphLaunch, program.graph, streams[0]);
}

void CudaDevice::finish() {
  make_current();
  synchronize("a program");
}

void CudaDevice::run(size_t index, size_t begin, size_t end) {
  if (begin == 0 && end == programs[index].dispatches) {
    start(index, end);
  } else {
    make_current();
    launch_in_order(programs[index], begin, end);
  }
  finish();
}

bool CudaDevice::stage(const Slice &slice, std::span<const std::byte> from) {
  make_current();
  if (!staging) {
    staging = std::make_unique<Staging>(api, where);
  }
  staging->add(arenas[slice.arena] + slice.offset, from);
  return true;
}

void CudaDevice::commit() {
  make_current();
  if (staging) {
    staging->commit(streams[0]);
  }
}

void CudaDevice::synchronize(const char *after) {
  check(api, api.StreamSynchronize(streams[0]), "cuStreamSynchronize",
        where + ", after " + std::string(after));
}

void require_device(int ordinal) {
  const std::string where = "device cuda:" + std::to_string(ordinal);
  const DriverApi &api = driver();
  int count = 0;
  CALL(DeviceGetCount, &count);
  if (ordinal >= count) {
    throw Error(Exit::device, where,
                count == 0 ? "the CUDA driver finds no device"
                : count == 1
                    ? "there is only one device, cuda:0"
                    : "there are only " + std::to_string(count) + " devices, from cuda:0 on",
                "see `mome doctor`, or run on the processor with --device cpu");
  }
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

#include "runtime/cpu_device.h"

#include <algorithm>
#include <cstring>
#include <sys/mman.h>

#include "runtime/error.h"
#include "runtime/text.h"

namespace mome {
namespace {

constexpr uint64_t page = 4096, huge_page = 2 << 20;

/// Zero-filled memory; the empty span for 0 bytes.
std::span<std::byte> map_memory(uint64_t bytes, const std::string &what) {
  if (bytes == 0) {
    return {};
  }
  void *memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw Error(Exit::budget, "memory", "cannot allocate " + what,
                "free some memory, or compile with a smaller batch");
  }
  if (bytes >= huge_page) {
    ::madvise(memory, bytes, MADV_HUGEPAGE); // fewer TLB misses; no harm when it is refused
  }
  return {static_cast<std::byte *>(memory), bytes};
}

void unmap(std::span<std::byte> memory) {
  if (!memory.empty()) {
    ::munmap(memory.data(), memory.size());
  }
}

} // namespace

CpuDevice::CpuDevice(const DeviceOptions &options) : pool(options.threads, options.pin) {}

CpuDevice::~CpuDevice() {
  for (const std::span<std::byte> &arena : arenas) {
    unmap(arena);
  }
  unmap(scratch);
  unmap(shared);
}

std::string CpuDevice::name() const {
  return "cpu, " + std::to_string(pool.size()) + (pool.size() == 1 ? " thread" : " threads");
}

uint64_t CpuDevice::available_bytes() const {
  return available_memory();
}

void CpuDevice::allocate(std::span<const Arena> wanted) {
  uint64_t total = 0;
  for (const Arena &arena : wanted) {
    total += arena.size;
  }
  const uint64_t free = available_bytes();
  if (total > free) {
    throw Error(Exit::budget, "memory",
                "the model needs " + bytes_text(total) + ", " + bytes_text(free) + " are free",
                "free some memory, or compile with a smaller batch or --budget");
  }
  for (const Arena &arena : wanted) {
    arenas.push_back(map_memory(arena.size, "arena '" + arena.name + "'"));
  }
}

void CpuDevice::load(std::span<const std::byte> code, std::span<const Kernel> wanted,
                     const std::string &where) {
  if (wanted.empty()) {
    return;
  }
  image = std::make_unique<ElfImage>(code, where);
  uint64_t shared_size = 0;
  for (const Kernel &kernel : wanted) {
    void *address = image->find(kernel.symbol);
    if (address == nullptr) {
      throw package_error(where, "no kernel '" + kernel.symbol + "' in its machine code",
                          "the package is damaged: compile it again");
    }
    kernels.push_back(
        {reinterpret_cast<Function>(address), kernel.packs, kernel.chunks, kernel.shared > 0});
    scratch_stride = std::max(scratch_stride, (kernel.scratch + page - 1) / page * page);
    shared_size = std::max(shared_size, kernel.shared);
  }
  shared = map_memory(shared_size, "shared scratch memory");
  scratch = map_memory(scratch_stride * uint64_t(pool.size()), "scratch memory");
}

size_t CpuDevice::prepare(const Program &program) {
  Prepared prepared;
  for (const Dispatch &dispatch : program.dispatches) {
    for (const Slice &slice : dispatch.args) {
      prepared.addresses.push_back(arenas[slice.arena].data() + slice.offset);
    }
    if (kernels[dispatch.kernel].shares) {
      prepared.addresses.push_back(shared.data());
    }
  }
  size_t first = 0; // `addresses` is complete, so pointers into it stay
  for (const Dispatch &dispatch : program.dispatches) {
    prepared.calls.push_back({kernels[dispatch.kernel], prepared.addresses.data() + first});
    first += dispatch.args.size() + kernels[dispatch.kernel].shares;
  }
  programs.push_back(std::move(prepared));
  return programs.size() - 1;
}

void CpuDevice::upload(const Slice &slice, std::span<const std::byte> from) {
  std::memcpy(arenas[slice.arena].data() + slice.offset, from.data(), from.size());
}

void CpuDevice::download(const Slice &slice, std::span<std::byte> to) {
  std::memcpy(to.data(), arenas[slice.arena].data() + slice.offset, to.size());
}

void CpuDevice::run_chunks(const Call &call, int64_t first, int64_t count) {
  struct Context {
    const Call &call;
    CpuDevice &device;
    int64_t first;
  } context{call, *this, first};
  pool.run(
      [](void *opaque, int worker, int64_t lo, int64_t hi) {
        const auto &[call, device, first] = *static_cast<const Context *>(opaque);
        call.kernel.function(call.args, first + lo, first + hi,
                             device.scratch.data() + device.scratch_stride * uint64_t(worker));
      },
      &context, count);
}

void CpuDevice::run(size_t program, size_t begin, size_t end) {
  for (size_t i = begin; i < end; ++i) {
    const Call &call = programs[program].calls[i];
    if (call.kernel.packs > 0) {
      run_chunks(call, 0, call.kernel.packs);
    }
    run_chunks(call, call.kernel.packs, call.kernel.chunks);
  }
}

} // namespace mome

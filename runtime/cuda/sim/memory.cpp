#include "runtime/cuda/sim/memory.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <sys/mman.h>

namespace mome::ptxsim {
namespace {

constexpr uint64_t gap = 4096;

uint64_t round_up(uint64_t value, uint64_t to) {
  return (value + to - 1) / to * to;
}

/// Zero pages, given by the system when touched.
void *map_pages(uint64_t size) {
  void *memory = ::mmap(nullptr, round_up(size, 4096), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::bad_alloc();
  }
  return memory;
}
void unmap_pages(void *memory, uint64_t size) {
  if (memory) {
    ::munmap(memory, round_up(size, 4096));
  }
}

uint64_t cell_bytes(uint64_t size) {
  return (size / 4 + 2) * 8;
}

/// Devices get addresses of their own, so that a pointer tells its device.
std::atomic<uint64_t> next_device_base{uint64_t{1} << 36};

} // namespace

Memory::Memory() : next(next_device_base.fetch_add(uint64_t{1} << 42)) {}

Memory::~Memory() {
  for (auto &[base, a] : allocations) {
    if (!a.freed && a.owned) {
      unmap_pages(a.host, std::max<uint64_t>(a.size, 1));
    }
    unmap_pages(a.initialized, a.size + 1);
    unmap_pages(a.writers, cell_bytes(a.size));
    unmap_pages(a.readers, cell_bytes(a.size));
  }
}

uint64_t Memory::allocate(uint64_t size, uint64_t align, std::string name) {
  Allocation a;
  a.base = next = round_up(next, std::max<uint64_t>(align, 256));
  a.size = size;
  a.name = std::move(name);
  a.host = static_cast<std::byte *>(map_pages(std::max<uint64_t>(size, 1)));
  a.initialized = static_cast<uint8_t *>(map_pages(size + 1));
  a.writers = static_cast<uint64_t *>(map_pages(cell_bytes(size)));
  a.readers = static_cast<uint64_t *>(map_pages(cell_bytes(size)));
  a.touched = static_cast<uint8_t *>(map_pages(size / 4096 + 1));
  std::memset(a.host, 0xff, size);
  next += size + gap;
  bytes += size;
  const uint64_t base = a.base;
  allocations.emplace(base, std::move(a));
  return base;
}

void Memory::add_host(void *memory, uint64_t size) {
  Allocation a;
  a.base = reinterpret_cast<uint64_t>(memory);
  a.size = size;
  a.host = static_cast<std::byte *>(memory);
  a.owned = false;
  a.name = "host memory";
  allocations.insert_or_assign(a.base, std::move(a));
}

bool Memory::release(uint64_t address) {
  const auto it = allocations.find(address);
  if (it == allocations.end() || it->second.freed) {
    return false;
  }
  Allocation &a = it->second;
  if (!a.owned) {
    allocations.erase(it);
    return true;
  }
  unmap_pages(a.host, std::max<uint64_t>(a.size, 1));
  unmap_pages(a.initialized, a.size + 1);
  unmap_pages(a.writers, cell_bytes(a.size));
  unmap_pages(a.readers, cell_bytes(a.size));
  unmap_pages(a.touched, a.size / 4096 + 1);
  a.touched = nullptr;
  a.host = nullptr;
  a.initialized = nullptr;
  a.writers = a.readers = nullptr;
  a.freed = true;
  bytes -= a.size;
  return true;
}

const Allocation *Memory::find(uint64_t address) const {
  const Allocation *found = find_own(address);
  for (size_t p = 0; !found && p < peers.size(); ++p) {
    found = peers[p]->find_own(address);
  }
  return found;
}

const Allocation *Memory::find_own(uint64_t address) const {
  auto it = allocations.upper_bound(address);
  if (it == allocations.begin()) {
    return nullptr;
  }
  --it;
  return it->second.contains(address) ? &it->second : nullptr;
}

std::byte *Memory::host(uint64_t address, uint64_t size) const {
  const Allocation *a = find(address);
  if (!a || a->freed || size > a->size - (address - a->base)) {
    return nullptr;
  }
  return a->host + (address - a->base);
}

void Memory::mark(uint64_t address, uint64_t size, bool initialized) {
  Allocation *a = find(address);
  if (a && a->initialized) {
    std::memset(a->initialized + (address - a->base), initialized,
                std::min(size, a->size - (address - a->base)));
  }
}

std::string Memory::describe(uint64_t address) const {
  auto it = allocations.upper_bound(address);
  if (it == allocations.begin()) {
    return address < 4096 ? "a null pointer" : "before every allocation";
  }
  const Allocation &a = (--it)->second;
  return std::to_string(address - a.base - a.size) + " bytes after the end of an allocation of " +
         std::to_string(a.size) + (a.name.empty() ? "" : " (" + a.name + ")");
}

uint32_t Memory::next_launch() {
  if (++launch < 256) {
    return launch;
  }
  for (auto &[base, a] : allocations) {
    for (uint64_t *cells : {a.writers, a.readers}) {
      if (cells) {
        ::madvise(cells, round_up(cell_bytes(a.size), 4096), MADV_DONTNEED);
      }
    }
  }
  return launch = 1;
}

Memory::Contents Memory::save() const {
  Contents contents;
  for (const auto &[base, a] : allocations) {
    if (a.owned && !a.freed) {
      contents.parts.push_back(
          {base, {a.host, a.host + a.size}, {a.initialized, a.initialized + a.size}});
    }
  }
  return contents;
}

void Memory::restore(const Contents &contents) {
  for (const Contents::Part &part : contents.parts) {
    const Allocation &a = allocations.at(part.base);
    std::memcpy(a.host, part.bytes.data(), a.size);
    std::memcpy(a.initialized, part.initialized.data(), a.size);
  }
}

Accesses Memory::take_accesses() {
  Accesses accesses;
  const auto add = [](std::vector<std::pair<uint64_t, uint64_t>> &ranges, uint64_t begin) {
    if (!ranges.empty() && ranges.back().second == begin) {
      ranges.back().second += 4;
    } else {
      ranges.emplace_back(begin, begin + 4);
    }
  };
  for (auto &[base, a] : allocations) {
    for (uint64_t page = 0; a.touched && page < a.size / 4096 + 1; ++page) {
      if (!a.touched[page]) {
        continue;
      }
      a.touched[page] = 0;
      for (uint64_t g = page * 1024; g < std::min((page + 1) * 1024, (a.size + 3) / 4); ++g) {
        if ((a.readers[g] & 255) == launch) {
          add(accesses.reads, base + 4 * g);
        }
        if ((a.writers[g] & 255) == launch) {
          add(accesses.writes, base + 4 * g);
        }
      }
    }
  }
  return accesses;
}

uint64_t Memory::first_uninitialized(uint64_t address, uint64_t size) const {
  const Allocation *a = find(address);
  if (!a || !a->initialized) {
    return UINT64_MAX;
  }
  for (uint64_t i = address - a->base, end = i + size; i < end; ++i) {
    if (!a->initialized[i]) {
      return a->base + i;
    }
  }
  return UINT64_MAX;
}

} // namespace mome::ptxsim

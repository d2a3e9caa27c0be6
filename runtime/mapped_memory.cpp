#include "runtime/mapped_memory.h"

#include <new>
#include <sys/mman.h>
#include <utility>

namespace mome {

MappedMemory::MappedMemory(uint64_t bytes) {
  if (bytes == 0) {
    return;
  }
  const bool huge = bytes >= huge_page;
  const uint64_t length = huge ? bytes + huge_page : bytes;
  void *memory =
      ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw std::bad_alloc();
  }
  mapping = {static_cast<std::byte *>(memory), length};
  const uint64_t before = huge ? -reinterpret_cast<uintptr_t>(memory) % huge_page : 0;
  usable = mapping.subspan(before, bytes);
  if (huge) {
    ::madvise(usable.data(), bytes, MADV_HUGEPAGE); // no harm when it is refused
  }
}

MappedMemory::~MappedMemory() {
  if (!mapping.empty()) {
    ::munmap(mapping.data(), mapping.size());
  }
}

MappedMemory::MappedMemory(MappedMemory &&other) noexcept
    : mapping(std::exchange(other.mapping, {})), usable(std::exchange(other.usable, {})) {}

MappedMemory &MappedMemory::operator=(MappedMemory &&other) noexcept {
  std::swap(mapping, other.mapping);
  std::swap(usable, other.usable);
  return *this;
}

} // namespace mome

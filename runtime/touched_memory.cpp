#include "runtime/touched_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

namespace mome {

uint64_t touched_bytes(std::span<const std::byte> memory) {
  const uint64_t page = uint64_t(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> resident((memory.size() + page - 1) / page);
  if (memory.empty() ||
      ::mincore(const_cast<std::byte *>(memory.data()), memory.size(), resident.data()) != 0) {
    return 0;
  }
  uint64_t pages = resident.size();
  while (pages > 0 && (resident[pages - 1] & 1) == 0) {
    --pages;
  }
  return pages * page;
}

} // namespace mome

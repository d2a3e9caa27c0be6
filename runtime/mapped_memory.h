// Anonymous memory from the system: zero-filled, untouched until used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mome {

/// Owns a mapping. Of 2 MiB and more it begins at a huge page, and the system is asked for huge
/// pages: a kernel walks over many rows, each on another small page.
class MappedMemory {
public:
  static constexpr uint64_t huge_page = 2 << 20;

  MappedMemory() = default;
  /// Throws std::bad_alloc.
  explicit MappedMemory(uint64_t bytes);
  ~MappedMemory();
  MappedMemory(MappedMemory &&other) noexcept;
  MappedMemory &operator=(MappedMemory &&other) noexcept;

  std::byte *data() const { return usable.data(); }
  std::span<std::byte> bytes() const { return usable; }

private:
  std::span<std::byte> mapping, usable;
};

} // namespace mome

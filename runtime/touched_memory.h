// How far into a mapping anything was written or read: what a run really used of an arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mome {

/// The end of the last page of `memory` (which starts on a page) that is in main memory, in bytes;
/// at most its size, rounded up to pages. Untouched pages of an anonymous mapping are not.
uint64_t touched_bytes(std::span<const std::byte> memory);

} // namespace mome

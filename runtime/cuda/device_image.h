// What the code of a CUDA variant must be before a driver gets it: a driver is told no size, and
// would read on behind the end of an image that is cut off.
//
//   PTX text       begins with comments and the directive .version, and holds no zero
//   a fat binary   a header (u32 magic, u16 version, u16 its bytes, u64 bytes that follow) and entries
//                  (u16 kind: 1 PTX, 2 machine code; u16; u32 its bytes; u64 bytes of the content)
//                  that fill it; machine code is an ELF file that lies within its entry
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace mome::cuda {

/// What is wrong with an image; empty: nothing that a driver will not see.
std::string find_damage(std::span<const std::byte> image);

} // namespace mome::cuda

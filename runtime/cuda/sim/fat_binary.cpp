// Finding PTX in a module image.
//
// A fat binary is a header (magic, u16 version, u16 header bytes, u64 bytes that follow) and
// entries (u16 kind: 1 PTX, 2 ELF; u16; u32 header bytes; u64 payload bytes; ...; flags at byte 40,
// where bit 13 and bit 15 say that the payload is compressed).
#include "runtime/cuda/sim/fat_binary.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace mome::ptxsim {
namespace {

constexpr uint32_t fatbin_magic = 0xBA55ED50, wrapper_magic = 0x466243B1;
constexpr uint64_t most = uint64_t{1} << 32;

template <class T> T at(const std::byte *p, size_t offset) {
  T value;
  std::memcpy(&value, p + offset, sizeof value);
  return value;
}

ImageKind from_fatbin(const std::byte *p, std::string &ptx, std::string &what) {
  const uint64_t header = at<uint16_t>(p, 6), size = at<uint64_t>(p, 8);
  if (header < 16 || size > most) {
    what = "a fat binary with a damaged header";
    return ImageKind::damaged;
  }
  bool compressed = false, elf = false;
  for (uint64_t offset = header; offset + 24 <= header + size;) {
    const std::byte *entry = p + offset;
    const uint32_t kind = at<uint16_t>(entry, 0), entry_header = at<uint32_t>(entry, 4);
    const uint64_t payload = at<uint64_t>(entry, 8);
    if (entry_header < 24 || payload > size || entry_header > size ||
        offset + entry_header + payload > header + size) {
      what = "a fat binary with a damaged entry";
      return ImageKind::damaged;
    }
    const uint64_t flags = entry_header >= 48 ? at<uint64_t>(entry, 40) : 0;
    if (kind == 1 && (flags & 0xa000)) {
      compressed = true;
    } else if (kind == 1) {
      const char *text = reinterpret_cast<const char *>(entry + entry_header);
      ptx.assign(text, strnlen(text, payload));
      return ImageKind::ptx;
    }
    elf |= kind == 2;
    offset += entry_header + payload;
  }
  what = compressed ? "the fat binary's PTX is compressed: use fatbinary --compress=false"
         : elf      ? "the fat binary holds machine code and no PTX; the simulator executes PTX"
                    : "an empty fat binary";
  return ImageKind::no_ptx;
}

} // namespace

ImageKind find_ptx(const void *image, std::string &ptx, std::string &what) {
  const auto *p = static_cast<const std::byte *>(image);
  if (std::memcmp(p,
                  "\x7f"
                  "ELF",
                  4) == 0) {
    what = "machine code (a cubin): the simulator executes PTX";
    return ImageKind::no_ptx;
  }
  const uint32_t magic = at<uint32_t>(p, 0);
  if (magic == wrapper_magic) {
    return find_ptx(at<const void *>(p, 8), ptx, what);
  }
  if (magic == fatbin_magic) {
    return from_fatbin(p, ptx, what);
  }
  ptx = reinterpret_cast<const char *>(image);
  return ImageKind::ptx;
}

} // namespace mome::ptxsim

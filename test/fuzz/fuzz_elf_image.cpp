// libFuzzer: the reader of machine code throws Error or maps an image whose functions lie inside
// it. Nothing of it is run.
#include <cstdlib>

#include "runtime/elf_image.h"
#include "runtime/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  try {
    const mome::ElfImage image({reinterpret_cast<const std::byte *>(bytes), size}, "code");
    for (const auto &[name, address] : image.functions()) {
      if (name.empty() && address == nullptr) {
        std::abort();
      }
      volatile unsigned char first = *static_cast<const unsigned char *>(address); // mapped
      (void)first;
    }
  } catch (const mome::Error &error) {
    if (error.exit != mome::Exit::mismatch && error.exit != mome::Exit::budget) {
      std::abort();
    }
  }
  return 0;
}

// libFuzzer: the safetensors reader throws Error or returns views that lie inside the file and have their shape's size.
#include <cstdint>
#include <cstdlib>

#include "runtime/error.h"
#include "runtime/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  const std::span<const std::byte> file(reinterpret_cast<const std::byte *>(bytes), size);
  try {
    const mome::SafetensorsFile tensors(file, "fuzz.safetensors");
    for (const auto &[name, view] : tensors.tensors()) {
      uint64_t count = mome::dtype_size(view.dtype);
      for (int64_t extent : view.shape) {
        count *= uint64_t(extent);
      }
      if (count != view.bytes.size() ||
          view.bytes.data() + view.bytes.size() > file.data() + file.size()) {
        std::abort();
      }
    }
  } catch (const mome::Error &) {
  }
  return 0;
}

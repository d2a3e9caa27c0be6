#include "runtime/layout.h"

#include <algorithm>
#include <cstring>

namespace mome {
namespace {

/// Calls move(natural index, stored index) for every element.
template <typename Move>
void for_each_element(const NamedTensor &tensor, uint32_t panel, Move move) {
  const uint64_t rows = uint64_t(tensor.shape[0]), columns = tensor.elements() / rows;
  for (uint64_t n = 0; n < rows; ++n) {
    const uint64_t base = n / panel * panel * columns + n % panel;
    for (uint64_t k = 0; k < columns; ++k) {
      move(n * columns + k, base + k * panel);
    }
  }
}

} // namespace

void pack_panels(const NamedTensor &tensor, uint32_t panel, std::span<const std::byte> natural,
                 std::span<std::byte> stored) {
  const size_t size = dtype_size(tensor.dtype);
  std::fill(stored.begin(), stored.end(), std::byte{0});
  for_each_element(tensor, panel, [&](uint64_t from, uint64_t to) {
    std::memcpy(stored.data() + to * size, natural.data() + from * size, size);
  });
}

void unpack_panels(const NamedTensor &tensor, uint32_t panel, std::span<const std::byte> stored,
                   std::span<std::byte> natural) {
  const size_t size = dtype_size(tensor.dtype);
  for_each_element(tensor, panel, [&](uint64_t to, uint64_t from) {
    std::memcpy(natural.data() + to * size, stored.data() + from * size, size);
  });
}

} // namespace mome

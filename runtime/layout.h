// Physical layouts of named tensors; the host sees natural (row-major) bytes only.
//
// A panel layout of width P stores a tensor [N, K...] as [N/P][K...][P]: P rows side by side, so
// that a matrix product reads whole vectors of consecutive rows. With N = 3, K = 2, P = 2:
//   natural  a0 a1 | b0 b1 | c0 c1          stored  a0 b0 a1 b1 | c0 0 c1 0
// Rows beyond N are zero, and stay so: kernels may rely on it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/package.h"

namespace mome {

/// `stored` has stored_bytes(tensor, panel) bytes, `natural` has tensor.bytes(); panel > 0.
void pack_panels(const NamedTensor &tensor, uint32_t panel, std::span<const std::byte> natural,
                 std::span<std::byte> stored);
void unpack_panels(const NamedTensor &tensor, uint32_t panel, std::span<const std::byte> stored,
                   std::span<std::byte> natural);

} // namespace mome

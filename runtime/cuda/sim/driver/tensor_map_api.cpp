// cuTensorMapEncodeTiled: checks what the manual demands, and writes our own descriptor.
#include <cstring>

#include "runtime/cuda/sim/driver/entry.h"
#include "runtime/cuda/sim/tensor_map.h"

using namespace mome::fakecuda;
using mome::ptxsim::Swizzle;
using mome::ptxsim::TensorMap;

namespace {

/// Bytes of CUtensorMapDataType: u8 u16 u32 s32 u64 s64 f16 f32 f64 bf16 f32_ftz tf32 tf32_ftz.
int element_bytes(int type) {
  constexpr int bytes[] = {1, 2, 4, 4, 8, 8, 2, 4, 8, 2, 4, 4, 4};
  return type >= 0 && type < 13 ? bytes[type] : 0;
}

CUresult encode(TensorMap &map, int type, uint32_t rank, uint64_t address, const uint64_t *size,
                const uint64_t *stride, const uint32_t *box, const uint32_t *element_stride,
                int interleave, int swizzle, int fill) {
  const int bytes = element_bytes(type);
  if (bytes == 0 || rank < 1 || rank > 5 || address % 16 || swizzle < 0 || fill < 0 || fill > 1) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (interleave != 0 || swizzle > 3) {
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  map.magic = TensorMap::right_magic;
  map.element_bytes = uint8_t(bytes);
  map.rank = uint8_t(rank);
  map.swizzle = Swizzle(swizzle);
  map.fill_nan = uint8_t(fill);
  map.address = address;
  for (uint32_t k = 0; k < rank; ++k) {
    if (size[k] == 0 || size[k] > uint64_t{1} << 32 || box[k] == 0 || box[k] > 256) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    if (element_stride && element_stride[k] != 1) {
      return CUDA_ERROR_NOT_SUPPORTED;
    }
    map.size[k] = size[k];
    map.box[k] = box[k];
    if (k + 1 < rank) {
      if (stride[k] % 16 || stride[k] >= uint64_t{1} << 40) {
        return CUDA_ERROR_INVALID_VALUE;
      }
      map.stride[k] = stride[k];
    }
  }
  const uint64_t inner = uint64_t{box[0]} * uint64_t(bytes);
  if (inner % 16 || (swizzle > 0 && inner > (uint64_t{16} << swizzle))) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

} // namespace

MOME_EXPORT CUresult cuTensorMapEncodeTiled(CUtensorMap *out, int type, uint32_t rank,
                                            void *address, const uint64_t *size,
                                            const uint64_t *stride, const uint32_t *box,
                                            const uint32_t *element_stride, int interleave,
                                            int swizzle, int, int fill) {
  return entry("cuTensorMapEncodeTiled", text(rank), [&]() -> CUresult {
    if (!out || !size || !box || (rank > 1 && !stride)) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    TensorMap map;
    const CUresult result = encode(map, type, rank, reinterpret_cast<uint64_t>(address), size,
                                   stride, box, element_stride, interleave, swizzle, fill);
    if (result == CUDA_SUCCESS) {
      std::memcpy(static_cast<void *>(out), &map, sizeof map);
    }
    return result;
  });
}

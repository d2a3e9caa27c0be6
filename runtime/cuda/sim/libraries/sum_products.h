// What stand-ins of libraries compute with: one kernel that sums products of elements at places which
// tables give, on whatever driver the process has. Tables are for small sizes, and cannot share a
// mistake with generated kernels.
//
//   y[to[i]] = sum over k of a[lhs[i, k]] b[rhs[i, k]] + bias[bias_at[i]]
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/cuda/driver_abi.h"

namespace mome::standin {

struct ProductTables {
  int depth = 0;
  std::vector<int32_t> lhs, rhs; // [i, k]; negative: no product
  std::vector<int32_t> to, bias_at;
  bool lhs_is_bf16 = false, rhs_is_bf16 = false; // else f32
};

class SumProducts {
public:
  /// Copies the tables to the current device. Null when the driver cannot.
  static std::shared_ptr<SumProducts> create(const ProductTables &tables);
  ~SumProducts();

  /// Enqueues; `bias` may be 0. False when the driver does not take it.
  bool launch(const void *a, const void *b, void *y, const void *bias, cuda::CUstream stream) const;

private:
  struct Driver;
  static const Driver *driver();

  cuda::CUfunction function = nullptr;
  cuda::CUdeviceptr tables = 0;
  uint64_t rhs_at = 0, to_at = 0, bias_at = 0;
  uint32_t count = 0, depth = 0, bf16 = 0;
};

} // namespace mome::standin

// What a library does on a device instead of a kernel's launches. momec writes it into the package as
// JSON, beside the kernel's scratch memory, which is the call's workspace:
//
//   {"library": "cublaslt", "operation": "product", "tf32": false, "views": [
//      {"argument": 0, "dtype": "f32", "dims": [1, 40, 24], "strides": [960, 24, 1]}, ...]}
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/tensor.h"

namespace mome::cuda {

/// One of the kernel's arguments: extents, and elements between neighbours along each axis.
struct LibraryView {
  uint32_t argument = 0;
  DType dtype = DType::f32;
  std::vector<int64_t> dims, strides;

  /// From the first element to behind the last; UINT64_MAX if that is no number.
  uint64_t bytes() const;
};

struct LibraryCall {
  /// product          views A [batch, m, k], B [batch, k, n], C [batch, m, n], perhaps a bias [n]
  /// conv             views x [N, C, ...], w [O, C / groups, ...], y [N, O, ...]: y is written
  /// conv_for_input   the same views: x is written
  /// conv_for_weight  the same views: w is written
  enum class Operation { product, conv, conv_for_input, conv_for_weight };

  std::string library;
  Operation operation = Operation::product;
  bool tf32 = false; // f32 operands may be rounded to ten bits of mantissa
  std::vector<LibraryView> views;
  std::vector<int64_t> stride, dilation, pad_low, pad_high; // of a convolution, per axis

  /// The view that is written; all others are read.
  const LibraryView &written() const {
    return views[operation == Operation::conv_for_input    ? 0
                 : operation == Operation::conv_for_weight ? 1
                                                           : 2];
  }
  std::string json() const;
  /// Throws Error (mismatch); every view then has an argument below `arguments`, and as many strides
  /// as extents.
  static LibraryCall parse(const std::string &json, const std::string &where, size_t arguments);
};

} // namespace mome::cuda

// How matrix products describe themselves to code generators. See ProductOpInterface.
#ifndef MOME_DIALECTS_NN_PRODUCT_H
#define MOME_DIALECTS_NN_PRODUCT_H

#include "mlir/IR/Value.h"

namespace mome::nn {

/// `c[b, i, j] = sum over k of lhs[b, i, k] * rhs[b, k, j] + bias[j]`, all row-major.
struct Product {
  mlir::Value lhs, rhs;
  mlir::Value bias;  // null: none
  bool transposeLhs; // lhs is stored [b, k, i]
  bool transposeRhs; // rhs is stored [b, j, k]
  int64_t batch, m, n, k;
  /// The result's axes: this many for the batch, then those of i, then one for j.
  int64_t batchAxes;
};

} // namespace mome::nn
#endif

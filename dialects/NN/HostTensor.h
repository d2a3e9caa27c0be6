// The interpreter's tensor: row-major f64 values. Integers and booleans are held exactly as f64 as
// well.
#ifndef MOME_DIALECTS_NN_HOSTTENSOR_H
#define MOME_DIALECTS_NN_HOSTTENSOR_H

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

#include <cassert>
#include <vector>

namespace mome::nn {

struct HostTensor {
  llvm::SmallVector<int64_t> shape;
  std::vector<double> data;

  HostTensor() = default;
  explicit HostTensor(llvm::ArrayRef<int64_t> shape)
      : shape(shape), data(mlir::ShapedType::getNumElements(shape), 0.0) {}

  int64_t rank() const { return shape.size(); }
  int64_t size() const { return data.size(); }
  int64_t dim(int64_t axis) const { return shape[axis]; }
  double &operator[](int64_t linear) { return data[linear]; }
  double operator[](int64_t linear) const { return data[linear]; }
  /// Element i of an elementwise operand: rank-0 tensors apply to every element.
  double broadcastAt(int64_t linear) const { return data.size() == 1 ? data[0] : data[linear]; }

  /// Element at a multi-index.
  double &at(llvm::ArrayRef<int64_t> index) { return data[linearize(index)]; }
  double at(llvm::ArrayRef<int64_t> index) const { return data[linearize(index)]; }
  int64_t linearize(llvm::ArrayRef<int64_t> index) const {
    int64_t linear = 0;
    for (auto [i, extent] : llvm::zip_equal(index, shape)) {
      assert(i >= 0 && i < extent && "index out of bounds");
      linear = linear * extent + i;
    }
    return linear;
  }

  /// Row-major strides, in elements.
  llvm::SmallVector<int64_t> strides() const {
    llvm::SmallVector<int64_t> result(shape.size(), 1);
    for (int64_t axis = rank() - 2; axis >= 0; --axis) {
      result[axis] = result[axis + 1] * shape[axis + 1];
    }
    return result;
  }
};

/// Calls `body` with every index of `shape`, in row-major order.
template <typename Body> void forEachIndex(llvm::ArrayRef<int64_t> shape, Body body) {
  if (llvm::is_contained(shape, 0)) {
    return;
  }
  llvm::SmallVector<int64_t> index(shape.size(), 0);
  while (true) {
    body(llvm::ArrayRef<int64_t>(index));
    int64_t axis = shape.size() - 1;
    while (axis >= 0 && ++index[axis] == shape[axis]) {
      index[axis--] = 0;
    }
    if (axis < 0) {
      return;
    }
  }
}

} // namespace mome::nn
#endif

// How a kernel slides over the spatial axes of convolution and pooling.
#ifndef MOME_DIALECTS_NN_WINDOW_H
#define MOME_DIALECTS_NN_WINDOW_H

#include "dialects/NN/HostTensor.h"

#include <optional>

namespace mome::nn {

/// Result position p and kernel position k meet input position `p stride + k dilation - padLow`, on
/// each spatial axis.
struct Window {
  llvm::SmallVector<int64_t> kernel, strides, padLow, padHigh, dilations;

  int64_t rank() const { return kernel.size(); }

  /// Are all of them given for `rank` axes, and in range?
  bool isValid(int64_t rank) const {
    auto atLeast = [&](llvm::ArrayRef<int64_t> values, int64_t least) {
      return static_cast<int64_t>(values.size()) == rank &&
             llvm::all_of(values, [&](int64_t value) { return value >= least; });
    };
    return atLeast(kernel, 1) && atLeast(strides, 1) && atLeast(dilations, 1) &&
           atLeast(padLow, 0) && atLeast(padHigh, 0);
  }

  /// Extents of the result for an input of `extents`; none if the kernel does not fit.
  std::optional<llvm::SmallVector<int64_t>> getExtents(llvm::ArrayRef<int64_t> extents) const {
    llvm::SmallVector<int64_t> result;
    for (auto [axis, extent] : llvm::enumerate(extents)) {
      int64_t room = extent + padLow[axis] + padHigh[axis];
      int64_t span = (kernel[axis] - 1) * dilations[axis] + 1;
      if (room < span) {
        return std::nullopt;
      }
      result.push_back((room - span) / strides[axis] + 1);
    }
    return result;
  }

  /// The row-major position within `extents` of the input element at (p, k); none in the padding.
  std::optional<int64_t> getInput(llvm::ArrayRef<int64_t> p, llvm::ArrayRef<int64_t> k,
                                  llvm::ArrayRef<int64_t> extents) const {
    int64_t linear = 0;
    for (int64_t axis = 0; axis < rank(); ++axis) {
      int64_t at = p[axis] * strides[axis] + k[axis] * dilations[axis] - padLow[axis];
      if (at < 0 || at >= extents[axis]) {
        return std::nullopt;
      }
      linear = linear * extents[axis] + at;
    }
    return linear;
  }
};

/// The window of a convolution with weights of that shape. `op`: the op or its adaptor.
template <typename Op> Window getConvWindow(Op &op, llvm::ArrayRef<int64_t> weightShape) {
  return {llvm::to_vector(weightShape.drop_front(2)), llvm::to_vector(op.getStrides()),
          llvm::to_vector(op.getPadLow()), llvm::to_vector(op.getPadHigh()),
          llvm::to_vector(op.getDilations())};
}

/// The window of a pooling. `op`: the op or its adaptor.
template <typename Op> Window getPoolWindow(Op &op) {
  return {llvm::to_vector(op.getKernel()), llvm::to_vector(op.getStrides()),
          llvm::to_vector(op.getPadLow()), llvm::to_vector(op.getPadHigh()),
          llvm::SmallVector<int64_t>(op.getKernel().size(), 1)};
}

} // namespace mome::nn
#endif

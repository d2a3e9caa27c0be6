// Builds `nn` for the language's tensor arithmetic: the one place that knows how implicit
// broadcasting becomes explicit.
#ifndef MOME_FRONTEND_ELABORATE_TENSOROPS_H
#define MOME_FRONTEND_ELABORATE_TENSOROPS_H

#include "dialects/NN/NN.h"
#include "frontend/elaborate/Value.h"

#include <functional>

namespace mome::elaborate {

/// Builds ops at one location. Only `commonShape` can fail; everything else expects operands that
/// were checked.
class TensorOps {
public:
  TensorOps(mlir::OpBuilder &builder, mlir::Location loc, int64_t batch)
      : b(builder), loc(loc), batch(batch) {}

  mlir::OpBuilder &b;
  mlir::Location loc;
  int64_t batch; ///< samples per run

  Tensor splat(llvm::ArrayRef<int64_t> shape, double value, bool batched = false);
  Tensor scalar(double value) { return splat({}, value); }

  /// The common shape of two operands of arithmetic, by right-aligned broadcasting; the batch axis
  /// meets only the batch axis.
  struct Shape {
    llvm::SmallVector<int64_t> dims;
    bool batched = false;
  };
  std::optional<Shape> commonShape(Tensor x, Tensor y, std::string &message);
  /// Repeats `x`, right-aligned, to `shape`.
  Tensor broadcastTo(Tensor x, const Shape &shape);

  /// `x` where `condition` (truth values of its shape) holds, else `otherwise`.
  Tensor select(Tensor condition, Tensor x, double otherwise) {
    return {
        nn::SelectOp::create(b, loc, condition.value, x.value, splat(x.shape(), otherwise).value),
        x.batched};
  }
  template <typename Op> Tensor unary(Tensor x) { return {Op::create(b, loc, x.value), x.batched}; }
  /// Op on two operands whose common shape is known to exist.
  template <typename Op> Tensor binary(Tensor x, Tensor y) {
    std::string message;
    std::optional<Shape> shape = commonShape(x, y, message);
    assert(shape && "shapes were not checked");
    return {Op::create(b, loc, broadcastTo(x, *shape).value, broadcastTo(y, *shape).value),
            shape->batched};
  }
  Tensor add(Tensor x, Tensor y) { return binary<nn::AddOp>(x, y); }
  Tensor sub(Tensor x, Tensor y) { return binary<nn::SubOp>(x, y); }
  Tensor mul(Tensor x, Tensor y) { return binary<nn::MulOp>(x, y); }
  Tensor div(Tensor x, Tensor y) { return binary<nn::DivOp>(x, y); }
  Tensor scale(Tensor x, double factor) { return factor == 1.0 ? x : mul(x, scalar(factor)); }

  Tensor reshape(Tensor x, llvm::ArrayRef<int64_t> shape, bool batched);
  Tensor transpose(Tensor x, llvm::ArrayRef<int64_t> permutation);
  Tensor slice(Tensor x, llvm::ArrayRef<int64_t> offsets, llvm::ArrayRef<int64_t> sizes,
               llvm::ArrayRef<int64_t> strides);
  Tensor concat(llvm::ArrayRef<Tensor> xs, int64_t axis);
  Tensor cast(Tensor x, mlir::Type element);
  /// Removes `axes`; `keep` leaves them with extent 1.
  Tensor reduceSum(Tensor x, llvm::ArrayRef<int64_t> axes, bool keep = false);
  Tensor reduceMax(Tensor x, llvm::ArrayRef<int64_t> axes, bool keep = false);

  /// The mean over `axes`. Over the batch axis of an eval graph, samples that only pad the batch
  /// are left out (`valid`).
  Tensor reduceMean(Tensor x, llvm::ArrayRef<int64_t> axes, bool keep = false);
  /// A mask, of numbers or truth values, as truth values of `x`'s shape; over the batch axis of an
  /// eval graph false for padding.
  Tensor where(Tensor mask, Tensor x, bool overBatch);
  /// The mean over `axes` of the elements where `mask` holds; 0 if it holds nowhere.
  Tensor maskedMean(Tensor x, Tensor mask, llvm::ArrayRef<int64_t> axes, bool keep = false);
  /// The mean of a per-sample tensor `[B]`.
  Tensor batchMean(Tensor x) { return reduceMean(x, {0}); }
  Tensor batchSum(Tensor x);
  /// The diagonal of a square matrix.
  Tensor diagonal(Tensor x);
  /// `valid` for every row of a batched tensor: [B*k, 1, ...].
  Tensor validLike(Tensor x);
  /// Builds `[B]`, 1 for samples that count, 0 for padding; null in a train graph.
  std::function<Tensor()> validMask;
};

} // namespace mome::elaborate
#endif

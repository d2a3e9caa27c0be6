// See TensorOps.h.
#include "frontend/elaborate/TensorOps.h"

#include "llvm/ADT/STLExtras.h"

namespace mome::elaborate {

using namespace mlir; // `Value` is ours here

std::string describe(Tensor tensor, int64_t batch) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << tensor.type().getElementType() << '[';
  for (auto [axis, extent] : llvm::enumerate(tensor.shape())) {
    stream << (axis ? ", " : "");
    if (axis == 0 && tensor.batched && batch > 0 && extent % batch == 0) {
      stream << 'B';
      if (extent != batch) {
        stream << '*' << extent / batch;
      }
    } else {
      stream << extent;
    }
  }
  stream << ']';
  return text;
}

Tensor TensorOps::splat(ArrayRef<int64_t> shape, double value, bool batched) {
  return {nn::buildSplat(b, loc, RankedTensorType::get(shape, b.getF32Type()), value), batched};
}

std::optional<TensorOps::Shape> TensorOps::commonShape(Tensor x, Tensor y, std::string &message) {
  auto mismatch = [&](StringRef why) {
    message =
        ("shapes " + describe(x, batch) + " and " + describe(y, batch) + " do not fit: " + why)
            .str();
    return std::nullopt;
  };
  int64_t rank = std::max(x.rank(), y.rank());
  if (x.batched && y.batched && x.rank() != y.rank()) {
    return mismatch("their batch axes would not meet; add axes of extent 1 with reshape");
  }
  Shape shape;
  shape.batched = (x.batched && x.rank() == rank) || (y.batched && y.rank() == rank);
  for (int64_t axis = 0; axis < rank; ++axis) {
    auto extent = [&](Tensor t) {
      return axis < rank - t.rank() ? 1 : t.shape()[axis - (rank - t.rank())];
    };
    int64_t m = extent(x), n = extent(y);
    if (m != n && m != 1 && n != 1) {
      return mismatch("extents " + std::to_string(m) + " and " + std::to_string(n) + " meet");
    }
    bool xBatch = x.batched && axis == rank - x.rank(),
         yBatch = y.batched && axis == rank - y.rank();
    if (xBatch != yBatch && (xBatch ? n : m) != 1) {
      return mismatch("the batch axis would meet an axis that is not the batch");
    }
    shape.dims.push_back(std::max(m, n));
  }
  if ((x.batched && x.rank() != rank) || (y.batched && y.rank() != rank)) {
    return mismatch("the batch axis must stay first");
  }
  return shape;
}

Tensor TensorOps::broadcastTo(Tensor x, const Shape &shape) {
  auto type = RankedTensorType::get(shape.dims, x.type().getElementType());
  if (x.type() == type) {
    return {x.value, shape.batched};
  }
  int64_t lead = int64_t(shape.dims.size()) - x.rank();
  SmallVector<int64_t> dims = llvm::to_vector(llvm::seq<int64_t>(lead, lead + x.rank()));
  return {nn::BroadcastOp::create(b, loc, type, x.value, dims), shape.batched};
}

Tensor TensorOps::reshape(Tensor x, ArrayRef<int64_t> shape, bool batched) {
  auto type = RankedTensorType::get(shape, x.type().getElementType());
  if (type == x.type()) {
    return {x.value, batched};
  }
  return {nn::ReshapeOp::create(b, loc, type, x.value), batched};
}

Tensor TensorOps::transpose(Tensor x, ArrayRef<int64_t> permutation) {
  bool batched = x.batched && !permutation.empty() && permutation[0] == 0;
  return {nn::TransposeOp::create(b, loc, x.value, permutation), batched};
}

Tensor TensorOps::slice(Tensor x, ArrayRef<int64_t> offsets, ArrayRef<int64_t> sizes,
                        ArrayRef<int64_t> strides) {
  return {nn::SliceOp::create(b, loc, x.value, offsets, sizes, strides), x.batched};
}

Tensor TensorOps::concat(ArrayRef<Tensor> xs, int64_t axis) {
  if (xs.size() == 1) {
    return xs[0];
  }
  SmallVector<mlir::Value> values;
  for (Tensor x : xs) {
    values.push_back(x.value);
  }
  return {nn::ConcatOp::create(b, loc, values, axis), xs[0].batched};
}

Tensor TensorOps::cast(Tensor x, Type element) {
  auto type = RankedTensorType::get(x.shape(), element);
  return type == x.type() ? x : Tensor{nn::CastOp::create(b, loc, type, x.value), x.batched};
}

/// `shape` without `axes`, or with extent 1 there.
static SmallVector<int64_t> reducedShape(ArrayRef<int64_t> shape, ArrayRef<int64_t> axes,
                                         bool keep) {
  SmallVector<int64_t> result;
  for (auto [axis, extent] : llvm::enumerate(shape)) {
    if (!llvm::is_contained(axes, int64_t(axis))) {
      result.push_back(extent);
    } else if (keep) {
      result.push_back(1);
    }
  }
  return result;
}

template <typename Op>
static Tensor reduce(TensorOps &t, Tensor x, ArrayRef<int64_t> axes, bool keep) {
  if (axes.empty()) {
    return x;
  }
  bool batched = x.batched && !llvm::is_contained(axes, 0);
  Tensor result{Op::create(t.b, t.loc, x.value, axes), batched};
  return keep ? t.reshape(result, reducedShape(x.shape(), axes, true), batched) : result;
}

Tensor TensorOps::reduceSum(Tensor x, ArrayRef<int64_t> axes, bool keep) {
  return reduce<nn::ReduceSumOp>(*this, x, axes, keep);
}
Tensor TensorOps::reduceMax(Tensor x, ArrayRef<int64_t> axes, bool keep) {
  return reduce<nn::ReduceMaxOp>(*this, x, axes, keep);
}

Tensor TensorOps::validLike(Tensor x) {
  int64_t inner = x.shape()[0] / batch;
  Tensor mask = broadcastTo(reshape(validMask(), {batch, 1}, true), {{batch, inner}, true});
  SmallVector<int64_t> shape(x.rank(), 1);
  shape[0] = x.shape()[0];
  return reshape(mask, shape, true);
}

Tensor TensorOps::reduceMean(Tensor x, ArrayRef<int64_t> axes, bool keep) {
  int64_t count = 1;
  for (int64_t axis : axes) {
    count *= x.shape()[axis];
  }
  bool overBatch = x.batched && llvm::is_contained(axes, 0);
  if (!overBatch || !validMask) {
    return scale(reduceSum(x, axes, keep), 1.0 / double(count));
  }
  Tensor sum = reduceSum(mul(x, validLike(x)), axes, keep);
  // Mean over the samples that count: divide by their number times the other extents; a batch
  // without any gives 0.
  Tensor samples = reduceSum(validMask(), {0});
  Tensor weight = binary<nn::MaximumOp>(samples, scalar(1.0));
  return div(scale(sum, double(batch) / double(count)), weight);
}

Tensor TensorOps::where(Tensor mask, Tensor x, bool overBatch) {
  bool truth = mask.type().getElementType().isInteger(1),
       counts = overBatch && x.batched && validMask;
  Shape shape{llvm::SmallVector<int64_t>(x.shape()), x.batched};
  if (truth && !counts) {
    return broadcastTo(mask, shape);
  }
  Tensor number = broadcastTo(cast(mask, b.getF32Type()), shape);
  number = counts ? mul(number, validLike(x)) : number;
  Tensor half = splat(x.shape(), 0.5, x.batched);
  return {nn::CompareOp::create(b, loc, nn::CompareKind::gt, number.value, half.value), x.batched};
}

Tensor TensorOps::maskedMean(Tensor x, Tensor mask, ArrayRef<int64_t> axes, bool keep) {
  // Select, not multiply: the masked-out elements may be 0 / 0.
  Tensor condition = where(mask, x, llvm::is_contained(axes, 0));
  Tensor count = reduceSum(cast(condition, b.getF32Type()), axes, keep);
  return div(reduceSum(select(condition, x, 0.0), axes, keep),
             binary<nn::MaximumOp>(count, scalar(1.0)));
}

Tensor TensorOps::diagonal(Tensor x) {
  auto index = RankedTensorType::get(x.shape(), b.getI32Type());
  Tensor row{nn::IotaOp::create(b, loc, index, 0)}, column{nn::IotaOp::create(b, loc, index, 1)};
  Tensor on{nn::CompareOp::create(b, loc, nn::CompareKind::eq, row.value, column.value)};
  return reduceSum(mul(x, cast(on, x.type().getElementType())), {1});
}

Tensor TensorOps::batchSum(Tensor x) {
  return reduceSum(validMask ? mul(x, validLike(x)) : x, {0});
}

} // namespace mome::elaborate

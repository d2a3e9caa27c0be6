// Algebra of the ops that move elements: chains become one op, and moves that keep the row-major
// order become nn.reshape, which is a view.
#include "dialects/NN/Infer.h"

#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace mome::nn;

//===-- Folds ---------------------------------------------------------------------------------===//

/// A splat stays a splat; an op that keeps the type and moves nothing is its operand.
template <typename Op>
static OpFoldResult foldMove(Op op, Attribute operand, bool identity = true) {
  if (auto splat = dyn_cast_if_present<SplatElementsAttr>(operand)) {
    return splat.resizeSplat(typeOf(op.getResult()));
  }
  return identity && op.getOperand().getType() == op.getType() ? OpFoldResult(op.getOperand())
                                                               : OpFoldResult();
}

OpFoldResult ReshapeOp::fold(FoldAdaptor adaptor) {
  return foldMove(*this, adaptor.getOperand());
}
OpFoldResult TransposeOp::fold(FoldAdaptor adaptor) {
  return foldMove(*this, adaptor.getOperand(), llvm::is_sorted(getPermutation()));
}
OpFoldResult BroadcastOp::fold(FoldAdaptor adaptor) {
  return foldMove(*this, adaptor.getOperand());
}
OpFoldResult SliceOp::fold(FoldAdaptor adaptor) {
  return foldMove(*this, adaptor.getOperand());
}
OpFoldResult RollOp::fold(FoldAdaptor adaptor) {
  int64_t extent = typeOf(getResult()).getDimSize(getAxis());
  return foldMove(*this, adaptor.getOperand(), extent == 0 || getShift() % extent == 0);
}
OpFoldResult PadOp::fold(FoldAdaptor) {
  return getOperand().getType() == getType() ? OpFoldResult(getOperand()) : OpFoldResult();
}
OpFoldResult ConcatOp::fold(FoldAdaptor) {
  return getInputs().size() == 1 ? OpFoldResult(getInputs()[0]) : OpFoldResult();
}
OpFoldResult ShiftOp::fold(FoldAdaptor) {
  return getBy() == 0 ? OpFoldResult(getOperand()) : OpFoldResult();
}

//===-- nn.reshape, nn.transpose --------------------------------------------------------------===//

LogicalResult ReshapeOp::canonicalize(ReshapeOp op, PatternRewriter &rewriter) {
  auto inner = op.getOperand().getDefiningOp<ReshapeOp>();
  if (!inner) {
    return failure();
  }
  rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), inner.getOperand());
  return success();
}

LogicalResult TransposeOp::canonicalize(TransposeOp op, PatternRewriter &rewriter) {
  if (auto inner = op.getOperand().getDefiningOp<TransposeOp>()) {
    SmallVector<int64_t> permutation =
        applyPermutation(inner.getPermutation(), op.getPermutation());
    rewriter.replaceOpWithNewOp<TransposeOp>(op, inner.getOperand(), permutation);
    return success();
  }
  // Only axes of extent 1 change places.
  auto moved = llvm::filter_to_vector(op.getPermutation(), [&](int64_t axis) {
    return typeOf(op.getOperand()).getDimSize(axis) != 1;
  });
  if (!llvm::is_sorted(moved)) {
    return failure();
  }
  rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), op.getOperand());
  return success();
}

//===-- nn.broadcast --------------------------------------------------------------------------===//

/// The axes whose extent is not 1.
static SmallVector<int64_t> wideAxes(RankedTensorType type) {
  return llvm::filter_to_vector(llvm::seq<int64_t>(0, type.getRank()),
                                [&](int64_t axis) { return type.getDimSize(axis) != 1; });
}

LogicalResult BroadcastOp::canonicalize(BroadcastOp op, PatternRewriter &rewriter) {
  auto type = typeOf(op.getOperand());
  if (type.getNumElements() == typeOf(op.getResult()).getNumElements()) {
    rewriter.replaceOpWithNewOp<ReshapeOp>(op, op.getType(), op.getOperand());
    return success();
  }
  if (auto inner = op.getOperand().getDefiningOp<BroadcastOp>()) {
    auto dims =
        llvm::map_to_vector(inner.getDims(), [&](int64_t dim) { return op.getDims()[dim]; });
    rewriter.replaceOpWithNewOp<BroadcastOp>(op, op.getType(), inner.getOperand(), dims);
    return success();
  }
  // A reshape that only adds axes of extent 1 says nothing that `dims` does not say.
  auto reshape = op.getOperand().getDefiningOp<ReshapeOp>();
  if (!reshape) {
    return failure();
  }
  auto source = typeOf(reshape.getOperand());
  SmallVector<int64_t> wide = wideAxes(type), sourceWide = wideAxes(source);
  auto extents = [](RankedTensorType of, ArrayRef<int64_t> axes) {
    return llvm::map_to_vector(axes, [&](int64_t axis) { return of.getDimSize(axis); });
  };
  if (static_cast<int64_t>(sourceWide.size()) != source.getRank() ||
      extents(source, sourceWide) != extents(type, wide)) {
    return failure();
  }
  auto dims = llvm::map_to_vector(wide, [&](int64_t axis) { return op.getDims()[axis]; });
  rewriter.replaceOpWithNewOp<BroadcastOp>(op, op.getType(), reshape.getOperand(), dims);
  return success();
}

//===-- nn.slice ------------------------------------------------------------------------------===//

/// A slice of a concatenation that lies in one of its inputs.
static LogicalResult sliceOneInput(SliceOp op, ConcatOp concat, PatternRewriter &rewriter) {
  int64_t axis = concat.getAxis(), begin = 0;
  int64_t first = op.getOffsets()[axis];
  int64_t last = first + (op.getSizes()[axis] - 1) * op.getStrides()[axis];
  for (Value input : concat.getInputs()) {
    int64_t end = begin + typeOf(input).getDimSize(axis);
    if (begin <= first && last < end) {
      SmallVector<int64_t> offsets(op.getOffsets());
      offsets[axis] -= begin;
      rewriter.replaceOpWithNewOp<SliceOp>(op, input, offsets, op.getSizes(), op.getStrides());
      return success();
    }
    begin = end;
  }
  return failure();
}

/// A slice of a padding that keeps to the padded operand.
static LogicalResult sliceInside(SliceOp op, PadOp pad, PatternRewriter &rewriter) {
  SmallVector<int64_t> offsets(op.getOffsets());
  for (auto [axis, offset] : llvm::enumerate(offsets)) {
    offset -= pad.getLow()[axis];
    int64_t last = offset + (op.getSizes()[axis] - 1) * op.getStrides()[axis];
    if (pad.getInterior()[axis] != 0 || offset < 0 ||
        last >= typeOf(pad.getOperand()).getDimSize(axis)) {
      return failure();
    }
  }
  rewriter.replaceOpWithNewOp<SliceOp>(op, pad.getOperand(), offsets, op.getSizes(),
                                       op.getStrides());
  return success();
}

LogicalResult SliceOp::canonicalize(SliceOp op, PatternRewriter &rewriter) {
  if (auto inner = op.getOperand().getDefiningOp<SliceOp>()) {
    SmallVector<int64_t> offsets, strides;
    for (auto [offset, stride, innerOffset, innerStride] : llvm::zip_equal(
             op.getOffsets(), op.getStrides(), inner.getOffsets(), inner.getStrides())) {
      offsets.push_back(innerOffset + offset * innerStride);
      strides.push_back(stride * innerStride);
    }
    rewriter.replaceOpWithNewOp<SliceOp>(op, inner.getOperand(), offsets, op.getSizes(), strides);
    return success();
  }
  if (auto concat = op.getOperand().getDefiningOp<ConcatOp>()) {
    return sliceOneInput(op, concat, rewriter);
  }
  if (auto pad = op.getOperand().getDefiningOp<PadOp>()) {
    return sliceInside(op, pad, rewriter);
  }
  return failure();
}

//===-- nn.concat, nn.roll --------------------------------------------------------------------===//

/// Two slices of one tensor, the second beginning where the first ends along `axis`, as one slice.
static Value mergeSlices(Value first, Value second, int64_t axis, PatternRewriter &rewriter) {
  auto a = first.getDefiningOp<SliceOp>(), b = second.getDefiningOp<SliceOp>();
  if (!a || !b || a.getOperand() != b.getOperand() || a.getStrides() != b.getStrides()) {
    return {};
  }
  SmallVector<int64_t> next(a.getOffsets()), sizes(a.getSizes());
  next[axis] += a.getSizes()[axis] * a.getStrides()[axis];
  sizes[axis] += b.getSizes()[axis];
  if (ArrayRef(next) != b.getOffsets()) {
    return {};
  }
  return SliceOp::create(rewriter, a.getLoc(), a.getOperand(), a.getOffsets(), sizes,
                         a.getStrides());
}

LogicalResult ConcatOp::canonicalize(ConcatOp op, PatternRewriter &rewriter) {
  SmallVector<Value> inputs;
  for (Value input : op.getInputs()) {
    auto inner = input.getDefiningOp<ConcatOp>();
    if (inner && inner.getAxis() == op.getAxis() && inner->hasOneUse()) {
      llvm::append_range(inputs, inner.getInputs());
      continue;
    }
    Value merged =
        inputs.empty() ? Value() : mergeSlices(inputs.back(), input, op.getAxis(), rewriter);
    if (merged) {
      inputs.back() = merged;
    } else {
      inputs.push_back(input);
    }
  }
  if (ValueRange(inputs) == op.getInputs()) {
    return failure();
  }
  rewriter.replaceOpWithNewOp<ConcatOp>(op, inputs, op.getAxis());
  return success();
}

LogicalResult RollOp::canonicalize(RollOp op, PatternRewriter &rewriter) {
  auto inner = op.getOperand().getDefiningOp<RollOp>();
  if (!inner || inner.getAxis() != op.getAxis()) {
    return failure();
  }
  rewriter.replaceOpWithNewOp<RollOp>(op, inner.getOperand(), op.getShift() + inner.getShift(),
                                      op.getAxis());
  return success();
}

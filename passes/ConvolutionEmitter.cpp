// See ConvolutionEmitter.h.
#include "passes/ConvolutionEmitter.h"

#include "dialects/NN/Conv.h"

#include <numeric>

using namespace mlir;
using namespace mome;

static int64_t product(ArrayRef<int64_t> values) {
  return std::accumulate(values.begin(), values.end(), int64_t(1), std::multiplies<>());
}
int64_t ConvGeometry::kernelSize() const {
  return product(kernel);
}
int64_t ConvGeometry::sourceSize() const {
  return product(source);
}
int64_t ConvGeometry::resultSize() const {
  return product(result);
}

//===-- Description ---------------------------------------------------------------------------===//

static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<ShapedType>(value.getType()).getShape();
}

/// Of nn.conv, for tensors of these shapes.
template <typename Op> static ConvGeometry geometryOf(Op op, Value x, Value weight, Value y) {
  nn::Window window = nn::getConvWindow(op, shapeOf(weight));
  int64_t groups = op.getGroups();
  return {shapeOf(x)[0],
          groups,
          shapeOf(weight)[0] / groups,
          shapeOf(weight)[1],
          llvm::to_vector(shapeOf(x).drop_front(2)),
          llvm::to_vector(shapeOf(y).drop_front(2)),
          window.kernel,
          window.strides,
          window.dilations,
          SmallVector<int64_t>(window.rank(), 1),
          window.padLow};
}

/// Of its derivative for x, as a convolution of the cotangent: elements spread by the stride, the
/// kernel reversed.
static ConvGeometry transpose(const ConvGeometry &forward) {
  ConvGeometry geometry = forward;
  std::swap(geometry.outs, geometry.ins);
  std::swap(geometry.source, geometry.result);
  std::swap(geometry.stride, geometry.spread); // the spread of nn.conv is 1
  for (unsigned axis = 0; axis < forward.rank(); ++axis) {
    geometry.shift[axis] =
        (forward.kernel[axis] - 1) * forward.dilation[axis] - forward.shift[axis];
  }
  return geometry;
}

std::optional<Convolution> mome::describeConvolution(Operation *root) {
  using Kind = Convolution::Kind;
  if (auto op = dyn_cast<nn::ConvOp>(root)) {
    return Convolution{Kind::forward, geometryOf(op, op.getX(), op.getWeight(), op.getResult()),
                       op.getX(), op.getWeight()};
  }
  if (auto op = dyn_cast<nn::ConvBackwardInputOp>(root)) {
    return Convolution{Kind::forInput,
                       transpose(geometryOf(op, op.getResult(), op.getWeight(), op.getCotangent())),
                       op.getCotangent(), op.getWeight()};
  }
  if (auto op = dyn_cast<nn::ConvBackwardWeightOp>(root)) {
    return Convolution{Kind::forWeight,
                       geometryOf(op, op.getX(), op.getResult(), op.getCotangent()), op.getX(),
                       op.getCotangent()};
  }
  return std::nullopt;
}

std::string mome::refuseConvolution(nn::KernelOp kernel, const IterationSpace &space) {
  Operation *root = kernel.getRoot();
  for (Value operand : root->getOperands()) {
    if (!isa<BlockArgument>(operand)) {
      return "an operand is computed in the kernel";
    }
    Type element = cast<ShapedType>(operand.getType()).getElementType();
    if (!element.isF32() && !element.isBF16()) {
      return "an element type other than f32 and bf16";
    }
  }
  Trace trace;
  for (Value yielded : kernel.getBody().front().getTerminator()->getOperands()) {
    if (shapeOf(yielded) != space.getExtents()) {
      return "a result without the shape of the convolution";
    }
    traceValue(yielded, space.getIdentityView(), trace);
  }
  for (auto &[leaf, view] : trace.leaves) {
    if (leaf != root->getResult(0) || view.index != space.getIdentityView().index) {
      return "the epilogue is not elementwise";
    }
  }
  return trace.refusal;
}

//===-- Epilogue ------------------------------------------------------------------------------===//

std::function<void()> ConvEpilogue::prepare(Value value, ArrayRef<Value> at, Value mask) {
  Point point{SmallVector<Value>(space.getNumLoops()), std::nullopt, mask};
  for (auto [axis, index] : llvm::enumerate(at)) {
    if (auto loop = space.getLoop(axis)) {
      point.loops[*loop] = index;
    }
  }
  if (isa<VectorType>(value.getType())) {
    point.vectorLoop = space.getLoop(at.size() - 1);
    if (!point.vectorLoop) { // one column
      value = vector::ExtractOp::create(b, value, ArrayRef<int64_t>{0});
      point.mask = nullptr;
    }
  }
  emitter.bind(root, space.getIdentityView(), value);
  return emitter.prepareResults(point);
}

// Convolution and pooling: shape, cost, derivative and meaning of each, side by side. Naive
// lowering: ConvLowering.cpp.
#include "dialects/NN/Conv.h"
#include "dialects/NN/Families.h"
#include "dialects/NN/RowProgram.h"
#include "dialects/NN/Window.h"

#include <cmath>

using namespace mlir;
using namespace mome::nn;

#define GET_OP_CLASSES
#include "dialects/NN/Conv.cpp.inc"

void mome::nn::registerConvOps(NNDialect &dialect) {
  dialect.addFamily<
#define GET_OP_LIST
#include "dialects/NN/Conv.cpp.inc"
      >();
}

using Inputs = ArrayRef<HostTensor>;
using Outputs = MutableArrayRef<HostTensor>;
using Types = SmallVectorImpl<Type>;
using Cotangents = ArrayRef<Value>;
using OperandCotangents = SmallVectorImpl<Value>;
using OptionalLoc = std::optional<Location>;

static ArrayRef<int64_t> spatial(ArrayRef<int64_t> shape) {
  return shape.drop_front(2);
}

//===-- Shapes of convolution -----------------------------------------------------------------===//

/// The result's shape in nn.conv, or what is wrong (C1 to C4). `op`: the op or its adaptor.
template <typename Op>
static FailureOr<SmallVector<int64_t>>
inferConv(Op &op, RankedTensorType x, RankedTensorType weight,
          llvm::function_ref<LogicalResult(const Twine &)> error) {
  if (x.getRank() < 3 || weight.getRank() != x.getRank()) {
    return error("C1: x and w need the same rank, at least 3");
  }
  Window window = getConvWindow(op, weight.getShape());
  if (!window.isValid(x.getRank() - 2)) {
    return error("C2: needs a stride and a dilation >= 1 and paddings >= 0 per spatial axis");
  }
  int64_t groups = op.getGroups(), channels = x.getDimSize(1), outputs = weight.getDimSize(0);
  if (groups < 1 || channels % groups != 0 || outputs % groups != 0 ||
      weight.getDimSize(1) != channels / groups) {
    return error("C3: " + Twine(groups) + " groups do not fit " + Twine(channels) +
                 " channels and weights [" + Twine(outputs) + ", " + Twine(weight.getDimSize(1)) +
                 ", ..]");
  }
  auto extents = window.getExtents(spatial(x.getShape()));
  if (!extents) {
    return error("C4: the kernel does not fit into the padded x");
  }
  SmallVector<int64_t> shape{x.getDimSize(0), outputs};
  llvm::append_range(shape, *extents);
  return shape;
}

LogicalResult ConvOp::inferReturnTypes(MLIRContext *, OptionalLoc loc, Adaptor op, Types &types) {
  auto error = [&](const Twine &message) { return inferError<ConvOp>(loc, message); };
  auto shape = inferConv(op, typeOf(op.getX()), typeOf(op.getWeight()), error);
  if (failed(shape)) {
    return failure();
  }
  Type element = typeOf(op.getX()).getElementType();
  if (element != typeOf(op.getWeight()).getElementType()) {
    return error("C5: x and w must have one element type");
  }
  types.push_back(RankedTensorType::get(*shape, getWideType(element)));
  return success();
}

/// C1 to C6 of the backward forms.
template <typename Op> static LogicalResult verifyConvBackward(Op op, Value x, Value weight) {
  auto error = [&](const Twine &message) -> LogicalResult { return op.emitOpError(message); };
  auto shape = inferConv(op, typeOf(x), typeOf(weight), error);
  if (failed(shape)) {
    return failure();
  }
  Type element = typeOf(op.getOperand(0)).getElementType();
  if (typeOf(op.getOperand(1)).getElementType() != element ||
      typeOf(op.getResult()).getElementType() != getWideType(element)) {
    return error("C5: the operands must have one element type, the result that of their sums");
  }
  if (ArrayRef<int64_t>(*shape) != typeOf(op.getCotangent()).getShape()) {
    return op.emitOpError("C6: the cotangent must be ") << typeOf(op.getCotangent()).clone(*shape);
  }
  return success();
}
LogicalResult ConvBackwardInputOp::verify() {
  return verifyConvBackward(*this, getResult(), getWeight());
}
LogicalResult ConvBackwardWeightOp::verify() {
  return verifyConvBackward(*this, getX(), getResult());
}

//===-- Convolution ---------------------------------------------------------------------------===//

/// Multiply-adds are the same in all three forms: each result element of the convolution meets all
/// weights of its channel.
static double getConvFlops(Value y, Value weight) {
  return 2.0 * typeOf(y).getNumElements() *
         ShapedType::getNumElements(typeOf(weight).getShape().drop_front());
}
double ConvOp::getFlops() {
  return getConvFlops(getResult(), getWeight());
}
double ConvBackwardInputOp::getFlops() {
  return getConvFlops(getCotangent(), getWeight());
}
double ConvBackwardWeightOp::getFlops() {
  return getConvFlops(getCotangent(), getResult());
}

LogicalResult ConvOp::buildVjp(OpBuilder &b, Cotangents dy, OperandCotangents &dx) {
  if (typeOf(getX()).getElementType().isBF16()) {
    return emitOpError("is differentiated before its operands become bf16");
  }
  dx.push_back(ConvBackwardInputOp::create(b, getLoc(), getX().getType(), dy[0], getWeight(),
                                           getStridesAttr(), getPadLowAttr(), getPadHighAttr(),
                                           getDilationsAttr(), getGroups()));
  dx.push_back(ConvBackwardWeightOp::create(b, getLoc(), getWeight().getType(), getX(), dy[0],
                                            getStridesAttr(), getPadLowAttr(), getPadHighAttr(),
                                            getDilationsAttr(), getGroups()));
  return success();
}

/// Calls `body(i, j, k)` for every product of the convolution: the row-major positions in x, w and
/// y.
template <typename Op, typename Body>
static LogicalResult forEachProduct(Op op, ArrayRef<int64_t> x, ArrayRef<int64_t> w,
                                    ArrayRef<int64_t> y, Body body) {
  Window window = getConvWindow(op, w);
  int64_t inSize = ShapedType::getNumElements(spatial(x));
  int64_t kernelSize = ShapedType::getNumElements(spatial(w));
  int64_t perGroup = w[1], outputsPerGroup = w[0] / op.getGroups(), yIndex = 0;
  forEachIndex(y, [&](ArrayRef<int64_t> at) {
    int64_t batch = at[0], output = at[1], group = output / outputsPerGroup;
    for (int64_t c = 0; c < perGroup; ++c) {
      int64_t plane = (batch * x[1] + group * perGroup + c) * inSize, k = 0;
      forEachIndex(window.kernel, [&](ArrayRef<int64_t> tap) {
        if (auto position = window.getInput(spatial(at), tap, spatial(x))) {
          body(plane + *position, (output * perGroup + c) * kernelSize + k, yIndex);
        }
        ++k;
      });
    }
    ++yIndex;
  });
  return success();
}

LogicalResult ConvOp::interpret(Inputs in, Outputs out) {
  const HostTensor &x = in[0], &w = in[1];
  return forEachProduct(*this, x.shape, w.shape, out[0].shape,
                        [&](int64_t i, int64_t j, int64_t k) { out[0][k] += x[i] * w[j]; });
}
LogicalResult ConvBackwardInputOp::interpret(Inputs in, Outputs out) {
  const HostTensor &dy = in[0], &w = in[1];
  return forEachProduct(*this, out[0].shape, w.shape, dy.shape,
                        [&](int64_t i, int64_t j, int64_t k) { out[0][i] += dy[k] * w[j]; });
}
LogicalResult ConvBackwardWeightOp::interpret(Inputs in, Outputs out) {
  const HostTensor &x = in[0], &dy = in[1];
  return forEachProduct(*this, x.shape, out[0].shape, dy.shape,
                        [&](int64_t i, int64_t j, int64_t k) { out[0][j] += dy[k] * x[i]; });
}

//===-- Shapes of pooling ---------------------------------------------------------------------===//

/// The result type of pooling, or what is wrong (C1 to C3). `op`: the op or its adaptor.
template <typename Op>
static FailureOr<RankedTensorType>
inferPool(Op &op, RankedTensorType x, llvm::function_ref<LogicalResult(const Twine &)> error) {
  if (x.getRank() < 3) {
    return error("C1: x needs a batch, a channel and a spatial axis");
  }
  Window window = getPoolWindow(op);
  auto padsLess = [&](ArrayRef<int64_t> pads) {
    return llvm::all_of_zip(pads, window.kernel, [](int64_t pad, int64_t k) { return pad < k; });
  };
  if (!window.isValid(x.getRank() - 2) || !padsLess(window.padLow) || !padsLess(window.padHigh)) {
    return error("C2: needs a kernel extent and a stride >= 1, and paddings >= 0 and less than the "
                 "kernel, per spatial axis");
  }
  auto extents = window.getExtents(spatial(x.getShape()));
  if (!extents) {
    return error("C3: the kernel does not fit into the padded x");
  }
  SmallVector<int64_t> shape(x.getShape().take_front(2));
  llvm::append_range(shape, *extents);
  return x.clone(shape);
}

/// C4 of nn.max_pool.
static bool fitsArgmax(RankedTensorType x) {
  return ShapedType::getNumElements(spatial(x.getShape())) < (int64_t(1) << 31);
}
static constexpr const char *argmaxTooSmall = "C4: argmax cannot count the elements of x in i32";

//===-- nn.max_pool ---------------------------------------------------------------------------===//

LogicalResult MaxPoolOp::inferReturnTypes(MLIRContext *context, OptionalLoc loc, Adaptor op,
                                          Types &types) {
  auto error = [&](const Twine &message) { return inferError<MaxPoolOp>(loc, message); };
  auto type = inferPool(op, typeOf(op.getX()), error);
  if (failed(type)) {
    return failure();
  }
  if (!fitsArgmax(typeOf(op.getX()))) {
    return error(argmaxTooSmall);
  }
  types.append({*type, RankedTensorType::get(type->getShape(), IntegerType::get(context, 32))});
  return success();
}
LogicalResult MaxPoolBackwardOp::verify() {
  auto error = [&](const Twine &message) -> LogicalResult { return emitOpError(message); };
  auto type = inferPool(*this, typeOf(getResult()), error);
  if (failed(type)) {
    return failure();
  }
  if (!fitsArgmax(typeOf(getResult()))) {
    return error(argmaxTooSmall);
  }
  if (typeOf(getCotangent()) != *type || typeOf(getArgmax()).getShape() != type->getShape()) {
    return emitOpError("C5: the cotangent must be ") << *type << ", and argmax of its shape";
  }
  return success();
}

static double getPoolFlops(Value y, ArrayRef<int64_t> kernel) {
  return 1.0 * typeOf(y).getNumElements() * ShapedType::getNumElements(kernel);
}
double MaxPoolOp::getFlops() {
  return getPoolFlops(getResult(), getKernel());
}
double MaxPoolBackwardOp::getFlops() {
  return getPoolFlops(getCotangent(), getKernel());
}

LogicalResult MaxPoolOp::buildVjp(OpBuilder &b, Cotangents dy, OperandCotangents &dx) {
  if (failed(checkResiduals(*this, dy))) {
    return failure();
  }
  dx.push_back(MaxPoolBackwardOp::create(b, getLoc(), getX().getType(), dy[0], getArgmax(),
                                         getKernelAttr(), getStridesAttr(), getPadLowAttr(),
                                         getPadHighAttr()));
  return success();
}

/// Calls `body(result position, plane, position in the plane)` for every element of every window.
template <typename Body>
static LogicalResult forEachInWindow(const Window &window, ArrayRef<int64_t> x, ArrayRef<int64_t> y,
                                     Body body) {
  int64_t planeSize = ShapedType::getNumElements(spatial(x)), yIndex = 0;
  forEachIndex(y, [&](ArrayRef<int64_t> at) {
    int64_t plane = (at[0] * x[1] + at[1]) * planeSize;
    forEachIndex(window.kernel, [&](ArrayRef<int64_t> tap) {
      if (auto position = window.getInput(spatial(at), tap, spatial(x))) {
        body(yIndex, plane, *position);
      }
    });
    ++yIndex;
  });
  return success();
}

LogicalResult MaxPoolOp::interpret(Inputs in, Outputs out) {
  HostTensor &max = out[0], &argmax = out[1];
  llvm::fill(argmax.data, -1.0);
  return forEachInWindow(getPoolWindow(*this), in[0].shape, max.shape,
                         [&](int64_t i, int64_t plane, int64_t position) {
                           double x = in[0][plane + position];
                           bool isLarger = x > max[i] || (std::isnan(x) && !std::isnan(max[i]));
                           if (argmax[i] < 0 || isLarger) {
                             max[i] = x;
                             argmax[i] = position;
                           }
                         });
}
LogicalResult MaxPoolBackwardOp::interpret(Inputs in, Outputs out) {
  return forEachInWindow(getPoolWindow(*this), out[0].shape, in[0].shape,
                         [&](int64_t i, int64_t plane, int64_t position) {
                           out[0][plane + position] += in[1][i] == position ? in[0][i] : 0.0;
                         });
}

//===-- nn.avg_pool ---------------------------------------------------------------------------===//

LogicalResult AvgPoolOp::inferReturnTypes(MLIRContext *, OptionalLoc loc, Adaptor op,
                                          Types &types) {
  auto error = [&](const Twine &message) { return inferError<AvgPoolOp>(loc, message); };
  auto type = inferPool(op, typeOf(op.getX()), error);
  if (failed(type)) {
    return failure();
  }
  types.push_back(*type);
  return success();
}
double AvgPoolOp::getFlops() {
  return getPoolFlops(getResult(), getKernel());
}

SmallVector<double> AvgPoolOp::getShares() {
  Window window = getPoolWindow(*this);
  ArrayRef<int64_t> extents = spatial(typeOf(getX()).getShape());
  SmallVector<double> shares;
  forEachIndex(spatial(typeOf(getResult()).getShape()), [&](ArrayRef<int64_t> at) {
    int64_t count = 0;
    forEachIndex(window.kernel, [&](ArrayRef<int64_t> tap) {
      count += getCountIncludePad() || window.getInput(at, tap, extents) ? 1 : 0;
    });
    shares.push_back(1.0 / count);
  });
  return shares;
}

LogicalResult AvgPoolOp::buildVjp(OpBuilder &b, Cotangents cotangents, OperandCotangents &dx) {
  RankedTensorType x = typeOf(getX()), y = typeOf(getResult());
  // Each window's cotangent by its number of elements, then spread over the window.
  SmallVector<Attribute> shares = llvm::map_to_vector(getShares(), [&](double share) -> Attribute {
    return FloatAttr::get(y.getElementType(), share);
  });
  RankedTensorType shareType = y.clone(spatial(y.getShape()));
  Value constant = ConstantOp::create(b, getLoc(), DenseElementsAttr::get(shareType, shares));
  TensorExpr dy = tensorExpr(b, getLoc(), cotangents[0]);
  auto axes = llvm::to_vector(llvm::seq<int64_t>(2, y.getRank()));
  Value scaled = dy * broadcastTo(tensorExpr(b, getLoc(), constant), dy, axes);

  SmallVector<int64_t> weightShape{x.getDimSize(1), 1};
  llvm::append_range(weightShape, getKernel());
  Value ones = buildSplat(b, getLoc(), x.clone(weightShape), 1.0);
  SmallVector<int64_t> dilations(getKernel().size(), 1);
  dx.push_back(ConvBackwardInputOp::create(b, getLoc(), x, scaled, ones, getStrides(), getPadLow(),
                                           getPadHigh(), dilations, x.getDimSize(1)));
  return success();
}

LogicalResult AvgPoolOp::interpret(Inputs in, Outputs out) {
  SmallVector<double> shares = getShares();
  return forEachInWindow(getPoolWindow(*this), in[0].shape, out[0].shape,
                         [&](int64_t i, int64_t plane, int64_t position) {
                           out[0][i] += in[0][plane + position] * shares[i % shares.size()];
                         });
}

// See Libraries.h.
#include "passes/cuda/Libraries.h"

#include "dialects/NN/Conv.h"
#include "dialects/NN/Window.h"
#include "runtime/cuda/libraries/provider.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

using Extents = std::vector<int64_t>;

/// An argument or the result of a kernel, as its flat row-major buffer holds it.
static LibraryView viewOf(nn::KernelOp kernel, Value value, Extents dims) {
  LibraryView view;
  auto argument = dyn_cast<BlockArgument>(value);
  view.argument = argument ? argument.getArgNumber() : kernel.getBody().front().getNumArguments();
  view.dtype =
      cast<ShapedType>(value.getType()).getElementType().isBF16() ? DType::bf16 : DType::f32;
  view.strides.resize(dims.size());
  int64_t stride = 1;
  for (size_t axis = dims.size(); axis-- > 0;) {
    view.strides[axis] = stride;
    stride *= dims[axis];
  }
  view.dims = std::move(dims);
  return view;
}

static Extents shapeOf(Value value) {
  return cast<ShapedType>(value.getType()).getShape().vec();
}

/// A matrix whose last two axes are stored in the other order.
static LibraryView transposed(LibraryView view) {
  std::swap(view.dims[1], view.dims[2]);
  std::swap(view.strides[1], view.strides[2]);
  return view;
}

static void describeProduct(nn::KernelOp kernel, const nn::Product &p, LibraryCall &call) {
  call.operation = LibraryCall::Operation::product;
  LibraryView a = p.transposeLhs ? transposed(viewOf(kernel, p.lhs, {p.batch, p.k, p.m}))
                                 : viewOf(kernel, p.lhs, {p.batch, p.m, p.k});
  LibraryView b = p.transposeRhs ? transposed(viewOf(kernel, p.rhs, {p.batch, p.n, p.k}))
                                 : viewOf(kernel, p.rhs, {p.batch, p.k, p.n});
  call.views = {a, b, viewOf(kernel, kernel.getRoot()->getResult(0), {p.batch, p.m, p.n})};
  if (p.bias) {
    call.views.push_back(viewOf(kernel, p.bias, {p.n}));
  }
}

/// `op`: a convolution or a derivative, of or for these three.
template <typename Op>
static void describeConvolution(nn::KernelOp kernel, Op op, LibraryCall::Operation operation,
                                Value x, Value w, Value y, LibraryCall &call) {
  nn::Window window = nn::getConvWindow(op, shapeOf(w));
  call.operation = operation;
  for (Value value : {x, w, y}) {
    call.views.push_back(viewOf(kernel, value, shapeOf(value)));
  }
  call.stride.assign(window.strides.begin(), window.strides.end());
  call.dilation.assign(window.dilations.begin(), window.dilations.end());
  call.pad_low.assign(window.padLow.begin(), window.padLow.end());
  call.pad_high.assign(window.padHigh.begin(), window.padHigh.end());
}

/// False if the kernel's root is neither a product nor a convolution.
static bool describeRoot(nn::KernelOp kernel, LibraryCall &call) {
  using Kind = LibraryCall::Operation;
  Operation *root = kernel.getRoot();
  Value result = root && root->getNumResults() > 0 ? root->getResult(0) : Value();
  if (auto op = dyn_cast_or_null<nn::ProductOpInterface>(root)) {
    call.library = "cublaslt";
    describeProduct(kernel, op.getProduct(), call);
  } else if (auto op = dyn_cast_or_null<nn::ConvOp>(root)) {
    describeConvolution(kernel, op, Kind::conv, op.getX(), op.getWeight(), result, call);
  } else if (auto op = dyn_cast_or_null<nn::ConvBackwardInputOp>(root)) {
    describeConvolution(kernel, op, Kind::conv_for_input, result, op.getWeight(), op.getCotangent(),
                        call);
  } else if (auto op = dyn_cast_or_null<nn::ConvBackwardWeightOp>(root)) {
    describeConvolution(kernel, op, Kind::conv_for_weight, op.getX(), result, op.getCotangent(),
                        call);
  } else {
    return false;
  }
  call.library = call.library.empty() ? "cudnn" : call.library;
  auto precision = root->getAttrOfType<StringAttr>(nn::NNDialect::precisionAttrName);
  call.tf32 = precision && precision.getValue() == "tf32";
  return true;
}

/// Why the kernel is more than its root, of types that libraries know; else empty.
static std::string refuseKernel(nn::KernelOp kernel) {
  Block &body = kernel.getBody().front();
  Operation *root = kernel.getRoot();
  ValueRange yielded = body.getTerminator()->getOperands();
  if (!llvm::hasSingleElement(body.without_terminator()) || yielded.size() != 1 ||
      yielded.front() != root->getResult(0)) {
    return "it computes more than its root";
  }
  for (Value operand : root->getOperands()) {
    Type element = cast<ShapedType>(operand.getType()).getElementType();
    if (!element.isF32() && !element.isBF16()) {
      return "an element type other than f32 and bf16";
    }
  }
  return cast<ShapedType>(yielded.front().getType()).getElementType().isF32()
             ? ""
             : "a result other than f32";
}

std::optional<PlannedCall> mome::cuda::planLibraryCall(nn::KernelOp kernel,
                                                       ArrayRef<std::string> libraries,
                                                       ArrayRef<std::string> architectures,
                                                       std::string &reason) {
  LibraryCall call;
  reason.clear();
  if (!describeRoot(kernel, call) || !llvm::is_contained(libraries, call.library)) {
    return std::nullopt;
  }
  reason = refuseKernel(kernel);
  Provider *library = reason.empty() ? find_provider(call.library, reason) : nullptr;
  uint64_t workspace = 0;
  for (const std::string &architecture : architectures) {
    std::optional<uint64_t> bytes =
        library ? library->workspace(call, architecture, reason) : std::nullopt;
    if (!bytes) {
      reason = call.library + (library ? " on " + architecture : "") + ": " + reason;
      return std::nullopt;
    }
    workspace = std::max(workspace, *bytes);
  }
  return PlannedCall{call.json(), workspace};
}

std::string mome::cuda::findLibraries(ArrayRef<std::string> libraries) {
  for (const std::string &name : libraries) {
    std::string why;
    if (!find_provider(name, why)) {
      return name + ": " + why;
    }
  }
  return "";
}

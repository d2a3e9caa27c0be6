// check.expect_grad: derivative rules against finite differences.
//
// The derivative of sum_r <result r, cotangent r> by every argument, twice: by the ops' own rules,
// walking the function backwards; and by central differences f'(x) = (8 (f(x+h) - f(x-h)) -
// (f(x+2h) - f(x-2h))) / 12h + O(h^4).
#include "dialects/Check/Check.h"
#include "dialects/NN/Interpreter.h"
#include "passes/ReverseMode.h"

#include "mlir/IR/Verifier.h"

#include <cmath>

using namespace mlir;
using namespace mome;
using namespace mome::check;

/// One per result; null: the result does not matter.
using Cotangents = ArrayRef<const HostTensor *>;

/// The gradients of all arguments by the ops' rules; empty for an argument without one.
static FailureOr<SmallVector<HostTensor>>
differentiate(func::FuncOp function, ArrayRef<HostTensor> inputs, Cotangents cotangents) {
  OwningOpRef<func::FuncOp> clone = function.clone();
  Block &block = clone->getBody().front();
  Operation *terminator = block.getTerminator();
  SmallVector<Value> arguments(block.getArguments());
  SmallVector<HostTensor> values(inputs);

  DenseMap<Value, Value> known;
  OpBuilder builder(terminator);
  for (auto [result, cotangent] : llvm::zip_equal(terminator->getOperands(), cotangents)) {
    if (!cotangent) {
      continue;
    }
    Value given = block.addArgument(result.getType(), function.getLoc());
    values.push_back(*cotangent);
    Value &sum = known[result];
    sum = sum ? nn::AddOp::create(builder, function.getLoc(), sum, given) : given;
  }
  SmallVector<Value> gradients;
  SmallVector<Operation *> forward =
      llvm::map_to_vector(block.without_terminator(), [](Operation &op) { return &op; });
  if (failed(accumulateCotangents(builder, forward, hasCotangent, known))) {
    return failure();
  }
  for (Value argument : arguments) {
    if (Value gradient = known.lookup(argument)) {
      gradients.push_back(gradient);
    }
  }
  terminator->setOperands(gradients);
  for (Operation &op : block.without_terminator()) {
    if (failed(mlir::verify(&op))) {
      return failure();
    }
  }
  FailureOr<SmallVector<HostTensor>> computed = nn::interpretBlock(block, values);
  if (failed(computed)) {
    return failure();
  }
  SmallVector<HostTensor> result(arguments.size());
  auto *next = computed->begin();
  for (auto [argument, gradient] : llvm::zip_equal(arguments, result)) {
    if (known.lookup(argument)) {
      gradient = std::move(*next++);
    }
  }
  return result;
}

/// <results, cotangents> at x + step minus the same at x - step, element `i` of `x` moved.
static FailureOr<double> centralDifference(func::FuncOp function,
                                           MutableArrayRef<HostTensor> inputs, HostTensor &x,
                                           int64_t i, double step, Cotangents cotangents) {
  double center = x[i];
  x[i] = center + step;
  auto above = nn::interpretBlock(function.getBody().front(), inputs);
  x[i] = center - step;
  auto below = nn::interpretBlock(function.getBody().front(), inputs);
  x[i] = center;
  if (failed(above) || failed(below)) {
    return failure();
  }
  double sum = 0.0;
  for (auto [a, b, cotangent] : llvm::zip_equal(*above, *below, cotangents)) {
    for (int64_t k = 0; cotangent && k < a.size(); ++k) {
      sum += (*cotangent)[k] * (a[k] - b[k]);
    }
  }
  return sum;
}

static FailureOr<HostTensor> differenceQuotients(func::FuncOp function, ArrayRef<HostTensor> inputs,
                                                 int64_t number, Cotangents cotangents) {
  SmallVector<HostTensor> moved(inputs);
  HostTensor &x = moved[number];
  HostTensor result(x.shape);
  for (int64_t i = 0; i < x.size(); ++i) {
    double h = 1e-3 * std::max(1.0, std::abs(x[i]));
    FailureOr<double> near = centralDifference(function, moved, x, i, h, cotangents);
    FailureOr<double> far = centralDifference(function, moved, x, i, 2 * h, cotangents);
    if (failed(near) || failed(far)) {
      return failure();
    }
    result[i] = (8 * *near - *far) / (12 * h);
  }
  return result;
}

static LogicalResult compare(Operation *check, func::FuncOp function, ArrayRef<HostTensor> inputs,
                             ArrayRef<int64_t> wrt, Tolerance tolerance, Cotangents cotangents) {
  FailureOr<SmallVector<HostTensor>> gradients = differentiate(function, inputs, cotangents);
  if (failed(gradients)) {
    return failure();
  }
  for (int64_t number : wrt) {
    FailureOr<HostTensor> expected = differenceQuotients(function, inputs, number, cotangents);
    if (failed(expected)) {
      return failure();
    }
    HostTensor &gradient = (*gradients)[number];
    if (gradient.data.empty()) {
      gradient = HostTensor(expected->shape);
    }
    if (auto difference = findDifference(gradient, *expected, tolerance)) {
      return check->emitOpError("the gradient of argument ")
             << number << " differs from finite differences " << *difference;
    }
  }
  return success();
}

LogicalResult mome::check::checkGradient(Operation *check, func::FuncOp function,
                                         ArrayRef<HostTensor> inputs, ArrayRef<int64_t> wrt,
                                         Tolerance tolerance) {
  SmallVector<HostTensor> random;
  SmallVector<unsigned> floats;
  for (auto [number, type] : llvm::enumerate(function.getResultTypes())) {
    random.push_back(randomTensor(cast<RankedTensorType>(type), -1.0, 1.0, 1000 + number));
    if (isa<FloatType>(getElementTypeOrSelf(type))) {
      floats.push_back(number);
    }
  }
  // All cotangents together, then each alone.
  SmallVector<SmallVector<unsigned>> choices = {floats};
  for (unsigned number : floats) {
    choices.push_back({number});
  }
  if (floats.size() == 1) {
    choices.pop_back();
  }
  for (ArrayRef<unsigned> chosen : choices) {
    SmallVector<const HostTensor *> cotangents(random.size(), nullptr);
    for (unsigned number : chosen) {
      cotangents[number] = &random[number];
    }
    if (failed(compare(check, function, inputs, wrt, tolerance, cotangents))) {
      return failure();
    }
  }
  return success();
}

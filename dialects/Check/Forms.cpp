// check.expect_forms: an op says what it means several times (interpret, emitScalar,
// getAccessPieces, decompose). Each form is evaluated here on its own and compared with
// `interpret`.
#include "dialects/Check/Check.h"
#include "dialects/NN/Interpreter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace mome;
using namespace mome::check;

using Inputs = ArrayRef<HostTensor>;

//===-- Index maps ----------------------------------------------------------------------------===//

static SmallVector<int64_t> apply(AffineMap map, ArrayRef<int64_t> index) {
  // AffineMap::compose with constants evaluates the map.
  SmallVector<AffineExpr> constants = llvm::map_to_vector(
      index, [&](int64_t i) { return getAffineConstantExpr(i, map.getContext()); });
  return llvm::map_to_vector(map.getResults(), [&](AffineExpr expr) {
    return cast<AffineConstantExpr>(expr.replaceDims(constants)).getValue();
  });
}

static FailureOr<HostTensor> evaluatePieces(nn::AccessOpInterface op, Inputs operands) {
  HostTensor result(cast<RankedTensorType>(op->getResult(0).getType()).getShape());
  SmallVector<nn::AccessPiece> pieces = op.getAccessPieces();
  LogicalResult valid = success();
  forEachIndex(result.shape, [&](ArrayRef<int64_t> index) {
    int holding = 0;
    double value = op.getFill();
    for (const nn::AccessPiece &piece : pieces) {
      SmallVector<int64_t> guards = apply(piece.guards, index);
      if (llvm::all_of(guards, [](int64_t guard) { return guard >= 0; })) {
        ++holding;
        value = operands[piece.operand].at(apply(piece.index, index));
      }
    }
    result.at(index) = value;
    if (holding > 1) {
      valid = failure();
    }
  });
  if (failed(valid)) {
    return op.emitOpError("has access pieces whose guards hold together");
  }
  return result;
}

//===-- Scalar code ---------------------------------------------------------------------------===//

static Value buildNumber(ImplicitLocOpBuilder &b, Type type, double value) {
  if (isa<FloatType>(type)) {
    return nn::emitConstant(b, type, value);
  }
  return arith::ConstantOp::create(b, b.getIntegerAttr(type, static_cast<int64_t>(value)));
}

/// Functions that upstream does not fold everywhere.
static Attribute evaluateByHand(Operation &op, ArrayRef<Attribute> operands) {
  auto evaluate = [&](double (*function)(double)) {
    auto x = cast<FloatAttr>(operands[0]);
    return FloatAttr::get(x.getType(), function(x.getValueAsDouble()));
  };
  return llvm::TypeSwitch<Operation *, Attribute>(&op)
      .Case([&](math::RsqrtOp) { return evaluate([](double x) { return 1.0 / std::sqrt(x); }); })
      .Case([&](math::SqrtOp) { return evaluate([](double x) { return std::sqrt(x); }); })
      .Case([&](math::LogOp) { return evaluate([](double x) { return std::log(x); }); })
      .Default(Attribute());
}

/// Folds the ops of `block` in order and returns the value of `result`.
static FailureOr<double> foldBlock(Block &block, Value result) {
  DenseMap<Value, Attribute> known;
  for (Operation &op : block) {
    SmallVector<Attribute> operands =
        llvm::map_to_vector(op.getOperands(), [&](Value operand) { return known.lookup(operand); });
    SmallVector<OpFoldResult> folded;
    if (Attribute value = evaluateByHand(op, operands)) {
      known[op.getResult(0)] = value;
      continue;
    }
    if (failed(op.fold(operands, folded)) || folded.size() != op.getNumResults()) {
      return op.emitOpError("in scalar code has no constant value");
    }
    for (auto [value, fold] : llvm::zip_equal(op.getResults(), folded)) {
      auto attr = dyn_cast<Attribute>(fold);
      known[value] = attr ? attr : known.lookup(cast<Value>(fold));
    }
  }
  Attribute attr = known.lookup(result);
  if (auto number = dyn_cast_if_present<FloatAttr>(attr)) {
    return number.getValueAsDouble();
  }
  if (auto number = dyn_cast_if_present<IntegerAttr>(attr)) {
    bool isBool = number.getType().isInteger(1);
    return isBool ? double(number.getValue().getZExtValue())
                  : double(number.getValue().getSExtValue());
  }
  return failure();
}

static FailureOr<HostTensor> evaluateScalarCode(nn::ElementwiseOpInterface op, Inputs operands) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  HostTensor result(type.getShape());
  for (int64_t i = 0; i < result.size(); ++i) {
    OwningOpRef<ModuleOp> module = ModuleOp::create(op->getLoc());
    auto b = ImplicitLocOpBuilder::atBlockBegin(op->getLoc(), module->getBody());
    SmallVector<Value> args;
    for (auto [operand, value] : llvm::zip_equal(op->getOperands(), operands)) {
      args.push_back(buildNumber(b, getElementTypeOrSelf(operand), value.broadcastAt(i)));
    }
    Value index = op.usesIndex() ? buildNumber(b, b.getI64Type(), i) : Value();
    Value element = op.emitScalar(b, args, index);
    if (!element || element.getType() != type.getElementType()) {
      return op.emitOpError("emits scalar code of another type than its elements");
    }
    FailureOr<double> value = foldBlock(*module->getBody(), element);
    if (failed(value)) {
      return failure();
    }
    result[i] = *value;
  }
  return result;
}

/// Code generators also ask for vectors: the code must verify and keep the length.
static LogicalResult checkVectorCode(nn::ElementwiseOpInterface op) {
  auto vectorOf = [](Type type) { return VectorType::get({4}, getElementTypeOrSelf(type)); };
  OwningOpRef<ModuleOp> module = ModuleOp::create(op->getLoc());
  auto b = ImplicitLocOpBuilder::atBlockBegin(op->getLoc(), module->getBody());
  SmallVector<Value> args = llvm::map_to_vector(op->getOperandTypes(), [&](Type type) -> Value {
    VectorType vector = vectorOf(type);
    return arith::ConstantOp::create(b, cast<TypedAttr>(b.getZeroAttr(vector)));
  });
  Value index;
  if (op.usesIndex()) {
    index = arith::ConstantOp::create(b, cast<TypedAttr>(b.getZeroAttr(vectorOf(b.getI64Type()))));
  }
  Value element = op.emitScalar(b, args, index);
  if (element.getType() != vectorOf(op->getResult(0).getType())) {
    return op.emitOpError("emits no vector code for vector operands");
  }
  return mlir::verify(*module);
}

//===-- Decomposition -------------------------------------------------------------------------===//

/// Replaces decomposable ops until none is left. Returns whether there was one.
static FailureOr<bool> decomposeAll(func::FuncOp function) {
  bool any = false;
  for (bool changed = true; changed;) {
    changed = false;
    for (Operation &op : llvm::make_early_inc_range(function.getBody().front())) {
      auto decomposable = dyn_cast<nn::Decomposable>(op);
      if (!decomposable) {
        continue;
      }
      OpBuilder builder(&op);
      SmallVector<Value> results;
      if (failed(decomposable.decompose(builder, results)) ||
          TypeRange(ValueRange(results)) != TypeRange(op.getResultTypes())) {
        return op.emitOpError("does not decompose into values of its types");
      }
      op.replaceAllUsesWith(results);
      op.erase();
      any = changed = true;
    }
  }
  for (Operation &op : function.getBody().front().without_terminator()) {
    if (failed(mlir::verify(&op))) {
      return failure();
    }
  }
  return any;
}

//===-- The check -----------------------------------------------------------------------------===//

static LogicalResult compare(Operation *check, StringRef form, Operation *op,
                             const HostTensor &actual, const HostTensor &expected,
                             Tolerance tolerance) {
  if (auto difference = findDifference(actual, expected, tolerance)) {
    return check->emitOpError() << form << " of '" << op->getName() << "' differs " << *difference;
  }
  return success();
}

/// Interprets op by op and compares the other forms of each.
static LogicalResult checkOps(Operation *check, Block &block, Inputs inputs, Tolerance tolerance) {
  DenseMap<Value, HostTensor> values;
  for (auto [argument, input] : llvm::zip_equal(block.getArguments(), inputs)) {
    values[argument] = input;
  }
  for (Operation &op : block.without_terminator()) {
    SmallVector<HostTensor> operands = llvm::map_to_vector(
        op.getOperands(), [&](Value operand) { return values.lookup(operand); });
    SmallVector<HostTensor> results = llvm::map_to_vector(op.getResultTypes(), [](Type type) {
      return HostTensor(cast<RankedTensorType>(type).getShape());
    });
    if (failed(cast<nn::Interpretable>(op).interpret(operands, results))) {
      return failure();
    }
    if (auto access = dyn_cast<nn::AccessOpInterface>(op)) {
      FailureOr<HostTensor> moved = evaluatePieces(access, operands);
      if (failed(moved) ||
          failed(compare(check, "the index map", &op, *moved, results[0], {0.0, 0.0}))) {
        return failure();
      }
    }
    if (auto elementwise = dyn_cast<nn::ElementwiseOpInterface>(op)) {
      FailureOr<HostTensor> scalar = evaluateScalarCode(elementwise, operands);
      if (failed(scalar) || failed(checkVectorCode(elementwise)) ||
          failed(compare(check, "the scalar code", &op, *scalar, results[0], tolerance))) {
        return failure();
      }
    }
    for (auto [value, result] : llvm::zip_equal(op.getResults(), results)) {
      values[value] = std::move(result);
    }
  }
  return success();
}

LogicalResult mome::check::checkForms(Operation *check, func::FuncOp function, Inputs inputs,
                                      Tolerance tolerance) {
  if (failed(checkOps(check, function.getBody().front(), inputs, tolerance))) {
    return failure();
  }
  OwningOpRef<func::FuncOp> clone = function.clone();
  FailureOr<bool> decomposed = decomposeAll(*clone);
  if (failed(decomposed) || !*decomposed) {
    return decomposed;
  }
  auto expected = nn::interpretBlock(function.getBody().front(), inputs);
  auto actual = nn::interpretBlock(clone->getBody().front(), inputs);
  if (failed(expected) || failed(actual)) {
    return failure();
  }
  for (auto [number, pair] : llvm::enumerate(llvm::zip_equal(*actual, *expected))) {
    auto &[a, e] = pair;
    if (auto difference = findDifference(a, e, tolerance)) {
      return check->emitOpError("after decomposition, result ")
             << number << " differs " << *difference;
    }
  }
  return checkOps(check, clone->getBody().front(), inputs, tolerance);
}

// Registration, verifiers and execution of the `check` ops.
#include "dialects/Check/Check.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/Support/Format.h"

#include <cmath>

using namespace mlir;
using namespace mome::check;

#include "dialects/Check/CheckDialect.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/Check/Check.cpp.inc"

void CheckDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "dialects/Check/Check.cpp.inc"
      >();
}

using Inputs = ArrayRef<HostTensor>;
using Outputs = MutableArrayRef<HostTensor>;

static bool isFloat(Type type) {
  return isa<FloatType>(getElementTypeOrSelf(type));
}

std::optional<std::string> mome::check::findDifference(const HostTensor &actual,
                                                       const HostTensor &expected,
                                                       Tolerance tolerance) {
  std::optional<std::string> difference;
  int64_t linear = 0;
  forEachIndex(expected.shape, [&](ArrayRef<int64_t> index) {
    double a = actual[linear], e = expected[linear];
    ++linear;
    bool same = a == e || (std::isnan(a) && std::isnan(e));
    bool close = std::abs(a - e) <= tolerance.absolute + tolerance.relative * std::abs(e);
    if (!difference && !same && !(std::isfinite(e) && close)) {
      llvm::raw_string_ostream os(difference.emplace());
      os << "at [";
      llvm::interleaveComma(index, os);
      os << "]: " << llvm::format("%.17g", a) << " instead of " << llvm::format("%.17g", e)
         << llvm::format(", difference %.3g", a - e);
    }
  });
  return difference;
}

/// Sebastiano Vigna's splitmix64: a counter gives the number.
static uint64_t splitMix(uint64_t counter) {
  uint64_t z = (counter + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

HostTensor mome::check::randomTensor(RankedTensorType type, double low, double high,
                                     uint64_t seed) {
  HostTensor result(type.getShape());
  uint64_t stream = splitMix(seed);
  for (int64_t i = 0; i < result.size(); ++i) {
    double unit = static_cast<double>(splitMix(stream + i) >> 11) * 0x1p-53;
    double value = low + unit * (high - low);
    result[i] = isFloat(type) ? value : std::floor(value);
  }
  return result;
}

//===-- check.random --------------------------------------------------------------------------===//

LogicalResult RandomOp::verify() {
  if (!(getLow().convertToDouble() < getHigh().convertToDouble())) {
    return emitOpError("C1: the range is empty");
  }
  return success();
}
LogicalResult RandomOp::interpret(Inputs, Outputs out) {
  out[0] = randomTensor(cast<RankedTensorType>(getType()), getLow().convertToDouble(),
                        getHigh().convertToDouble(), getSeed());
  return success();
}

//===-- check.expect_close --------------------------------------------------------------------===//

/// The tolerances of an op.
template <typename Op> static Tolerance toleranceOf(Op op) {
  return {op.getRel().convertToDouble(), op.getAbs().convertToDouble()};
}

LogicalResult ExpectCloseOp::verify() {
  Tolerance tolerance = toleranceOf(*this);
  if (!(tolerance.relative >= 0.0 && tolerance.absolute >= 0.0)) {
    return emitOpError("C1: tolerances must not be negative");
  }
  return success();
}
LogicalResult ExpectCloseOp::interpret(Inputs in, Outputs) {
  if (auto difference = findDifference(in[0], in[1], toleranceOf(*this))) {
    return emitOpError() << *difference;
  }
  return success();
}

//===-- check.expect_grad, check.expect_forms -------------------------------------------------===//

/// C1 and C2 of both ops.
template <typename Op>
static FailureOr<func::FuncOp> verifyFunction(Op op, SymbolTableCollection &symbols) {
  auto function = symbols.lookupNearestSymbolFrom<func::FuncOp>(op, op.getFunctionAttr());
  if (!function || function.isExternal()) {
    return op.emitOpError("C1: no function with a body: @") << op.getFunction();
  }
  if (function.getArgumentTypes() != op.getInputs().getTypes()) {
    return op.emitOpError("C1: @") << op.getFunction() << " takes other operands";
  }
  for (TypeRange types :
       {TypeRange(function.getArgumentTypes()), TypeRange(function.getResultTypes())}) {
    for (Type type : types) {
      if (isFloat(type) && !getElementTypeOrSelf(type).isF64()) {
        return op.emitOpError("C2: float arguments and results of @")
               << op.getFunction() << " must be f64, not " << type;
      }
    }
  }
  return function;
}
template <typename Op> static func::FuncOp functionOf(Op op) {
  return SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(op, op.getFunctionAttr());
}

LogicalResult ExpectGradOp::verifySymbolUses(SymbolTableCollection &symbols) {
  FailureOr<func::FuncOp> function = verifyFunction(*this, symbols);
  if (failed(function)) {
    return failure();
  }
  for (int64_t number : getWrt().value_or(ArrayRef<int64_t>())) {
    if (number < 0 || number >= static_cast<int64_t>(getInputs().size()) ||
        !isFloat(getInputs()[number].getType())) {
      return emitOpError("C3: argument ") << number << " is not a float argument";
    }
  }
  if (llvm::none_of(function->getResultTypes(), isFloat)) {
    return emitOpError("C4: no result is a float");
  }
  return success();
}
LogicalResult ExpectGradOp::interpret(Inputs in, Outputs) {
  SmallVector<int64_t> wrt;
  for (auto [number, input] : llvm::enumerate(getInputs())) {
    if (isFloat(input.getType()) && (!getWrt() || llvm::is_contained(*getWrt(), number))) {
      wrt.push_back(number);
    }
  }
  return checkGradient(*this, functionOf(*this), in, wrt, toleranceOf(*this));
}

LogicalResult ExpectFormsOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyFunction(*this, symbols);
}
LogicalResult ExpectFormsOp::interpret(Inputs in, Outputs) {
  return checkForms(*this, functionOf(*this), in, toleranceOf(*this));
}

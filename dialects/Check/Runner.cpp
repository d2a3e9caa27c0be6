// See Runner.h.
#include "dialects/Check/Runner.h"
#include "dialects/Check/Check.h"
#include "dialects/NN/Interpreter.h"

#include "mlir/AsmParser/AsmParser.h"
#include "llvm/Support/Format.h"

#include <cmath>

using namespace mlir;
using namespace mome;
using namespace mome::check;

//===-- Arguments -----------------------------------------------------------------------------===//

static FailureOr<HostTensor> parseArgument(func::FuncOp function, unsigned number, StringRef text) {
  Type type = function.getArgumentTypes()[number];
  auto parsed =
      dyn_cast_if_present<ElementsAttr>(parseAttribute(text, function.getContext(), type));
  if (!parsed) {
    return function.emitError("argument ")
           << number << " is not a value of " << type << ": " << text;
  }
  return nn::toHostTensor(parsed);
}

/// A value that suits the argument's binding: no label, everything present, positive counters, else
/// uniform numbers.
static HostTensor inventArgument(func::FuncOp function, unsigned number, uint64_t seed) {
  auto type = cast<RankedTensorType>(function.getArgumentTypes()[number]);
  auto bind = function.getArgAttrOfType<nn::BindAttr>(number, nn::NNDialect::bindAttrName);
  nn::BindKind kind = bind ? bind.getKind() : nn::BindKind::input;
  HostTensor ones(type.getShape());
  llvm::fill(ones.data, 1.0);
  if (kind == nn::BindKind::valid || kind == nn::BindKind::presence) {
    return ones;
  }
  if (kind == nn::BindKind::scalar) {
    return isa<FloatType>(type.getElementType()) ? randomTensor(type, 0.1, 0.9, seed + number)
                                                 : ones;
  }
  bool isFloat = isa<FloatType>(type.getElementType());
  return randomTensor(type, isFloat ? -1.0 : 0.0, isFloat ? 1.0 : 2.0, seed + number);
}

static FailureOr<SmallVector<HostTensor>> makeArguments(func::FuncOp function,
                                                        const RunOptions &options) {
  unsigned count = function.getNumArguments();
  if (options.arguments.size() > count) {
    return function.emitError("takes ")
           << count << " arguments, " << options.arguments.size() << " values are given";
  }
  SmallVector<HostTensor> values;
  for (const std::string &text : options.arguments) {
    FailureOr<HostTensor> value = parseArgument(function, values.size(), text);
    if (failed(value)) {
      return failure();
    }
    values.push_back(std::move(*value));
  }
  if (values.size() < count && !options.randomSeed) {
    return function.emitError("has no value for argument ")
           << values.size() << ": give --arg once per argument, or --random-seed";
  }
  while (values.size() < count) {
    values.push_back(inventArgument(function, values.size(), *options.randomSeed));
  }
  return values;
}

//===-- Results -------------------------------------------------------------------------------===//

static void printElements(const HostTensor &tensor, int64_t axis, int64_t &next, int digits,
                          llvm::raw_ostream &os) {
  if (axis == tensor.rank()) {
    os << llvm::format("%.*g", digits, tensor[next++]);
    return;
  }
  os << '[';
  for (int64_t i = 0; i < tensor.dim(axis); ++i) {
    os << (i ? ", " : "");
    printElements(tensor, axis + 1, next, digits, os);
  }
  os << ']';
}

static std::string nameResult(func::FuncOp function, unsigned number) {
  std::string name = function.getName().str();
  if (number > 0) {
    name += "#" + std::to_string(number);
  }
  if (auto bind = function.getResultAttrOfType<nn::BindAttr>(number, nn::NNDialect::bindAttrName)) {
    name += (" (" + nn::stringifyBindKind(bind.getKind()) + " \"" + bind.getName() + "\")").str();
  }
  return name;
}

//===-- Runs ----------------------------------------------------------------------------------===//

/// The functions that `options` chooses.
static FailureOr<SmallVector<func::FuncOp>> chooseFunctions(ModuleOp module,
                                                            const RunOptions &options) {
  SmallVector<func::FuncOp> functions;
  for (auto function : module.getOps<func::FuncOp>()) {
    bool chosen = options.entry.empty() ? function.isPublic() : function.getName() == options.entry;
    if (chosen && !function.isExternal()) {
      functions.push_back(function);
    }
  }
  if (functions.empty()) {
    InFlightDiagnostic error = module.emitError("no function to run");
    if (!options.entry.empty()) {
      error << ": @" << options.entry << " is not defined here";
    }
    return error;
  }
  return functions;
}

static FailureOr<SmallVector<HostTensor>> runFunction(func::FuncOp function,
                                                      const RunOptions &options) {
  if (!function.getBody().hasOneBlock()) {
    return function.emitError("has control flow, which nn programs do not have");
  }
  FailureOr<SmallVector<HostTensor>> arguments = makeArguments(function, options);
  if (failed(arguments)) {
    return failure();
  }
  return nn::interpretBlock(function.getBody().front(), *arguments);
}

LogicalResult mome::check::runModule(ModuleOp module, const RunOptions &options,
                                     llvm::raw_ostream &os) {
  FailureOr<SmallVector<func::FuncOp>> functions = chooseFunctions(module, options);
  if (failed(functions)) {
    return failure();
  }
  for (func::FuncOp function : *functions) {
    FailureOr<SmallVector<HostTensor>> results = runFunction(function, options);
    if (failed(results)) {
      return failure();
    }
    for (auto [number, result] : llvm::enumerate(*results)) {
      int64_t next = 0;
      os << nameResult(function, number) << " = dense<";
      printElements(result, 0, next, options.digits, os);
      os << "> : " << function.getResultTypes()[number] << "\n";
    }
  }
  return success();
}

LogicalResult mome::check::compareModules(ModuleOp module, ModuleOp reference,
                                          const RunOptions &options, double tolerance) {
  FailureOr<SmallVector<func::FuncOp>> functions = chooseFunctions(reference, options);
  if (failed(functions)) {
    return failure();
  }
  for (func::FuncOp expectedFunction : *functions) {
    auto function = module.lookupSymbol<func::FuncOp>(expectedFunction.getName());
    if (!function || function.getFunctionType() != expectedFunction.getFunctionType()) {
      return expectedFunction.emitError("has no function of its name and type in the other module");
    }
    auto expected = runFunction(expectedFunction, options), actual = runFunction(function, options);
    if (failed(expected) || failed(actual)) {
      return failure();
    }
    for (auto [number, pair] : llvm::enumerate(llvm::zip_equal(*actual, *expected))) {
      auto &[a, e] = pair;
      double largest = 0.0;
      for (double x : e.data) {
        largest = std::max(largest, std::abs(x));
      }
      if (auto difference = findDifference(a, e, {tolerance, tolerance * largest})) {
        return function.emitError(nameResult(function, number)) << " differs " << *difference;
      }
    }
  }
  return success();
}

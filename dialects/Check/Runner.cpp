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

/// What files call an argument or result: outputs and everything that goes in by its name alone.
static std::string getKey(nn::BindAttr bind, bool isResult) {
  nn::BindKind kind = bind.getKind();
  bool plain = isResult ? kind == nn::BindKind::output
                        : kind != nn::BindKind::grad && kind != nn::BindKind::sum;
  StringRef prefix = nn::stringifyBindKind(kind);
  return plain ? bind.getName().str() : (prefix + "." + bind.getName()).str();
}

/// A value that suits the argument's binding: everything present, class 0 or 1, the first step,
/// moments that are not negative, else uniform numbers.
static HostTensor inventArgument(RankedTensorType type, nn::BindKind kind, uint64_t seed) {
  bool isFloat = isa<FloatType>(type.getElementType());
  if (kind == nn::BindKind::valid || kind == nn::BindKind::presence ||
      (kind == nn::BindKind::scalar && !isFloat)) {
    HostTensor ones(type.getShape());
    llvm::fill(ones.data, 1.0);
    return ones;
  }
  if (!isFloat) {
    return randomTensor(type, 0.0, 2.0, seed);
  }
  bool positive =
      kind == nn::BindKind::scalar || kind == nn::BindKind::moment || kind == nn::BindKind::sum;
  return positive ? randomTensor(type, 0.1, 0.9, seed) : randomTensor(type, -1.0, 1.0, seed);
}

static FailureOr<HostTensor> findArgument(func::FuncOp function, unsigned number,
                                          const RunOptions &options) {
  auto type = cast<RankedTensorType>(function.getArgumentTypes()[number]);
  auto bind = function.getArgAttrOfType<nn::BindAttr>(number, nn::NNDialect::bindAttrName);
  nn::BindKind kind = bind ? bind.getKind() : nn::BindKind::input;
  if (bind) {
    auto named = options.named.find(getKey(bind, /*isResult=*/false));
    if (named != options.named.end()) {
      // A single number fills any shape.
      HostTensor value(type.getShape());
      if (named->second.rank() == 0) {
        llvm::fill(value.data, named->second[0]);
        return value;
      }
      if (ArrayRef(named->second.shape) != type.getShape()) {
        return function.emitError("argument '")
               << named->first << "' is " << type << ", but its value has another shape";
      }
      return named->second;
    }
  }
  bool optional = kind == nn::BindKind::valid || kind == nn::BindKind::presence;
  if (!options.randomSeed && !optional) {
    InFlightDiagnostic error = function.emitError("has no value for argument ") << number;
    if (bind) {
      error << " ('" << getKey(bind, /*isResult=*/false) << "')";
    }
    return error << ": give --arg, --args, --set or --random-seed";
  }
  return inventArgument(type, kind, options.randomSeed.value_or(0) + number);
}

static FailureOr<SmallVector<HostTensor>> makeArguments(func::FuncOp function,
                                                        const RunOptions &options) {
  unsigned count = function.getNumArguments();
  if (options.arguments.size() > count) {
    return function.emitError("takes ")
           << count << " arguments, " << options.arguments.size() << " values are given";
  }
  SmallVector<HostTensor> values;
  for (unsigned number = 0; number < count; ++number) {
    FailureOr<HostTensor> value = number < options.arguments.size()
                                      ? parseArgument(function, number, options.arguments[number])
                                      : findArgument(function, number, options);
    if (failed(value)) {
      return failure();
    }
    values.push_back(std::move(*value));
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

static RunResult nameResult(func::FuncOp function, unsigned number, HostTensor value) {
  std::string title = function.getName().str();
  if (number > 0) {
    title += "#" + std::to_string(number);
  }
  std::string key = title;
  if (auto bind = function.getResultAttrOfType<nn::BindAttr>(number, nn::NNDialect::bindAttrName)) {
    title += (" (" + nn::stringifyBindKind(bind.getKind()) + " \"" + bind.getName() + "\")").str();
    key = getKey(bind, /*isResult=*/true);
  }
  return {title, key, function.getResultTypes()[number], std::move(value)};
}

void mome::check::printResults(ArrayRef<RunResult> results, int digits, llvm::raw_ostream &os) {
  for (const RunResult &result : results) {
    int64_t next = 0;
    os << result.title << " = dense<";
    printElements(result.value, 0, next, digits, os);
    os << "> : " << result.type << "\n";
  }
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

static LogicalResult runFunction(func::FuncOp function, const RunOptions &options,
                                 std::vector<RunResult> &results) {
  if (!function.getBody().hasOneBlock()) {
    return function.emitError("has control flow, which nn programs do not have");
  }
  FailureOr<SmallVector<HostTensor>> arguments = makeArguments(function, options);
  if (failed(arguments)) {
    return failure();
  }
  auto values = nn::interpretBlock(function.getBody().front(), *arguments);
  if (failed(values)) {
    return failure();
  }
  for (auto [number, value] : llvm::enumerate(*values)) {
    results.push_back(nameResult(function, number, std::move(value)));
  }
  return success();
}

FailureOr<std::vector<RunResult>> mome::check::runModule(ModuleOp module,
                                                         const RunOptions &options) {
  FailureOr<SmallVector<func::FuncOp>> functions = chooseFunctions(module, options);
  std::vector<RunResult> results;
  if (failed(functions) || llvm::any_of(*functions, [&](func::FuncOp function) {
        return failed(runFunction(function, options, results));
      })) {
    return failure();
  }
  return results;
}

void mome::check::listOps(MLIRContext &context, llvm::raw_ostream &os) {
  context.getOrLoadDialect<nn::NNDialect>();
  for (RegisteredOperationName name : context.getRegisteredOperationsByDialect("nn")) {
    os << name.getStringRef();
    auto list = [&](bool has, StringRef interface) { os << (has ? " " + interface : Twine()); };
    list(name.hasInterface<nn::Differentiable>(), "differentiable");
    list(name.hasInterface<nn::Interpretable>(), "interpretable");
    list(name.hasInterface<nn::ElementwiseOpInterface>(), "elementwise");
    list(name.hasInterface<nn::AccessOpInterface>(), "access");
    list(name.hasInterface<nn::Decomposable>(), "decomposable");
    list(name.hasInterface<nn::LinalgLowering>(), "linalg");
    os << "\n";
  }
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
    std::vector<RunResult> expected, actual;
    if (failed(runFunction(expectedFunction, options, expected)) ||
        failed(runFunction(function, options, actual))) {
      return failure();
    }
    for (auto [a, e] : llvm::zip_equal(actual, expected)) {
      double largest = 0.0;
      for (double x : e.value.data) {
        largest = std::max(largest, std::abs(x));
      }
      if (auto difference = findDifference(a.value, e.value, {tolerance, tolerance * largest})) {
        return function.emitError(e.title) << " differs " << *difference;
      }
    }
  }
  return success();
}

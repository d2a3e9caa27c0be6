// mome-interp: executes the `nn` levels and `check` expectations in f64. It is the meaning of the
// ops.
//
//   mome-interp tests.mlir                          runs every public function
//   mome-interp m.mlir --entry=predict --random-seed=1
//   mome-interp m.mlir --entry=t.grad --args=params.safetensors --args=inputs.safetensors
//               --set alpha=0.01 --out=grads.safetensors
//   mome-interp m.mlir --against=simplified.mlir --random-seed=1
//
// Exit codes: 0 ok, 1 an expectation failed or the input is wrong, 2 usage.
#include "dialects/Check/Check.h"
#include "dialects/Check/Runner.h"
#include "dialects/Mome/Mome.h"
#include "tools/mome-interp/tensor_io.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/WithColor.h"

namespace cl = llvm::cl;
using namespace mlir;
using namespace mome;

static cl::OptionCategory category("mome-interp options");
static cl::opt<std::string> inputFile(cl::Positional, cl::init("-"), cl::cat(category),
                                      cl::desc("FILE.mlir, or - for standard input"));
static cl::opt<std::string> entry("entry", cl::cat(category),
                                  cl::desc("The function to run; default: all public ones"));
static cl::list<std::string> arguments("arg", cl::cat(category),
                                       cl::desc("Value of the next argument: 'dense<[1.0, 2.0]>'"));
static cl::list<std::string> files("args", cl::cat(category),
                                   cl::desc("Safetensors file with arguments by name; repeatable"));
static cl::list<std::string> settings("set", cl::cat(category),
                                      cl::desc("NAME=NUMBER: fills an argument"));
static cl::opt<uint64_t> randomSeed("random-seed", cl::cat(category),
                                    cl::desc("Invent the arguments that have no value"));
static cl::opt<std::string>
    out("out", cl::cat(category),
        cl::desc("Write the results to a safetensors file instead of printing"));
static cl::opt<int> digits("digits", cl::init(7), cl::cat(category),
                           cl::desc("Significant digits of printed numbers"));
static cl::opt<std::string> against("against", cl::cat(category),
                                    cl::desc("Compare with another module's functions instead"));
static cl::opt<double> tolerance("tolerance", cl::init(1e-9), cl::cat(category),
                                 cl::desc("Of --against, relative to the largest element"));
static cl::opt<bool> list("list-ops", cl::cat(category),
                          cl::desc("Print the nn ops and the interfaces they answer"));

/// The exit code after an error.
static int fail(int code, const llvm::Twine &message) {
  llvm::WithColor::error(llvm::errs(), "mome-interp") << message << "\n";
  return code;
}

/// Reads --args and --set into `options`; returns the exit code.
static int readNamedArguments(check::RunOptions &options) {
  std::map<std::string, interp::Tensor> tensors;
  for (const std::string &file : files) {
    if (auto error = interp::readTensors(file, tensors)) {
      return fail(1, *error);
    }
  }
  for (const std::string &setting : settings) {
    auto [name, text] = StringRef(setting).split('=');
    double value;
    if (name.empty() || text.getAsDouble(value)) {
      return fail(2, "--set wants NAME=NUMBER, not '" + setting + "'");
    }
    tensors[name.str()] = {{}, {value}};
  }
  for (auto &[name, tensor] : tensors) {
    nn::HostTensor value(tensor.shape);
    value.data = std::move(tensor.data);
    options.named[name] = std::move(value);
  }
  return 0;
}

static int writeResults(ArrayRef<check::RunResult> results) {
  std::map<std::string, interp::Tensor> tensors;
  for (const check::RunResult &result : results) {
    std::vector<int64_t> shape(result.value.shape.begin(), result.value.shape.end());
    tensors[result.key] = {shape, result.value.data};
  }
  std::optional<std::string> error = interp::writeTensors(out, tensors);
  return error ? fail(1, *error) : 0;
}

static OwningOpRef<ModuleOp> parse(StringRef file, llvm::SourceMgr &sources, MLIRContext &context) {
  return parseSourceFile<ModuleOp>(file, sources, ParserConfig(&context));
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  if (!cl::ParseCommandLineOptions(argc, argv, "Mome interpreter: executes nn programs in f64\n",
                                   &llvm::errs())) {
    return 2;
  }
  check::RunOptions options;
  options.entry = entry;
  options.arguments.assign(arguments.begin(), arguments.end());
  if (randomSeed.getNumOccurrences() > 0) {
    options.randomSeed = randomSeed;
  }
  if (int code = readNamedArguments(options)) {
    return code;
  }

  DialectRegistry registry;
  registry.insert<func::FuncDialect, nn::NNDialect, model::MomeDialect, check::CheckDialect>();
  MLIRContext context(registry);
  llvm::SourceMgr sources, referenceSources;
  SourceMgrDiagnosticHandler diagnostics(sources, &context);
  if (list) {
    check::listOps(context, llvm::outs());
    return 0;
  }
  OwningOpRef<ModuleOp> module = parse(inputFile, sources, context);
  if (!module) {
    return 1;
  }
  if (!against.empty()) {
    OwningOpRef<ModuleOp> reference = parse(against, referenceSources, context);
    return !reference || failed(check::compareModules(*module, *reference, options, tolerance));
  }
  FailureOr<std::vector<check::RunResult>> results = check::runModule(*module, options);
  if (failed(results)) {
    return 1;
  }
  if (!out.empty()) {
    return writeResults(*results);
  }
  check::printResults(*results, digits, llvm::outs());
  return 0;
}

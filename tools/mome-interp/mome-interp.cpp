// mome-interp: executes the `nn` levels and `check` expectations in f64. It is the meaning of the
// ops.
//
//   mome-interp tests.mlir                          runs every public function
//   mome-interp m.mlir --entry=predict --random-seed=1
//   mome-interp m.mlir --against=simplified.mlir --random-seed=1
//
// Exit codes: 0 ok, 1 an expectation failed or the input is wrong, 2 usage.
#include "dialects/Check/Check.h"
#include "dialects/Check/Runner.h"
#include "dialects/Mome/Mome.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"

namespace cl = llvm::cl;
using namespace mlir;

static cl::OptionCategory category("mome-interp options");
static cl::opt<std::string> inputFile(cl::Positional,
                                      cl::desc("FILE.mlir, or - for standard input"), cl::init("-"),
                                      cl::cat(category));
static cl::opt<std::string>
    entry("entry", cl::desc("The function to run; default: all public ones"), cl::cat(category));
static cl::list<std::string> arguments("arg",
                                       cl::desc("Value of the next argument: 'dense<[1.0, 2.0]>'"),
                                       cl::cat(category));
static cl::opt<uint64_t> randomSeed("random-seed",
                                    cl::desc("Invent the arguments that have no --arg"),
                                    cl::cat(category));
static cl::opt<int> digits("digits", cl::desc("Significant digits of printed numbers"), cl::init(7),
                           cl::cat(category));
static cl::opt<std::string>
    against("against", cl::desc("Compare with the functions of another module instead of printing"),
            cl::cat(category));
static cl::opt<double> tolerance("tolerance",
                                 cl::desc("Of --against, relative to the largest element"),
                                 cl::init(1e-9), cl::cat(category));

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

  DialectRegistry registry;
  registry.insert<func::FuncDialect, mome::nn::NNDialect, mome::model::MomeDialect,
                  mome::check::CheckDialect>();
  MLIRContext context(registry);
  llvm::SourceMgr sources, referenceSources;
  SourceMgrDiagnosticHandler diagnostics(sources, &context);

  mome::check::RunOptions options;
  options.entry = entry;
  options.arguments.assign(arguments.begin(), arguments.end());
  options.digits = digits;
  if (randomSeed.getNumOccurrences() > 0) {
    options.randomSeed = randomSeed;
  }

  OwningOpRef<ModuleOp> module = parse(inputFile, sources, context);
  if (!module) {
    return 1;
  }
  if (against.empty()) {
    return failed(mome::check::runModule(*module, options, llvm::outs()));
  }
  OwningOpRef<ModuleOp> reference = parse(against, referenceSources, context);
  return !reference || failed(mome::check::compareModules(*module, *reference, options, tolerance));
}

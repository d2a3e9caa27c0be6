// See compilation.h.
#include "tools/momec/compilation.h"

#include "tools/momec/memory_text.h"
#include "tools/momec/module_sources.h"
#include "tools/momec/output.h"
#include "tools/momec/pass_diagnostics.h"

#include "dialects/Mome/Mome.h"
#include "dialects/NN/NN.h"
#include "dialects/RT/RT.h"
#include "frontend/elaborate/Elaborate.h"
#include "frontend/syntax/format.h"
#include "passes/MemoryReport.h"
#include "passes/Package.h"
#include "passes/Pipelines.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/Verifier.h"
#include "mlir/InitAllDialects.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mome;

namespace momec {

std::string Compilation::stem() const {
  return llvm::sys::path::stem(options.input).str();
}

/// Runs `work`; false if it crashed.
static bool survives(llvm::function_ref<void()> work) {
  llvm::CrashRecoveryContext recovery;
  return recovery.RunSafely(work);
}

//===-- Input -------------------------------------------------------------------------------===//

int Compilation::readSource() {
  std::vector<SourceText> files;
  auto read = [&](const std::string &path) -> std::optional<std::string> {
    std::optional<std::string> text = read_text(path);
    readFiles[path] = text;
    if (text) {
      files.push_back({path, *text});
    }
    return text;
  };
  elaborate::Options elaboration;
  elaboration.defines = options.defines;
  elaboration.preset = options.preset;
  elaboration.batch = options.batch;
  elaboration.eval_batch = options.evalBatch;
  elaboration.precision = options.precision;
  bool sound = true;
  bool survived = survives([&] {
    module = elaborate::elaborateFile(context, options.input, sources, diagnostics, read,
                                      options.includeDirs, elaboration);
    sound = !module || diagnostics.failed() || lint_model(*module, sources, diagnostics);
  });
  if (!survived) {
    llvm::errs() << "momec: internal error in stage 'elaborate'\n"
                 << "note: please report it with '" << options.input << "' and what it imports\n";
    return internal;
  }
  llvm::errs() << diagnostics.render();
  silent &= diagnostics.render().empty();
  if (!sound) {
    return reportInternalError(Stage::elaborate);
  }
  if (!module || diagnostics.failed()) {
    return momec::failed;
  }
  attachSources(*module, files);
  if (mlir::failed(verify(*module))) {
    return reportInternalError(Stage::elaborate);
  }
  return dump(Stage::elaborate);
}

int Compilation::readModule() {
  std::optional<std::string> text = read_file(options.input);
  if (!text) {
    return momec::failed;
  }
  llvm::SourceMgr manager;
  manager.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy(*text, options.input), {});
  SourceMgrDiagnosticHandler handler(manager, &context);
  module = parseSourceFile<ModuleOp>(manager, &context);
  return module ? checkInput() : momec::failed;
}

/// Holds a text given by the user against the contract of its level, with the lints if it is a
/// model.
int Compilation::checkInput() {
  for (const SourceText &source : getSources(*module)) {
    sources.add(source.path, source.text);
  }
  bool sound;
  if (*options.compileFrom == Stage::elaborate) {
    sound = lint_model(*module, sources, diagnostics);
  } else {
    PassManager manager(&context);
    addBorder(manager, *options.compileFrom);
    sound = succeeded(manager.run(*module));
  }
  llvm::errs() << diagnostics.render();
  if (!sound) {
    return fail("'" + options.input + "' is not what stage '" +
                stageName(*options.compileFrom).str() + "' writes");
  }
  return diagnostics.failed() ? momec::failed : ok;
}

//===-- Stages ------------------------------------------------------------------------------===//

int Compilation::runStage(Stage stage) {
  TimingScope all = timing.getRootScope();
  TimingScope scope = all.nest(stageName(stage));
  bool passed = false;
  syntax::Diagnostics said(sources, flags.options);
  auto run = [&] {
    PassDiagnostics handler(context, sources, said);
    PassManager manager(&context);
    if (mlir::failed(applyPassManagerCLOptions(manager))) {
      return;
    }
    manager.enableTiming(scope);
    manager.enableVerifier(false); // once per stage is enough
    addStage(manager, stage, options.pipeline);
    passed = succeeded(manager.run(*module)) && succeeded(verify(*module));
  };
  bool survived = survives(run);
  llvm::errs() << said.render();
  silent &= said.render().empty();
  if (!survived || (!passed && !said.failed())) {
    return reportInternalError(stage);
  }
  return said.failed() ? momec::failed : dump(stage);
}

/// Writes what went into the failing stage, or what elaboration made, and how to run it again.
int Compilation::reportInternalError(Stage stage) {
  CompileOptions again = options;
  again.compileTo = std::max(Stage::elaborate, Stage(int(stage) - 1));
  again.output = stem() + ".repro.mlir";
  again.deviceCode = CompileOptions::DeviceCode::none;
  again.dumpDir.clear();
  again.remarks.clear();
  again.packageFlags.clear(); // a text is asked for, not the package
  again.timing = false;
  std::string command = llvm::formatv("momec {0} --compile-from={1}{2} -o {3}.mpk", again.output,
                                      stageName(again.compileTo), options.pipelineFlags(), stem());
  again.heading = "// " + command + "\n";
  llvm::errs() << "momec: internal error in stage '" << stageName(stage) << "'\n";
  auto write = [](Compilation &earlier) {
    Stage last = earlier.options.compileTo;
    int status = earlier.runTo(last);
    return status == ok ? earlier.writeText(last, earlier.options.output) : status;
  };
  int written = stage == Stage::elaborate
                    ? writeFile(again.output, again.heading + printModule(*module))
                    : withCompilation(std::move(again), flags, write);
  if (written == ok) {
    llvm::errs() << "note: this runs it again; please report it with the file: " << command << "\n";
  }
  return internal;
}

int Compilation::writeText(Stage stage, StringRef path) {
  if (stage != Stage::parse) {
    return writeFile(path, options.heading + printModule(*module));
  }
  std::optional<std::string> text = read_file(options.input);
  if (!text) {
    return momec::failed;
  }
  std::optional<std::string> formatted =
      syntax::format(sources, sources.add(options.input, *text), diagnostics);
  if (!formatted) {
    llvm::errs() << diagnostics.render();
    return momec::failed;
  }
  return writeFile(path, *formatted);
}

int Compilation::dump(Stage stage) {
  if (options.dumpDir.empty()) {
    return ok;
  }
  if (std::error_code error = llvm::sys::fs::create_directories(options.dumpDir)) {
    return fail("cannot make directory '" + options.dumpDir + "': " + error.message());
  }
  StringRef extension = stage == Stage::parse ? "mome" : "mlir";
  std::string name =
      llvm::formatv("{0}.{1,0+2}.{2}.{3}", stem(), int(stage), stageName(stage), extension);
  SmallString<128> path(options.dumpDir);
  llvm::sys::path::append(path, name);
  return writeText(stage, path);
}

int Compilation::writePackage(const PackageCache &cache) {
  FailureOr<std::string> bytes = failure();
  if (!survives([&] { bytes = printPackage(*module); }) || mlir::failed(bytes)) {
    return reportInternalError(Stage::package);
  }
  if (silent) {
    cache.store(readFiles, *bytes);
  }
  return writeFile(packagePath(), *bytes);
}

/// No program may need more than the budget; the one that needs most says what for.
int Compilation::checkBudget() {
  FailureOr<MemoryReport> report = reportMemory(*module, largestProgram(*module), 2);
  if (mlir::failed(report) || report->arenas <= *options.pipeline.budget) {
    return ok;
  }
  llvm::errs() << budgetText(*report, *options.pipeline.budget,
                             [&](StringRef at) { return sourceLine(*module, at); });
  return momec::budget;
}

int Compilation::readInput() {
  if (options.compileFrom) {
    return readModule();
  }
  int status = options.compileTo == Stage::parse ? ok : readSource();
  return status == ok && !options.dumpDir.empty() ? dump(Stage::parse) : status;
}

int Compilation::runTo(Stage last) {
  applyDefaultTimingManagerCLOptions(timing);
  timing.setEnabled(timing.isEnabled() || options.timing);
  int status = readInput();
  Stage first = options.compileFrom.value_or(Stage::elaborate);
  for (int stage = int(first) + 1; stage <= int(last) && stage < int(Stage::package); ++stage) {
    if (status == ok) {
      status = runStage(Stage(stage));
    }
    if (status == ok && Stage(stage) == Stage::memory && options.pipeline.budget) {
      status = checkBudget();
    }
  }
  return status;
}

//===-- Setup -------------------------------------------------------------------------------===//

static void enableRemarks(MLIRContext &context, const std::string &filter) {
  if (filter.empty()) {
    return;
  }
  remark::RemarkCategories categories;
  categories.passed = categories.missed = categories.analysis = categories.failed = filter;
  (void)remark::enableOptimizationRemarks(context, nullptr,
                                          std::make_unique<remark::RemarkEmittingPolicyAll>(),
                                          categories, /*printAsEmitRemarks=*/true);
}

int withCompilation(CompileOptions options, DiagnosticFlags flags,
                    llvm::function_ref<int(Compilation &)> work) {
  DialectRegistry registry;
  registerAllDialects(registry);
  registry.insert<model::MomeDialect, nn::NNDialect, rt::RTDialect>();
  // One thread: a crash can be caught, and kernels are compiled in a fixed order.
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadDialect<model::MomeDialect, nn::NNDialect, rt::RTDialect, func::FuncDialect>();
  llvm::SourceMgr manager;
  SourceMgrDiagnosticHandler handler(manager, &context);
  enableRemarks(context, options.remarks);
  Compilation compilation(std::move(options), std::move(flags), context);
  return work(compilation);
}

int withCompilation(Arguments arguments, llvm::function_ref<int(Compilation &)> work) {
  DiagnosticFlags flags;
  CompileOptions options;
  if (int status = parseCompileOptions(arguments, flags, options); status != ok || options.help) {
    return status;
  }
  llvm::CrashRecoveryContext::Enable();
  return withCompilation(std::move(options), std::move(flags), work);
}

} // namespace momec

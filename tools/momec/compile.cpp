// momec FILE: compiles a model to a package.
//
// The stages of passes/Pipelines.h run one by one. When one fails or crashes, those before it run
// again, in a context of their own, and what they wrote becomes `model.repro.mlir`; the exit code
// is 70. An error with a code is the user's: exit code 1. So is a text given to --compile-from that
// breaks the contract of its level.
#include "tools/momec/compile.h"
#include "tools/momec/common.h"
#include "tools/momec/output.h"
#include "tools/momec/package_cache.h"
#include "tools/momec/pass_diagnostics.h"
#include "tools/momec/predict.h"
#include "tools/momec/report.h"

#include "dialects/Mome/Mome.h"
#include "dialects/NN/NN.h"
#include "dialects/RT/RT.h"
#include "frontend/elaborate/Elaborate.h"
#include "frontend/syntax/format.h"
#include "passes/MemoryReport.h"
#include "passes/Package.h"
#include "passes/Pipelines.h"
#include "passes/cpu/ObjectCache.h"
#include "passes/cuda/BuildPtx.h"
#include "runtime/cuda/model/device_data.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/Verifier.h"
#include "mlir/InitAllDialects.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Support/Timing.h"
#include "llvm/Support/CrashRecoveryContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mome;

namespace momec {

namespace {
/// One compilation: the module and what is done with it.
class Compilation {
public:
  Compilation(CompileOptions options, DiagnosticFlags flags, MLIRContext &context)
      : options(std::move(options)), flags(std::move(flags)), context(context),
        diagnostics(sources, this->flags.options) {}

  int run();
  /// Plans the memory, and prints what it is for; with a GPU among the targets predicts times.
  int report();

private:
  int predict(const std::string &entry);
  int runTo(Stage last);
  int readSource();
  int readModule();
  int checkInput();
  int runStage(Stage stage);
  int writePackage(const PackageCache &cache);
  std::string packagePath() const {
    return options.output.empty() ? stem() + ".mpk" : options.output;
  }
  std::string sourceLine(StringRef place);
  int checkBudget();
  int writeText(Stage stage, StringRef path);
  int dump(Stage stage);
  int reportInternalError(Stage stage);
  std::string stem() const { return llvm::sys::path::stem(options.input).str(); }

  CompileOptions options;
  DiagnosticFlags flags;
  MLIRContext &context;
  syntax::SourceManager sources;
  syntax::Diagnostics diagnostics;
  OwningOpRef<ModuleOp> module;
  DefaultTimingManager timing;
  ReadFiles readFiles;
  bool silent = true; // nothing was said, so the package is all that came of it
};
} // namespace

/// Does `work` of a compilation in a context of its own.
static int compileWith(CompileOptions options, DiagnosticFlags flags, int (Compilation::*work)());

/// Runs `work`; false if it crashed.
static bool survives(llvm::function_ref<void()> work) {
  llvm::CrashRecoveryContext recovery;
  return recovery.RunSafely(work);
}

//===-- Input -------------------------------------------------------------------------------===//

/// Keeps the text of every file that was read: the package carries them.
static void attachSources(ModuleOp module, ArrayRef<std::pair<std::string, std::string>> files) {
  Builder builder(module.getContext());
  SmallVector<Attribute> list;
  for (const auto &[path, text] : files) {
    list.push_back(
        builder.getDictionaryAttr({builder.getNamedAttr("path", builder.getStringAttr(path)),
                                   builder.getNamedAttr("text", builder.getStringAttr(text))}));
  }
  NamedAttrList package(module->getAttrOfType<DictionaryAttr>(rt::RTDialect::packageAttrName));
  package.set("sources", builder.getArrayAttr(list));
  module->setAttr(rt::RTDialect::packageAttrName, package.getDictionary(module.getContext()));
}

int Compilation::readSource() {
  std::vector<std::pair<std::string, std::string>> files;
  auto read = [&](const std::string &path) -> std::optional<std::string> {
    std::optional<std::string> text = read_text(path);
    readFiles[path] = text;
    if (text) {
      files.emplace_back(path, *text);
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
  auto package = (*module)->getAttrOfType<DictionaryAttr>(rt::RTDialect::packageAttrName);
  auto files = package ? package.getAs<ArrayAttr>("sources") : ArrayAttr();
  for (Attribute attribute : files ? files.getValue() : ArrayRef<Attribute>()) {
    auto file = dyn_cast<DictionaryAttr>(attribute);
    auto path = file ? file.getAs<StringAttr>("path") : StringAttr();
    if (auto text = path ? file.getAs<StringAttr>("text") : StringAttr()) {
      sources.add(path.str(), text.str());
    }
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
  std::string command =
      llvm::formatv("momec {0} --compile-from={1}{2} -o {3}.mpk", again.output,
                    stageName(again.compileTo), options.pipelineFlags(), stem());
  again.heading = "// " + command + "\n";
  llvm::errs() << "momec: internal error in stage '" << stageName(stage) << "'\n";
  int written = stage == Stage::elaborate
                    ? writeFile(again.output, again.heading + printModule(*module))
                    : compileWith(std::move(again), flags, &Compilation::run);
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

/// The text at FILE:LINE, without blanks around it, from the sources that the module carries.
std::string Compilation::sourceLine(StringRef place) {
  auto package = (*module)->getAttrOfType<DictionaryAttr>(rt::RTDialect::packageAttrName);
  auto files = package ? package.getAs<ArrayAttr>("sources") : ArrayAttr();
  auto [path, number] = place.rsplit(':');
  unsigned line = 0;
  for (Attribute attribute : files ? files.getValue() : ArrayRef<Attribute>()) {
    auto file = cast<DictionaryAttr>(attribute);
    auto name = file.getAs<StringAttr>("path"), text = file.getAs<StringAttr>("text");
    if (name && text && name.getValue() == path && !number.getAsInteger(10, line)) {
      StringRef rest = text.getValue();
      for (unsigned i = 1; i < line; ++i) {
        rest = rest.split('\n').second;
      }
      return rest.split('\n').first.trim().str();
    }
  }
  return "";
}

/// No program may need more than the budget; the one that needs most says what for.
int Compilation::checkBudget() {
  FailureOr<MemoryReport> report = reportMemory(*module, largestProgram(*module), 2);
  if (mlir::failed(report) || report->arenas <= *options.pipeline.budget) {
    return ok;
  }
  llvm::errs() << budgetText(*report, *options.pipeline.budget,
                             [&](StringRef at) { return sourceLine(at); });
  return momec::budget;
}

int Compilation::report() {
  if (int status = runTo(Stage::memory); status != ok) {
    return status;
  }
  std::string entry = options.reportEntry.empty() ? mainProgram(*module) : options.reportEntry;
  FailureOr<MemoryReport> report = reportMemory(*module, entry, options.reportDepth, options.machine);
  if (mlir::failed(report)) {
    std::vector<std::string> entries;
    for (auto program : module->getOps<rt::ProgramOp>()) {
      entries.push_back(program.getSymName().str());
    }
    return usage_error("there is no entry '" + entry + "'",
                       "entries: " + llvm::join(entries, ", "));
  }
  if (options.pipeline.cuda.empty() && !options.kernelsFile.empty()) {
    return usage_error("--kernels: there is no GPU to predict for", "say which, as in --target=cuda:sm_80");
  }
  llvm::outs() << reportText(*report, [&](StringRef at) { return sourceLine(at); });
  return options.pipeline.cuda.empty() ? int(ok) : predict(entry);
}

/// Of these architectures the one whose code the GPU runs: the latest that it can; the first if it is not known.
static std::string architectureFor(StringRef gpu, StringRef architectures) {
  StringRef first = architectures.split(',').first, best = first;
  const cuda::DeviceData *device = cuda::find_device_data(gpu.empty() ? first : gpu);
  std::string own = device ? "sm_" + std::to_string(device->architecture) : "";
  for (StringRef architecture : llvm::split(architectures, ',')) { // the latest is the last
    if (architecture == own + "a" || cuda::runsOn(architecture, own)) {
      best = architecture;
    }
  }
  return best.str();
}

/// How long the entry should take on a GPU.
int Compilation::predict(const std::string &entry) {
  options.pipeline.cuda = architectureFor(options.gpu, options.pipeline.cuda);
  PredictionRequest request{entry, options.pipeline.cuda, options.gpu, options.reportDepth,
                            options.kernelsFile};
  options.pipeline.cubins.clear(); // the simulator wants PTX, and nothing for the processor
  options.pipeline.targetCpu.clear();
  if (int status = runStage(Stage::codegen); status != ok) {
    return status;
  }
  std::string problem;
  std::optional<std::string> text = predictionText(*module, request, problem);
  if (!text) {
    return fail(problem);
  }
  llvm::outs() << *text;
  return ok;
}

/// Runs the stages up to `last`, or to the one that the user asked for.
int Compilation::runTo(Stage last) {
  applyDefaultTimingManagerCLOptions(timing);
  timing.setEnabled(timing.isEnabled() || options.timing);
  Stage first = options.compileFrom.value_or(Stage::elaborate);
  int status = options.compileFrom ? readModule() : ok;
  if (!options.compileFrom) {
    status = options.compileTo == Stage::parse ? ok : readSource();
    if (status == ok && !options.dumpDir.empty()) {
      status = dump(Stage::parse);
    }
  }
  for (int stage = int(first) + 1; status == ok && stage < int(Stage::package); ++stage) {
    if (stage <= int(last)) {
      status = runStage(Stage(stage));
    }
    bool planned = Stage(stage) == Stage::memory && stage <= int(last);
    if (status == ok && planned && options.pipeline.budget) {
      status = checkBudget();
    }
  }
  return status;
}

int Compilation::run() {
  PackageCache cache(options.packageFlags.empty() ? "" : options.pipeline.cache, options.packageFlags);
  if (std::optional<std::string> known = cache.find()) {
    return writeFile(packagePath(), *known);
  }
  if (int status = runTo(options.compileTo); status != ok) {
    return status;
  }
  if (options.timing && !options.pipeline.cache.empty()) {
    const cpu::CacheUse &use = cpu::getCacheUse();
    llvm::errs() << llvm::formatv("momec: cache {0}: {1} kernels found, {2} compiled\n",
                                  options.pipeline.cache, use.hits, use.misses);
  }
  if (options.compileTo == Stage::package) {
    return writePackage(cache);
  }
  std::string output = options.output.empty() ? "-" : options.output;
  bool device = options.deviceCode != CompileOptions::DeviceCode::none;
  return device ? writeDeviceCode(*module, options, output) : writeText(options.compileTo, output);
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

static int compileWith(CompileOptions options, DiagnosticFlags flags, int (Compilation::*work)()) {
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
  return (compilation.*work)();
}

static int withCompilation(Arguments arguments, int (Compilation::*work)()) {
  DiagnosticFlags flags;
  CompileOptions options;
  if (int status = parseCompileOptions(arguments, flags, options); status != ok || options.help) {
    return status;
  }
  llvm::CrashRecoveryContext::Enable();
  return compileWith(std::move(options), std::move(flags), work);
}

int compile(Arguments arguments) {
  return withCompilation(arguments, &Compilation::run);
}

int report(Arguments arguments) {
  return withCompilation(arguments, &Compilation::report);
}

} // namespace momec

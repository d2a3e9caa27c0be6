// momec report: plans the memory of a program, and prints what it is for; with a GPU among the targets
// predicts times.
#include "tools/momec/compilation.h"
#include "tools/momec/memory_text.h"
#include "tools/momec/module_sources.h"
#include "tools/momec/output.h"
#include "tools/momec/predict.h"

#include "dialects/RT/RT.h"
#include "passes/MemoryReport.h"
#include "passes/cuda/BuildPtx.h"
#include "runtime/cuda/model/device_data.h"

using namespace mlir;
using namespace mome;

namespace momec {

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
static int predict(Compilation &compilation, const std::string &entry) {
  CompileOptions &options = compilation.options;
  options.pipeline.cuda = architectureFor(options.gpu, options.pipeline.cuda);
  PredictionRequest request{entry, options.pipeline.cuda, options.gpu, options.reportDepth,
                            options.kernelsFile};
  options.pipeline.cubins.clear(); // the simulator wants PTX, and nothing for the processor
  options.pipeline.targetCpu.clear();
  if (int status = compilation.runStage(Stage::codegen); status != ok) {
    return status;
  }
  std::string problem;
  std::optional<std::string> text = predictionText(compilation.getModule(), request, problem);
  if (!text) {
    return fail(problem);
  }
  llvm::outs() << *text;
  return ok;
}

static int run(Compilation &compilation) {
  const CompileOptions &options = compilation.options;
  if (int status = compilation.runTo(Stage::memory); status != ok) {
    return status;
  }
  ModuleOp module = compilation.getModule();
  std::string entry = options.reportEntry.empty() ? mainProgram(module) : options.reportEntry;
  FailureOr<MemoryReport> report =
      reportMemory(module, entry, options.reportDepth, options.machine);
  if (mlir::failed(report)) {
    std::vector<std::string> entries;
    for (auto program : module.getOps<rt::ProgramOp>()) {
      entries.push_back(program.getSymName().str());
    }
    return usage_error("there is no entry '" + entry + "'",
                       "entries: " + llvm::join(entries, ", "));
  }
  if (options.pipeline.cuda.empty() && !options.kernelsFile.empty()) {
    return usage_error("--kernels: there is no GPU to predict for",
                       "say which, as in --target=cuda:sm_80");
  }
  llvm::outs() << reportText(*report, [&](StringRef at) { return sourceLine(module, at); });
  return options.pipeline.cuda.empty() ? int(ok) : predict(compilation, entry);
}

int report(Arguments arguments) {
  return withCompilation(arguments, run);
}

} // namespace momec

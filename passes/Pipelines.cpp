// See Pipelines.h. The ordered story: read top to bottom, this is how a model becomes a package.
#include "passes/Pipelines.h"

#include "passes/Passes.h"

#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace mome;

static constexpr llvm::StringLiteral names[numStages] = {
    "parse", "elaborate", "place",  "autodiff", "simplify", "autocast", "fuse",
    "remat", "partition", "bucket", "schedule", "memory",   "codegen",  "package"};

StringRef mome::stageName(Stage stage) {
  return names[int(stage)];
}

std::optional<Stage> mome::findStage(StringRef name) {
  const auto *found = llvm::find(names, name);
  return found == std::end(names) ? std::nullopt : std::optional(Stage(found - std::begin(names)));
}

std::string mome::stageNames() {
  return llvm::join(std::begin(names), std::end(names), ", ");
}

void mome::addBorder(OpPassManager &manager, Stage stage) {
  switch (stage) {
  case Stage::elaborate:
    return manager.addPass(createVerifyModelPass());
  case Stage::place:
  case Stage::autodiff:
  case Stage::simplify:
  case Stage::autocast: {
    VerifyEntriesPassOptions options;
    options.stage = stageName(std::min(stage, Stage::simplify)).str();
    return manager.addPass(createVerifyEntriesPass(options));
  }
  case Stage::fuse:
  case Stage::remat:
  case Stage::partition:
  case Stage::bucket:
  case Stage::schedule: {
    VerifyDispatchesPassOptions options;
    options.stage = stageName(stage == Stage::schedule ? stage : Stage::fuse).str();
    return manager.addPass(createVerifyDispatchesPass(options));
  }
  case Stage::memory:
  case Stage::codegen:
    return manager.addPass(createVerifyPlanPass());
  case Stage::parse:
  case Stage::package:
    return;
  }
}

static void addPlace(OpPassManager &manager) {
  manager.addPass(createLowerToEntriesPass());
}

static void addAutodiff(OpPassManager &manager) {
  // Algebra that changes what there is to differentiate comes before.
  manager.addNestedPass<func::FuncOp>(createCollapseOneQueryPass());
  manager.addNestedPass<func::FuncOp>(createAutodiffPass());
}

static void addSimplify(OpPassManager &manager) {
  manager.addNestedPass<func::FuncOp>(createEliminateStopGradientPass());
  manager.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  manager.addNestedPass<func::FuncOp>(createCSEPass());
}

static void addAutocast(OpPassManager &manager) {
  manager.addNestedPass<func::FuncOp>(createAutocastPass());
}

static void addFuse(OpPassManager &manager, const PipelineOptions &options) {
  // Products read from fast memory what they multiply, and can add it up on the way; a library cannot.
  FuseDispatchesPassOptions fuse;
  fuse.sums = !llvm::is_contained(options.libraries, "cublaslt");
  manager.addNestedPass<func::FuncOp>(createSplitWideKlPass());
  manager.addNestedPass<func::FuncOp>(createSinkReshapesPass());
  manager.addNestedPass<func::FuncOp>(createFuseDispatchesPass(fuse));
  manager.addPass(
      createCSEPass()); // index maps were copied to their readers; equal leftovers merge
}

static void addRemat(OpPassManager &manager, const PipelineOptions &options) {
  // Without a budget, for processors alone: what costs them little are bytes, and a GPU waits for those.
  if (options.recompute && (options.budget || options.cuda.empty())) {
    RematerializePassOptions rematerialize;
    rematerialize.budget = options.budget.value_or(0);
    rematerialize.groups = !options.cuda.empty();
    manager.addPass(createRematerializePass(rematerialize));
  }
}

static void addSchedule(OpPassManager &manager, const PipelineOptions &options) {
  SchedulePassOptions schedule;
  schedule.groups = !options.cuda.empty();
  manager.addPass(createOutlineKernelsPass());
  manager.addNestedPass<func::FuncOp>(createSchedulePass(schedule));
}

static void addMemory(OpPassManager &manager, const PipelineOptions &options) {
  manager.addPass(createPlanMemoryPass());
  if (!options.cuda.empty()) {
    manager.addPass(createGroupLaunchesPass());
  }
  // What may run together depends on the memory that was reused: by streams, or side by side.
  manager.addPass(createAssignStreamsPass());
  manager.addPass(createFindNeighboursPass());
}

static void addCodegen(OpPassManager &manager, const PipelineOptions &options) {
  GenerateCodePassOptions generate;
  generate.codegen = options.codegen;
  generate.targetCpu = options.targetCpu;
  generate.cuda = options.cuda;
  generate.cache = options.cache;
  generate.cubins.assign(options.cubins.begin(), options.cubins.end());
  generate.libraries.assign(options.libraries.begin(), options.libraries.end());
  manager.addPass(createGenerateCodePass(generate));
}

/// The passes of a stage without its border.
static void addPasses(OpPassManager &manager, Stage stage, const PipelineOptions &options) {
  switch (stage) {
  case Stage::place:
    return addPlace(manager);
  case Stage::autodiff:
    return addAutodiff(manager);
  case Stage::simplify:
    return addSimplify(manager);
  case Stage::autocast:
    return addAutocast(manager);
  case Stage::fuse:
    return addFuse(manager, options);
  case Stage::remat:
    return addRemat(manager, options);
  case Stage::schedule:
    return addSchedule(manager, options);
  case Stage::memory:
    return addMemory(manager, options);
  case Stage::codegen:
    return addCodegen(manager, options);
  case Stage::parse:
  case Stage::elaborate:
  case Stage::partition:
  case Stage::bucket:
  case Stage::package:
    return;
  }
}

void mome::addStage(OpPassManager &manager, Stage stage, const PipelineOptions &options) {
  size_t before = manager.size();
  addPasses(manager, stage, options);
  if (manager.size() > before) {
    addBorder(manager, stage);
  }
}

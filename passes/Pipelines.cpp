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

/// The border check after a stage of the nn level.
static void addEntriesBorder(OpPassManager &manager, Stage stage) {
  VerifyEntriesPassOptions options;
  options.stage = stageName(stage).str();
  manager.addPass(createVerifyEntriesPass(options));
}

static void addPlace(OpPassManager &manager) {
  manager.addPass(createVerifyModelPass());
  manager.addPass(createLowerToEntriesPass());
  addEntriesBorder(manager, Stage::place);
}

static void addAutodiff(OpPassManager &manager) {
  // Algebra that changes what there is to differentiate comes before.
  manager.addNestedPass<func::FuncOp>(createCollapseOneQueryPass());
  manager.addNestedPass<func::FuncOp>(createAutodiffPass());
  addEntriesBorder(manager, Stage::autodiff);
}

static void addSimplify(OpPassManager &manager) {
  manager.addNestedPass<func::FuncOp>(createEliminateStopGradientPass());
  manager.addNestedPass<func::FuncOp>(createCanonicalizerPass());
  manager.addNestedPass<func::FuncOp>(createCSEPass());
  addEntriesBorder(manager, Stage::simplify);
}

/// The border check after a stage with dispatches or kernels.
static void addDispatchesBorder(OpPassManager &manager, Stage stage) {
  VerifyDispatchesPassOptions options;
  options.stage = stageName(stage).str();
  manager.addPass(createVerifyDispatchesPass(options));
}

static void addFuse(OpPassManager &manager) {
  manager.addNestedPass<func::FuncOp>(createSinkReshapesPass());
  manager.addNestedPass<func::FuncOp>(createFuseDispatchesPass());
  manager.addPass(
      createCSEPass()); // index maps were copied to their readers; equal leftovers merge
  addDispatchesBorder(manager, Stage::fuse);
}

static void addSchedule(OpPassManager &manager) {
  manager.addPass(createOutlineKernelsPass());
  manager.addNestedPass<func::FuncOp>(createSchedulePass());
  addDispatchesBorder(manager, Stage::schedule);
}

static void addMemory(OpPassManager &manager) {
  manager.addPass(createPlanMemoryPass());
  manager.addPass(createVerifyPlanPass());
}

static void addCodegen(OpPassManager &manager, const PipelineOptions &options) {
  GenerateCodePassOptions generate;
  generate.codegen = options.codegen;
  generate.targetCpu = options.targetCpu;
  manager.addPass(createGenerateCodePass(generate));
  manager.addPass(createVerifyPlanPass());
}

void mome::addStage(OpPassManager &manager, Stage stage, const PipelineOptions &options) {
  switch (stage) {
  case Stage::place:
    return addPlace(manager);
  case Stage::autodiff:
    return addAutodiff(manager);
  case Stage::simplify:
    return addSimplify(manager);
  case Stage::fuse:
    return addFuse(manager);
  case Stage::schedule:
    return addSchedule(manager);
  case Stage::memory:
    return addMemory(manager);
  case Stage::codegen:
    return addCodegen(manager, options);
  case Stage::parse:
  case Stage::elaborate:
  case Stage::autocast:
  case Stage::remat:
  case Stage::partition:
  case Stage::bucket:
  case Stage::package:
    return;
  }
}

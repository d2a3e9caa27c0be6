// The stages of a compilation, in order: what `--compile-to`, `--compile-from`, `--emit` and
// `--dump-stages-to` name.
#ifndef MOME_PASSES_PIPELINES_H
#define MOME_PASSES_PIPELINES_H

#include "mlir/Pass/PassManager.h"

#include <optional>

namespace mome {

/// Ordered: a stage's number is its place in the compilation, and in the names of dumped files.
enum class Stage {
  parse,
  elaborate,
  place,
  autodiff,
  simplify,
  autocast,
  fuse,
  remat,
  partition,
  bucket,
  schedule,
  memory,
  codegen,
  package,
};
inline constexpr int numStages = int(Stage::package) + 1;

llvm::StringRef stageName(Stage stage);
std::optional<Stage> findStage(llvm::StringRef name);
/// All names, for messages.
std::string stageNames();

/// What the passes need to know about the compilation.
struct PipelineOptions {
  std::string codegen = "cpu";         // cpu, reference
  std::string targetCpu = "x86-64-v3"; // names of passes/cpu/Target.h
  std::string cuda;                    // architectures such as sm_80,sm_90a; empty: none
  std::optional<int64_t> budget;       // bytes that a session may allocate
  bool recompute = true;               // what costs little too, where there is no budget
  std::string cache;                   // folder that keeps machine code; empty: none
  std::vector<std::string> cubins;     // their code is also assembled for these
  std::vector<std::string> libraries;  // of CUDA, that may run products or convolutions
};

/// Adds the verifier of the level that a stage leaves behind; nothing for parse and package.
void addBorder(mlir::OpPassManager &manager, Stage stage);

/// Adds the passes of one stage, ending with the verifier of the level it leaves behind. Stages
/// that are not passes (parse, elaborate, package) add nothing.
void addStage(mlir::OpPassManager &manager, Stage stage, const PipelineOptions &options);

} // namespace mome
#endif

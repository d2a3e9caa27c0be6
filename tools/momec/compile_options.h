// What `momec FILE` was asked to do.
#pragma once

#include "passes/MemoryReport.h"
#include "passes/Pipelines.h"
#include "tools/momec/common.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace momec {

struct CompileOptions {
  std::string input, output;
  mome::Stage compileTo = mome::Stage::package;
  /// What of the CUDA code that `codegen` made is written, instead of the stage's text.
  enum class DeviceCode { none, ptx, cubin } deviceCode = DeviceCode::none;
  std::optional<mome::Stage> compileFrom; // the stage that left the input behind
  std::string dumpDir;
  std::string heading; // of the text that is written
  mome::PipelineOptions pipeline;
  std::map<std::string, std::string> defines;
  std::vector<std::string> includeDirs;
  std::string preset, precision, remarks;
  std::optional<int64_t> batch, evalBatch;
  std::string reportEntry;       // of `momec report`; empty: the one that needs most memory
  unsigned reportDepth = 2;
  mome::Machine machine; // of `momec report`, to predict times
  std::string gpu; // that times are predicted for; empty: one of the CUDA architecture
  std::string kernelsFile; // of `momec report`: every kernel, as JSON
  bool timing = false, help = false;
  /// All flags; empty if they ask for more than a package, or a CUDA toolkit has its part in it.
  std::string packageFlags;

  /// The flags that say the same to another momec, with a blank in front of each.
  std::string pipelineFlags() const;
};

/// Reads the command line, MLIR's own flags included; `flags` takes those about diagnostics.
/// Returns `ok`, or `usage` after saying what is wrong.
int parseCompileOptions(Arguments arguments, DiagnosticFlags &flags, CompileOptions &options);

} // namespace momec

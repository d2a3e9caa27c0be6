// What `momec report --target=cuda:sm_90` adds: predicted time by kernel, part and program on a GPU that
// nobody needs to have.
#pragma once

#include "mlir/IR/BuiltinOps.h"

#include <string>

namespace momec {

struct PredictionRequest {
  std::string program, architecture; // "finetune.step", "sm_90"
  std::string gpu;                   // a key of the device data; empty: the architecture's
  unsigned depth = 2;                // names of a path that make a part
  std::string kernelsFile;           // where all kernels are written, as JSON; empty: nowhere
};

/// The text, for a module that `codegen` left behind; nullopt with a reason.
std::optional<std::string> predictionText(mlir::ModuleOp module, const PredictionRequest &request,
                                          std::string &problem);

} // namespace momec

// The entries of a `train` section: forward and backward, accumulation, the optimizer, and all at once.
#ifndef MOME_PASSES_TRAINENTRIES_H
#define MOME_PASSES_TRAINENTRIES_H

#include "dialects/Mome/Mome.h"

namespace mome {

/// Adds `grad`, `accumulate`, `apply` and `step` of the section to the module (docs/levels.md).
void buildTrainEntries(mlir::ModuleOp module, model::ModelOp model, model::TrainOp train);

} // namespace mome
#endif

// Provenance: which DSL paths and lines an op computes for, and in which phase of the step. Kept in fused locations with
// `#mome.scope` metadata, through autodiff, fusion and rematerialisation; losing one is a bug.
#ifndef MOME_DIALECTS_MOME_SCOPE_H
#define MOME_DIALECTS_MOME_SCOPE_H

#include "dialects/Mome/Mome.h"

namespace mome::model {

/// A location that says: computed for `path`, in `phase`, written at `where`.
mlir::Location scoped(mlir::Location where, llvm::StringRef path, Phase phase);
/// Every scope in the location, in order, each once.
llvm::SmallVector<ScopeAttr> getScopes(mlir::Location loc);
/// True if the location has scopes, all of them of `phase`.
bool isAllIn(mlir::Location loc, Phase phase);
/// The expert that all of the location's paths lie in: "acc" of "experts.acc.block0"; empty otherwise.
llvm::StringRef getExpert(mlir::Location loc);
/// Every file position in the location, in order, each once.
llvm::SmallVector<mlir::FileLineColLoc> getPositions(mlir::Location loc);
/// The same scopes in another phase.
mlir::Location withPhase(mlir::Location loc, Phase phase);
/// The union of several locations: the location of an op that does the work of all of them.
mlir::Location unite(mlir::MLIRContext *context, llvm::ArrayRef<mlir::Location> locations);

} // namespace mome::model
#endif

// Accumulators of reductions: per lane partial results, combined in an order that is fixed when the
// code is generated.
#ifndef MOME_PASSES_CPU_REDUCTIONEMITTER_H
#define MOME_PASSES_CPU_REDUCTIONEMITTER_H

#include "passes/cpu/KernelBuilder.h"

namespace mome::cpu {

/// The state of one reduction: one value, or for argmax the best value and its index. Vectors, or
/// scalars.
using Accumulator = llvm::SmallVector<mlir::Value, 2>;

class ReductionEmitter {
public:
  ReductionEmitter(KernelBuilder &b, nn::ReductionKind kind) : b(b), kind(kind) {}

  unsigned size() const { return kind == nn::ReductionKind::argmax ? 2 : 1; }
  /// The neutral state, of vectors or of scalars.
  Accumulator init(bool vectors);
  /// The state with `element` at position `index` (i32, only read by argmax; rising from call to
  /// call). Lanes outside `mask` (null: none) keep their state.
  Accumulator add(mlir::ValueRange state, mlir::Value element, mlir::Value index,
                  mlir::Value mask = {});
  /// Two states of vectors into one, lane by lane.
  Accumulator combine(mlir::ValueRange a, mlir::ValueRange b);
  /// The result: of vectors over all lanes, or of scalars.
  mlir::Value finish(mlir::ValueRange state);

private:
  mlir::Value isBetter(mlir::Value candidate, mlir::Value best);

  KernelBuilder &b;
  nn::ReductionKind kind;
};

} // namespace mome::cpu
#endif

// Accumulators of reductions: per lane partial results, combined in an order that is fixed when the
// code is generated.
#ifndef MOME_PASSES_REDUCTIONEMITTER_H
#define MOME_PASSES_REDUCTIONEMITTER_H

#include "passes/BodyEmitter.h"

namespace mome {

/// The state of one reduction is one value, or for argmax the best value and its index; vectors, or
/// scalars. Functions take and give states as lists of values.
class ReductionEmitter {
public:
  ReductionEmitter(FunctionBuilder &b, nn::ReductionKind kind) : b(b), kind(kind) {}

  bool needsIndex() const { return kind == nn::ReductionKind::argmax; }
  unsigned size() const { return needsIndex() ? 2 : 1; }
  /// The neutral state, of vectors or of scalars.
  llvm::SmallVector<mlir::Value> init(bool vectors);
  /// The state with `element` at position `index` (i32; null unless `needsIndex`; rising from call
  /// to call). Lanes outside `mask` (null: none) keep their state.
  llvm::SmallVector<mlir::Value> add(mlir::ValueRange state, mlir::Value element, mlir::Value index,
                                     mlir::Value mask = {});
  /// Two states into one, lane by lane.
  llvm::SmallVector<mlir::Value> combine(mlir::ValueRange x, mlir::ValueRange y);
  /// The state of vectors as one of scalars: over all lanes.
  llvm::SmallVector<mlir::Value> reduceLanes(mlir::ValueRange state);
  /// The result: of vectors over all lanes, or of scalars.
  mlir::Value finish(mlir::ValueRange state);

private:
  mlir::Value isBetter(mlir::Value candidate, mlir::Value best);

  FunctionBuilder &b;
  nn::ReductionKind kind;
};

/// Several reductions over the same elements; their states one after the other.
class ReductionSet {
public:
  using Body = llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::Value at, mlir::Value mask,
                                                                 mlir::ValueRange state)>;

  /// `unroll`: vectors that long ranges take per iteration, a power of two.
  explicit ReductionSet(FunctionBuilder &b, int64_t unroll = 4) : b(b), unroll(unroll) {}
  void push(nn::ReductionKind kind) { kinds.emplace_back(b, kind); }

  llvm::SmallVector<mlir::Value> init(bool vectors);
  llvm::SmallVector<mlir::Value> combine(mlir::ValueRange x, mlir::ValueRange y);
  llvm::SmallVector<mlir::Value> finish(mlir::ValueRange states);

  /// Walks `extent` elements in vectors. `body` gets the position of a vector and the mask of its
  /// lanes (null: all), and gives the next state. Long ranges run in blocks whose states are
  /// combined, so that rounding errors grow with the block and the number of blocks, not with the
  /// range.
  llvm::SmallVector<mlir::Value> walkVectors(int64_t extent, mlir::ValueRange state, Body body);
  /// The same one by one, for states of any form: `body` gets a position and no mask.
  llvm::SmallVector<mlir::Value> walk(int64_t extent, mlir::ValueRange state, Body body);

private:
  /// `factor` vectors per iteration, each with its own state, which meet pairwise at the end.
  llvm::SmallVector<mlir::Value> walkUnrolled(mlir::Value from, mlir::Value to, int64_t factor,
                                              mlir::ValueRange state, Body body);

  FunctionBuilder &b;
  int64_t unroll;
  llvm::SmallVector<ReductionEmitter> kinds;
};

/// Why the kernel around `op`, its only reduction, is more than that with an elementwise prologue and
/// epilogue; else empty, and the operand's space has its loops. Kept axes keep loops of their own, as
/// in the result's space.
std::string prepareReduction(nn::ReductionOpInterface op, IterationSpace &operandSpace,
                             const IterationSpace &resultSpace);

} // namespace mome
#endif

// The axes that a kernel walks, the loops over them, and where values lie at a point of them.
//
// A *view* says where a value's element is: `index` maps the space's axes to the value's axes,
// `guards` must be >= 0 or the element is not there (padding). Example: y = add(x, broadcast(b,
// dims = [1])) over (d0, d1) asks
//   y at (d0, d1)  ->  x at (d0, d1): x[C d0 + d1];  b at (d1): b[d1].
//
// Neighbouring axes that every access walks as one become one loop: without the broadcast, d0 and d1.
#ifndef MOME_PASSES_ITERATIONSPACE_H
#define MOME_PASSES_ITERATIONSPACE_H

#include "dialects/NN/NN.h"

#include <optional>

namespace mome {

struct View {
  mlir::AffineMap index;
  mlir::AffineMap guards;
};

class IterationSpace {
public:
  IterationSpace(llvm::ArrayRef<int64_t> extents, mlir::MLIRContext *context);

  mlir::MLIRContext *getContext() const { return context; }
  llvm::ArrayRef<int64_t> getExtents() const { return extents; }
  unsigned getNumLoops() const { return loopExtents.size(); }
  llvm::ArrayRef<int64_t> getLoopExtents() const { return loopExtents; }
  /// The loop that walks `axis`; none if its extent is 1.
  std::optional<unsigned> getLoop(unsigned axis) const;

  /// The view of a value whose axes are `axes` of the space.
  View getView(llvm::ArrayRef<unsigned> axes) const;
  View getIdentityView() const;

  /// Merges axes as far as `addresses` (linear in the axes, or else kept apart) allow, but none
  /// across `borders`: axes that start a new loop.
  void mergeAxes(llvm::ArrayRef<mlir::AffineExpr> addresses, llvm::ArrayRef<unsigned> borders = {});

  /// `expr` over axes as an expression over loops. Valid for merged axes if the expression took
  /// part in `mergeAxes`.
  mlir::AffineExpr toLoops(mlir::AffineExpr expr) const;
  /// The row-major address of a point, over axes.
  mlir::AffineExpr getLinear() const;

private:
  void assignLoops(llvm::ArrayRef<bool> startsLoop);

  mlir::MLIRContext *context;
  llvm::SmallVector<int64_t> extents;
  llvm::SmallVector<int64_t> loopExtents;
  llvm::SmallVector<mlir::AffineExpr> replacements; // per axis, over loops
};

/// The constant and the coefficients of a linear expression; none if it is not linear.
std::optional<llvm::SmallVector<int64_t>> getCoefficients(mlir::AffineExpr expr, unsigned numDims);

/// The row-major address of an element of a tensor of `shape` at `index`.
mlir::AffineExpr linearize(mlir::AffineMap index, llvm::ArrayRef<int64_t> shape);

/// What a value at a view needs: see `traceValue`.
struct Trace {
  /// Every address and guard, for IterationSpace::mergeAxes.
  llvm::SmallVector<mlir::AffineExpr> expressions;
  /// Leaves that are neither operands nor constants, with the views they are asked at: results of
  /// roots and reductions.
  llvm::SmallVector<std::pair<mlir::Value, View>> leaves;
  /// Operands, with the views they are read at.
  llvm::SmallVector<std::pair<mlir::Value, View>> reads;
  /// Non-empty if the emitter cannot do it: a sentence.
  std::string refusal;
};
/// Follows `value` backwards like the emitter (BodyEmitter.h), without emitting.
void traceValue(mlir::Value value, View view, Trace &trace);

/// Why a kernel is more than elementwise and access ops over `space`, the first result's axes; else
/// empty, and the space has its loops.
std::string prepareElementwise(nn::KernelOp kernel, IterationSpace &space, Trace &trace);

} // namespace mome
#endif

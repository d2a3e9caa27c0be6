// The values of index expressions over the axes of a space, at a point of it.
//
//   d0 * 8 + d1 at (%i, %j..%j+7)   evaluate        index of lane 0: %i * 8 + %j
//                                   evaluateLanes   vector<8xi32>: splat(%i * 8 + %j) + [0, 1, ... 7]
//   guards d1 - 1 >= 0              emitGuards      vector<8xi1>
//
// What is known from the loops' extents costs nothing: guards that always hold, signs of divisions.
#ifndef MOME_PASSES_INDEXEMITTER_H
#define MOME_PASSES_INDEXEMITTER_H

#include "passes/FunctionBuilder.h"
#include "passes/IterationSpace.h"

namespace mome {

/// A point of the space, or `lanes` neighbours along one of its loops.
struct Point {
  llvm::SmallVector<mlir::Value>
      loops; // per loop of the space: its index; null where nothing may depend on it
  std::optional<unsigned> vectorLoop; // the loop that lanes run along
  mlir::Value mask;                   // lanes that exist; null: all
  bool isAligned = false;             // the first lane is at a multiple of their number
};

class IndexEmitter {
public:
  IndexEmitter(FunctionBuilder &builder, const IterationSpace &space) : b(builder), space(space) {}

  /// The value of `expr` (over axes) at the point: an index, for lane 0.
  mlir::Value evaluate(mlir::AffineExpr expr, const Point &point);
  /// Its value per lane, as integers of `type`.
  mlir::Value evaluateLanes(mlir::AffineExpr expr, mlir::Type type, const Point &point);
  /// As an integer of `type`, per lane if it depends on them.
  mlir::Value evaluateAs(mlir::AffineExpr expr, mlir::Type type, const Point &point);
  /// The condition under which an element exists: an i1, a vector of i1, or null for always.
  mlir::Value emitGuards(mlir::AffineMap guards, const Point &point);

  bool dependsOnLanes(mlir::AffineExpr expr, const Point &point) const;
  bool dependsOnLanes(const View &view, const Point &point) const;
  /// Whether a guard holds for all lanes or for none; whether an address that grows with them is a
  /// multiple of their number, if it does.
  bool isSharedByLanes(mlir::AffineExpr guard, const Point &point) const;

private:
  mlir::Value evaluateOver(mlir::AffineExpr loopExpr, mlir::Type type,
                           llvm::ArrayRef<mlir::Value> lanes);
  bool isNonNegative(mlir::AffineExpr loopExpr) const;

  FunctionBuilder &b;
  const IterationSpace &space;
};

} // namespace mome
#endif

// Emits the elementwise part of a kernel's body as vectors, at a point of the iteration space.
//
//   over (d0, d1), for lanes j..j+7: y = add(x, broadcast(b, dims = [1]))
//     ->  vector.load x[C i + j]; vector.load b[j]; arith.addf
//
// Every kernel family walks some *iteration space* (IterationSpace.h) and asks for values
// "at the current point": a scalar, or `lanes` neighbours along one axis. The emitter follows the
// body backwards from the value. Elementwise ops become their scalar form on vectors; access ops
// compose index maps and cost nothing; operands become loads.
//
// Work that an inner loop does not change moves in front of that loop. That is safe for memory
// because results take only the places of operands that are read at the same point (see
// docs/levels.md, Kernels).
#ifndef MOME_PASSES_BODYEMITTER_H
#define MOME_PASSES_BODYEMITTER_H

#include "passes/IndexEmitter.h"

#include <map>

namespace mome {

class BodyEmitter {
public:
  BodyEmitter(FunctionBuilder &builder, const IterationSpace &space)
      : b(builder), space(space), indices(builder, space) {}

  /// Emits `value` at `view` at `point`: a vector, or a scalar if it is the same for all lanes.
  mlir::Value emit(mlir::Value value, View view, const Point &point);
  mlir::Value emit(mlir::Value value, const Point &point) {
    return emit(value, space.getIdentityView(), point);
  }
  /// Fixes what `value` is at `view`, from now on.
  void bind(mlir::Value value, const View &view, mlir::Value emitted) {
    bound[value] = {view.index, emitted};
  }

  /// Stores a vector (a scalar is repeated), or a scalar if the point has no lanes, at `address`
  /// (over axes) in `buffer`.
  void store(mlir::Value value, mlir::Value buffer, mlir::AffineExpr address, const Point &point);

  /// Emits and stores every result of the kernel, whose axes are the space's.
  void emitResults(const Point &point) { prepareResults(point)(); }
  /// Emits every result, and leaves storing them to what it returns: what other points need may be loaded before.
  /// Not that of the buffer `other`, if any.
  std::function<void()> prepareResults(const Point &point, mlir::Value other = {});

  /// The value of `expr` (over axes) at the point: an index, for lane 0.
  mlir::Value evaluate(mlir::AffineExpr expr, const Point &point) {
    return indices.evaluate(expr, point);
  }
  /// The index along an axis, as a scalar or per lane integer of `type`.
  mlir::Value evaluateAxis(unsigned axis, const Point &point, mlir::Type type) {
    return indices.evaluateAs(space.getIdentityView().index.getResult(axis), type, point);
  }

  /// Between the forms of values in buffers and in registers: booleans are bytes in memory. bf16
  /// comes as f32 (`store` takes care of the way back).
  mlir::Value toRegister(mlir::Value loaded, mlir::Type elementType);
  mlir::Value toMemory(mlir::Value value);

private:
  using Key = std::pair<const void *, llvm::SmallVector<const void *>>;

  mlir::Value emitHere(mlir::Value value, View view, const Point &point);
  mlir::Value emitElementwise(nn::ElementwiseOpInterface op, View view, const Point &point);
  mlir::Value emitAccess(nn::AccessOpInterface op, View view, const Point &point);
  mlir::Value emitConstant(nn::ConstantOp op, View view, const Point &point);
  mlir::Value load(mlir::Value buffer, mlir::RankedTensorType type, View view, const Point &point);
  mlir::Value loadContiguous(mlir::Value buffer, mlir::Value address, mlir::Value mask,
                             bool isAligned);
  mlir::Value loadStrided(mlir::Value buffer, mlir::AffineExpr address, mlir::Value mask,
                          const Point &point);
  /// Moves the insertion point in front of loops that change none of `needed`.
  void leaveLoops(llvm::ArrayRef<mlir::Value> needed);
  /// Values that fix `value`: loop indices, lanes, bound values it is computed from.
  llvm::SmallVector<mlir::Value> getDependencies(mlir::Value value, const View &view,
                                                 const Point &point) const;
  llvm::SmallVector<bool> getUsedLoops(const View &view) const;
  Key makeKey(mlir::Value value, const View &view, const Point &point) const;

  FunctionBuilder &b;
  const IterationSpace &space;
  IndexEmitter indices;
  llvm::DenseMap<mlir::Value, std::pair<mlir::AffineMap, mlir::Value>> bound;
  std::map<Key, mlir::Value> emitted;
};

} // namespace mome
#endif

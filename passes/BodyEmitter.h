// Emits the elementwise part of a kernel's body as vectors, at a point of the iteration space.
//
// Every kernel family walks some *iteration space* (the axes of its results) and asks for values
// "at the current point": a scalar, or `lanes` neighbours along one axis. The emitter follows the
// body backwards from the value. Elementwise ops become their scalar form on vectors; access ops
// compose index maps and cost nothing; operands become loads.
//
// A *view* says where a value's element lives: `index` maps the space's axes to the value's axes,
// `guards` must be >= 0 or the element is not there (padding). Example: y = add(x, broadcast(b,
// dims = [1])) over (d0, d1) asks
//   y at (d0, d1)  ->  x at (d0, d1): load x[C d0 + d1];  b at (d1): load b[d1].
//
// Work that an inner loop does not change moves in front of that loop. That is safe for memory
// because results take only the places of operands that are read at the same point (see
// docs/levels.md, Kernels).
#ifndef MOME_PASSES_BODYEMITTER_H
#define MOME_PASSES_BODYEMITTER_H

#include "passes/FunctionBuilder.h"

#include <map>
#include <optional>

namespace mome {

struct View {
  mlir::AffineMap index;
  mlir::AffineMap guards;
};

/// The loops over an iteration space. Neighbouring axes that every access walks as one become one
/// loop.
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
/// Follows `value` backwards like the emitter, without emitting.
void traceValue(mlir::Value value, View view, Trace &trace);

/// Why a kernel is more than elementwise and access ops over `space`, the first result's axes; else
/// empty, and the space has its loops.
std::string prepareElementwise(nn::KernelOp kernel, IterationSpace &space, Trace &trace);

/// Where the emitter stands.
struct Point {
  llvm::SmallVector<mlir::Value>
      loops; // per loop of the space: its index; null where nothing may depend on it
  std::optional<unsigned> vectorLoop; // the loop that lanes run along
  mlir::Value mask;                   // lanes that exist; null: all
  bool isAligned = false;             // the first lane is at a multiple of their number
};

class BodyEmitter {
public:
  BodyEmitter(FunctionBuilder &builder, const IterationSpace &space);

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
  mlir::Value evaluate(mlir::AffineExpr expr, const Point &point);
  /// The index along an axis, as a scalar or per lane integer of `type`.
  mlir::Value evaluateAxis(unsigned axis, const Point &point, mlir::Type type);

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
  /// The condition under which an element exists: an i1, a vector of i1, or null for always.
  mlir::Value emitGuards(mlir::AffineMap guards, const Point &point);
  /// Per lane value of `expr` (over axes) as integers of `type`.
  mlir::Value evaluateLanes(mlir::AffineExpr expr, mlir::Type type, const Point &point);
  mlir::Value evaluateOver(mlir::AffineExpr loopExpr, mlir::Type type,
                           llvm::ArrayRef<mlir::Value> lanes);
  bool isNonNegative(mlir::AffineExpr loopExpr) const;
  bool dependsOnLanes(mlir::AffineExpr expr, const Point &point) const;
  /// Whether a guard holds for all lanes or for none; whether an address that grows with them is a
  /// multiple of their number, if it does.
  bool isSharedByLanes(mlir::AffineExpr guard, const Point &point) const;
  bool dependsOnLanes(const View &view, const Point &point) const;
  /// Moves the insertion point in front of loops that change none of `needed`.
  void leaveLoops(llvm::ArrayRef<mlir::Value> needed);
  /// Values that fix `value`: loop indices, lanes, bound values it is computed from.
  llvm::SmallVector<mlir::Value> getDependencies(mlir::Value value, const View &view,
                                                 const Point &point) const;
  llvm::SmallVector<bool> getUsedLoops(const View &view) const;
  Key makeKey(mlir::Value value, const View &view, const Point &point) const;

  FunctionBuilder &b;
  const IterationSpace &space;
  llvm::DenseMap<mlir::Value, std::pair<mlir::AffineMap, mlir::Value>> bound;
  std::map<Key, mlir::Value> emitted;
};

} // namespace mome
#endif

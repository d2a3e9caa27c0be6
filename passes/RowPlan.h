// How a row program runs on every machine: passes over the columns of a row, one per chain of
// reductions.
//
// A *wide* value has the shape of whole rows; a value per row is a scalar. Rows of several widths
// may meet (a softmax over two experts scales 64 channels): the iteration space then has one column
// axis per width, and passes of one level run over each width in turn. Pass p reduces what depends
// on p earlier reductions, so the number of passes is the longest chain of reductions plus one.
//
// A *column sum* adds up wide values over all rows, in the pass that has them: the gradients of what a
// layer norm scales and shifts by, beside that of its rows. Each part of the rows (a chunk, a block) has
// sums of its own, which a second stage adds up in order. Nothing of the program reads them: they are
// results, or cast to results.
#ifndef MOME_PASSES_ROWPLAN_H
#define MOME_PASSES_ROWPLAN_H

#include "passes/BodyEmitter.h"

#include "llvm/ADT/SetVector.h"

namespace mome {

/// The shapes of a row program: [rows] and [rows, widths[j]].
class RowShapes {
public:
  RowShapes(llvm::ArrayRef<int64_t> rows, llvm::ArrayRef<int64_t> widths,
            mlir::MLIRContext *context)
      : rows(rows), widths(widths),
        space(llvm::to_vector(llvm::concat<const int64_t>(rows, widths)), context) {}

  bool isPerRow(mlir::Value value) const;
  /// The number of a wide value's width.
  std::optional<unsigned> getWidth(mlir::Value value) const;
  unsigned getColumnAxis(unsigned width) const { return rows.size() + width; }
  /// True for a column sum, or one cast: a value per column.
  bool isPerColumn(mlir::Value value) const { return perColumn.contains(value); }
  View getRowView() const;
  /// The view of a value per column.
  View getColumnView(unsigned width) const { return space.getView({getColumnAxis(width)}); }
  /// The view of a value in its own rows.
  View getView(mlir::Value value) const;
  mlir::AffineExpr getAddress(mlir::Value value) const;
  /// The point of a row, before any column: no lanes.
  Point getRowPoint(FunctionBuilder &b, mlir::Value row) const;

  llvm::SmallVector<int64_t> rows, widths;
  IterationSpace space;
  llvm::DenseSet<mlir::Value> perColumn;
};

/// The shapes, if the kernel is a row program; else none, and why: empty if it is nothing of the
/// kind.
std::optional<RowShapes> prepareRowProgram(nn::KernelOp kernel, std::string &reason);

/// What happens in one pass over the columns of one width.
struct RowPass {
  unsigned level, width;
  llvm::SmallVector<nn::ReductionOpInterface> reductions, columnSums;
  llvm::SmallVector<unsigned> stored; // results
  llvm::SetVector<mlir::Value> kept;  // wide values that later passes read back; of a family
};

/// The states of the pass's reductions after the elements at `point`, one after the other.
llvm::SmallVector<mlir::Value> addElements(FunctionBuilder &b, BodyEmitter &emitter,
                                           const RowShapes &shapes, const RowPass &pass,
                                           const Point &point, mlir::ValueRange state);
/// The elements at `point` of the results that the pass stores.
llvm::SmallVector<mlir::Value> emitStored(FunctionBuilder &b, BodyEmitter &emitter,
                                          const RowShapes &shapes, const RowPass &pass,
                                          const Point &point);

/// What the pass's column sums add at `point`.
llvm::SmallVector<mlir::Value> emitSummed(FunctionBuilder &b, BodyEmitter &emitter,
                                          const RowShapes &shapes, const RowPass &pass,
                                          const Point &point);
/// A column sum of a plan.
struct ColumnSum {
  nn::ReductionOpInterface op;
  unsigned width;
};
/// Stores the results that come of the sum, whose value at `point` is `total`.
void storeColumnSum(FunctionBuilder &b, const RowShapes &shapes, const ColumnSum &sum,
                    const Point &point, mlir::Value total);

class RowPlan {
public:
  RowPlan(mlir::Block &body, const RowShapes &shapes);

  /// The number of reductions on the longest chain to the value.
  unsigned levelOf(mlir::Value value);
  RowPass &getPass(unsigned level, unsigned width);
  /// The column sums of all passes, pass by pass.
  llvm::SmallVector<ColumnSum> getColumnSums() const;

  llvm::SmallVector<RowPass, 0> passes; // by level, then width

private:
  llvm::DenseMap<mlir::Value, unsigned> levels;
};

} // namespace mome
#endif

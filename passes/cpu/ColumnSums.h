// The column sums of a row program (RowPlan.h) on the processor, in two stages.
//
//   packs, each some rows:         parts[pack][sum][column] = sum over these rows
//   then chunks, each some columns of a sum:  total = parts[0] + parts[1] + ... -> results
//
// Parts lie in the kernel's shared memory, one after the other in rows padded to whole vectors. How many
// there are depends on the shapes alone, so the order of a sum does too.
#ifndef MOME_PASSES_CPU_COLUMNSUMS_H
#define MOME_PASSES_CPU_COLUMNSUMS_H

#include "passes/RowPlan.h"
#include "passes/cpu/KernelBuilder.h"

namespace mome::cpu {

class ColumnSums {
public:
  ColumnSums(KernelBuilder &b, const RowShapes &shapes, RowPlan &plan);

  bool empty() const { return sums.empty(); }
  /// Makes room for the parts of so many packs.
  void reserve(int64_t packs);
  /// Sets the sums of `pack`, which `add` is about, to zero.
  void start(mlir::Value pack);
  /// Adds what `pass` sums at `point`, whose column is `column`.
  void add(const RowPass &pass, mlir::ValueRange summed, const Point &point, mlir::Value column);
  /// The second stage: the chunks behind the packs; their number.
  int64_t emitTotals();

private:
  int64_t paddedWidth(const ColumnSum &sum) const;
  void emitTotal(const ColumnSum &sum, int64_t offset, mlir::Value block);

  KernelBuilder &b;
  const RowShapes &shapes;
  llvm::SmallVector<ColumnSum> sums;
  llvm::DenseMap<mlir::Operation *, int64_t> offsets; // in a part
  int64_t partSize = 0, packs = 0;
  mlir::Value parts, part; // all of them; where the pack's begins
};

} // namespace mome::cpu
#endif

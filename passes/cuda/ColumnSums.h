// The column sums of a row program (RowPlan.h) on a device, in two launches.
//
//   a block, whose warps (or itself, if rows are long) walk some rows:
//     shared[warp][sum][column] += the row's part;  then over the warps, in order -> parts[block][sum][column]
//   second launch, if there are several blocks: PartSums.h -> results
//
// A thread adds to the same columns for every row, so that nothing waits before the end. The number of
// blocks depends on the shapes and the architecture alone, and with it the order of a sum.
#ifndef MOME_PASSES_CUDA_COLUMNSUMS_H
#define MOME_PASSES_CUDA_COLUMNSUMS_H

#include "passes/RowPlan.h"
#include "passes/cuda/LaunchBuilder.h"

namespace mome::cuda {

class ColumnSums {
public:
  ColumnSums(LaunchBuilder &b, const RowShapes &shapes, const RowPlan &plan);

  bool empty() const { return sums.empty(); }
  /// Of shared memory, for the rows that a block walks at once.
  int64_t bytesFor(int64_t rowsAtOnce) const { return 4 * rowsAtOnce * partSize; }

  /// Sets the sums of the block to zero; they lie at `offset` of its shared memory.
  void start(int64_t offset, int64_t threads, int64_t rowThreads);
  /// Adds what `pass` sums at `point`, whose column is `column`.
  void add(const RowPass &pass, mlir::ValueRange summed, const Point &point, mlir::Value column);
  /// The block's part of `blocks`: results if it is the only one.
  void finish(int64_t blocks);
  /// The second launch, of PartSums::threads; its blocks.
  int64_t emitTotals(int64_t parts);

private:
  /// Calls `body` with each of the thread's columns of a sum, of neighbours where threads take some.
  void forColumns(const ColumnSum &sum, int64_t threads, mlir::Value place,
                  llvm::function_ref<void(mlir::Value column)> body);
  Point pointAt(const ColumnSum &sum, mlir::Value column);

  LaunchBuilder &b;
  const RowShapes &shapes;
  llvm::SmallVector<ColumnSum> sums;
  llvm::DenseMap<mlir::Operation *, int64_t> offsets; // in a part
  int64_t partSize = 0, threads = 0, rowThreads = 0;
  mlir::Value shared, row; // all sums of the block; where those of the thread's row begin
};

} // namespace mome::cuda
#endif

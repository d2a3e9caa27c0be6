// Sums of exponentials in the pass that finds the maximum they are less: rows that do not stay on a
// multiprocessor are read once.
//
//   m = max x, s = sum of exp(x - m)   ->   for some elements at a time:  n = max(m, these)
//                                             s = s exp(m - n) + sum of exp(these - n);  m = n
//
// The same of exp(x - max x) ((x - max x) - (y - max y)), a divergence's sum.
#ifndef MOME_PASSES_CUDA_ONLINESUMS_H
#define MOME_PASSES_CUDA_ONLINESUMS_H

#include "passes/RowPlan.h"
#include "passes/cuda/LaunchBuilder.h"

namespace mome::cuda {

class OnlineSums {
public:
  /// Of a plan's first two passes; none if these are something else.
  static std::optional<OnlineSums> match(const RowPlan &plan);

  /// The operands of the maxima, and the reductions.
  llvm::ArrayRef<mlir::Value> getElements() const { return elements; }
  llvm::ArrayRef<nn::ReductionOpInterface> getMaxima() const { return maxima; }
  llvm::SmallVector<nn::ReductionOpInterface> getSums() const;

  /// Maxima, then sums: of vectors, or of scalars.
  llvm::SmallVector<mlir::Value> init(LaunchBuilder &b) const;
  /// The state with more elements: some of each operand.
  llvm::SmallVector<mlir::Value> add(LaunchBuilder &b,
                                     llvm::ArrayRef<llvm::SmallVector<mlir::Value>> some,
                                     mlir::ValueRange state) const;
  /// The sums of `state` as they are with these maxima.
  llvm::SmallVector<mlir::Value> moveTo(LaunchBuilder &b, llvm::ArrayRef<mlir::Value> to,
                                        mlir::ValueRange state) const;

private:
  struct Sum {
    nn::ReductionOpInterface op;
    unsigned of;                // a maximum's number
    std::optional<unsigned> to; // times the distance to this one's elements
  };

  /// The number of the maximum that `value` is less: x - max x.
  std::optional<unsigned> numberOf(mlir::Value value) const;
  std::optional<Sum> matchSum(nn::ReductionOpInterface op) const;
  std::optional<unsigned> findPlain(unsigned maximum) const;

  llvm::SmallVector<mlir::Value> elements;
  llvm::SmallVector<nn::ReductionOpInterface> maxima;
  llvm::SmallVector<Sum> sums;
};

} // namespace mome::cuda
#endif

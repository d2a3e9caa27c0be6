// What the convolution kernels share: the padded copy of the input they read.
//
// The input of one (sample, group) is copied into scratch with its padding, so that the inner loops
// have no borders. Along the last axis a stride s keeps s *phases* apart: position u stands in
// phase u % s, column u / s, so that neighbouring results read neighbouring columns. Example, s =
// 2, padding 1:
//
//   x0 x1 x2 x3   ->   phase 0:  0  x1 x3     tap 0 of results 0, 1: columns 0, 1 of phase 0
//                      phase 1:  x0 x2 0      tap 1 of results 0, 1: columns 0, 1 of phase 1
#ifndef MOME_PASSES_CPU_CONVOLUTIONKERNEL_H
#define MOME_PASSES_CPU_CONVOLUTIONKERNEL_H

#include "passes/ConvolutionEmitter.h"
#include "passes/cpu/KernelBuilder.h"

namespace mome::cpu {

/// The part of S that the results [first, first + rows) of the first axis read (all of S for one
/// axis).
class ConvSlab {
public:
  ConvSlab(KernelBuilder &b, const ConvGeometry &geometry, mlir::Value source, int64_t rows);

  void fill(mlir::Value batch, mlir::Value group, mlir::Value first);
  mlir::Value getBuffer() const { return buffer; }
  /// The address of what results at `places` (all axes but the last; the first counted from
  /// `first`) read through tap `taps`, for result 0 of the last axis.
  mlir::Value address(mlir::Value channel, llvm::ArrayRef<mlir::Value> places,
                      llvm::ArrayRef<mlir::Value> taps);

  /// Elements for one channel with `rows` rows, to choose `rows`.
  static int64_t measure(const ConvGeometry &geometry, int64_t rows, int64_t lanes);

private:
  void clear();
  void copyRows(mlir::Value source, mlir::Value target, unsigned axis, mlir::Value first);
  void copyRow(mlir::Value source, mlir::Value target);

  KernelBuilder &b;
  const ConvGeometry &geometry;
  mlir::Value source, buffer;
  llvm::SmallVector<int64_t> extents; // of S, per axis but the last
  llvm::SmallVector<int64_t> strides; // in the buffer, per axis but the last
  int64_t columns, perChannel;
};

/// Loops over all of `extents`, nested; `body` gets the indices.
void forAllPlaces(KernelBuilder &b, llvm::ArrayRef<std::pair<mlir::Value, mlir::Value>> ranges,
                  llvm::function_ref<void(llvm::ArrayRef<mlir::Value>)> body);
/// The same with values carried along.
llvm::SmallVector<mlir::Value>
reduceAllPlaces(KernelBuilder &b, llvm::ArrayRef<int64_t> extents, mlir::ValueRange init,
                llvm::function_ref<llvm::SmallVector<mlir::Value>(llvm::ArrayRef<mlir::Value>,
                                                                  mlir::ValueRange)>
                    body);

/// Emit all chunks; the number of chunks.
int64_t emitDirectConv(KernelBuilder &b, const IterationSpace &space, mlir::Value root,
                       const ConvGeometry &geometry, mlir::Value source, mlir::Value weight,
                       bool transposed);
int64_t emitConvWeightGradient(KernelBuilder &b, const IterationSpace &space, mlir::Value root,
                               const ConvGeometry &geometry, mlir::Value source,
                               mlir::Value cotangent);

} // namespace mome::cpu
#endif

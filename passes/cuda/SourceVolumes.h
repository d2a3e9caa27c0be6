// The sources of depthwise convolutions in shared memory, with zeros around them, so that a tap is a
// constant distance: no thread asks where the source ends.
//
//   source 2 x 3, kernel 3 x 3         0 0 0 0 0
//                                      0 a b c 0      the result at (0, 0) meets tap (i, j)
//                                      0 d e f 0      at place 5 i + j
//                                      0 0 0 0 0
//
// A *volume* is that of one channel and sample; a block has some, and a thread a *place* in one of them:
// a column of results along the first axis, a pair wide where rows are even. It reads every element of the
// volume once for all taps and results along that axis; of bf16 pairs, as they are in memory.
#ifndef MOME_PASSES_CUDA_SOURCEVOLUMES_H
#define MOME_PASSES_CUDA_SOURCEVOLUMES_H

#include "passes/ConvolutionEmitter.h"
#include "passes/cuda/LaunchBuilder.h"

namespace mome::cuda {

/// The extents of a volume.
struct Volume {
  explicit Volume(const ConvGeometry &geometry);

  int64_t rolled, lanes; // results of a thread along the first and the last axis, at a time
  llvm::SmallVector<int64_t> extents; // with room for all that the threads read
  int64_t plane = 1;                  // elements behind one of the first axis
  llvm::SmallVector<int64_t> places;  // of threads in a plane, by axis
  int64_t size() const { return ceilDiv(extents[0] * plane, 8) * 8; }
  int64_t countPlaces() const { return mlir::ShapedType::getNumElements(places); }
};

/// Volumes of a block, and its threads: as few of these as possible are idle.
struct VolumeShare {
  /// Of `of` volumes of elements of so many bytes; `own`: bytes that a block needs beside each.
  VolumeShare(const Volume &volume, int64_t of, int64_t elementBytes, int64_t own);

  int64_t volumes = 1, threads = mostThreads;
  static constexpr int64_t mostThreads = 512;
  /// Of shared memory, without asking for more.
  static constexpr int64_t mostBytes = 48 << 10;
};

class SourceVolumes {
public:
  /// Of `conv`, in shared memory from `offset` bytes on.
  SourceVolumes(LaunchBuilder &b, const Convolution &conv, const Volume &volume,
                const VolumeShare &share, int64_t offset);

  /// Zeros everywhere.
  void clear();
  /// The volumes from line `first` on, each `step` lines behind the last: a line is a sample and channel.
  void fill(mlir::Value first, int64_t step);
  /// A thread's place: its volume, its indices along all axes but the first, and where in shared memory
  /// it begins.
  struct Place {
    mlir::Value volume, begin;
    llvm::SmallVector<mlir::Value> digits;
  };
  Place placeOf(mlir::Value number);
  /// Calls `use` for the products of the results from `first` on: with the result's number and lane, the
  /// tap's number, and the element that meets it. Every plane is loaded once.
  void forProducts(
      mlir::Value first, const Place &place,
      llvm::function_ref<void(int64_t result, int64_t lane, int64_t tap, mlir::Value element)> use);

private:
  llvm::SmallVector<mlir::Value> readUnit(mlir::Value at);
  llvm::SmallVector<llvm::SmallVector<mlir::Value>> loadPlane(mlir::Value plane,
                                                              const Place &place);

  LaunchBuilder &b;
  const ConvGeometry &geometry;
  const Volume &volume;
  const VolumeShare &share;
  mlir::Value source, shared;
  mlir::Value words;               // the volumes as pairs of bf16, if threads read pairs
  llvm::SmallVector<int64_t> rows; // of taps in a plane: where they begin
};

/// A lane of a vector; a scalar has one.
mlir::Value laneOf(LaunchBuilder &b, mlir::Value value, int64_t lane);
/// f32 of one element, or of neighbours at a multiple of their number.
mlir::Value readWide(LaunchBuilder &b, mlir::Value buffer, mlir::Value at, int64_t count);

} // namespace mome::cuda
#endif

// Tiles of matrices in shared memory, and what threads keep of them in registers.
//
// A tile holds `lines` x `depth` elements, f32 or the bits of bf16, in the order in which the matrix
// has them: whichever dimension is contiguous in global memory is contiguous here, so that copies
// need no transposition. Two ways to read it:
//   fragments  (f32) threads are spread over the lines, each with a few of them, four elements deep
//              at a time, 16 bytes at once
//   matrices   a warp takes 16 lines, 32 bytes deep, as tensor cores want them: by ldmatrix, which
//              transposes bf16 where lines are contiguous; there, f32 are loaded one by one
//   panels     (bf16) the tensor cores of sm_90a read them by themselves, where a descriptor says
//
// Rows (along the contiguous dimension) are swizzled in units of 16 bytes: the same unit of eight
// neighbouring rows, and eight units of one row, touch every bank once; so do four units of two
// neighbouring rows, and of f32 two units of four.
//
//   64 bytes per row:  row 0:  u0 u1 u2 u3      (two rows cover the 32 banks)
//                      row 1:  u0 u1 u2 u3
//                      row 2:  u1 u0 u3 u2
//
// A tile in panels is cut along its rows into panels of 128 bytes, one behind the other; unit u of a row
// lies at u xor (row mod 8).
#ifndef MOME_PASSES_CUDA_SHAREDTILE_H
#define MOME_PASSES_CUDA_SHAREDTILE_H

#include "passes/ProductEmitter.h"
#include "passes/cuda/LaunchBuilder.h"

namespace mome::cuda {

/// Where an element lies in a buffer.
struct Place {
  mlir::Value address;
  mlir::Value exists; // null: always
};

/// What a tile is cut from: anything that can say where element (line, k) lies.
struct TileSource {
  mlir::Value buffer;
  int64_t lines;     // that exist
  mlir::Value depth; // that exists
  int64_t unit;      // elements that lie and exist together, aligned to their size
  int64_t depthStep; // divides the depth that exists
  std::function<Place(mlir::Value line, mlir::Value k)> locate;
};

/// Of a strided matrix; `origin` is the address of element (line 0, k 0).
TileSource sourceOf(LaunchBuilder &b, const Matrix &matrix, mlir::Value origin, int64_t lines,
                    mlir::Value depth, int64_t unit);
/// Elements in 16 bytes of a buffer.
int64_t elementsPerUnit(mlir::Value buffer);
/// The largest unit for a matrix of `lines` x `depth`.
int64_t chooseUnit(const Matrix &matrix, int64_t lines, int64_t depth);

class SharedTile {
public:
  /// `threads`: in the block; `spread`: of these along the lines, for fragments.
  SharedTile(LaunchBuilder &b, mlir::Type elementType, int64_t lines, int64_t depth,
             bool depthIsContiguous, int64_t threads, int64_t spread)
      : b(b), elementType(elementType), lines(lines), depth(depth),
        depthIsContiguous(depthIsContiguous), threads(threads), spread(spread) {}

  /// A tile in panels. It must lie at a multiple of 1024 bytes.
  static SharedTile inPanels(LaunchBuilder &b, int64_t lines, int64_t depth, bool depthIsContiguous,
                             int64_t threads) {
    SharedTile tile(b, b.getI16Type(), lines, depth, depthIsContiguous, threads, /*spread=*/1);
    tile.panels = true;
    return tile;
  }

  /// The same memory with the meaning of lines and depth exchanged.
  SharedTile transposed(int64_t newSpread) const;

  int64_t getSize() const { return lines * depth; }
  int64_t getDepth() const { return depth; }
  bool isDepthContiguous() const { return depthIsContiguous; }
  mlir::Type getElementType() const { return elementType; }
  int64_t getFragmentLines() const { return lines / spread; }
  /// Where the tile lies in this buffer of shared memory is up to the caller: `slot` is an offset.
  void setBuffer(mlir::Value value) { buffer = value; }

  /// Starts to copy the tile at (line, k) of the source; elements that do not exist become 0. What
  /// cp.async cannot do, single elements of bf16, is done when this returns.
  void copy(const TileSource &source, mlir::Value line, mlir::Value k, mlir::Value slot);
  /// The fragment of the thread at `place` along the lines, from depth k on: element [4 i + d] is
  /// line `lineOf(i, place)` at depth k + d.
  llvm::SmallVector<mlir::Value> loadFragment(mlir::Value place, mlir::Value k, mlir::Value slot);
  /// The number in the tile of a fragment's i-th line.
  mlir::Value lineOf(int64_t i, mlir::Value place);
  /// Lines between those of neighbouring threads: 1, or 4 in groups of four.
  int64_t getLineStep() const { return depthIsContiguous ? 1 : 4; }
  /// 16 lines from (line, k) on, 16 elements of bf16 or 8 of f32 deep, as four matrices over the lanes
  /// of a warp. Left: lines 0.. and 8.. in the first half of the depth, then both in the second. Right: both
  /// halves of lines 0.., then of lines 8.., so that the pair that multiplyMatrices takes lies in neighbouring
  /// registers, as the instruction wants it: else each pair is moved there first.
  enum class Side { left, right };
  llvm::SmallVector<mlir::Value> loadMatrices(Side side, mlir::Value line, mlir::Value k,
                                              mlir::Value slot);
  /// Writes neighbours in the depth of a tile where it is contiguous, f32 that become what the tile holds;
  /// all in one unit of 16 bytes.
  void store(mlir::ValueRange values, mlir::Value line, mlir::Value k, mlir::Value slot);
  /// Such a unit.
  mlir::Value loadUnit(mlir::Value line, mlir::Value k, mlir::Value slot);
  /// Two neighbouring lines at depth k, the first of them even: a vector of f32.
  mlir::Value loadPair(mlir::Value line, mlir::Value k, mlir::Value slot);
  /// Of a tile in panels: what tells wgmma where the matrix that begins at (line, k) lies, k a multiple of
  /// 16. Where lines are contiguous, `line` is a multiple of 64, else of 8.
  mlir::Value describe(mlir::Value line, int64_t k, mlir::Value slot);

private:
  int64_t unitElements() const { return 16 / (elementType.getIntOrFloatBitWidth() / 8); }
  int64_t minorExtent() const { return depthIsContiguous ? depth : lines; }
  int64_t majorExtent() const { return depthIsContiguous ? lines : depth; }
  mlir::Value turnOf(mlir::Value major, int64_t units);
  /// The offset of an element.
  mlir::Value addressOf(mlir::Value major, mlir::Value minor);
  llvm::SmallVector<mlir::Value> gatherMatrices(Side side, mlir::Value line, mlir::Value k,
                                                mlir::Value slot);
  void copyUnit(const TileSource &source, mlir::Value line, mlir::Value k, mlir::Value exists,
                mlir::Value at);

  LaunchBuilder &b;
  mlir::Type elementType;
  int64_t lines, depth;
  bool depthIsContiguous;
  int64_t threads, spread;
  bool panels = false;
  mlir::Value buffer;
};

/// A tile as an operand of a product: where it lies, and the thread's place along its lines.
struct TileOperand {
  SharedTile &tile;
  mlir::Value slot, place;
};

/// The accumulators `acc` (row by row of the thread's fragments) plus the product of two f32 tiles
/// over k in [0, depth), a multiple of four; in the order of k, in fused multiply-adds.
llvm::SmallVector<mlir::Value> multiplyTiles(LaunchBuilder &b, TileOperand rows,
                                             TileOperand columns, int64_t depth,
                                             mlir::ValueRange acc);

/// One element as a scalar, several as a vector, at a multiple of their number.
mlir::Value loadNeighbours(LaunchBuilder &b, mlir::Value buffer, mlir::Value at, int64_t count);
/// The same way back; LaunchBuilder aligns vectors.
void storeVector(LaunchBuilder &b, mlir::Value value, mlir::Value buffer, mlir::Value at);
/// Four elements of f32 at a multiple of four.
mlir::Value loadFour(LaunchBuilder &b, mlir::Value buffer, mlir::Value at);
/// One, two or four neighbours of f32, at a multiple of their number; a buffer of bf16 gets them
/// rounded.
void storeNeighbours(LaunchBuilder &b, mlir::ValueRange values, mlir::Value buffer, mlir::Value at);

} // namespace mome::cuda
#endif

// Matrix products whose operands and results may lie anywhere: what linear layers and convolutions
// have in common.
//
//   each block: one tile of the result, over a range of k
//     for each tile depth:  wait for the copies of A's and B's tiles;  barrier;
//                           start the copies of the tiles two steps ahead;
//                           sums += tile of A x tile of B                     (TileProduct.h)
//     (what the epilogue will read is asked for at the start)
//     sums -> shared memory -> what the problem makes of them, on rows of it, some neighbours per thread
//
// Tiles move by cp.async through a ring of three stages. Products of few tiles and long sums (weight
// gradients) are cut along k: blocks then store partial sums, which a second launch adds in order and
// stores. So it does with parts of the sum beside the product (OperandSum.h), if there is one.
#ifndef MOME_PASSES_CUDA_TILEDPRODUCT_H
#define MOME_PASSES_CUDA_TILEDPRODUCT_H

#include "passes/cuda/TileProduct.h"

namespace mome::cuda {

/// A side of the product: element (batch, line, k), a line being a row of A or a column of B.
struct ProductOperand {
  mlir::Value buffer;
  bool depthIsContiguous; // else lines
  int64_t unit;           // as in TileSource
  std::function<Place(mlir::Value batch, mlir::Value line, mlir::Value k)> locate;
};

struct ProductProblem {
  int64_t batch, m, n, k;
  ProductOperand A, B;
  /// Takes a sum, or a vector of neighbours along a row that starts at a multiple of their number. Emits what
  /// becomes of it, and returns what stores that (BodyEmitter::prepareResults).
  std::function<std::function<void()>(mlir::Value sum, mlir::Value batch, mlir::Value row,
                                      mlir::Value column)>
      prepare;
  /// Buffers that `prepare` reads at the place of the sum, [batch][row][column].
  llvm::SmallVector<mlir::Value> readAlong;
  /// Rows of a thread that are prepared before they are stored.
  int64_t rowsTogether = 1;
  /// Where the sum of each row of A over k goes (OperandSum.h); null without.
  mlir::Value sumBuffer;

  void store(mlir::Value sum, mlir::Value batch, mlir::Value row, mlir::Value column) const {
    prepare(sum, batch, row, column)();
  }
};

/// Of a product: rows and columns of its tiles, whatever seems best. For tests.
inline constexpr llvm::StringLiteral tileAttrName = "mome.tile";

/// Emits the launches; `state` describes the problem in terms of each. `lanes`: neighbours that
/// `prepare` takes at once, 1 or 4, of which n is a multiple.
DeviceKernel emitTiledProduct(nn::KernelOp kernel, mlir::OpBuilder &builder, int64_t lanes,
                              llvm::function_ref<ProductProblem(LaunchBuilder &)> state);

} // namespace mome::cuda
#endif

// Register tiles: the inner loops of matrix products, and vector reshuffles around them.
#ifndef MOME_PASSES_CPU_TILEEMITTER_H
#define MOME_PASSES_CPU_TILEEMITTER_H

#include "passes/cpu/KernelBuilder.h"

namespace mome::cpu {

/// A tile of accumulators: `rows` scalars of A against `vectors` vectors of B.
struct Tile {
  int64_t rows, vectors;
};

/// The largest good tile of an m x n product: the target's, or for few rows or columns one that
/// uses its registers.
Tile chooseTile(const Target &target, int64_t m, int64_t n);

/// acc[i * vectors + v] = sum over k in [0, extent) of loadA(k, i) * loadB(k, v). `loadA` gives
/// scalars, `loadB` vectors. One loop over k with all accumulators in registers; the sum runs in
/// the order of k, from `start` (empty: 0) on. With `pairs`, both give pairs of bf16 (PairDot.h), and
/// k counts pairs.
llvm::SmallVector<mlir::Value>
emitProduct(KernelBuilder &b, Tile tile, mlir::Value extent,
            llvm::function_ref<mlir::Value(mlir::Value k, int64_t i)> loadA,
            llvm::function_ref<mlir::Value(mlir::Value k, int64_t v)> loadB, bool pairs = false,
            mlir::ValueRange start = {});

/// One vector of `lanes` dot products: lane j = sum over k of a(k) * b_j(k), both operands read
/// along k in vectors
/// (`mask` is null or holds the lanes of a last, incomplete vector). Lane by lane partial sums,
/// then a fixed tree.
mlir::Value
emitDots(KernelBuilder &b, int64_t extent,
         llvm::function_ref<mlir::Value(mlir::Value k, mlir::Value mask)> loadA,
         llvm::function_ref<mlir::Value(mlir::Value k, int64_t j, mlir::Value mask)> loadB);

/// Transposes a square block of `lanes` vectors.
void emitTranspose(KernelBuilder &b, llvm::MutableArrayRef<mlir::Value> rows);
/// Lane j = sum of the lanes of vector j, or whatever `combine` makes of them. Fewer vectors than
/// lanes leave the last lanes with anything.
mlir::Value emitSumOfEach(KernelBuilder &b, llvm::ArrayRef<mlir::Value> vectors);
mlir::Value
emitCombinedOfEach(KernelBuilder &b, llvm::ArrayRef<mlir::Value> vectors,
                   llvm::function_ref<mlir::Value(mlir::Value x, mlir::Value y)> combine);

/// One element of a flat buffer.
mlir::Value emitScalarLoad(KernelBuilder &b, mlir::Value buffer, mlir::Value at);
/// Loads or stores `lanes` elements at an address of a flat buffer; all of them if `mask` is null.
/// Buffers of bf16 give f32, and round it.
mlir::Value emitLoad(KernelBuilder &b, mlir::Value buffer, mlir::Value at, mlir::Value mask = {});
void emitStore(KernelBuilder &b, mlir::Value value, mlir::Value buffer, mlir::Value at,
               mlir::Value mask = {});

} // namespace mome::cpu
#endif

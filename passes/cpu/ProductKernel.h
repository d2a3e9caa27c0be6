// What the kinds of matrix product kernels share: operands as strided matrices, and the epilogue on
// vectors of accumulators.
#ifndef MOME_PASSES_CPU_PRODUCTKERNEL_H
#define MOME_PASSES_CPU_PRODUCTKERNEL_H

#include "passes/cpu/BodyEmitter.h"
#include "passes/cpu/TileEmitter.h"

namespace mome::cpu {

/// A matrix in a flat buffer: element (batch, i, k) or (batch, j, k).
struct Matrix {
  mlir::Value buffer;
  int64_t perBatch, perLine, perK; // strides; a line is a row of A or a column of B
};

/// A product has one column often enough (gates, scores): the constructor exchanges the operands
/// then, so that `m` is 1 and lanes run along what were the rows.
class ProductKernel {
public:
  ProductKernel(KernelBuilder &builder, const IterationSpace &space, nn::ProductOpInterface op);

protected:
  int64_t lanes() const { return b.getTarget().lanes; }
  mlir::Value addressOf(const Matrix &matrix, mlir::Value batch, mlir::Value line);
  /// The number of chunks worth having: enough to balance threads, each worth claiming.
  int64_t wantedChunks() const;
  /// Runs the epilogue on one vector of accumulators and stores the results. `mask`: its columns
  /// that exist.
  void emitEpilogue(mlir::Value acc, mlir::Value batch, mlir::Value row, mlir::Value column,
                    mlir::Value mask);

  KernelBuilder &b;
  nn::Product product;
  Matrix A, B;

private:
  const IterationSpace &space;
  BodyEmitter emitter;
  nn::ProductOpInterface op;
  bool swapped = false;
  llvm::SmallVector<unsigned> batchLoops, rowLoops;
  std::optional<unsigned> columnLoop;
};

/// Emit all chunks of the product; the number of chunks.
int64_t emitPanelProduct(KernelBuilder &b, const IterationSpace &space, nn::ProductOpInterface op);
int64_t emitBlockedProduct(KernelBuilder &b, const IterationSpace &space,
                           nn::ProductOpInterface op);
/// True if blocks of both operands should be packed: see BlockedProduct.cpp.
bool prefersBlocks(const Target &target, const nn::Product &product);

} // namespace mome::cpu
#endif

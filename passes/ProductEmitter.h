// What matrix products need on every machine: operands as strided matrices, and the elementwise
// epilogue on accumulators.
//
//   nn.kernel { %h = nn.linear %x, %w, %b;  %y = nn.gelu %h;  yield %h, %y }
//   ->  the family gives acc = (x w^T)[row, column];  here: h = acc + b;  y = gelu(h);  store both
#ifndef MOME_PASSES_PRODUCTEMITTER_H
#define MOME_PASSES_PRODUCTEMITTER_H

#include "passes/BodyEmitter.h"

namespace mome {

/// A matrix in a flat buffer: element (batch, i, k) or (batch, j, k).
struct Matrix {
  mlir::Value buffer;
  int64_t perBatch, perLine, perK; // strides; a line is a row of A or a column of B
};

/// Why `kernel`, whose root is a product, is more than a product of operands with an elementwise
/// epilogue, beside which it may have a sum (OperandSum.h) if `takesSum`; else empty, and `space` (over
/// the product's result) has its loops.
std::string prepareProduct(nn::KernelOp kernel, IterationSpace &space, bool takesSum = false);

/// A product has one column often enough (gates, scores): the constructor exchanges the operands
/// then, so that `m` is 1 and neighbours run along what were the rows.
class ProductEmitter {
public:
  /// `space` comes from prepareProduct.
  ProductEmitter(FunctionBuilder &builder, const IterationSpace &space, nn::ProductOpInterface op);

  mlir::Value addressOf(const Matrix &matrix, mlir::Value batch, mlir::Value line);
  /// Runs the epilogue on one accumulator, or on a vector of neighbours along a row, and stores the
  /// results. `mask`: the vector's columns that exist.
  void emitEpilogue(mlir::Value acc, mlir::Value batch, mlir::Value row, mlir::Value column,
                    mlir::Value mask = {}) {
    prepareEpilogue(acc, batch, row, column, mask)();
  }
  /// The same, but storing is left to what it returns (BodyEmitter::prepareResults).
  std::function<void()> prepareEpilogue(mlir::Value acc, mlir::Value batch, mlir::Value row,
                                        mlir::Value column, mlir::Value mask = {});

  nn::Product product;
  Matrix A, B;
  /// Where the sum beside the product is written, one element for each row of A; null without one.
  mlir::Value sumBuffer;

private:
  FunctionBuilder &b;
  const IterationSpace &space;
  BodyEmitter emitter;
  nn::ProductOpInterface op;
  bool swapped = false;
  llvm::SmallVector<unsigned> batchLoops, rowLoops;
  std::optional<unsigned> columnLoop;
};

} // namespace mome
#endif

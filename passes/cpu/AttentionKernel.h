// What forward and backward attention kernels share: geometry and addresses of heads.
#ifndef MOME_PASSES_CPU_ATTENTIONKERNEL_H
#define MOME_PASSES_CPU_ATTENTIONKERNEL_H

#include "passes/AttentionExtents.h"
#include "passes/cpu/LocalProduct.h"

#include <numbers>

namespace mome::cpu {

class AttentionKernel : protected AttentionExtents {
public:
  AttentionKernel(KernelBuilder &b, mlir::Value query, mlir::Value key, mlir::Value value,
                  mlir::Value bias, int64_t heads, double scale);

protected:
  int64_t lanes() const { return b.getLanes(); }
  /// The part of head `head`, of so many channels: one line per token.
  Lines headLines(const TokenTensor &tokens, mlir::Value batch, mlir::Value head, int64_t depth);
  /// The same with one line per channel, k over tokens.
  Lines headColumns(const TokenTensor &tokens, mlir::Value batch, mlir::Value head, int64_t depth);
  PanelRange panelsOf(int64_t columns) { return allPanels(b, columns, width); }
  /// What keys are multiplied by before their products with queries, so that scores are in units of ln 2.
  mlir::Value keyFactor() { return splatF32(scale * std::numbers::log2e); }
  /// product + bias in units of ln 2, for a vector of keys of query row `row`.
  mlir::Value emitScore(mlir::Value product, mlir::Value batch, mlir::Value head, mlir::Value row,
                        mlir::Value key, mlir::Value mask);
  /// 2 to a score that is at most about 0.
  mlir::Value emitWeight(mlir::Value score);
  mlir::Value splatF32(double value);
  /// One element of a buffer of f32, in all lanes.
  mlir::Value splatOf(mlir::Value buffer, mlir::Value at);
  mlir::Value rowOf(mlir::Value batch, mlir::Value head, mlir::Value row); // in lse
  /// Rows [from, end) of the queries, in tiles.
  RowRange queryRows(mlir::Value from, mlir::Value end) { return {from, end, queries, tileRows}; }

  KernelBuilder &b;
  int64_t width; // columns per panel
  int64_t tileRows;

private:
  mlir::Value bias;
  bool biasPerBatch;
  double scale;
};

} // namespace mome::cpu
#endif

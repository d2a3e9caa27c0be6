// Attention, forward: a block of query rows at a time, over all keys.
//
//   for each chunk (batch, head, rows):  pack K transposed and V into panels
//     for each block of rows:
//       S = scale Q K^T + bias      [rows][keys], in scratch
//       per row: m = max S, P = exp(S - m), sum; lse = m + ln sum
//       O = P V / sum
//
// Whole rows of S fit the caches for thousands of keys, so no online softmax is needed. Keys behind
// the last one count as a very low score. Chunks write their own rows of o and lse.
#include "passes/ReductionEmitter.h"
#include "passes/cpu/AttentionKernel.h"
#include "passes/cpu/Families.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

//===-- Shared by both directions -------------------------------------------------------------===//

AttentionKernel::AttentionKernel(KernelBuilder &b, Value query, Value key, Value value, Value bias,
                                 int64_t heads, double scale)
    : AttentionExtents(query, key, value, heads), b(b), scale(scale) {
  width = b.getTarget().tileColumns();
  tileRows = std::min(b.getTarget().tileRows, queries);
  paddedKeys = ceilDiv(keys, lanes()) * lanes();
  this->bias = bias ? b.getOperandBuffer(bias) : Value();
  biasPerBatch = bias && cast<RankedTensorType>(bias.getType()).getRank() == 4;
}

Lines AttentionKernel::headLines(Value buffer, Value batch, Value head, int64_t length,
                                 int64_t channels) {
  Value origin =
      b.addIndex(b.mulIndex(batch, length * channels), b.mulIndex(head, channels / heads));
  return {buffer, origin, channels, 1};
}

Lines AttentionKernel::headColumns(Value buffer, Value batch, Value head, int64_t length,
                                   int64_t channels) {
  Lines lines = headLines(buffer, batch, head, length, channels);
  std::swap(lines.perLine, lines.perK);
  return lines;
}

Value AttentionKernel::splatF32(double value) {
  return nn::emitConstant(b, b.vectorType(b.getF32Type()), value);
}

Value AttentionKernel::rowOf(Value batch, Value head, Value row) {
  Value line = b.addIndex(b.mulIndex(batch, heads), head);
  return b.addIndex(b.mulIndex(line, queries), row);
}

Value AttentionKernel::emitScore(Value product, Value batch, Value head, Value row, Value key,
                                 Value mask) {
  Value score = arith::MulFOp::create(b, product, splatF32(scale));
  if (!bias) {
    return score;
  }
  Value line = biasPerBatch ? rowOf(batch, head, row) : rowOf(b.index(0), head, row);
  Value at = b.addIndex(b.mulIndex(line, keys), key);
  return arith::AddFOp::create(b, score, emitLoad(b, bias, at, mask));
}

//===-- Forward -------------------------------------------------------------------------------===//

/// A score that no key has: its exponential is 0 next to any real one.
static constexpr double noScore = -1e30;

namespace {
class AttentionForward : AttentionKernel {
public:
  AttentionForward(KernelBuilder &b, nn::AttentionOp op, Value result, Value lse);
  int64_t emit();

private:
  void emitRowBlock(Value batch, Value head, Value row, int64_t rows);
  void emitScores(Value batch, Value head, Value row, int64_t rows);
  /// Replaces row `i` of S by exponentials; 1 / their sum.
  Value emitSoftmax(Value batch, Value head, Value row, int64_t i);

  Value query, key, value, result, lse;
  Packer keyPacker, valuePacker;
  RowReader queryReader;
  Value scores;
  int64_t chunkRows, rowChunks;
};
} // namespace

AttentionForward::AttentionForward(KernelBuilder &b, nn::AttentionOp op, Value result, Value lse)
    : AttentionKernel(b, op.getQuery(), op.getKey(), op.getValue(), op.getBias(), op.getHeads(),
                      op.getScale().convertToDouble()),
      query(b.getOperandBuffer(op.getQuery())), key(b.getOperandBuffer(op.getKey())),
      value(b.getOperandBuffer(op.getValue())), result(result), lse(lse),
      keyPacker(b, ceilDiv(keys, width), depth, width),
      valuePacker(b, ceilDiv(valueDepth, width), keys, width),
      queryReader(b, query, tileRows, depth),
      scores(b.reserveScratch({tileRows * paddedKeys}, b.getF32Type())) {
  // Heads of all samples are chunks; few of them are split, as long as packing stays cheap.
  int64_t splits =
      std::clamp<int64_t>(ceilDiv(32, batches * heads), 1, std::max<int64_t>(1, queries / 96));
  chunkRows = ceilDiv(ceilDiv(queries, splits), tileRows) * tileRows;
  rowChunks = ceilDiv(queries, chunkRows);
}

void AttentionForward::emitScores(Value batch, Value head, Value row, int64_t rows) {
  Lines lines = queryReader.emit(headLines(query, batch, head, queries, channels), row, rows);
  emitRowProduct(b, lines, row, rows, keyPacker.getPanels(), keys, panelsOf(keys), b.index(depth),
                 [&](const TileResult &tile) {
                   for (int64_t v = 0; v < tile.vectors; ++v) {
                     Value at = b.addIndex(tile.column, v * lanes()), mask = tile.maskOf(v);
                     for (int64_t i = 0; i < rows; ++i) {
                       Value score =
                           emitScore(tile.get(i, v), batch, head, b.addIndex(row, i), at, mask);
                       if (mask) {
                         score = arith::SelectOp::create(b, mask, score, splatF32(noScore));
                       }
                       emitStore(b, score, scores, b.addIndex(at, i * paddedKeys));
                     }
                   }
                 });
}

Value AttentionForward::emitSoftmax(Value batch, Value head, Value row, int64_t i) {
  auto at = [&](Value key) { return b.addIndex(key, i * paddedKeys); };
  ReductionEmitter maxima(b, nn::ReductionKind::max);
  ReductionSet maximum(b), sum(b);
  maximum.push(nn::ReductionKind::max);
  sum.push(nn::ReductionKind::sum);
  Value max = maximum
                  .finish(maximum.walkVectors(paddedKeys, maximum.init(true),
                                              [&](Value key, Value, ValueRange state) {
                                                return maxima.add(
                                                    state, emitLoad(b, scores, at(key)), nullptr);
                                              }))
                  .front();
  Value shift = b.splat(max);
  auto exponential = [&](Value key, Value, ValueRange state) {
    Value score = emitLoad(b, scores, at(key));
    Value e = math::ExpOp::create(b, arith::SubFOp::create(b, score, shift));
    emitStore(b, e, scores, at(key));
    return SmallVector<Value>{arith::AddFOp::create(b, state.front(), e)};
  };
  Value total = sum.finish(sum.walkVectors(paddedKeys, sum.init(true), exponential)).front();
  if (lse) {
    Value sumLog = arith::AddFOp::create(b, max, math::LogOp::create(b, total));
    memref::StoreOp::create(b, sumLog, lse, rowOf(batch, head, b.addIndex(row, i)));
  }
  Value one = arith::ConstantOp::create(b, b.getF32FloatAttr(1.0f));
  return b.splat(arith::DivFOp::create(b, one, total));
}

void AttentionForward::emitRowBlock(Value batch, Value head, Value row, int64_t rows) {
  emitScores(batch, head, row, rows);
  SmallVector<Value> shares;
  for (int64_t i = 0; i < rows; ++i) {
    shares.push_back(emitSoftmax(batch, head, row, i));
  }
  Lines output = headLines(result, batch, head, queries, valueChannels);
  Lines weights{scores, b.index(0), paddedKeys, 1};
  emitRowProduct(b, weights, b.index(0), rows, valuePacker.getPanels(), valueDepth,
                 panelsOf(valueDepth), b.index(keys), [&](const TileResult &tile) {
                   for (int64_t i = 0; i < rows; ++i) {
                     Value line =
                         b.addIndex(output.origin, b.mulIndex(b.addIndex(row, i), output.perLine));
                     for (int64_t v = 0; v < tile.vectors; ++v) {
                       Value o = arith::MulFOp::create(b, tile.get(i, v), shares[i]);
                       Value at = b.addIndex(line, b.addIndex(tile.column, v * lanes()));
                       emitStore(b, o, result, at, tile.maskOf(v));
                     }
                   }
                 });
}

int64_t AttentionForward::emit() {
  b.loop(b.getLo(), b.getHi(), 1, [&](Value chunk) {
    SmallVector<Value> place = b.delinearize(chunk, {batches, heads, rowChunks});
    Value batch = place[0], head = place[1];
    keyPacker.emit(headLines(key, batch, head, keys, channels), keys, panelsOf(keys));
    valuePacker.emit(headColumns(value, batch, head, keys, valueChannels), valueDepth,
                     panelsOf(valueDepth));
    Value from = b.mulIndex(place[2], chunkRows);
    Value to = b.minIndex(b.addIndex(from, chunkRows), queries);
    forRowBlocks(b, from, to, queries, tileRows,
                 [&](Value row, int64_t rows) { emitRowBlock(batch, head, row, rows); });
  });
  return batches * heads * rowChunks;
}

//===-- The family ----------------------------------------------------------------------------===//

EmitResult mome::cpu::emitAttention(nn::KernelOp kernel, const Target &target, OpBuilder &builder) {
  auto op = dyn_cast<nn::AttentionOp>(kernel.getRoot());
  if (!op) {
    return refuse("");
  }
  if (std::string reason = refuseAround(op); !reason.empty()) {
    return refuse(reason);
  }
  if (!llvm::is_contained(kernel.getBody().front().getTerminator()->getOperands(),
                          op.getResult())) {
    return refuse("only lse is used");
  }
  KernelBuilder b(kernel, target, builder);
  int64_t chunks =
      AttentionForward(b, op, findResultBuffer(b, op.getResult()), findResultBuffer(b, op.getLse()))
          .emit();
  return b.finish("attention", chunks);
}

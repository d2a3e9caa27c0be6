// Attention, forward: a block of query rows at a time, over all keys.
//
//   for each chunk (batch, head, rows):  pack K transposed and V into panels
//     for each block of rows:
//       S = Q (scale K / ln 2)^T + bias / ln 2     [rows][keys], in scratch
//       m = max S, P = 2^(S - m), sum;  lse = m ln 2 + ln sum
//       O = P V / sum
//
// All rows of a block meet a panel of K or V before the next panel, and their tiles of 6 or 8 rows go
// through the softmax side by side. Whole rows of S fit the caches for thousands of keys, so no online
// softmax is needed. Keys behind the last one count as a very low score. Chunks write their own rows
// of o and lse.
#include "passes/cpu/AttentionKernel.h"
#include "passes/cpu/Families.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <numbers>

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

//===-- Shared by both directions -------------------------------------------------------------===//

AttentionKernel::AttentionKernel(KernelBuilder &b, Value query, Value key, Value value, Value bias,
                                 int64_t heads, double scale)
    : AttentionExtents(query, key, value, heads), b(b), scale(scale) {
  width = b.getTarget().tileColumns();
  tileRows = std::min(b.getTarget().tileRows, queries);
  this->bias = bias ? b.getOperandBuffer(bias) : Value();
  biasPerBatch = bias && cast<RankedTensorType>(bias.getType()).getRank() == 4;
}

Lines AttentionKernel::headLines(const TokenTensor &tokens, Value batch, Value head,
                                 int64_t depth) {
  Value origin = b.addIndex(b.mulIndex(batch, tokens.perBatch), b.mulIndex(head, depth));
  return {tokens.buffer, b.addIndex(origin, tokens.offset), tokens.perToken, 1};
}

Lines AttentionKernel::headColumns(const TokenTensor &tokens, Value batch, Value head,
                                   int64_t depth) {
  Lines lines = headLines(tokens, batch, head, depth);
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

Value AttentionKernel::splatOf(Value buffer, Value at) {
  return b.splat(memref::LoadOp::create(b, buffer, at).getResult());
}

Value AttentionKernel::emitScore(Value product, Value batch, Value head, Value row, Value key,
                                 Value mask) {
  if (!bias) {
    return product;
  }
  Value line = biasPerBatch ? rowOf(batch, head, row) : rowOf(b.index(0), head, row);
  Value added = emitLoad(b, bias, b.addIndex(b.mulIndex(line, keys), key), mask);
  return vector::FMAOp::create(b, added, splatF32(std::numbers::log2e), product);
}

Value AttentionKernel::emitWeight(Value score) {
  return math::Exp2Op::create(b, score, arith::FastMathFlags::ninf);
}

//===-- Forward -------------------------------------------------------------------------------===//

/// A score that no key has: its exponential is 0 next to any real one.
static constexpr double noScore = -1e30;

namespace {
class AttentionForward : AttentionKernel {
public:
  AttentionForward(KernelBuilder &b, nn::AttentionOp op);
  int64_t emit();

private:
  void emitRowBlock(Value batch, Value head, Value first, Value end);
  void emitScores(Value batch, Value head, Value first, Value end);
  /// Replaces rows of S by exponentials; stores lse and 1 / their sums.
  void emitSoftmax(Value batch, Value head, Value first, Value row, int64_t rows);
  void emitResult(Value batch, Value head, Value first, Value end);
  Value addressOf(Value first, Value row, Value key) { // in S
    Value local = b.createOrFold<arith::SubIOp>(row, first);
    return b.addIndex(b.mulIndex(local, paddedKeys), key);
  }
  /// One vector per row, from all vectors of its scores.
  SmallVector<Value> foldScores(Value first, Value row, int64_t rows, double init,
                                function_ref<Value(Value before, Value at, int64_t i)> fold);

  TokenTensor query, key, value, result;
  Value lse;
  int64_t paddedKeys; // a whole number of vectors
  int64_t blockRows, chunkRows, rowChunks;
  Packer keyPacker, valuePacker;
  RowReader queryReader;
  Value scores, shares, maxima;
};
} // namespace

/// Tiles of rows in a block: a panel is read from the second-level cache once for all of them.
static constexpr int64_t tilesPerBlock = 4;

AttentionForward::AttentionForward(KernelBuilder &b, nn::AttentionOp op)
    : AttentionKernel(b, op.getQuery(), op.getKey(), op.getValue(), op.getBias(), op.getHeads(),
                      op.getScale().convertToDouble()),
      query(tensorOf(b, op.getQueryMutable())), key(tensorOf(b, op.getKeyMutable())),
      value(tensorOf(b, op.getValueMutable())), result(tensorOf(b, op.getResult())),
      lse(findResultBuffer(b, op.getLse())), paddedKeys(ceilDiv(keys, lanes()) * lanes()),
      blockRows(tilesPerBlock * tileRows),
      keyPacker(b, ceilDiv(keys, width), depth, width, keyFactor()),
      valuePacker(b, ceilDiv(valueDepth, width), keys, width),
      queryReader(b, query.buffer, blockRows, depth, /*close=*/true),
      scores(b.reserveScratch({blockRows * paddedKeys}, b.getF32Type())),
      shares(b.reserveScratch({blockRows + lanes()}, b.getF32Type())),
      maxima(b.reserveScratch({lanes()}, b.getF32Type())) {
  // Heads of all samples are chunks; few of them are split, as long as packing stays cheap.
  int64_t splits =
      std::clamp<int64_t>(ceilDiv(32, batches * heads), 1, std::max<int64_t>(1, queries / 96));
  chunkRows = ceilDiv(ceilDiv(queries, splits), tileRows) * tileRows;
  rowChunks = ceilDiv(queries, chunkRows);
}

void AttentionForward::emitScores(Value batch, Value head, Value first, Value end) {
  Lines lines = queryReader.emit(headLines(query, batch, head, depth), first, end);
  auto sink = [&](const TileResult &tile) {
    for (int64_t v = 0; v < tile.vectors; ++v) {
      Value at = b.addIndex(tile.column, v * lanes()), mask = tile.maskOf(v);
      for (int64_t i = 0; i < tile.rows; ++i) {
        Value row = b.addIndex(tile.row, i);
        Value score = emitScore(tile.get(i, v), batch, head, row, at, mask);
        if (mask) {
          score = arith::SelectOp::create(b, mask, score, splatF32(noScore));
        }
        emitStore(b, score, scores, addressOf(first, row, at));
      }
    }
  };
  emitBlockProduct(b, lines, queryRows(first, end), keyPacker.getPanels(), keys, panelsOf(keys),
                   b.index(depth), sink);
}

SmallVector<Value> AttentionForward::foldScores(Value first, Value row, int64_t rows, double init,
                                                function_ref<Value(Value, Value, int64_t)> fold) {
  SmallVector<Value> start(rows, splatF32(init));
  return llvm::to_vector(b.reduceLoop(
      b.index(0), b.index(paddedKeys), lanes(), start, [&](Value key, ValueRange before) {
        SmallVector<Value> after;
        for (int64_t i = 0; i < rows; ++i) {
          after.push_back(fold(before[i], addressOf(first, b.addIndex(row, i), key), i));
        }
        return after;
      }));
}

void AttentionForward::emitSoftmax(Value batch, Value head, Value first, Value row, int64_t rows) {
  // A NaN need not reach the maximum: it reaches the sum.
  auto larger = [&](Value x, Value y) -> Value {
    Value isLarger = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, y);
    return arith::SelectOp::create(b, isLarger, x, y);
  };
  SmallVector<Value> largest =
      foldScores(first, row, rows, -INFINITY, [&](Value before, Value at, int64_t) {
        return larger(emitLoad(b, scores, at), before);
      });
  Value max = emitCombinedOfEach(b, largest, larger);
  emitStore(b, max, maxima, b.index(0));
  SmallVector<Value> shifts;
  for (int64_t i = 0; i < rows; ++i) {
    shifts.push_back(splatOf(maxima, b.index(i)));
  }
  SmallVector<Value> sums =
      foldScores(first, row, rows, 0.0, [&](Value before, Value at, int64_t i) -> Value {
        Value weight = emitWeight(arith::SubFOp::create(b, emitLoad(b, scores, at), shifts[i]));
        emitStore(b, weight, scores, at);
        return arith::AddFOp::create(b, before, weight);
      });
  Value total = emitSumOfEach(b, sums);
  emitStore(b, arith::DivFOp::create(b, splatF32(1.0), total), shares,
            b.createOrFold<arith::SubIOp>(row, first));
  if (lse) {
    Value scaled = arith::MulFOp::create(b, max, splatF32(std::numbers::ln2));
    Value sumLog = arith::AddFOp::create(b, scaled, math::LogOp::create(b, total));
    emitStore(b, sumLog, lse, rowOf(batch, head, row), rows < lanes() ? b.laneMask(rows) : Value());
  }
}

void AttentionForward::emitResult(Value batch, Value head, Value first, Value end) {
  Lines output = headLines(result, batch, head, valueDepth);
  Lines weights{scores, addressOf(first, b.index(0), b.index(0)), paddedKeys, 1};
  auto sink = [&](const TileResult &tile) {
    for (int64_t i = 0; i < tile.rows; ++i) {
      Value row = b.addIndex(tile.row, i);
      Value share = splatOf(shares, b.createOrFold<arith::SubIOp>(row, first));
      Value line = b.addIndex(output.origin, b.mulIndex(row, output.perLine));
      for (int64_t v = 0; v < tile.vectors; ++v) {
        Value o = arith::MulFOp::create(b, tile.get(i, v), share);
        Value at = b.addIndex(line, b.addIndex(tile.column, v * lanes()));
        emitStore(b, o, output.buffer, at, tile.maskOf(v));
      }
    }
  };
  emitBlockProduct(b, weights, queryRows(first, end), valuePacker.getPanels(), valueDepth,
                   panelsOf(valueDepth), b.index(keys), sink);
}

void AttentionForward::emitRowBlock(Value batch, Value head, Value first, Value end) {
  emitScores(batch, head, first, end);
  forRowBlocks(b, first, end, queries, tileRows,
               [&](Value row, int64_t rows) { emitSoftmax(batch, head, first, row, rows); });
  emitResult(batch, head, first, end);
}

int64_t AttentionForward::emit() {
  b.loop(b.getLo(), b.getHi(), 1, [&](Value chunk) {
    SmallVector<Value> place = b.delinearize(chunk, {batches, heads, rowChunks});
    Value batch = place[0], head = place[1];
    keyPacker.emit(headLines(key, batch, head, depth), keys, panelsOf(keys));
    valuePacker.emit(headColumns(value, batch, head, valueDepth), valueDepth, panelsOf(valueDepth));
    Value from = b.mulIndex(place[2], chunkRows);
    Value to = b.minIndex(b.addIndex(from, chunkRows), queries);
    b.loop(from, to, blockRows, [&](Value first) {
      Value end = b.createOrFold<arith::MinSIOp>(b.addIndex(first, blockRows), to);
      emitRowBlock(batch, head, first, end);
    });
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
  if (op.getResult().use_empty()) {
    return refuse("only lse is used");
  }
  KernelBuilder b(kernel, target, builder);
  int64_t chunks = AttentionForward(b, op).emit();
  return b.finish("attention", chunks);
}

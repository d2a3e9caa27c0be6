// Attention, backward: P is computed again from q, k and lse.
//
//   for each chunk (batch, head):  pack K transposed, V transposed, and K
//     for each range of rows (P and dS of a range fit the second-level cache):
//       for each block of rows:
//         P = exp(scale Q K^T + bias - lse);  dS = P (dO V^T - sum dO O)
//         dQ = scale dS K
//       dK += dS^T Q;  dV += P^T dO          accumulated in scratch, range after range
//     store scale dK and dV
//
// A chunk owns its head: no sum crosses chunks.
#include "passes/ReductionEmitter.h"
#include "passes/cpu/AttentionKernel.h"
#include "passes/cpu/Families.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

namespace {
class AttentionBackward : AttentionKernel {
public:
  AttentionBackward(KernelBuilder &b, nn::AttentionBackwardOp op);
  int64_t emit();

private:
  void emitHead(Value batch, Value head);
  void emitRowBlock(Value batch, Value head, Value first, Value row, int64_t rows);
  void emitWeights(Value batch, Value head, Value row, Value local, int64_t rows);
  void emitScoreGradients(Value batch, Value head, Value row, Value local, int64_t rows);
  void emitQueryGradients(Value batch, Value head, Value row, Value local, int64_t rows);
  /// accumulators[key][channel] += sum over rows of weights[row][key] * factor[row][channel].
  void accumulate(Value weights, const Lines &factor, int64_t columns, Value rowCount,
                  Value accumulators);
  void storeAccumulators(Value accumulators, int64_t columns, Value factor, const Lines &to);
  /// Per row of a block: lse, or the dot product of dO and O; repeated over lanes.
  Value emitDelta(Value batch, Value head, Value row);
  int64_t padded(int64_t columns) const { return ceilDiv(columns, width) * width; }

  nn::AttentionBackwardOp op;
  Value cotangent, query, key, value, result, lse;
  Value queryCotangent, keyCotangent, valueCotangent;
  int64_t rangeRows;
  Packer keyPacker, valuePacker, keyRowPacker;
  RowReader queryReader, cotangentReader;
  Value weights, gradients, keyAccumulators, valueAccumulators;
};
} // namespace

/// Rows whose P and dS take at most this part of the second-level cache.
static int64_t chooseRangeRows(const Target &target, int64_t tileRows, int64_t queries,
                               int64_t paddedKeys) {
  int64_t fitting = target.l2Bytes / 2 / (8 * paddedKeys);
  int64_t rows = std::clamp<int64_t>(fitting, 4 * tileRows, 96) / tileRows * tileRows;
  return std::min(std::max(rows, tileRows), ceilDiv(queries, tileRows) * tileRows);
}

AttentionBackward::AttentionBackward(KernelBuilder &b, nn::AttentionBackwardOp op)
    : AttentionKernel(b, op.getQuery(), op.getKey(), op.getValue(), op.getBias(), op.getHeads(),
                      op.getScale().convertToDouble()),
      op(op), cotangent(b.getOperandBuffer(op.getCotangent())),
      query(b.getOperandBuffer(op.getQuery())), key(b.getOperandBuffer(op.getKey())),
      value(b.getOperandBuffer(op.getValue())), result(b.getOperandBuffer(op.getResult())),
      lse(b.getOperandBuffer(op.getLse())),
      queryCotangent(findResultBuffer(b, op.getQueryCotangent())),
      keyCotangent(findResultBuffer(b, op.getKeyCotangent())),
      valueCotangent(findResultBuffer(b, op.getValueCotangent())),
      rangeRows(chooseRangeRows(b.getTarget(), tileRows, queries, paddedKeys)),
      keyPacker(b, ceilDiv(keys, width), depth, width),
      valuePacker(b, ceilDiv(keys, width), valueDepth, width),
      keyRowPacker(b, ceilDiv(depth, width), keys, width), queryReader(b, query, tileRows, depth),
      cotangentReader(b, cotangent, tileRows, valueDepth) {
  auto reserve = [&](int64_t size) { return b.reserveScratch({size}, b.getF32Type()); };
  weights = reserve(rangeRows * paddedKeys);
  gradients = reserve(rangeRows * paddedKeys);
  keyAccumulators = reserve(keys * padded(depth));
  valueAccumulators = reserve(keys * padded(valueDepth));
}

Value AttentionBackward::emitDelta(Value batch, Value head, Value row) {
  Lines o = headLines(result, batch, head, queries, valueChannels);
  Value line = b.addIndex(o.origin, b.mulIndex(row, o.perLine));
  ReductionSet sum(b);
  sum.push(nn::ReductionKind::sum);
  auto product = [&](Value channel, Value mask, ValueRange state) {
    Value at = b.addIndex(line, channel);
    Value term = vector::FMAOp::create(b, emitLoad(b, cotangent, at, mask),
                                       emitLoad(b, result, at, mask), state.front());
    return SmallVector<Value>{term};
  };
  return b.splat(sum.finish(sum.walkVectors(valueDepth, sum.init(true), product)).front());
}

/// P, rows `local ...` of the range.
void AttentionBackward::emitWeights(Value batch, Value head, Value row, Value local, int64_t rows) {
  SmallVector<Value> shifts;
  for (int64_t i = 0; i < rows; ++i) {
    Value at = rowOf(batch, head, b.addIndex(row, i));
    shifts.push_back(b.splat(memref::LoadOp::create(b, lse, at).getResult()));
  }
  Lines lines = queryReader.emit(headLines(query, batch, head, queries, channels), row, rows);
  emitRowProduct(
      b, lines, row, rows, keyPacker.getPanels(), keys, panelsOf(keys), b.index(depth),
      [&](const TileResult &tile) {
        for (int64_t v = 0; v < tile.vectors; ++v) {
          Value at = b.addIndex(tile.column, v * lanes()), mask = tile.maskOf(v);
          for (int64_t i = 0; i < rows; ++i) {
            Value score = emitScore(tile.get(i, v), batch, head, b.addIndex(row, i), at, mask);
            Value p = math::ExpOp::create(b, arith::SubFOp::create(b, score, shifts[i]));
            p = mask ? arith::SelectOp::create(b, mask, p, splatF32(0.0)).getResult() : p;
            Value line = b.mulIndex(b.addIndex(local, i), paddedKeys);
            emitStore(b, p, weights, b.addIndex(line, at));
          }
        }
      });
}

/// dS = P (dO V^T - delta).
void AttentionBackward::emitScoreGradients(Value batch, Value head, Value row, Value local,
                                           int64_t rows) {
  SmallVector<Value> deltas;
  for (int64_t i = 0; i < rows; ++i) {
    deltas.push_back(emitDelta(batch, head, b.addIndex(row, i)));
  }
  Lines lines =
      cotangentReader.emit(headLines(cotangent, batch, head, queries, valueChannels), row, rows);
  emitRowProduct(
      b, lines, row, rows, valuePacker.getPanels(), keys, panelsOf(keys), b.index(valueDepth),
      [&](const TileResult &tile) {
        for (int64_t v = 0; v < tile.vectors; ++v) {
          Value column = b.addIndex(tile.column, v * lanes()), mask = tile.maskOf(v);
          for (int64_t i = 0; i < rows; ++i) {
            Value line = b.mulIndex(b.addIndex(local, i), paddedKeys);
            Value at = b.addIndex(line, column);
            Value p = emitLoad(b, weights, at);
            Value ds =
                arith::MulFOp::create(b, p, arith::SubFOp::create(b, tile.get(i, v), deltas[i]));
            ds = mask ? arith::SelectOp::create(b, mask, ds, splatF32(0.0)).getResult() : ds;
            emitStore(b, ds, gradients, at);
          }
        }
      });
}

void AttentionBackward::emitQueryGradients(Value batch, Value head, Value row, Value local,
                                           int64_t rows) {
  Lines lines{gradients, b.index(0), paddedKeys, 1};
  Lines to = headLines(queryCotangent, batch, head, queries, channels);
  Value scale = splatF32(op.getScale().convertToDouble());
  emitRowProduct(b, lines, local, rows, keyRowPacker.getPanels(), depth, panelsOf(depth),
                 b.index(keys), [&](const TileResult &tile) {
                   for (int64_t i = 0; i < rows; ++i) {
                     Value line = b.addIndex(to.origin, b.mulIndex(b.addIndex(row, i), to.perLine));
                     for (int64_t v = 0; v < tile.vectors; ++v) {
                       Value at = b.addIndex(line, b.addIndex(tile.column, v * lanes()));
                       Value dq = arith::MulFOp::create(b, tile.get(i, v), scale);
                       emitStore(b, dq, queryCotangent, at, tile.maskOf(v));
                     }
                   }
                 });
}

void AttentionBackward::accumulate(Value weights, const Lines &factor, int64_t columns,
                                   Value rowCount, Value accumulators) {
  Lines transposed{weights, b.index(0), 1, paddedKeys};
  Panels panels = panelsInPlace(b, factor.buffer, factor.origin, width, factor.perLine);
  int64_t stride = padded(columns);
  forRowBlocks(
      b, b.index(0), b.index(keys), keys, b.getTarget().tileRows, [&](Value keyRow, int64_t rows) {
        emitRowProduct(b, transposed, keyRow, rows, panels, columns, panelsOf(columns), rowCount,
                       [&](const TileResult &tile) {
                         for (int64_t i = 0; i < rows; ++i) {
                           Value line = b.mulIndex(b.addIndex(keyRow, i), stride);
                           for (int64_t v = 0; v < tile.vectors; ++v) {
                             Value at = b.addIndex(line, b.addIndex(tile.column, v * lanes()));
                             Value sum = arith::AddFOp::create(b, emitLoad(b, accumulators, at),
                                                               tile.get(i, v));
                             emitStore(b, sum, accumulators, at);
                           }
                         }
                       });
      });
}

void AttentionBackward::storeAccumulators(Value accumulators, int64_t columns, Value factor,
                                          const Lines &to) {
  int64_t whole = columns / lanes() * lanes();
  b.loop(b.index(0), b.index(keys), 1, [&](Value keyRow) {
    Value from = b.mulIndex(keyRow, padded(columns));
    Value line = b.addIndex(to.origin, b.mulIndex(keyRow, to.perLine));
    auto copy = [&](Value column, Value mask) {
      Value sum = emitLoad(b, accumulators, b.addIndex(from, column));
      sum = factor ? arith::MulFOp::create(b, sum, factor).getResult() : sum;
      emitStore(b, sum, to.buffer, b.addIndex(line, column), mask);
    };
    b.loop(b.index(0), b.index(whole), lanes(), [&](Value column) { copy(column, nullptr); });
    if (whole < columns) {
      copy(b.index(whole), b.laneMask(columns - whole));
    }
  });
}

void AttentionBackward::emitRowBlock(Value batch, Value head, Value first, Value row,
                                     int64_t rows) {
  Value local = b.createOrFold<arith::SubIOp>(row, first);
  emitWeights(batch, head, row, local, rows);
  if (queryCotangent || keyCotangent) {
    emitScoreGradients(batch, head, row, local, rows);
  }
  if (queryCotangent) {
    emitQueryGradients(batch, head, row, local, rows);
  }
}

void AttentionBackward::emitHead(Value batch, Value head) {
  keyPacker.emit(headLines(key, batch, head, keys, channels), keys, panelsOf(keys));
  valuePacker.emit(headLines(value, batch, head, keys, valueChannels), keys, panelsOf(keys));
  keyRowPacker.emit(headColumns(key, batch, head, keys, channels), depth, panelsOf(depth));
  Value zero = splatF32(0.0);
  for (auto [accumulators, columns] :
       {std::pair(keyAccumulators, depth), std::pair(valueAccumulators, valueDepth)}) {
    b.loop(b.index(0), b.index(keys * padded(columns)), lanes(),
           [&, target = accumulators](Value at) { emitStore(b, zero, target, at); });
  }
  b.loop(b.index(0), b.index(queries), rangeRows, [&](Value first) {
    Value end = b.minIndex(b.addIndex(first, rangeRows), queries);
    forRowBlocks(b, first, end, queries, tileRows,
                 [&](Value row, int64_t rows) { emitRowBlock(batch, head, first, row, rows); });
    Value rowCount = b.createOrFold<arith::SubIOp>(end, first);
    auto partOf = [&](Value buffer, int64_t channels) {
      Lines lines = headLines(buffer, batch, head, queries, channels);
      lines.origin = b.addIndex(lines.origin, b.mulIndex(first, channels));
      return lines;
    };
    if (keyCotangent) {
      accumulate(gradients, partOf(query, channels), depth, rowCount, keyAccumulators);
    }
    if (valueCotangent) {
      accumulate(weights, partOf(cotangent, valueChannels), valueDepth, rowCount,
                 valueAccumulators);
    }
  });
  if (keyCotangent) {
    storeAccumulators(keyAccumulators, depth, splatF32(op.getScale().convertToDouble()),
                      headLines(keyCotangent, batch, head, keys, channels));
  }
  if (valueCotangent) {
    storeAccumulators(valueAccumulators, valueDepth, nullptr,
                      headLines(valueCotangent, batch, head, keys, valueChannels));
  }
}

int64_t AttentionBackward::emit() {
  b.loop(b.getLo(), b.getHi(), 1, [&](Value chunk) {
    SmallVector<Value> place = b.delinearize(chunk, {batches, heads});
    emitHead(place[0], place[1]);
  });
  return batches * heads;
}

EmitResult mome::cpu::emitAttentionBackward(nn::KernelOp kernel, const Target &target,
                                            OpBuilder &builder) {
  auto op = dyn_cast<nn::AttentionBackwardOp>(kernel.getRoot());
  if (!op) {
    return refuse("");
  }
  if (std::string reason = refuseAround(op); !reason.empty()) {
    return refuse(reason);
  }
  if (op.getBiasCotangent()) {
    return refuse("a gradient of the bias");
  }
  KernelBuilder b(kernel, target, builder);
  int64_t chunks = AttentionBackward(b, op).emit();
  return b.finish("attention_backward", chunks);
}

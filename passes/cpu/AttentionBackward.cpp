// Attention, backward: P is computed again from q, k and lse.
//
//   for each chunk (batch, head):  delta = rows of sum dO O;  copy Q and dO
//     for each block of keys:  pack K transposed and V transposed, copy K
//       for each range of rows (P and dS of a block and a range fit the second-level cache):
//         P = exp(scale Q K^T + bias - lse);  dS = P (dO V^T - delta)
//         dQ += dS K;  dK += dS^T Q;  dV += P^T dO
//       store scale dK and dV
//     store scale dQ
//
// The copies are read by element in one product and by vector in another. With one block of keys dQ is stored
// at once. A chunk owns its head: no sum crosses chunks.
#include "passes/ReductionEmitter.h"
#include "passes/cpu/AttentionKernel.h"
#include "passes/cpu/Families.h"

#include <numbers>

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

namespace {
class AttentionBackward : AttentionKernel {
public:
  AttentionBackward(KernelBuilder &b, nn::AttentionBackwardOp op);
  int64_t emit();

private:
  /// Keys [keys.first, keys.end) and query rows [rows.first, rows.end): P and dS hold one block.
  struct Block {
    Value batch, head, firstKey, endKey, firstRow, endRow;
  };

  void emitHead(Value batch, Value head);
  void emitKeyBlock(Block block);
  void packKeys(const Block &block);
  /// Per row of a head: sum dO O, and -lse in units of ln 2.
  void emitRowConstants(Value batch, Value head);
  void emitWeights(const Block &block);
  void emitScoreGradients(const Block &block);
  void emitQueryGradients(const Block &block);
  /// accumulators[key][channel] += sum over rows of weights[row][key] * factor[row][channel].
  void accumulate(const Block &block, Value weights, const RowReader &factor, int64_t columns,
                  Value accumulators);
  void storeAccumulators(Value accumulators, int64_t columns, Value first, Value end, Value factor,
                         const Lines &to);
  /// The tile from and to accumulators, whose line 0 is row `first`.
  SmallVector<Value> startFrom(Value accumulators, int64_t stride, Value first,
                               const TileResult &tile);
  void keepIn(Value accumulators, int64_t stride, Value first, const TileResult &tile);

  void clear(Value accumulators, int64_t size);
  Value emitDot(Value batch, Value head, Value row);
  PanelRange panelsOf(const Block &block) {
    return {b.divIndex(block.firstKey, width),
            b.divIndex(b.addIndex(block.endKey, width - 1), width)};
  }
  using AttentionKernel::panelsOf;
  /// Where P and dS keep a row and a key of the block.
  Value addressOf(const Block &block, Value row, Value key) {
    Value line = b.createOrFold<arith::SubIOp>(row, block.firstRow);
    Value column = b.createOrFold<arith::SubIOp>(key, block.firstKey);
    return b.addIndex(b.mulIndex(line, blockStride), column);
  }
  int64_t padded(int64_t columns) const { return ceilDiv(columns, width) * width; }
  bool hasOneKeyBlock() const { return keys <= blockKeys; }

  nn::AttentionBackwardOp op;
  TokenTensor cotangent, query, key, value, result;
  Value lse;
  TokenTensor queryCotangent, keyCotangent, valueCotangent;
  int64_t blockKeys, blockStride, rangeRows;
  Packer keyPacker, valuePacker;
  RowReader keyReader, queryReader, cotangentReader;
  Lines queryLines, cotangentLines; // as copied
  Value weights, gradients, deltas, shifts;
  Value queryAccumulators, keyAccumulators, valueAccumulators;
};
} // namespace

/// Where there are more keys than `mostKeys`, blocks of `severalKeys`, which are whole panels and
/// whole tiles of every target.
static constexpr int64_t mostKeys = 288, severalKeys = 240;
/// Rows of a range, about: sums over them are loaded and stored once per range.
static constexpr int64_t mostRows = 104;

static int64_t chooseRangeRows(int64_t tileRows, int64_t queries) {
  int64_t ranges = ceilDiv(queries, mostRows);
  return ceilDiv(ceilDiv(queries, ranges), tileRows) * tileRows;
}

AttentionBackward::AttentionBackward(KernelBuilder &b, nn::AttentionBackwardOp op)
    : AttentionKernel(b, op.getQuery(), op.getKey(), op.getValue(), op.getBias(), op.getHeads(),
                      op.getScale().convertToDouble()),
      op(op), cotangent(tensorOf(b, op.getCotangentMutable())),
      query(tensorOf(b, op.getQueryMutable())), key(tensorOf(b, op.getKeyMutable())),
      value(tensorOf(b, op.getValueMutable())), result(tensorOf(b, op.getResultMutable())),
      lse(b.getOperandBuffer(op.getLse())), queryCotangent(tensorOf(b, op.getQueryCotangent())),
      keyCotangent(tensorOf(b, op.getKeyCotangent())),
      valueCotangent(tensorOf(b, op.getValueCotangent())),
      blockKeys(keys <= mostKeys ? keys : severalKeys),
      blockStride(ceilDiv(blockKeys, lanes()) * lanes()),
      rangeRows(chooseRangeRows(tileRows, queries)),
      keyPacker(b, ceilDiv(blockKeys, width), depth, width, keyFactor()),
      valuePacker(b, ceilDiv(blockKeys, width), valueDepth, width),
      keyReader(b, key.buffer, blockKeys, depth, /*close=*/true),
      queryReader(b, query.buffer, queries, depth, /*close=*/true),
      cotangentReader(b, cotangent.buffer, queries, valueDepth, /*close=*/true) {
  assert(severalKeys % width == 0 && severalKeys % b.getTarget().tileRows == 0);
  auto reserve = [&](int64_t size) { return b.reserveScratch({size}, b.getF32Type()); };
  weights = reserve(rangeRows * blockStride);
  gradients = reserve(rangeRows * blockStride);
  deltas = reserve(queries + lanes());
  shifts = reserve(queries + lanes());
  keyAccumulators = reserve(blockKeys * padded(depth));
  valueAccumulators = reserve(blockKeys * padded(valueDepth));
  if (!hasOneKeyBlock()) {
    queryAccumulators = reserve(queries * padded(depth));
  }
}

//===-- Rows --------------------------------------------------------------------------------===//

Value AttentionBackward::emitDot(Value batch, Value head, Value row) {
  auto lineOf = [&](const TokenTensor &tokens) {
    Lines lines = headLines(tokens, batch, head, valueDepth);
    return b.addIndex(lines.origin, b.mulIndex(row, lines.perLine));
  };
  Value line = lineOf(result), cotangentLine = lineOf(cotangent);
  ReductionSet sum(b);
  sum.push(nn::ReductionKind::sum);
  return sum
      .walkVectors(valueDepth, sum.init(true),
                   [&](Value channel, Value mask, ValueRange state) {
                     Value d =
                         emitLoad(b, cotangent.buffer, b.addIndex(cotangentLine, channel), mask);
                     Value o = emitLoad(b, result.buffer, b.addIndex(line, channel), mask);
                     Value term = vector::FMAOp::create(b, d, o, state.front());
                     return SmallVector<Value>{term};
                   })
      .front();
}

void AttentionBackward::emitRowConstants(Value batch, Value head) {
  Value first = rowOf(batch, head, b.index(0)), toPowers = splatF32(-std::numbers::log2e);
  auto constants = [&](Value row, int64_t rows) {
    SmallVector<Value> dots;
    for (int64_t i = 0; i < rows; ++i) {
      dots.push_back(emitDot(batch, head, b.addIndex(row, i)));
    }
    emitStore(b, emitSumOfEach(b, dots), deltas, row);
    Value mask = rows < lanes() ? b.laneMask(rows) : Value();
    Value logs = emitLoad(b, lse, b.addIndex(first, row), mask);
    emitStore(b, arith::MulFOp::create(b, logs, toPowers), shifts, row);
  };
  forRowBlocks(b, b.index(0), b.index(queries), queries, std::min(lanes(), queries), constants);
}

//===-- Blocks of P and dS --------------------------------------------------------------------===//

void AttentionBackward::emitWeights(const Block &block) {
  auto [batch, head, firstKey, endKey, firstRow, endRow] = block;
  auto sink = [&, batch = batch, head = head](const TileResult &tile) {
    for (int64_t i = 0; i < tile.rows; ++i) {
      Value row = b.addIndex(tile.row, i), shift = splatOf(shifts, row);
      for (int64_t v = 0; v < tile.vectors; ++v) {
        Value at = b.addIndex(tile.column, v * lanes()), mask = tile.maskOf(v);
        Value score = emitScore(tile.get(i, v), batch, head, row, at, mask);
        Value p = emitWeight(arith::AddFOp::create(b, score, shift));
        p = mask ? arith::SelectOp::create(b, mask, p, splatF32(0.0)).getResult() : p;
        emitStore(b, p, weights, addressOf(block, row, at));
      }
    }
  };
  emitBlockProduct(b, queryLines, queryRows(firstRow, endRow),
                   keyPacker.getPanels(panelsOf(block).first), keys, panelsOf(block),
                   b.index(depth), sink);
}

/// dS = P (dO V^T - delta).
void AttentionBackward::emitScoreGradients(const Block &block) {
  auto sink = [&](const TileResult &tile) {
    for (int64_t i = 0; i < tile.rows; ++i) {
      Value row = b.addIndex(tile.row, i), delta = splatOf(deltas, row);
      for (int64_t v = 0; v < tile.vectors; ++v) {
        Value at = addressOf(block, row, b.addIndex(tile.column, v * lanes()));
        Value mask = tile.maskOf(v);
        Value excess = arith::SubFOp::create(b, tile.get(i, v), delta);
        Value ds = arith::MulFOp::create(b, emitLoad(b, weights, at), excess);
        ds = mask ? arith::SelectOp::create(b, mask, ds, splatF32(0.0)).getResult() : ds;
        emitStore(b, ds, gradients, at);
      }
    }
  };
  emitBlockProduct(b, cotangentLines, queryRows(block.firstRow, block.endRow),
                   valuePacker.getPanels(panelsOf(block).first), keys, panelsOf(block),
                   b.index(valueDepth), sink);
}

void AttentionBackward::emitQueryGradients(const Block &block) {
  Lines lines{gradients, addressOf(block, b.index(0), block.firstKey), blockStride, 1};
  Lines to = headLines(queryCotangent, block.batch, block.head, depth);
  Value scale = splatF32(op.getScale().convertToDouble());
  Value depthOfSum = b.createOrFold<arith::SubIOp>(block.endKey, block.firstKey);
  auto store = [&](const TileResult &tile) {
    for (int64_t i = 0; i < tile.rows; ++i) {
      Value line = b.addIndex(to.origin, b.mulIndex(b.addIndex(tile.row, i), to.perLine));
      for (int64_t v = 0; v < tile.vectors; ++v) {
        Value at = b.addIndex(line, b.addIndex(tile.column, v * lanes()));
        Value dq = arith::MulFOp::create(b, tile.get(i, v), scale);
        emitStore(b, dq, to.buffer, at, tile.maskOf(v));
      }
    }
  };
  auto keep = [&](const TileResult &tile) {
    keepIn(queryAccumulators, padded(depth), b.index(0), tile);
  };
  auto start = [&](const TileResult &tile) {
    return startFrom(queryAccumulators, padded(depth), b.index(0), tile);
  };
  RowRange rows = queryRows(block.firstRow, block.endRow);
  Panels columns = keyReader.getColumns(b.index(0), width);
  if (hasOneKeyBlock()) {
    emitBlockProduct(b, lines, rows, columns, depth, panelsOf(depth), depthOfSum, store);
  } else {
    emitBlockProduct(b, lines, rows, columns, depth, panelsOf(depth), depthOfSum, keep, start);
  }
}

//===-- Sums ----------------------------------------------------------------------------------===//

SmallVector<Value> AttentionBackward::startFrom(Value accumulators, int64_t stride, Value first,
                                                const TileResult &tile) {
  SmallVector<Value> sums;
  for (int64_t i = 0; i < tile.rows; ++i) {
    Value line = b.createOrFold<arith::SubIOp>(b.addIndex(tile.row, i), first);
    Value at = b.addIndex(b.mulIndex(line, stride), tile.column);
    for (int64_t v = 0; v < tile.vectors; ++v) {
      sums.push_back(emitLoad(b, accumulators, b.addIndex(at, v * lanes())));
    }
  }
  return sums;
}

void AttentionBackward::keepIn(Value accumulators, int64_t stride, Value first,
                               const TileResult &tile) {
  for (int64_t i = 0; i < tile.rows; ++i) {
    Value line = b.createOrFold<arith::SubIOp>(b.addIndex(tile.row, i), first);
    Value at = b.addIndex(b.mulIndex(line, stride), tile.column);
    for (int64_t v = 0; v < tile.vectors; ++v) {
      emitStore(b, tile.get(i, v), accumulators, b.addIndex(at, v * lanes()));
    }
  }
}

void AttentionBackward::accumulate(const Block &block, Value weights, const RowReader &factor,
                                   int64_t columns, Value accumulators) {
  Value rowCount = b.createOrFold<arith::SubIOp>(block.endRow, block.firstRow);
  Value origin = b.createOrFold<arith::SubIOp>(b.index(0), block.firstKey);
  Lines transposed{weights, origin, 1, blockStride};
  RowRange range{block.firstKey, block.endKey, keys, b.getTarget().tileRows};
  int64_t stride = padded(columns);
  emitBlockProduct(
      b, transposed, range, factor.getColumns(block.firstRow, width), columns, panelsOf(columns),
      rowCount, [&](const TileResult &tile) { keepIn(accumulators, stride, block.firstKey, tile); },
      [&](const TileResult &tile) {
        return startFrom(accumulators, stride, block.firstKey, tile);
      });
}

void AttentionBackward::clear(Value accumulators, int64_t size) {
  Value zero = splatF32(0.0);
  b.loop(b.index(0), b.index(size), lanes(),
         [&](Value at) { emitStore(b, zero, accumulators, at); });
}

/// Lines [first, end) of `to`, from accumulators whose line 0 is `first`.
void AttentionBackward::storeAccumulators(Value accumulators, int64_t columns, Value first,
                                          Value end, Value factor, const Lines &to) {
  int64_t whole = columns / lanes() * lanes();
  b.loop(first, end, 1, [&](Value row) {
    Value from = b.mulIndex(b.createOrFold<arith::SubIOp>(row, first), padded(columns));
    Value line = b.addIndex(to.origin, b.mulIndex(row, to.perLine));
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

//===-- A head --------------------------------------------------------------------------------===//

void AttentionBackward::packKeys(const Block &block) {
  auto [batch, head, firstKey, endKey, firstRow, endRow] = block;
  keyPacker.emit(headLines(key, batch, head, depth), keys, panelsOf(block));
  valuePacker.emit(headLines(value, batch, head, valueDepth), keys, panelsOf(block));
  keyReader.emit(headLines(key, batch, head, depth), firstKey, endKey);
}

void AttentionBackward::emitKeyBlock(Block block) {
  packKeys(block);
  clear(keyAccumulators, blockKeys * padded(depth));
  clear(valueAccumulators, blockKeys * padded(valueDepth));
  b.loop(b.index(0), b.index(queries), rangeRows, [&](Value first) {
    block.firstRow = first;
    block.endRow = b.minIndex(b.addIndex(first, rangeRows), queries);
    emitWeights(block);
    if (queryCotangent.buffer || keyCotangent.buffer) {
      emitScoreGradients(block);
    }
    if (queryCotangent.buffer) {
      emitQueryGradients(block);
    }
    if (keyCotangent.buffer) {
      accumulate(block, gradients, queryReader, depth, keyAccumulators);
    }
    if (valueCotangent.buffer) {
      accumulate(block, weights, cotangentReader, valueDepth, valueAccumulators);
    }
  });
  Value scale = splatF32(op.getScale().convertToDouble());
  if (keyCotangent.buffer) {
    storeAccumulators(keyAccumulators, depth, block.firstKey, block.endKey, scale,
                      headLines(keyCotangent, block.batch, block.head, depth));
  }
  if (valueCotangent.buffer) {
    storeAccumulators(valueAccumulators, valueDepth, block.firstKey, block.endKey, nullptr,
                      headLines(valueCotangent, block.batch, block.head, valueDepth));
  }
}

void AttentionBackward::emitHead(Value batch, Value head) {
  emitRowConstants(batch, head);
  Value here = b.index(0), end = b.index(queries);
  queryLines = queryReader.emit(headLines(query, batch, head, depth), here, end);
  cotangentLines = cotangentReader.emit(headLines(cotangent, batch, head, valueDepth), here, end);
  if (hasOneKeyBlock()) {
    return emitKeyBlock({batch, head, b.index(0), b.index(keys), nullptr, nullptr});
  }
  clear(queryAccumulators, queries * padded(depth));
  b.loop(b.index(0), b.index(keys), blockKeys, [&](Value first) {
    Value end = b.minIndex(b.addIndex(first, blockKeys), keys);
    emitKeyBlock({batch, head, first, end, nullptr, nullptr});
  });
  if (queryCotangent.buffer) {
    storeAccumulators(queryAccumulators, depth, b.index(0), b.index(queries),
                      splatF32(op.getScale().convertToDouble()),
                      headLines(queryCotangent, batch, head, depth));
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

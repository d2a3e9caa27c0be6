// Attention, backward: the weights are computed again from q, k and lse, twice.
//
//   launch 0:  delta = sum over channels of dO O              a warp per query
//   launch 1:  a block has a tile of keys and walks the queries:
//                P^T = exp(scale K Q^T + bias - lse);  dS^T = P^T (V dO^T - delta)
//                dV += P^T dO;  dK += dS^T Q
//   launch 2:  a block has a tile of queries and walks the keys:
//                P and dS as above;  dQ += dS K
//   launch 3, for a bias that learns:  a block has a tile of queries and one of keys, and walks the samples
//              if they share the bias:  dbias += dS
//
// Launches 1 and 2 are one program with the roles of queries and keys exchanged. Each block owns what
// it sums: no atomics. Tokens behind the last one, in the last tile, have no weight.
#include "passes/cuda/AttentionTiles.h"
#include "passes/cuda/Families.h"
#include "passes/cuda/ThreadReduction.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

static constexpr int64_t deltaThreads = 256;

namespace {
/// Tiles of rows and columns of the scores, and what the scores' gradients come from.
class ScoreGradient : protected AttentionTiles {
protected:
  ScoreGradient(LaunchBuilder &b, const AttentionPlan &plan, nn::AttentionBackwardOp op,
                bool rowsAreKeys);
  /// Starts copies.
  void copyRows();
  void copyColumns(Value first, Value stage);
  /// Takes what is kept of the rows, once they are there.
  void loadRows();
  struct Scores {
    SmallVector<Value> weights, gradients; // P and dS, of the thread
  };
  /// Once all copies are there. 0 where there is no column.
  Scores emitScores(const Columns &columns);
  ColumnTile tokensOf(const Columns &columns);
  ColumnTile factorsOf(const Columns &columns);

  bool rowsAreKeys;
  HeadTensor query, key, value, cotangent;
  Value lse, delta;
  // Rows and columns of the scores, and of their gradient.
  const HeadTensor &rowTensor, &columnTensor, &rowFactor, &columnFactor;
  SharedTile rowTile, rowFactorTile, columnTile, columnFactorTile;

private:
  struct QueryValues {
    Value lse, delta; // lse in units of the exponential's base
  };
  QueryValues loadQuery(Value query);
  SmallVector<QueryValues> loadColumns(const Columns &columns);
  Value emitWeight(Value product, const QueryValues &query, Value row, Value column);

  SmallVector<Value> rows, factors;   // what is kept of the tiles of rows
  SmallVector<QueryValues> rowValues; // if rows are queries
  Value columnValues;                 // else, in shared memory: lse of a tile, then delta, by stage
};

/// Launch 1 (`rowsAreKeys`) or 2.
class AttentionGradient : ScoreGradient {
public:
  AttentionGradient(LaunchBuilder &b, const AttentionPlan &plan, nn::AttentionBackwardOp op,
                    bool rowsAreKeys);
  int64_t emit();

private:
  /// One tile of the tokens walked; the state is the sums of the first and second cotangent.
  SmallVector<Value> emitTile(const Columns &columns, ValueRange state);

  HeadTensor first, second;                  // dK and dV, or dQ; without a buffer: not wanted
  unsigned gradientNumber, weightNumber = 0; // of kept weights
  double scale;
};

/// Launch 3.
class BiasGradient : ScoreGradient {
public:
  BiasGradient(LaunchBuilder &b, const AttentionPlan &plan, nn::AttentionBackwardOp op);
  int64_t emit();

private:
  SmallVector<Value> emitSample(Value firstColumn, ValueRange sums);

  Value result;
  bool isPerSample;
};
} // namespace

ScoreGradient::ScoreGradient(LaunchBuilder &b, const AttentionPlan &plan,
                             nn::AttentionBackwardOp op, bool rowsAreKeys)
    : AttentionTiles(b, plan, op.getBias(), op.getScale().convertToDouble()),
      rowsAreKeys(rowsAreKeys),
      query{b.getOperandBuffer(op.getQuery()), plan.queries, plan.channels, plan.depth},
      key{b.getOperandBuffer(op.getKey()), plan.keys, plan.channels, plan.depth},
      value{b.getOperandBuffer(op.getValue()), plan.keys, plan.valueChannels, plan.valueDepth},
      cotangent{b.getOperandBuffer(op.getCotangent()), plan.queries, plan.valueChannels,
                plan.valueDepth},
      lse(b.getOperandBuffer(op.getLse())),
      delta(b.reserveScratch({plan.batches * plan.heads * plan.queries}, b.getF32Type())),
      rowTensor(rowsAreKeys ? key : query), columnTensor(rowsAreKeys ? query : key),
      rowFactor(rowsAreKeys ? value : cotangent), columnFactor(rowsAreKeys ? cotangent : value),
      rowTile(makeRowTile()), rowFactorTile(makeRowTile()), columnTile(makeColumnTile()),
      columnFactorTile(makeColumnTile()) {
  if (rowsAreKeys) {
    int64_t size = 2 * plan.stages * plan.columnTokens;
    columnValues = b.shareMemory(sharedBytes, size, b.getF32Type());
    sharedBytes += 4 * size;
  }
}

void ScoreGradient::copyRows() {
  copyTile(rowTile, rowTensor, firstToken, b.index(0));
  copyTile(rowFactorTile, rowFactor, firstToken, b.index(0));
}

void ScoreGradient::loadRows() {
  rows = math->loadRows(rowTile, plan.channelDepth(plan.depth));
  factors = math->loadRows(rowFactorTile, plan.channelDepth(plan.valueDepth));
  rowValues.clear();
  for (int64_t i = 0; !rowsAreKeys && i < math->rows; ++i) {
    rowValues.push_back(loadQuery(rowToken(i, firstToken)));
  }
}

ScoreGradient::QueryValues ScoreGradient::loadQuery(Value query) {
  Value at = rowOf(b.minIndex(query, plan.queries - 1));
  Value shift = arith::MulFOp::create(b, memref::LoadOp::create(b, lse, at),
                                      constant(math->logarithmScale()));
  return {shift, memref::LoadOp::create(b, delta, at)};
}

/// Of the thread's columns, two neighbours at a time where they are.
SmallVector<ScoreGradient::QueryValues>
ScoreGradient::loadColumns(const Columns &columns) {
  Value origin = b.mulIndex(columns.stage, 2 * plan.columnTokens);
  SmallVector<QueryValues> result;
  for (int64_t j = 0; j < math->columnsOf(columns.tokens); ++j) {
    Value at = b.addIndex(origin, math->columnOf(j));
    Value shift = memref::LoadOp::create(b, columnValues, at);
    Value mean =
        memref::LoadOp::create(b, columnValues, b.addIndex(at, plan.columnTokens));
    result.push_back(
        {arith::MulFOp::create(b, shift, constant(math->logarithmScale())), mean});
  }
  return result;
}

void ScoreGradient::copyColumns(Value firstColumn, Value stage) {
  copyTile(columnTile, columnTensor, firstColumn, slotOf(columnTile, stage));
  copyTile(columnFactorTile, columnFactor, firstColumn, slotOf(columnFactorTile, stage));
  if (!rowsAreKeys) {
    return;
  }
  b.ifThen(b.isLess(b.getThread(), b.index(plan.columnTokens)), [&] {
    Value query = b.addIndex(firstColumn, b.getThread());
    Value exists = b.isLess(query, b.index(plan.queries));
    Value at = b.addIndex(b.mulIndex(stage, 2 * plan.columnTokens), b.getThread());
    b.copyAsync(columnValues, at, lse, rowOf(query), 1, exists);
    b.copyAsync(columnValues, b.addIndex(at, plan.columnTokens), delta, rowOf(query), 1, exists);
  });
}

ColumnTile ScoreGradient::tokensOf(const Columns &columns) {
  return {columnTile, slotOf(columnTile, columns.stage), columns.tokens};
}

ColumnTile ScoreGradient::factorsOf(const Columns &columns) {
  return {columnFactorTile, slotOf(columnFactorTile, columns.stage), columns.tokens};
}

/// exp(scale product + bias - lse)
Value ScoreGradient::emitWeight(Value product, const QueryValues &query, Value row, Value column) {
  Value shift = arith::NegFOp::create(b, query.lse);
  if (hasBias()) {
    Value safe = b.minIndex(column, columnTensor.length - 1);
    Value bias = loadBias(rowsAreKeys ? safe : row, rowsAreKeys ? row : safe);
    shift = arith::AddFOp::create(b, shift, bias);
  }
  return math->power(math::FmaOp::create(b, product, constant(scoreScale()), shift));
}

ScoreGradient::Scores ScoreGradient::emitScores(const Columns &columns) {
  SmallVector<Value> products =
      math->multiply(rowTile, rows, tokensOf(columns), plan.channelDepth(plan.depth));
  SmallVector<Value> gradients = math->multiply(rowFactorTile, factors, factorsOf(columns),
                                                plan.channelDepth(plan.valueDepth));
  int64_t width = math->columnsOf(columns.tokens);
  SmallVector<QueryValues> columnList;
  if (rowsAreKeys) {
    columnList = loadColumns(columns);
  }
  Scores scores;
  for (int64_t i = 0; i < math->rows; ++i) {
    Value row = b.minIndex(rowToken(i, firstToken), rowTensor.length - 1);
    for (int64_t j = 0; j < width; ++j) {
      Value column = columnToken(j, columns.first);
      const QueryValues &query = rowsAreKeys ? columnList[j] : rowValues[i];
      Value weight = emitWeight(products[i * width + j], query, row, column);
      if (!columns.areAll) {
        Value exists = b.isLess(column, b.index(columnTensor.length));
        weight = arith::SelectOp::create(b, exists, weight, constant(0.0));
      }
      scores.weights.push_back(weight);
      scores.gradients.push_back(arith::MulFOp::create(
          b, weight, arith::SubFOp::create(b, gradients[i * width + j], query.delta)));
    }
  }
  return scores;
}

AttentionGradient::AttentionGradient(LaunchBuilder &b, const AttentionPlan &plan,
                                     nn::AttentionBackwardOp op, bool rowsAreKeys)
    : ScoreGradient(b, plan, op, rowsAreKeys), gradientNumber(reserveWeights()),
      scale(op.getScale().convertToDouble()) {
  first = rowTensor;
  first.buffer = findResultBuffer(b, rowsAreKeys ? op.getKeyCotangent() : op.getQueryCotangent());
  second = value;
  second.buffer = rowsAreKeys ? findResultBuffer(b, op.getValueCotangent()) : Value();
  if (second.buffer) {
    weightNumber = reserveWeights();
  }
}

SmallVector<Value> AttentionGradient::emitTile(const Columns &columns, ValueRange state) {
  Scores scores = emitScores(columns);
  math->keepWeights(gradientNumber, scores.gradients);
  if (second.buffer) {
    math->keepWeights(weightNumber, scores.weights);
  }
  if (math->needsBarrier()) {
    b.barrier(); // weights are there
  }
  int64_t size = math->rows * math->channels;
  SmallVector<Value> next;
  auto accumulate = [&](unsigned weights, const ColumnTile &factor) {
    llvm::append_range(next, math->addWeighted(weights, factor, state.slice(next.size(), size)));
  };
  if (first.buffer) {
    accumulate(gradientNumber, tokensOf(columns));
  }
  if (second.buffer) {
    accumulate(weightNumber, factorsOf(columns));
  }
  return next;
}

int64_t AttentionGradient::emit() {
  int64_t blocks = takePlace(rowTensor.length), rows = math->rows, size = rows * math->channels;
  copyRows();
  if (plan.stages == 1) {
    loadRows(); // of which nothing is kept but values of queries
  }
  int64_t wanted = (first.buffer ? 1 : 0) + (second.buffer ? 1 : 0);
  SmallVector<Value> sums = walk(
      columnTensor.length, zeros(wanted * size), [&] { loadRows(); },
      [&](Value firstColumn, Value stage) { copyColumns(firstColumn, stage); },
      [&](const Columns &columns, ValueRange before) { return emitTile(columns, before); });
  ArrayRef<Value> rest = sums;
  if (first.buffer) {
    storeTokens(rest.take_front(size), SmallVector<Value>(rows, constant(scale)), first, firstToken,
                rowTile);
    rest = rest.drop_front(size);
  }
  if (second.buffer) {
    storeTokens(rest, SmallVector<Value>(rows, constant(1.0)), second, firstToken, rowFactorTile);
  }
  return blocks;
}

BiasGradient::BiasGradient(LaunchBuilder &b, const AttentionPlan &plan, nn::AttentionBackwardOp op)
    : ScoreGradient(b, plan, op, /*rowsAreKeys=*/false),
      result(findResultBuffer(b, op.getBiasCotangent())),
      isPerSample(cast<RankedTensorType>(op.getBias().getType()).getRank() == 4) {}

SmallVector<Value> BiasGradient::emitSample(Value firstColumn, ValueRange sums) {
  copyRows();
  copyColumns(firstColumn, b.index(0));
  b.commitCopies();
  b.waitForCopies(0);
  b.barrier(); // all tiles are there
  loadRows();
  Columns columns{firstColumn, b.index(0), plan.columnTokens, /*areAll=*/false};
  SmallVector<Value> next;
  for (auto [sum, gradient] : llvm::zip_equal(sums, emitScores(columns).gradients)) {
    next.push_back(arith::AddFOp::create(b, sum, gradient));
  }
  if (!isPerSample && plan.batches > 1) {
    b.barrier(); // all tiles are free
  }
  return next;
}

int64_t BiasGradient::emit() {
  int64_t rowTiles = ceilDiv(plan.queries, plan.rowTokens);
  int64_t width = math->columnsOf(plan.columnTokens);
  int64_t columnTiles = ceilDiv(plan.keys, plan.columnTokens);
  int64_t samples = isPerSample ? plan.batches : 1;
  SmallVector<Value> place =
      b.delinearize(b.getBlock(), {samples, plan.heads, rowTiles, columnTiles});
  head = place[1];
  firstToken = b.mulIndex(place[2], plan.rowTokens);
  Value firstColumn = b.mulIndex(place[3], plan.columnTokens);
  SmallVector<Value> sums = zeros(math->rows * width);
  if (isPerSample) {
    batch = place[0];
    sums = emitSample(firstColumn, sums);
  } else {
    sums = llvm::to_vector(b.reduceLoop(b.index(0), b.index(plan.batches), 1, sums,
                                        [&](Value sample, ValueRange before) {
                                          batch = sample;
                                          return emitSample(firstColumn, before);
                                        }));
  }
  Value firstLine = b.mulIndex(b.addIndex(b.mulIndex(place[0], plan.heads), head), plan.queries);
  for (int64_t i = 0; i < math->rows; ++i) {
    Value row = rowToken(i, firstToken);
    for (int64_t j = 0; j < width; ++j) {
      Value column = columnToken(j, firstColumn);
      Value exists = arith::AndIOp::create(b, b.isLess(row, b.index(plan.queries)),
                                           b.isLess(column, b.index(plan.keys)));
      b.ifThen(exists, [&] {
        Value at = b.addIndex(b.mulIndex(b.addIndex(firstLine, row), plan.keys), column);
        memref::StoreOp::create(b, sums[i * width + j], result, at);
      });
    }
  }
  return samples * plan.heads * rowTiles * columnTiles;
}

/// Launch 0; its blocks. Some neighbouring lanes have a row, with 16 bytes each; or a warp, if it does not
/// come to that.
static int64_t emitDelta(LaunchBuilder &b, const AttentionPlan &plan, nn::AttentionBackwardOp op) {
  Value result = b.getOperandBuffer(op.getResult());
  Value cotangent = b.getOperandBuffer(op.getCotangent());
  int64_t unit = elementsPerUnit(result), width = plan.valueDepth / unit;
  if (plan.valueDepth % unit != 0 || width > warpThreads || !llvm::isPowerOf2_64(width)) {
    unit = 1;
    width = warpThreads;
  }
  int64_t rows = plan.batches * plan.heads * plan.queries, blockRows = deltaThreads / width;
  Value delta = b.reserveScratch({rows}, b.getF32Type());
  Value row = b.addIndex(b.mulIndex(b.getBlock(), blockRows), b.divIndex(b.getThread(), width));
  Value exists = b.isLess(row, b.index(rows));
  Value lane = b.remIndex(b.getThread(), width);
  SmallVector<Value> place =
      b.delinearize(b.minIndex(row, rows - 1), {plan.batches, plan.heads, plan.queries});
  Value token = b.addIndex(b.mulIndex(place[0], plan.queries), place[2]);
  Value line =
      b.addIndex(b.mulIndex(token, plan.valueChannels), b.mulIndex(place[1], plan.valueDepth));
  ThreadReduction sum(b, nn::ReductionKind::sum);
  ValueRange mine = b.reduceLoop(
      b.mulIndex(lane, unit), b.index(plan.valueDepth), width * unit,
      sum.getEmitter().init(/*vectors=*/false), [&](Value channel, ValueRange before) {
        Value at = b.addIndex(line, channel), total = before.front();
        Value o = loadNeighbours(b, result, at, unit), d = loadNeighbours(b, cotangent, at, unit);
        o = holdsBf16(result) ? b.widenBits(o) : o;
        d = holdsBf16(cotangent) ? b.widenBits(d) : d;
        for (int64_t e = 0; e < unit; ++e) {
          auto element = [&](Value all) {
            return unit == 1 ? all : vector::ExtractOp::create(b, all, ArrayRef<int64_t>{e});
          };
          total = math::FmaOp::create(b, element(o), element(d), total);
        }
        return SmallVector<Value>{total};
      });
  Value total = sum.overWarp(mine, width).front();
  Value isFirst = b.isEqual(lane, b.index(0));
  b.ifThen(arith::AndIOp::create(b, exists, isFirst),
           [&] { memref::StoreOp::create(b, total, delta, row); });
  return ceilDiv(rows, blockRows);
}

DeviceKernel mome::cuda::emitAttentionBackward(nn::KernelOp kernel, OpBuilder &builder) {
  auto op = dyn_cast<nn::AttentionBackwardOp>(kernel.getRoot());
  if (!op) {
    return refuse("");
  }
  auto planOf = [&](AttentionPlan::Rows rows) {
    return AttentionPlan(op.getQuery(), op.getKey(), op.getValue(), op.getHeads(), rows);
  };
  AttentionPlan plan = planOf(AttentionPlan::Rows::gradientOfQueries);
  if (std::string reason = refuseAttention(op, /*operands=*/5, plan); !reason.empty()) {
    return refuse(reason);
  }
  DeviceKernel result;
  LaunchBuilder before(kernel, 0, /*lanes=*/1, builder);
  int64_t blocks = emitDelta(before, plan, op);
  before.finish(result, blocks, deltaThreads);
  auto yielded = kernel.getBody().front().getTerminator()->getOperands();
  auto isWanted = [&](Value value) { return value && llvm::is_contained(yielded, value); };
  for (bool rowsAreKeys : {true, false}) {
    if (rowsAreKeys ? !isWanted(op.getKeyCotangent()) && !isWanted(op.getValueCotangent())
                    : !isWanted(op.getQueryCotangent())) {
      continue;
    }
    LaunchBuilder b(kernel, result.launches.size(), /*lanes=*/4, builder);
    AttentionPlan own = rowsAreKeys ? planOf(AttentionPlan::Rows::gradientOfKeys) : plan;
    blocks = AttentionGradient(b, own, op, rowsAreKeys).emit();
    b.finish(result, blocks, own.threads);
  }
  if (isWanted(op.getBiasCotangent())) {
    LaunchBuilder b(kernel, result.launches.size(), /*lanes=*/4, builder);
    blocks = BiasGradient(b, plan, op).emit();
    b.finish(result, blocks, plan.threads);
  }
  return result;
}

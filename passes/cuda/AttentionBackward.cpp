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
// it sums: no atomics.
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
  void copyColumns(Value first);
  struct Tile {
    SmallVector<Value> weights, gradients; // P and dS, of the thread; 0 where there is no token
  };
  /// Once all copies are there.
  Tile emitScores(Value firstColumn);

  bool rowsAreKeys;
  HeadTensor query, key, value, cotangent;
  Value lse, delta;
  // Rows and columns of the scores, and of their gradient.
  const HeadTensor &rowTensor, &columnTensor, &rowFactor, &columnFactor;
  SharedTile rowTile, rowFactorTile, columnTile, columnFactorTile;
};

/// Launch 1 (`rowsAreKeys`) or 2.
class AttentionGradient : ScoreGradient {
public:
  AttentionGradient(LaunchBuilder &b, const AttentionPlan &plan, nn::AttentionBackwardOp op,
                    bool rowsAreKeys);
  int64_t emit();

private:
  /// One tile of the tokens walked; the state is the sums of the first and second cotangent.
  SmallVector<Value> emitTile(Value first, ValueRange state);

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
      columnFactorTile(makeColumnTile()) {}

void ScoreGradient::copyRows() {
  copyTile(rowTile, rowTensor, firstToken);
  copyTile(rowFactorTile, rowFactor, firstToken);
}

void ScoreGradient::copyColumns(Value first) {
  copyTile(columnTile, columnTensor, first);
  copyTile(columnFactorTile, columnFactor, first);
}

ScoreGradient::Tile ScoreGradient::emitScores(Value firstColumn) {
  SmallVector<Value> products = math->multiply(rowTile, columnTile, plan.channelDepth(plan.depth));
  SmallVector<Value> gradients =
      math->multiply(rowFactorTile, columnFactorTile, plan.channelDepth(plan.valueDepth));
  int64_t width = math->columns;
  Tile tile;
  for (int64_t i = 0; i < math->rows; ++i) {
    Value row = rowToken(i, firstToken);
    for (int64_t j = 0; j < width; ++j) {
      Value column = columnToken(j, firstColumn);
      Value exists = arith::AndIOp::create(b, b.isLess(row, b.index(rowTensor.length)),
                                           b.isLess(column, b.index(columnTensor.length)));
      Value atQuery = b.minIndex(rowsAreKeys ? column : row, plan.queries - 1);
      Value atKey = b.minIndex(rowsAreKeys ? row : column, plan.keys - 1);
      Value score = emitScore(products[i * width + j], atQuery, atKey);
      Value shift = memref::LoadOp::create(b, lse, rowOf(atQuery));
      Value weight = math::ExpOp::create(b, arith::SubFOp::create(b, score, shift));
      weight = arith::SelectOp::create(b, exists, weight, constant(0.0));
      Value mean = memref::LoadOp::create(b, delta, rowOf(atQuery));
      tile.weights.push_back(weight);
      tile.gradients.push_back(arith::MulFOp::create(
          b, weight, arith::SubFOp::create(b, gradients[i * width + j], mean)));
    }
  }
  return tile;
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

SmallVector<Value> AttentionGradient::emitTile(Value firstColumn, ValueRange state) {
  copyColumns(firstColumn);
  b.waitForCopies(0);
  b.barrier(); // all tiles are there
  Tile tile = emitScores(firstColumn);
  math->keepWeights(gradientNumber, tile.gradients);
  if (second.buffer) {
    math->keepWeights(weightNumber, tile.weights);
  }
  b.barrier(); // weights are there
  int64_t size = math->rows * math->channels, depth = plan.tokenDepth(columnTensor.length);
  SmallVector<Value> next;
  auto accumulate = [&](unsigned weights, SharedTile &factor) {
    llvm::append_range(next,
                       math->addWeighted(weights, factor, depth, state.slice(next.size(), size)));
  };
  if (first.buffer) {
    accumulate(gradientNumber, columnTile);
  }
  if (second.buffer) {
    accumulate(weightNumber, columnFactorTile);
  }
  if (columnTensor.length > plan.columnTokens) {
    b.barrier(); // tiles of columns and weights are free
  }
  return next;
}

int64_t AttentionGradient::emit() {
  int64_t blocks = takePlace(rowTensor.length), rows = math->rows, size = rows * math->channels;
  copyRows();
  int64_t wanted = (first.buffer ? 1 : 0) + (second.buffer ? 1 : 0);
  SmallVector<Value> sums = llvm::to_vector(b.reduceLoop(
      b.index(0), b.index(columnTensor.length), plan.columnTokens, zeros(wanted * size),
      [&](Value firstColumn, ValueRange before) { return emitTile(firstColumn, before); }));
  ArrayRef<Value> rest = sums;
  if (first.buffer) {
    storeTokens(rest.take_front(size), SmallVector<Value>(rows, constant(scale)), first,
                firstToken);
    rest = rest.drop_front(size);
  }
  if (second.buffer) {
    storeTokens(rest, SmallVector<Value>(rows, constant(1.0)), second, firstToken);
  }
  return blocks;
}

BiasGradient::BiasGradient(LaunchBuilder &b, const AttentionPlan &plan, nn::AttentionBackwardOp op)
    : ScoreGradient(b, plan, op, /*rowsAreKeys=*/false),
      result(findResultBuffer(b, op.getBiasCotangent())),
      isPerSample(cast<RankedTensorType>(op.getBias().getType()).getRank() == 4) {}

SmallVector<Value> BiasGradient::emitSample(Value firstColumn, ValueRange sums) {
  copyRows();
  copyColumns(firstColumn);
  b.waitForCopies(0);
  b.barrier(); // all tiles are there
  SmallVector<Value> next;
  for (auto [sum, gradient] : llvm::zip_equal(sums, emitScores(firstColumn).gradients)) {
    next.push_back(arith::AddFOp::create(b, sum, gradient));
  }
  if (!isPerSample && plan.batches > 1) {
    b.barrier(); // all tiles are free
  }
  return next;
}

int64_t BiasGradient::emit() {
  int64_t rowTiles = ceilDiv(plan.queries, plan.rowTokens), width = math->columns;
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

/// Launch 0; its blocks.
static int64_t emitDelta(LaunchBuilder &b, const AttentionPlan &plan, nn::AttentionBackwardOp op) {
  int64_t rows = plan.batches * plan.heads * plan.queries, blockRows = deltaThreads / warpThreads;
  Value delta = b.reserveScratch({rows}, b.getF32Type());
  Value result = b.getOperandBuffer(op.getResult());
  Value cotangent = b.getOperandBuffer(op.getCotangent());
  Value row =
      b.addIndex(b.mulIndex(b.getBlock(), blockRows), b.divIndex(b.getThread(), warpThreads));
  Value lane = b.remIndex(b.getThread(), warpThreads);
  b.ifThen(b.isLess(row, b.index(rows)), [&] {
    SmallVector<Value> place = b.delinearize(row, {plan.batches, plan.heads, plan.queries});
    Value token = b.addIndex(b.mulIndex(place[0], plan.queries), place[2]);
    Value line =
        b.addIndex(b.mulIndex(token, plan.valueChannels), b.mulIndex(place[1], plan.valueDepth));
    ThreadReduction sum(b, nn::ReductionKind::sum);
    ValueRange mine = b.reduceLoop(
        lane, b.index(plan.valueDepth), warpThreads, sum.getEmitter().init(/*vectors=*/false),
        [&](Value channel, ValueRange before) {
          Value at = b.addIndex(line, channel);
          Value o = b.loadWide(result, at), d = b.loadWide(cotangent, at);
          return SmallVector<Value>{math::FmaOp::create(b, o, d, before.front())};
        });
    Value total = sum.overWarp(mine).front();
    b.ifThen(b.isEqual(lane, b.index(0)), [&] { memref::StoreOp::create(b, total, delta, row); });
  });
  return ceilDiv(rows, blockRows);
}

DeviceKernel mome::cuda::emitAttentionBackward(nn::KernelOp kernel, OpBuilder &builder) {
  auto op = dyn_cast<nn::AttentionBackwardOp>(kernel.getRoot());
  if (!op) {
    return refuse("");
  }
  AttentionPlan plan(op.getQuery(), op.getKey(), op.getValue(), op.getHeads(),
                     /*isBackward=*/true);
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
    blocks = AttentionGradient(b, plan, op, rowsAreKeys).emit();
    b.finish(result, blocks, plan.threads);
  }
  if (isWanted(op.getBiasCotangent())) {
    LaunchBuilder b(kernel, result.launches.size(), /*lanes=*/4, builder);
    blocks = BiasGradient(b, plan, op).emit();
    b.finish(result, blocks, plan.threads);
  }
  return result;
}

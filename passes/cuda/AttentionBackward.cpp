// Attention, backward: the weights are computed again from q, k and lse.
//
// Where a block can have all keys of a head (bf16), and there are heads enough for the device, once, in
// one launch: it walks the queries;
//                delta = sum over channels of dO O
//                P^T = exp(scale K Q^T + bias - lse);  dS^T = P^T (V dO^T - delta)
//                dV += P^T dO;  dK += dS^T Q;  dQ = dS K, for which dS^T goes through shared memory
// Else twice:
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
#include "passes/cuda/Families.h"
#include "passes/cuda/ScoreGradient.h"
#include "passes/cuda/ThreadReduction.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

static constexpr int64_t deltaThreads = 256;

namespace {
/// Launch 1 or 2; or the only one.
class AttentionGradient : ScoreGradient {
public:
  AttentionGradient(LaunchBuilder &b, const AttentionPlan &plan, nn::AttentionBackwardOp op);
  int64_t emit();

private:
  /// One tile of the tokens walked; the state is the sums of the first and second cotangent.
  SmallVector<Value> emitTile(const Columns &columns, ValueRange state);
  /// Leaves dS^T for all warps, 0 where there is no key.
  void shareGradients(ArrayRef<Value> gradients);
  /// dQ of a tile of queries: the warps share its channels.
  void emitQueries(const Columns &columns);
  void storeQueries(ArrayRef<Value> sums, Value firstQuery, int64_t query, Value firstChannel);

  HeadTensor first, second;                  // dK and dV, or dQ; without a buffer: not wanted
  HeadTensor queries;                        // dQ, beside dK and dV
  std::optional<SharedTile> gradientTile;    // dS^T, for dQ
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

AttentionGradient::AttentionGradient(LaunchBuilder &b, const AttentionPlan &plan,
                                     nn::AttentionBackwardOp op)
    : ScoreGradient(b, plan, op), gradientNumber(reserveWeights()),
      scale(op.getScale().convertToDouble()) {
  Value ofRows = rowsAreKeys ? op.getKeyCotangent() : op.getQueryCotangent();
  first = {tensorOf(b, ofRows), rowTensor.length, rowTensor.depth};
  second = {rowsAreKeys ? tensorOf(b, op.getValueCotangent()) : TokenTensor(), value.length,
            value.depth};
  if (second.buffer) {
    weightNumber = reserveWeights();
  }
  if (hasAllKeys) {
    queries = {tensorOf(b, op.getQueryCotangent()), query.length, query.depth};
    SharedTile tile(b, b.getI16Type(), plan.rowTokens, plan.columnTokens,
                    /*depthIsContiguous=*/true, plan.threads, /*spread=*/1);
    gradientTile.emplace(place(tile, 1));
  }
}

void AttentionGradient::shareGradients(ArrayRef<Value> gradients) {
  int64_t width = int64_t(gradients.size()) / math->rows, pair = math->neighbours;
  for (int64_t i = 0; i < math->rows; ++i) {
    Value exists = b.isLess(rowToken(i, firstToken), b.index(plan.keys));
    for (int64_t j = 0; j < width; j += pair) {
      SmallVector<Value> values =
          llvm::map_to_vector(gradients.slice(i * width + j, pair), [&](Value gradient) -> Value {
            return plan.keys % plan.rowTokens == 0
                       ? gradient
                       : arith::SelectOp::create(b, exists, gradient, constant(0.0));
          });
      gradientTile->store(values, math->rowOf(i), math->columnOf(j), b.index(0));
    }
  }
}

void AttentionGradient::emitQueries(const Columns &columns) {
  constexpr int64_t square = 16;
  int64_t squares = columns.tokens / square, jobs = ceilDiv(plan.depth, square);
  SharedTile left = gradientTile->transposed(1), right = rowTile.transposed(1);
  Value warp = b.divIndex(b.getThread(), warpThreads), none = b.index(0);
  b.reduceLoop(warp, b.index(jobs), plan.threads / warpThreads, {}, [&](Value job, ValueRange) {
    Value firstChannel = b.mulIndex(job, square);
    SmallVector<SmallVector<Value>> sums(2 * squares, zeros(4)); // 16 queries x 8 channels
    for (int64_t k = 0; k < plan.keys; k += square) {
      SmallVector<Value> keys =
          right.loadMatrices(SharedTile::Side::right, firstChannel, b.index(k), none);
      for (int64_t i = 0; i < squares; ++i) {
        SmallVector<Value> scores =
            left.loadMatrices(SharedTile::Side::left, b.index(i * square), b.index(k), none);
        for (int64_t half : {0, 1}) {
          SmallVector<Value> &sum = sums[2 * i + half];
          sum = b.multiplyMatrices(scores, ArrayRef(keys).slice(2 * half, 2), sum);
        }
      }
    }
    for (int64_t i = 0; i < 2 * squares; ++i) {
      storeQueries(sums[i], columns.first, i / 2 * square,
                   b.addIndex(firstChannel, i % 2 * square / 2));
    }
    return SmallVector<Value>();
  });
}

/// What a warp has of 16 queries x 8 channels.
void AttentionGradient::storeQueries(ArrayRef<Value> sums, Value firstQuery, int64_t query,
                                     Value firstChannel) {
  Value lane = b.remIndex(b.getThread(), warpThreads);
  Value channel = b.addIndex(firstChannel, b.mulIndex(b.remIndex(lane, 4), 2));
  for (int64_t lower : {0, 1}) {
    Value row = b.addIndex(b.divIndex(lane, 4), query + 8 * lower);
    Value token = b.addIndex(firstQuery, row);
    b.ifThen(b.isLess(token, b.index(queries.length)), [&] {
      Value line = b.addIndex(originOf(queries), b.mulIndex(token, queries.perToken));
      SmallVector<Value> pair =
          llvm::map_to_vector(sums.slice(2 * lower, 2), [&](Value sum) -> Value {
            return arith::MulFOp::create(b, sum, constant(scale));
          });
      storeChannels(pair, queries, line, channel);
    });
  }
}

SmallVector<Value> AttentionGradient::emitTile(const Columns &columns, ValueRange state) {
  SmallVector<Value> weights = emitWeights(columns);
  if (second.buffer) {
    math->keepWeights(weightNumber, weights);
  }
  SmallVector<Value> gradients = emitWeightGradients(columns);
  if (hasAllKeys && second.buffer) { // the others would be kept beside them
    weights = math->roundedWeights(weightNumber);
  }
  gradients = emitGradients(weights, gradients, columns);
  if (hasAllKeys) {
    shareGradients(gradients);
  }
  math->keepWeights(gradientNumber, gradients);
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
  if (hasAllKeys) {
    b.barrier(); // dS is there
    emitQueries(columns);
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
  if (hasAllKeys) {
    b.barrier(); // all warps have read the keys
  }
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
    : ScoreGradient(b, plan, op), result(findResultBuffer(b, op.getBiasCotangent())),
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
  SmallVector<Value> weights = emitWeights(columns);
  SmallVector<Value> gradients = emitWeightGradients(columns);
  gradients = emitGradients(weights, gradients, columns);
  for (auto [sum, gradient] : llvm::zip_equal(sums, gradients)) {
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
  HeadTensor result{tensorOf(b, op.getResultMutable()), plan.queries, plan.valueDepth};
  HeadTensor cotangent{tensorOf(b, op.getCotangentMutable()), plan.queries, plan.valueDepth};
  int64_t unit = elementsPerUnit(result.buffer), width = plan.valueDepth / unit;
  if (!result.isAligned(unit) || !cotangent.isAligned(unit) || width > warpThreads ||
      !llvm::isPowerOf2_64(width)) {
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
  auto lineOf = [&](const HeadTensor &tensor) {
    Value token =
        b.addIndex(b.mulIndex(place[0], tensor.perBatch), b.mulIndex(place[2], tensor.perToken));
    return b.addIndex(token, b.addIndex(b.mulIndex(place[1], tensor.depth), tensor.offset));
  };
  Value resultLine = lineOf(result), cotangentLine = lineOf(cotangent);
  ThreadReduction sum(b, nn::ReductionKind::sum);
  ValueRange mine =
      b.reduceLoop(b.mulIndex(lane, unit), b.index(plan.valueDepth), width * unit,
                   sum.getEmitter().init(/*vectors=*/false), [&](Value channel, ValueRange before) {
                     auto load = [&](const HeadTensor &tensor, Value line) {
                       Value at = b.addIndex(line, channel);
                       Value loaded = loadNeighbours(b, tensor.buffer, at, unit);
                       return holdsBf16(tensor.buffer) ? b.widenBits(loaded) : loaded;
                     };
                     Value o = load(result, resultLine), d = load(cotangent, cotangentLine);
                     return SmallVector<Value>{addProducts(b, o, d, before.front())};
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
  const Machine &machine = machineOf(builder.getBlock()->getParentOp());
  auto planOf = [&](AttentionPlan::Rows rows) {
    return AttentionPlan(op.getQuery(), op.getKey(), op.getValue(), op.getHeads(), rows, machine);
  };
  AttentionPlan plan = planOf(AttentionPlan::Rows::gradientOfQueries);
  if (std::string reason = refuseAttention(op, /*operands=*/5, plan); !reason.empty()) {
    return refuse(reason);
  }
  DeviceKernel result;
  auto isWanted = [](Value value) { return value && !value.use_empty(); };
  auto emitGradient = [&](const AttentionPlan &own) {
    LaunchBuilder b(kernel, result.launches.size(), /*lanes=*/4, builder);
    int64_t blocks = AttentionGradient(b, own, op).emit();
    b.finish(result, blocks, own.threads);
  };
  bool wantsKeys = isWanted(op.getKeyCotangent()) || isWanted(op.getValueCotangent());
  AttentionPlan byKeys = planOf(AttentionPlan::Rows::gradientOfKeys);
  if (plan.fitsAllKeys() && isWanted(op.getQueryCotangent()) && wantsKeys &&
      !isWanted(op.getBiasCotangent())) {
    AttentionPlan whole = planOf(AttentionPlan::Rows::allKeys);
    // Seven products, and tiles that are read twice: as long as eight. In front of them, delta.
    double apart = byKeys.cyclesOn(machine, 4.5) + plan.cyclesOn(machine, 3.5) +
                   1.5 * double(machine.launchCycles);
    if (whole.cyclesOn(machine, 5) <= apart) {
      emitGradient(whole);
      return result;
    }
  }
  LaunchBuilder before(kernel, 0, /*lanes=*/1, builder);
  int64_t blocks = emitDelta(before, plan, op);
  before.finish(result, blocks, deltaThreads);
  if (wantsKeys) {
    emitGradient(byKeys);
  }
  if (isWanted(op.getQueryCotangent())) {
    emitGradient(plan);
  }
  if (isWanted(op.getBiasCotangent())) {
    LaunchBuilder b(kernel, result.launches.size(), /*lanes=*/4, builder);
    blocks = BiasGradient(b, plan, op).emit();
    b.finish(result, blocks, plan.threads);
  }
  return result;
}

// Attention, backward: the weights are computed again from q, k and lse, twice.
//
//   launch 0:  delta = sum over channels of dO O              a warp per query
//   launch 1:  a block has a tile of keys and walks the queries:
//                P^T = exp(scale K Q^T + bias - lse);  dS^T = P^T (V dO^T - delta)
//                dV += P^T dO;  dK += dS^T Q
//   launch 2:  a block has a tile of queries and walks the keys:
//                P and dS as above;  dQ += dS K
//
// Both launches are one program with the roles of queries and keys exchanged. Each block owns what
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
/// Launch 1 (`rowsAreKeys`) or 2.
class AttentionGradient : AttentionTiles {
public:
  AttentionGradient(LaunchBuilder &b, const AttentionPlan &plan, nn::AttentionBackwardOp op,
                    bool rowsAreKeys);
  int64_t emit();

private:
  /// One tile of the tokens walked; the state is the sums of the first and second cotangent.
  SmallVector<Value> emitTile(Value first, ValueRange state);
  void emitWeights(ArrayRef<Value> products, ArrayRef<Value> gradients, Value first);

  bool rowsAreKeys;
  HeadTensor query, key, value, cotangent;
  Value lse, delta;
  // Rows and columns of the scores, and of their gradient.
  const HeadTensor &rowTensor, &columnTensor, &rowFactor, &columnFactor;
  HeadTensor first, second; // dK and dV, or dQ; without a buffer: not wanted
  SharedTile rowTile, rowFactorTile, columnTile, columnFactorTile;
  unsigned gradientNumber, weightNumber = 0; // of kept weights
  double scale;
};
} // namespace

AttentionGradient::AttentionGradient(LaunchBuilder &b, const AttentionPlan &plan,
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
      columnFactorTile(makeColumnTile()), gradientNumber(reserveWeights()),
      scale(op.getScale().convertToDouble()) {
  first = rowTensor;
  first.buffer = findResultBuffer(b, rowsAreKeys ? op.getKeyCotangent() : op.getQueryCotangent());
  second = value;
  second.buffer = rowsAreKeys ? findResultBuffer(b, op.getValueCotangent()) : Value();
  if (second.buffer) {
    weightNumber = reserveWeights();
  }
}

void AttentionGradient::emitWeights(ArrayRef<Value> products, ArrayRef<Value> gradients,
                                    Value firstColumn) {
  int64_t width = math->columns;
  SmallVector<Value> weights, scaled;
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
      weights.push_back(weight);
      scaled.push_back(arith::MulFOp::create(
          b, weight, arith::SubFOp::create(b, gradients[i * width + j], mean)));
    }
  }
  math->keepWeights(gradientNumber, scaled);
  if (second.buffer) {
    math->keepWeights(weightNumber, weights);
  }
}

SmallVector<Value> AttentionGradient::emitTile(Value firstColumn, ValueRange state) {
  copyTile(columnTile, columnTensor, firstColumn);
  copyTile(columnFactorTile, columnFactor, firstColumn);
  b.waitForCopies(0);
  b.barrier(); // all tiles are there
  SmallVector<Value> products = math->multiply(rowTile, columnTile, plan.channelDepth(plan.depth));
  SmallVector<Value> gradients =
      math->multiply(rowFactorTile, columnFactorTile, plan.channelDepth(plan.valueDepth));
  emitWeights(products, gradients, firstColumn);
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
  b.barrier(); // tiles of columns and weights are free
  return next;
}

int64_t AttentionGradient::emit() {
  int64_t blocks = takePlace(rowTensor.length), rows = math->rows, size = rows * math->channels;
  copyTile(rowTile, rowTensor, firstToken);
  copyTile(rowFactorTile, rowFactor, firstToken);
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
  if (op.getBiasCotangent()) {
    return refuse("a gradient of the bias");
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
  return result;
}

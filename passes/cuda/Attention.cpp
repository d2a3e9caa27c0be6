// Attention, forward: a block has a tile of queries of one head, and walks the keys.
//
//   m = -inf;  l = 0;  O = 0
//   for each tile of keys:                                     the next one is on its way
//     S = scale Q K^T + bias                                   in registers
//     m' = max(m, max S);  P = exp(S - m')                     some lanes share a row: shuffles
//     l = l exp(m - m') + sum P;  O = O exp(m - m') + P V
//   o = O / l;  lse = m + ln l
//
// Without a bias S is Q K^T, and what is multiplied by scale is S - m'. Keys behind the last one, in the
// last tile, count as a very low score.
#include "passes/cuda/AttentionTiles.h"
#include "passes/cuda/Families.h"
#include "passes/cuda/ThreadReduction.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

/// A score that no key has: its exponential is 0 next to any real one.
static constexpr double noScore = -1e30;

namespace {
class AttentionForward : AttentionTiles {
public:
  AttentionForward(LaunchBuilder &b, const AttentionPlan &plan, nn::AttentionOp op);
  /// The number of blocks.
  int64_t emit();

private:
  /// One tile of keys; the state is m, l and O, row by row.
  SmallVector<Value> emitTile(const Columns &keys, ValueRange state);
  /// Turns the scores of a row into weights; updates m and l. The factor of what was summed so far.
  Value emitSoftmax(MutableArrayRef<Value> scores, Value &maximum, Value &sum);
  void emitScores(MutableArrayRef<Value> scores, const Columns &keys);
  /// exp(unit (score - maximum))
  Value emitWeight(Value score, Value maximum);

  HeadTensor query, key, value, result;
  Value lse;
  SharedTile queryTile, keyTile, valueTile;
  SmallVector<Value> queries; // what is kept of the tile
  unsigned weights;
  double unit; // of scores
};
} // namespace

AttentionForward::AttentionForward(LaunchBuilder &b, const AttentionPlan &plan, nn::AttentionOp op)
    : AttentionTiles(b, plan, op.getBias(), op.getScale().convertToDouble()),
      query{tensorOf(b, op.getQueryMutable()), plan.queries, plan.depth},
      key{tensorOf(b, op.getKeyMutable()), plan.keys, plan.depth},
      value{tensorOf(b, op.getValueMutable()), plan.keys, plan.valueDepth},
      result{tensorOf(b, op.getResult()), plan.queries, plan.valueDepth},
      lse(findResultBuffer(b, op.getLse())), queryTile(makeRowTile()), keyTile(makeColumnTile()),
      valueTile(makeColumnTile()), weights(reserveWeights()),
      unit(hasBias() || scoreScale() <= 0 ? 1 : scoreScale()) {}

void AttentionForward::emitScores(MutableArrayRef<Value> scores, const Columns &keys) {
  int64_t columns = math->columnsOf(keys.tokens);
  for (int64_t j = 0; j < columns; ++j) {
    Value token = columnToken(j, keys.first);
    for (int64_t i = 0; i < math->rows; ++i) {
      Value &score = scores[i * columns + j];
      if (unit == 1) {
        Value row = b.minIndex(rowToken(i, firstToken), plan.queries - 1);
        Value shift = loadBias(row, b.minIndex(token, plan.keys - 1));
        score = math::FmaOp::create(b, score, constant(scoreScale()), shift);
      }
      if (!keys.areAll) {
        Value exists = b.isLess(token, b.index(plan.keys));
        score = arith::SelectOp::create(b, exists, score, constant(noScore));
      }
    }
  }
}

Value AttentionForward::emitWeight(Value score, Value maximum) {
  Value shift = arith::MulFOp::create(b, maximum, constant(-unit));
  return math->power(math::FmaOp::create(b, score, constant(unit), shift));
}

Value AttentionForward::emitSoftmax(MutableArrayRef<Value> scores, Value &maximum, Value &sum) {
  ThreadReduction maxima(b, nn::ReductionKind::max), sums(b, nn::ReductionKind::sum);
  Value best = scores[0];
  for (Value score : ArrayRef<Value>(scores).drop_front()) {
    best = b.maximum(best, score);
  }
  best = maxima.overWarp(best, math->rowLanes).front();
  best = b.maximum(best, maximum);
  Value factor = emitWeight(maximum, best);
  Value total;
  for (Value &score : scores) {
    score = emitWeight(score, best);
    total = total ? arith::AddFOp::create(b, total, score).getResult() : score;
  }
  total = sums.overWarp(total, math->rowLanes).front();
  sum = arith::AddFOp::create(b, arith::MulFOp::create(b, sum, factor), total);
  maximum = best;
  return factor;
}

SmallVector<Value> AttentionForward::emitTile(const Columns &keys, ValueRange state) {
  ColumnTile keyColumns{keyTile, slotOf(keyTile, keys.stage), keys.tokens};
  ColumnTile valueColumns{valueTile, slotOf(valueTile, keys.stage), keys.tokens};
  SmallVector<Value> scores =
      math->multiply(queryTile, queries, keyColumns, plan.channelDepth(plan.depth));
  emitScores(scores, keys);
  int64_t rows = math->rows, columns = math->columnsOf(keys.tokens), channels = math->channels;
  SmallVector<Value> next = llvm::to_vector(state);
  MutableArrayRef<Value> all = next, maxima = all.take_front(rows), sums = all.slice(rows, rows);
  MutableArrayRef<Value> acc = all.drop_front(2 * rows);
  for (int64_t i = 0; i < rows; ++i) {
    MutableArrayRef<Value> row(scores.data() + i * columns, columns);
    Value factor = emitSoftmax(row, maxima[i], sums[i]);
    for (Value &sum : acc.slice(i * channels, channels)) {
      sum = arith::MulFOp::create(b, sum, factor);
    }
  }
  math->keepWeights(weights, scores);
  if (math->needsBarrier()) {
    b.barrier(); // weights are there
  }
  llvm::copy(math->addWeighted(weights, valueColumns, ValueRange(acc)), acc.begin());
  return next;
}

int64_t AttentionForward::emit() {
  int64_t blocks = takePlace(plan.queries), rows = math->rows;
  copyTile(queryTile, query, firstToken, b.index(0));
  SmallVector<Value> state(rows, constant(noScore));
  llvm::append_range(state, zeros(rows));
  llvm::append_range(state, zeroResults());
  state = walk(
      plan.keys, state, [&] { queries = math->loadRows(queryTile, plan.channelDepth(plan.depth)); },
      [&](Value first, Value stage) {
        copyTile(keyTile, key, first, slotOf(keyTile, stage));
        copyTile(valueTile, value, first, slotOf(valueTile, stage));
      },
      [&](const Columns &keys, ValueRange before) { return emitTile(keys, before); });
  SmallVector<Value> shares;
  for (int64_t i = 0; i < rows; ++i) {
    shares.push_back(arith::DivFOp::create(b, constant(1.0), state[rows + i]));
  }
  storeTokens(ArrayRef<Value>(state).drop_front(2 * rows), shares, result, firstToken, queryTile);
  Value isFirst = b.isEqual(b.remIndex(b.getThread(), math->rowLanes), b.index(0));
  for (int64_t i = 0; lse && i < rows; ++i) {
    Value row = rowToken(i, firstToken);
    Value stores = arith::AndIOp::create(b, b.isLess(row, b.index(plan.queries)), isFirst);
    b.ifThen(stores, [&] {
      Value log = math::LogOp::create(b, state[rows + i]);
      Value best = constant(unit / math->logarithmScale());
      memref::StoreOp::create(b, math::FmaOp::create(b, state[i], best, log), lse, rowOf(row));
    });
  }
  return blocks;
}

DeviceKernel mome::cuda::emitAttention(nn::KernelOp kernel, OpBuilder &builder) {
  auto op = dyn_cast<nn::AttentionOp>(kernel.getRoot());
  if (!op) {
    return refuse("");
  }
  AttentionPlan plan(op.getQuery(), op.getKey(), op.getValue(), op.getHeads(),
                     AttentionPlan::Rows::forward, machineOf(builder.getBlock()->getParentOp()));
  if (std::string reason = refuseAttention(op, /*operands=*/3, plan); !reason.empty()) {
    return refuse(reason);
  }
  if (op.getResult().use_empty()) {
    return refuse("only lse is used");
  }
  LaunchBuilder b(kernel, 0, /*lanes=*/4, builder);
  int64_t blocks = AttentionForward(b, plan, op).emit();
  DeviceKernel result;
  b.finish(result, blocks, plan.threads);
  return result;
}

// Attention, forward: a block has a tile of queries of one head, and walks the keys.
//
//   m = -inf;  l = 0;  O = 0
//   for each tile of keys:
//     S = scale Q K^T + bias                            in registers, 4 rows of 4 per thread
//     m' = max(m, max S);  P = exp(S - m')              half a warp shares a row: shuffles
//     l = l exp(m - m') + sum P;  O = O exp(m - m') + P V      P through shared memory
//   o = O / l;  lse = m + ln l
//
// Keys behind the last one count as a very low score.
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
  SmallVector<Value> emitTile(Value first, ValueRange state);
  /// Turns the scores of row i into weights; updates m and l. The factor of what was summed so far.
  Value emitSoftmax(MutableArrayRef<Value> scores, Value &maximum, Value &sum);
  void emitScores(MutableArrayRef<Value> scores, Value firstKey);

  HeadTensor query, key, value, result;
  Value lse;
  SharedTile queryTile, keyTile, valueTile, weightTile, valueColumns;
};
} // namespace

AttentionForward::AttentionForward(LaunchBuilder &b, const AttentionPlan &plan, nn::AttentionOp op)
    : AttentionTiles(b, plan, op.getBias(), op.getScale().convertToDouble()),
      query{b.getOperandBuffer(op.getQuery()), plan.queries, plan.channels, plan.depth},
      key{b.getOperandBuffer(op.getKey()), plan.keys, plan.channels, plan.depth},
      value{b.getOperandBuffer(op.getValue()), plan.keys, plan.valueChannels, plan.valueDepth},
      result{findResultBuffer(b, op.getResult()), plan.queries, plan.valueChannels,
             plan.valueDepth},
      lse(findResultBuffer(b, op.getLse())), queryTile(makeRowTile()), keyTile(makeColumnTile()),
      valueTile(makeColumnTile()), weightTile(makeWeightTile()),
      valueColumns(valueTile.transposed(AttentionPlan::columnThreads)) {}

void AttentionForward::emitScores(MutableArrayRef<Value> scores, Value firstKey) {
  for (int64_t j = 0; j < tokenColumns(); ++j) {
    Value token = columnToken(j, firstKey);
    Value exists = b.isLess(token, b.index(plan.keys));
    Value safe = b.minIndex(token, plan.keys - 1);
    for (int64_t i = 0; i < 4; ++i) {
      Value &score = scores[i * tokenColumns() + j];
      Value row = b.minIndex(rowToken(i, firstToken), plan.queries - 1);
      score = arith::SelectOp::create(b, exists, emitScore(score, row, safe), constant(noScore));
    }
  }
}

Value AttentionForward::emitSoftmax(MutableArrayRef<Value> scores, Value &maximum, Value &sum) {
  ThreadReduction maxima(b, nn::ReductionKind::max), sums(b, nn::ReductionKind::sum);
  Value best = scores[0];
  for (Value score : ArrayRef<Value>(scores).drop_front()) {
    best = arith::MaximumFOp::create(b, best, score);
  }
  best = maxima.overWarp(best, AttentionPlan::columnThreads).front();
  best = arith::MaximumFOp::create(b, best, maximum);
  Value factor = math::ExpOp::create(b, arith::SubFOp::create(b, maximum, best));
  Value total;
  for (Value &score : scores) {
    score = math::ExpOp::create(b, arith::SubFOp::create(b, score, best));
    total = total ? arith::AddFOp::create(b, total, score).getResult() : score;
  }
  total = sums.overWarp(total, AttentionPlan::columnThreads).front();
  sum = arith::AddFOp::create(b, arith::MulFOp::create(b, sum, factor), total);
  maximum = best;
  return factor;
}

SmallVector<Value> AttentionForward::emitTile(Value first, ValueRange state) {
  copyTile(keyTile, key, first);
  copyTile(valueTile, value, first);
  b.waitForCopies(1);
  b.barrier(); // queries and keys are there
  SmallVector<Value> scores =
      multiplyTiles(b, rows(queryTile), columns(keyTile), plan.channelDepth(plan.depth),
                    zeros(4 * tokenColumns()));
  emitScores(scores, first);
  SmallVector<Value> next = llvm::to_vector(state);
  MutableArrayRef<Value> maxima(next.data(), 4), sums(next.data() + 4, 4);
  MutableArrayRef<Value> acc(next.data() + 8, next.size() - 8);
  for (int64_t i = 0; i < 4; ++i) {
    MutableArrayRef<Value> row(scores.data() + i * tokenColumns(), tokenColumns());
    Value factor = emitSoftmax(row, maxima[i], sums[i]);
    for (Value &sum : acc.slice(i * channelColumns(), channelColumns())) {
      sum = arith::MulFOp::create(b, sum, factor);
    }
    for (int64_t j = 0; j < tokenColumns(); ++j) {
      weightTile.store(row[j], rowToken(i, b.index(0)), columnToken(j, b.index(0)), b.index(0));
    }
  }
  b.waitForCopies(0);
  b.barrier(); // weights and values are there
  SmallVector<Value> output = multiplyTiles(b, rows(weightTile), columns(valueColumns),
                                            plan.tokenDepth(plan.keys), ValueRange(acc));
  b.barrier(); // all tiles but the queries are free
  llvm::copy(output, acc.begin());
  return next;
}

int64_t AttentionForward::emit() {
  int64_t tiles = ceilDiv(plan.queries, plan.tileTokens);
  SmallVector<Value> place = b.delinearize(b.getBlock(), {plan.batches, plan.heads, tiles});
  batch = place[0];
  head = place[1];
  firstToken = b.mulIndex(place[2], plan.tileTokens);
  copyTile(queryTile, query, firstToken);
  SmallVector<Value> state(4, constant(noScore));
  llvm::append_range(state, zeros(4 + 4 * channelColumns()));
  state = llvm::to_vector(
      b.reduceLoop(b.index(0), b.index(plan.keys), plan.tileTokens, state,
                   [&](Value first, ValueRange before) { return emitTile(first, before); }));
  SmallVector<Value> shares;
  for (int64_t i = 0; i < 4; ++i) {
    shares.push_back(arith::DivFOp::create(b, constant(1.0), state[4 + i]));
  }
  storeTokens(ArrayRef<Value>(state).drop_front(8), shares, result, firstToken);
  for (int64_t i = 0; lse && i < 4; ++i) {
    Value row = rowToken(i, firstToken);
    Value stores = arith::AndIOp::create(b, b.isLess(row, b.index(plan.queries)),
                                         b.isEqual(threadColumn, b.index(0)));
    b.ifThen(stores, [&] {
      Value sumLog = arith::AddFOp::create(b, state[i], math::LogOp::create(b, state[4 + i]));
      memref::StoreOp::create(b, sumLog, lse, rowOf(row));
    });
  }
  return plan.batches * plan.heads * tiles;
}

DeviceKernel mome::cuda::emitAttention(nn::KernelOp kernel, OpBuilder &builder) {
  auto op = dyn_cast<nn::AttentionOp>(kernel.getRoot());
  if (!op) {
    return refuse("");
  }
  if (std::string reason = refuseAround(op); !reason.empty()) {
    return refuse(reason);
  }
  AttentionPlan plan(op.getQuery(), op.getKey(), op.getValue(), op.getHeads());
  if (plan.tileDepth == 0) {
    return refuse("heads of more than 128 channels");
  }
  auto yielded = kernel.getBody().front().getTerminator()->getOperands();
  if (!llvm::is_contained(yielded, op.getResult())) {
    return refuse("only lse is used");
  }
  LaunchBuilder b(kernel, 0, /*lanes=*/4, builder);
  int64_t blocks = AttentionForward(b, plan, op).emit();
  DeviceKernel result;
  b.finish(result, blocks, plan.threads());
  return result;
}

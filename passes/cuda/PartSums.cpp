// See PartSums.h.
#include "passes/cuda/PartSums.h"

#include "passes/cuda/ThreadReduction.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

/// Parts that a thread loads at once.
static constexpr int64_t loadsTogether = 4;

Value PartSums::addEveryEighth(LaunchBuilder &b, Value place) const {
  int64_t step = threads / warpThreads;
  auto add = [&](Value part, ValueRange before, int64_t together) {
    SmallVector<Value> loaded;
    for (int64_t i = 0; i < together; ++i) {
      Value begin = b.mulIndex(b.addIndex(part, i * step), partSize);
      Value at = b.addIndex(b.addIndex(begin, first), place);
      loaded.push_back(memref::LoadOp::create(b, buffer, at));
    }
    Value sum = before.front();
    for (Value value : loaded) {
      sum = arith::AddFOp::create(b, sum, value);
    }
    return SmallVector<Value>{sum, b.addIndex(part, together * step)};
  };
  Value from = b.divIndex(b.getThread(), warpThreads);
  int64_t whole = std::max<int64_t>(parts - (loadsTogether - 1) * step, 0);
  ValueRange state = b.reduceLoop(
      from, b.index(whole), loadsTogether * step, {nn::emitConstant(b, b.getF32Type(), 0.0), from},
      [&](Value part, ValueRange before) { return add(part, before, loadsTogether); });
  return b
      .reduceLoop(state[1], b.index(parts), step, state,
                  [&](Value part, ValueRange before) { return add(part, before, 1); })
      .front();
}

void PartSums::emit(LaunchBuilder &b, Value number, function_ref<void(Value, Value)> store) const {
  Value place = b.addIndex(b.mulIndex(number, warpThreads), b.remIndex(b.getThread(), warpThreads));
  // A thread behind the last place adds up that one, and keeps what comes out to itself.
  Value total = addEveryEighth(b, b.minIndex(place, width - 1));
  ThreadReduction reduction(b, nn::ReductionKind::sum);
  total = reduction.overColumns({total}, threads, warpThreads).front();
  Value isFirst = b.isLess(b.getThread(), b.index(warpThreads));
  Value exists = arith::AndIOp::create(b, isFirst, b.isLess(place, b.index(width)));
  b.ifThen(exists, [&] { store(place, total); });
}

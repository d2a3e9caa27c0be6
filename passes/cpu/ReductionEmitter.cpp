// Sums, maxima and argmax, lane by lane and across lanes.
#include "passes/cpu/ReductionEmitter.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;
using nn::ReductionKind;

Accumulator ReductionEmitter::init(bool vectors) {
  auto type = [&](Type element) { return vectors ? Type(b.vectorType(element)) : element; };
  double start = kind == ReductionKind::sum ? 0.0 : -INFINITY;
  Accumulator state{nn::emitConstant(b, type(b.getF32Type()), start)};
  if (kind == ReductionKind::argmax) {
    state.push_back(nn::emitConstant(b, type(b.getI32Type()), INT32_MAX));
  }
  return state;
}

/// True where `candidate` comes before `best` in the order of argmax: larger, or NaN against a
/// number.
Value ReductionEmitter::isBetter(Value candidate, Value best) {
  Value notLess = arith::CmpFOp::create(b, arith::CmpFPredicate::UGT, candidate, best);
  Value bestIsNumber = arith::CmpFOp::create(b, arith::CmpFPredicate::ORD, best, best);
  return arith::AndIOp::create(b, notLess, bestIsNumber);
}

Accumulator ReductionEmitter::add(ValueRange state, Value element, Value index, Value mask) {
  Accumulator next;
  if (kind == ReductionKind::argmax) {
    Value better = isBetter(element, state[0]);
    // The first element wins even if it is -inf.
    Value unset = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, state[1],
                                        nn::emitConstant(b, state[1].getType(), INT32_MAX));
    better = arith::OrIOp::create(b, better, unset);
    next = {arith::SelectOp::create(b, better, element, state[0]),
            arith::SelectOp::create(b, better, index, state[1])};
  } else if (kind == ReductionKind::sum) {
    next = {arith::AddFOp::create(b, state[0], element)};
  } else {
    next = {arith::MaximumFOp::create(b, state[0], element)};
  }
  if (mask) {
    for (auto [after, before] : llvm::zip_equal(next, state)) {
      after = arith::SelectOp::create(b, mask, after, before);
    }
  }
  return next;
}

Accumulator ReductionEmitter::combine(ValueRange x, ValueRange y) {
  if (kind == ReductionKind::sum) {
    return {arith::AddFOp::create(b, x[0], y[0])};
  }
  if (kind == ReductionKind::max) {
    return {arith::MaximumFOp::create(b, x[0], y[0])};
  }
  // y is better if it comes before x in value, or equals it at a smaller index.
  Value larger = isBetter(y[0], x[0]);
  Value behind = isBetter(x[0], y[0]);
  Value earlier = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, y[1], x[1]);
  Value notBehind = arith::XOrIOp::create(b, behind, nn::emitConstant(b, behind.getType(), 1));
  Value takes = arith::OrIOp::create(b, larger, arith::AndIOp::create(b, earlier, notBehind));
  return {arith::SelectOp::create(b, takes, y[0], x[0]),
          arith::SelectOp::create(b, takes, y[1], x[1])};
}

Value ReductionEmitter::finish(ValueRange state) {
  if (!isa<VectorType>(state[0].getType())) {
    return state.back();
  }
  int64_t lanes = b.getTarget().lanes;
  // Halve until one lane is left: a fixed tree.
  Accumulator level(state);
  for (int64_t half = lanes / 2; half > 0; half /= 2) {
    Accumulator upper;
    for (Value value : level) {
      SmallVector<int64_t> mask(lanes);
      for (int64_t lane = 0; lane < lanes; ++lane) {
        mask[lane] = (lane + half) % lanes;
      }
      upper.push_back(vector::ShuffleOp::create(b, value, value, mask));
    }
    level = combine(level, upper);
  }
  return vector::ExtractOp::create(b, level.back(), ArrayRef<int64_t>{0});
}

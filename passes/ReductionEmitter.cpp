// Sums, maxima and argmax, lane by lane and across lanes.
#include "passes/ReductionEmitter.h"

using namespace mlir;
using namespace mome;
using namespace mome;
using nn::ReductionKind;

SmallVector<Value> ReductionEmitter::init(bool vectors) {
  auto type = [&](Type element) { return vectors ? Type(b.vectorType(element)) : element; };
  double start = kind == ReductionKind::sum ? 0.0 : -INFINITY;
  SmallVector<Value> state{nn::emitConstant(b, type(b.getF32Type()), start)};
  if (needsIndex()) {
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

SmallVector<Value> ReductionEmitter::add(ValueRange state, Value element, Value index, Value mask) {
  SmallVector<Value> next;
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

SmallVector<Value> ReductionEmitter::combine(ValueRange x, ValueRange y) {
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
  return reduceLanes(state).back();
}

SmallVector<Value> ReductionEmitter::reduceLanes(ValueRange state) {
  if (!isa<VectorType>(state[0].getType())) {
    return llvm::to_vector(state);
  }
  int64_t lanes = b.getLanes();
  // Halve until one lane is left: a fixed tree.
  SmallVector<Value> level(state);
  for (int64_t half = lanes / 2; half > 0; half /= 2) {
    SmallVector<Value> upper;
    for (Value value : level) {
      SmallVector<int64_t> mask(lanes);
      for (int64_t lane = 0; lane < lanes; ++lane) {
        mask[lane] = (lane + half) % lanes;
      }
      upper.push_back(vector::ShuffleOp::create(b, value, value, mask));
    }
    level = combine(level, upper);
  }
  return llvm::map_to_vector(level, [&](Value vector) -> Value {
    return vector::ExtractOp::create(b, vector, ArrayRef<int64_t>{0});
  });
}

//===-- Sets ----------------------------------------------------------------------------------===//

/// Elements per block of a long range.
static constexpr int64_t vectorBlock = 8192;
static constexpr int64_t scalarBlock = 128;

SmallVector<Value> ReductionSet::init(bool vectors) {
  SmallVector<Value> states;
  for (ReductionEmitter &kind : kinds) {
    llvm::append_range(states, kind.init(vectors));
  }
  return states;
}

SmallVector<Value> ReductionSet::combine(ValueRange x, ValueRange y) {
  SmallVector<Value> both;
  for (ReductionEmitter &kind : kinds) {
    ValueRange left = x.slice(both.size(), kind.size()), right = y.slice(both.size(), kind.size());
    llvm::append_range(both, kind.combine(left, right));
  }
  return both;
}

SmallVector<Value> ReductionSet::finish(ValueRange states) {
  SmallVector<Value> results;
  size_t at = 0;
  for (ReductionEmitter &kind : kinds) {
    results.push_back(kind.finish(states.slice(at, kind.size())));
    at += kind.size();
  }
  return results;
}

SmallVector<Value> ReductionSet::walkUnrolled(Value from, Value to, int64_t factor,
                                              ValueRange state, Body body) {
  int64_t lanes = b.getLanes();
  size_t size = state.size();
  SmallVector<Value> parts(state);
  SmallVector<Value> neutral = init(/*vectors=*/true);
  for (int64_t part = 1; part < factor; ++part) {
    llvm::append_range(parts, neutral);
  }
  parts = llvm::to_vector(b.reduceLoop(
      from, to, factor * lanes, parts, [&](Value at, ValueRange before) -> SmallVector<Value> {
        SmallVector<Value> after;
        for (int64_t part = 0; part < factor; ++part) {
          llvm::append_range(
              after, body(b.addIndex(at, part * lanes), nullptr, before.slice(part * size, size)));
        }
        return after;
      }));
  for (int64_t half = factor / 2; half > 0; half /= 2) {
    SmallVector<Value> met;
    ValueRange range(parts);
    for (int64_t part = 0; part < half; ++part) {
      llvm::append_range(
          met, combine(range.slice(part * size, size), range.slice((part + half) * size, size)));
    }
    parts = std::move(met);
  }
  return parts;
}

SmallVector<Value> ReductionSet::walkVectors(int64_t extent, ValueRange state, Body body) {
  int64_t lanes = b.getLanes(), whole = extent / lanes * lanes;
  int64_t factor = !kinds.empty() && whole >= 2 * unroll * lanes ? unroll : 1;
  int64_t unrolled = whole / (factor * lanes) * (factor * lanes);
  SmallVector<Value> states(state);
  if (!kinds.empty() && unrolled > 2 * vectorBlock) {
    Value end = b.index(unrolled);
    states = llvm::to_vector(
        b.reduceLoop(b.index(0), end, vectorBlock, states, [&](Value from, ValueRange before) {
          Value to = b.minIndex(b.addIndex(from, vectorBlock), unrolled);
          return combine(before, walkUnrolled(from, to, factor, init(/*vectors=*/true), body));
        }));
  } else if (unrolled > 0) {
    states = walkUnrolled(b.index(0), b.index(unrolled), factor, states, body);
  }
  if (unrolled < whole) {
    states = walkUnrolled(b.index(unrolled), b.index(whole), 1, states, body);
  }
  if (whole < extent) {
    states = body(b.index(whole), b.laneMask(extent - whole), states);
  }
  return states;
}

SmallVector<Value> ReductionSet::walk(int64_t extent, ValueRange state, Body body) {
  auto step = [&](Value at, ValueRange before) { return body(at, nullptr, before); };
  if (extent <= 2 * scalarBlock) {
    return llvm::to_vector(b.reduceLoop(b.index(0), b.index(extent), 1, state, step));
  }
  bool vectors = isa<VectorType>(state.front().getType());
  return llvm::to_vector(b.reduceLoop(
      b.index(0), b.index(extent), scalarBlock, state, [&](Value from, ValueRange before) {
        Value to = b.minIndex(b.addIndex(from, scalarBlock), extent);
        SmallVector<Value> neutral;
        while (neutral.size() < before.size()) { // the set may be repeated
          llvm::append_range(neutral, init(vectors));
        }
        ValueRange block = b.reduceLoop(from, to, 1, neutral, step);
        SmallVector<Value> both;
        size_t size = init(vectors).size();
        for (size_t at = 0; at < before.size(); at += size) {
          llvm::append_range(both, combine(before.slice(at, size), block.slice(at, size)));
        }
        return both;
      }));
}

//===-- Kernels of one reduction --------------------------------------------------------------===//

std::string mome::prepareReduction(nn::ReductionOpInterface op, IterationSpace &operandSpace,
                                   const IterationSpace &resultSpace) {
  Value root = op->getResult(0);
  Trace before, after;
  traceValue(op->getOperand(0), operandSpace.getIdentityView(), before);
  for (Value yielded : op->getBlock()->getTerminator()->getOperands()) {
    if (cast<ShapedType>(yielded.getType()).getShape() != resultSpace.getExtents()) {
      return "a result without the shape of the reduction";
    }
    traceValue(yielded, resultSpace.getIdentityView(), after);
  }
  for (auto &[leaf, view] : after.leaves) {
    if (leaf != root || view.index != resultSpace.getIdentityView().index) {
      return "the epilogue is not elementwise";
    }
  }
  if (!before.leaves.empty()) {
    return "the prologue is not elementwise";
  }
  if (!before.refusal.empty() || !after.refusal.empty()) {
    return before.refusal.empty() ? after.refusal : before.refusal;
  }
  // Kept axes keep their own loops, so that both spaces agree on them; neighbouring reduced axes
  // merge.
  SmallVector<unsigned> borders;
  SmallVector<int64_t> axes = op.getReducedAxes();
  for (unsigned axis = 0; axis < operandSpace.getExtents().size(); ++axis) {
    bool isReduced = llvm::is_contained(axes, axis);
    if (!isReduced || (axis > 0 && !llvm::is_contained(axes, axis - 1)) ||
        op.getReductionKind() == nn::ReductionKind::argmax) {
      borders.push_back(axis);
    }
  }
  before.expressions.push_back(operandSpace.getLinear());
  operandSpace.mergeAxes(before.expressions, borders);
  return "";
}

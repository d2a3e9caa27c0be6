// See OnlineSums.h.
#include "passes/cuda/OnlineSums.h"

#include "mlir/Dialect/Math/IR/Math.h"

#include <limits>

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

std::optional<OnlineSums> OnlineSums::match(const RowPlan &plan) {
  if (plan.passes.size() < 2) {
    return std::nullopt;
  }
  const RowPass &first = plan.passes[0], &second = plan.passes[1];
  bool alike = first.level == 0 && second.level == 1 && first.width == second.width;
  bool onlyReduces = first.stored.empty() && second.stored.empty() && first.columnSums.empty() &&
                     second.columnSums.empty();
  if (!alike || !onlyReduces) {
    return std::nullopt;
  }
  OnlineSums result;
  for (nn::ReductionOpInterface maximum : first.reductions) {
    if (maximum.getReductionKind() != nn::ReductionKind::max) {
      return std::nullopt;
    }
    result.maxima.push_back(maximum);
    result.elements.push_back(maximum->getOperand(0));
  }
  for (nn::ReductionOpInterface reduction : second.reductions) {
    std::optional<Sum> sum = result.matchSum(reduction);
    if (!sum) {
      return std::nullopt;
    }
    result.sums.push_back(*sum);
  }
  bool complete = llvm::all_of(
      result.sums, [&](const Sum &sum) { return result.findPlain(sum.of).has_value(); });
  return complete ? std::optional(std::move(result)) : std::nullopt;
}

std::optional<unsigned> OnlineSums::numberOf(Value value) const {
  auto difference = value.getDefiningOp<nn::SubOp>();
  auto spread = difference ? difference.getOperand(1).getDefiningOp<nn::BroadcastOp>() : nullptr;
  for (unsigned i = 0; spread && i < maxima.size(); ++i) {
    if (difference.getOperand(0) == elements[i] &&
        spread->getOperand(0) == maxima[i]->getResult(0)) {
      return i;
    }
  }
  return std::nullopt;
}

std::optional<OnlineSums::Sum> OnlineSums::matchSum(nn::ReductionOpInterface op) const {
  if (op.getReductionKind() != nn::ReductionKind::sum) {
    return std::nullopt;
  }
  auto exponentOf = [&](Value value) {
    auto power = value.getDefiningOp<nn::ExpOp>();
    return power ? numberOf(power->getOperand(0)) : std::nullopt;
  };
  Value element = op->getOperand(0);
  if (std::optional<unsigned> of = exponentOf(element)) {
    return Sum{op, *of, std::nullopt};
  }
  auto product = element.getDefiningOp<nn::MulOp>();
  for (unsigned side = 0; product && side < 2; ++side) {
    std::optional<unsigned> of = exponentOf(product->getOperand(side));
    auto distance = product->getOperand(1 - side).getDefiningOp<nn::SubOp>();
    if (of && distance && numberOf(distance.getOperand(0)) == of) {
      if (std::optional<unsigned> to = numberOf(distance.getOperand(1))) {
        return Sum{op, *of, *to};
      }
    }
  }
  return std::nullopt;
}

std::optional<unsigned> OnlineSums::findPlain(unsigned maximum) const {
  for (auto [number, sum] : llvm::enumerate(sums)) {
    if (sum.of == maximum && !sum.to) {
      return number;
    }
  }
  return std::nullopt;
}

SmallVector<nn::ReductionOpInterface> OnlineSums::getSums() const {
  return llvm::map_to_vector(sums, [](const Sum &sum) { return sum.op; });
}

/// Not infinite: less that, an infinite element would be no number.
static Value emitLeast(LaunchBuilder &b, Type type) {
  return nn::emitConstant(b, type, std::numeric_limits<float>::lowest());
}

SmallVector<Value> OnlineSums::init(LaunchBuilder &b) const {
  Type type = b.getLanes() > 1 ? Type(b.vectorType(b.getF32Type())) : b.getF32Type();
  SmallVector<Value> state(maxima.size(), emitLeast(b, type));
  state.append(sums.size(), nn::emitConstant(b, type, 0.0));
  return state;
}

SmallVector<Value> OnlineSums::moveTo(LaunchBuilder &b, ArrayRef<Value> to,
                                      ValueRange state) const {
  ValueRange before = state.drop_front(maxima.size());
  SmallVector<Value> shifts, factors, moved;
  for (auto [from, maximum] : llvm::zip(state, to)) {
    Value shift = arith::SubFOp::create(b, from, maximum);
    // From the least number to a very large one is infinitely far: times no sum yet, no number.
    shifts.push_back(arith::MaximumFOp::create(b, shift, emitLeast(b, shift.getType())));
    factors.push_back(math::ExpOp::create(b, shifts.back()));
  }
  for (auto [number, sum] : llvm::enumerate(sums)) {
    Value value = before[number];
    if (sum.to) {
      Value shift = arith::SubFOp::create(b, shifts[sum.of], shifts[*sum.to]);
      value = math::FmaOp::create(b, shift, before[*findPlain(sum.of)], value);
    }
    moved.push_back(arith::MulFOp::create(b, value, factors[sum.of]));
  }
  return moved;
}

SmallVector<Value> OnlineSums::add(LaunchBuilder &b, ArrayRef<SmallVector<Value>> some,
                                   ValueRange state) const {
  SmallVector<Value> after;
  for (auto [values, maximum] : llvm::zip(some, state)) {
    after.push_back(maximum);
    for (Value value : values) {
      after.back() = arith::MaximumFOp::create(b, after.back(), value);
    }
  }
  SmallVector<Value> totals = moveTo(b, after, state);
  for (size_t i = 0; i < some.front().size(); ++i) {
    SmallVector<Value> shifted, powers;
    for (auto [values, maximum] : llvm::zip(some, after)) {
      shifted.push_back(arith::SubFOp::create(b, values[i], maximum));
      nn::keepSeparate(shifted.back());
      powers.push_back(math::ExpOp::create(b, shifted.back()));
    }
    for (auto [total, sum] : llvm::zip_equal(totals, sums)) {
      if (sum.to) {
        Value distance = arith::SubFOp::create(b, shifted[sum.of], shifted[*sum.to]);
        total = math::FmaOp::create(b, powers[sum.of], distance, total);
      } else {
        total = arith::AddFOp::create(b, total, powers[sum.of]);
      }
    }
  }
  llvm::append_range(after, totals);
  return after;
}

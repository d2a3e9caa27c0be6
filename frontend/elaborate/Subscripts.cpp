// Subscripts: of lists, of tensors, of a gate's weights. Negative ones count from the end.
//
//   x[:, 0]     an integer drops its axis, a slice keeps it
//   e.cls[-1]   the last entry of a list
//   vote[e]     a gate's column of an expert, [B, 1]
#include "frontend/elaborate/Elaborator.h"

namespace mome::elaborate {

using namespace syntax;

Value Elaborator::evaluateIndex(const Expr &expr) {
  Value base = evaluate(*expr.children[0]);
  if (base.poisoned()) {
    return base;
  }
  if (auto *weights = base.get<Weights>()) {
    return indexWeights(*weights, expr);
  }
  if (auto *experts = base.get<ExpertsRef>()) {
    List list((*experts)->experts.begin(), (*experts)->experts.end());
    return indexList(list, expr);
  }
  if (const List *list = base.list()) {
    return indexList(*list, expr);
  }
  if (std::optional<Tensor> t = tensor(base)) {
    return indexTensor(*t, expr);
  }
  return report(expr.range, "E0302", "cannot index " + describe(base));
}

Value Elaborator::indexWeights(const Weights &weights, const Expr &expr) {
  Value index = expr.subscripts.size() == 1 && expr.subscripts[0].index
                    ? evaluate(*expr.subscripts[0].index)
                    : Value();
  auto *expert = index.get<ExpertRef>();
  if (!expert) {
    return index.poisoned() && expr.subscripts[0].index
               ? index
               : report(expr.range, "E0308", "a gate is indexed by an expert, as in vote[e]");
  }
  Tensor votes = weights.tensor;
  return ops(expr.range).slice(votes, {0, (*expert)->index}, {votes.shape()[0], 1}, {1, 1});
}

std::optional<int64_t> Elaborator::bound(const ExprPtr &expr, int64_t absent, int64_t extent,
                                         llvm::StringRef what) {
  if (!expr) {
    return absent;
  }
  std::optional<int64_t> value = integer(*expr, what);
  return value && *value < 0 ? std::optional(*value + extent) : value;
}

Value Elaborator::indexList(const List &list, const Expr &expr) {
  int64_t size = list.size();
  if (expr.subscripts.size() != 1) {
    return report(expr.range, "E0307", "a list takes one index");
  }
  const Subscript &subscript = expr.subscripts[0];
  if (subscript.slice) {
    std::optional<int64_t> begin = bound(subscript.begin, 0, size, "an index");
    std::optional<int64_t> end = bound(subscript.end, size, size, "an index");
    if (!begin || !end) {
      return Poison{};
    }
    List part;
    for (int64_t i = std::max<int64_t>(0, *begin); i < std::min(size, *end); ++i) {
      part.push_back(list[i]);
    }
    return part;
  }
  if (!subscript.index) {
    return Poison{};
  }
  std::optional<int64_t> index = bound(subscript.index, 0, size, "an index");
  if (!index) {
    return Poison{};
  }
  if (*index < 0 || *index >= size) {
    return report(subscript.range, "E0307",
                  "index out of range: the list has " + std::to_string(size) + " entries");
  }
  return list[*index];
}

/// What a subscript takes of an axis.
struct Elaborator::Cut {
  int64_t begin, end, step;

  int64_t size() const { return (end - begin + step - 1) / step; }
};

std::optional<Elaborator::Cut> Elaborator::cutAxis(Tensor x, int64_t axis,
                                                   const Subscript &subscript) {
  if (!subscript.slice && !subscript.index) {
    return std::nullopt;
  }
  int64_t extent = x.shape()[axis];
  auto at = [&](const ExprPtr &expr, int64_t absent) {
    return bound(expr, absent, extent, "a subscript of a tensor");
  };
  std::optional<int64_t> begin = at(subscript.slice ? subscript.begin : subscript.index, 0);
  std::optional<int64_t> end = subscript.slice ? at(subscript.end, extent) : begin;
  std::optional<int64_t> step =
      subscript.step ? integer(*subscript.step, "a step") : std::optional<int64_t>(1);
  if (!begin || !end || !step) {
    return std::nullopt;
  }
  Cut cut{*begin, subscript.slice ? *end : *begin + 1, *step};
  if (cut.begin < 0 || cut.end > extent || cut.begin >= cut.end || cut.step < 1) {
    report(subscript.range, "E0307",
           "out of range on axis " + std::to_string(axis) + " of " + elaborate::describe(x, batch));
    return std::nullopt;
  }
  bool whole = subscript.slice && cut.begin == 0 && cut.end == extent && cut.step == 1;
  if (axis == 0 && x.batched && !whole) { // a batch of 1 has an axis, too
    report(subscript.range, "E0305", "the batch axis cannot be cut: write ':' there");
    return std::nullopt;
  }
  return cut;
}

Value Elaborator::indexTensor(Tensor x, const Expr &expr) {
  auto given = int64_t(expr.subscripts.size());
  if (given > x.rank()) {
    return report(expr.range, "E0307", "too many subscripts for " + elaborate::describe(x, batch));
  }
  llvm::SmallVector<int64_t> offsets(x.rank(), 0), sizes(x.shape()), strides(x.rank(), 1), kept;
  for (int64_t axis = 0; axis < given; ++axis) {
    std::optional<Cut> cut = cutAxis(x, axis, expr.subscripts[axis]);
    if (!cut) {
      return Poison{};
    }
    offsets[axis] = cut->begin;
    sizes[axis] = cut->size();
    strides[axis] = cut->step;
    if (expr.subscripts[axis].slice) {
      kept.push_back(sizes[axis]);
    }
  }
  llvm::append_range(kept, x.shape().drop_front(given));
  TensorOps t = ops(expr.range);
  bool whole = llvm::all_of(offsets, [](int64_t o) { return o == 0; }) &&
               x.shape() == llvm::ArrayRef<int64_t>(sizes);
  Tensor part = whole ? x : t.slice(x, offsets, sizes, strides);
  return t.reshape(part, kept, x.batched);
}

} // namespace mome::elaborate

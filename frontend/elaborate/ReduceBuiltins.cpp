// Builtins that reduce: over axes of a tensor, or over a list (comprehensions hand theirs over as
// one list).
#include "frontend/elaborate/Builtins.h"

#include <limits>

namespace mome::elaborate {

using namespace mlir; // `Value` is ours here

/// The `axis` argument: nothing (all axes), an integer, or a list of integers; nullopt after
/// reporting.
static std::optional<SmallVector<int64_t>> readAxes(BuiltinCall &c, int slot, int64_t rank) {
  SmallVector<int64_t> axes;
  if (c.slots[slot].get<None>()) {
    return llvm::to_vector(llvm::seq<int64_t>(0, rank));
  }
  List list = c.slots[slot].list() ? *c.slots[slot].list() : List{c.slots[slot]};
  for (const Value &value : list) {
    auto *axis = value.get<int64_t>();
    if (!axis || *axis < -rank || *axis >= rank) {
      c.error("E0304",
              "axis " + value.describe() + " does not exist: the tensor has " +
                  std::to_string(rank) + " axes",
              slot);
      return std::nullopt;
    }
    axes.push_back(*axis < 0 ? *axis + rank : *axis);
  }
  llvm::sort(axes);
  axes.erase(llvm::unique(axes), axes.end());
  return axes;
}

enum class Reduction { sum, mean, max };

static Tensor reduceTensor(BuiltinCall &c, Reduction reduction, Tensor x, ArrayRef<int64_t> axes,
                           bool keep) {
  switch (reduction) {
  case Reduction::sum:
    return x.batched && llvm::is_contained(axes, 0) && c.t.validMask
               ? c.t.reduceSum(c.t.mul(x, c.t.broadcastTo(c.t.validLike(x),
                                                          {SmallVector<int64_t>(x.shape()), true})),
                               axes, keep)
               : c.t.reduceSum(x, axes, keep);
  case Reduction::mean:
    return c.t.reduceMean(x, axes, keep);
  case Reduction::max:
    return c.t.reduceMax(x, axes, keep);
  }
  llvm_unreachable("covered");
}

/// sum, mean or max of the values of a list.
static Value reduceList(BuiltinCall &c, Reduction reduction, const List &list) {
  if (list.empty()) {
    return reduction == Reduction::sum
               ? Value(0)
               : c.error("E0306", "nothing to reduce: the list is empty", 0);
  }
  Value total = list[0];
  for (const Value &value : llvm::drop_begin(list)) {
    auto a = total.number(), b = value.number();
    if (a && b) {
      bool integers = total.get<int64_t>() && value.get<int64_t>();
      double result = reduction == Reduction::max ? std::max(*a, *b) : *a + *b;
      total = integers ? Value(int64_t(result)) : Value(result);
    } else {
      total =
          buildArithmetic(c.host, c.t, reduction == Reduction::max ? "maximum" : "+", total, value);
    }
    if (total.poisoned()) {
      return total;
    }
  }
  if (reduction == Reduction::mean) {
    if (auto number = total.number()) {
      return *number / double(list.size());
    }
    return c.t.scale(*total.get<Tensor>(), 1.0 / double(list.size()));
  }
  return total;
}

/// sum, mean or max of the elements where the mask holds.
static Value reduceWhere(BuiltinCall &c, Reduction reduction, Tensor x, ArrayRef<int64_t> axes,
                         bool keep) {
  auto *mask = c.slots[3].get<Tensor>();
  std::string message;
  if (!mask) {
    return c.error("E0302", "'where' is a mask, not " + c.slots[3].describe(c.t.batch), 3);
  }
  if (auto shape = c.t.commonShape(x, *mask, message);
      !shape || ArrayRef<int64_t>(shape->dims) != x.shape()) {
    return c.error("E0301",
                   message.empty() ? "the mask " + describe(*mask, c.t.batch) + " is larger than " +
                                         describe(x, c.t.batch)
                                   : message,
                   3);
  }
  if (reduction == Reduction::mean) {
    return c.t.maskedMean(x, *mask, axes, keep);
  }
  Tensor condition = c.t.where(*mask, x, llvm::is_contained(axes, 0));
  bool isMax = reduction == Reduction::max;
  Tensor kept = c.t.select(condition, x, isMax ? std::numeric_limits<float>::lowest() : 0.0);
  return isMax ? c.t.reduceMax(kept, axes, keep) : c.t.reduceSum(kept, axes, keep);
}

static Value buildReduction(BuiltinCall &c, Reduction reduction) {
  bool masked = !c.slots[3].get<None>();
  if (const List *list = c.slots[0].list()) {
    return masked
               ? c.error("E0302", "'where' masks the elements of a tensor, not those of a list", 3)
               : reduceList(c, reduction, *list);
  }
  auto *x = c.slots[0].get<Tensor>();
  if (!x) {
    if (auto *weights = c.slots[0].get<Weights>()) {
      x = &weights->tensor;
    } else {
      return c.error("E0302", "needs a tensor or a list, not " + c.slots[0].describe(), 0);
    }
  }
  std::optional<SmallVector<int64_t>> axes = readAxes(c, 1, x->rank());
  if (!axes) {
    return Poison{};
  }
  if (masked) {
    return reduceWhere(c, reduction, *x, *axes, c.boolean(2));
  }
  return reduceTensor(c, reduction, *x, *axes, c.boolean(2));
}

static Value buildSum(BuiltinCall &c) {
  return buildReduction(c, Reduction::sum);
}

static Value buildMean(BuiltinCall &c) {
  return buildReduction(c, Reduction::mean);
}

/// The larger or the smaller of two numbers known now; nothing of anything else.
static std::optional<Value> foldExtreme(BuiltinCall &c, bool larger) {
  std::optional<double> x = c.slots[0].number(), y = c.slots[1].number();
  if (!x || !y) {
    return std::nullopt;
  }
  return c.slots[(*x > *y) == larger ? 0 : 1];
}

static Value buildMax(BuiltinCall &c) {
  std::optional<Value> folded = foldExtreme(c, /*larger=*/true);
  return folded ? *folded : buildReduction(c, Reduction::max);
}

static Value buildMin(BuiltinCall &c) {
  std::optional<Value> folded = foldExtreme(c, /*larger=*/false);
  return folded ? *folded : c.error("E0207", "'min' takes two numbers");
}

static Value buildArgmax(BuiltinCall &c) {
  Tensor x = c.tensor(0);
  std::optional<int64_t> axis = c.axis(1, x.rank());
  if (!axis) {
    return Poison{};
  }
  return Tensor{nn::ArgmaxOp::create(c.t.b, c.t.loc, x.value, *axis), x.batched && *axis != 0};
}

static Value buildDiag(BuiltinCall &c) {
  Tensor x = c.tensor(0);
  if (x.rank() != 2 || x.shape()[0] != x.shape()[1]) {
    return c.error("E0303", "diag needs a square matrix, not " + describe(x, c.t.batch), 0);
  }
  return c.t.diagonal(x);
}

static Value buildRowSum(BuiltinCall &c) {
  Tensor x = c.tensor(0);
  return c.t.reduceSum(x, {x.rank() - 1});
}

void addReduceBuiltins(std::vector<Builtin> &table) {
  auto reduction = [&](StringRef name, Value (*build)(BuiltinCall &), StringRef summary) {
    table.push_back({name,
                     {{"x"},
                      {"axis", Kind::any, Value(None{})},
                      {"keep", Kind::boolean, Value(false)},
                      {"where", Kind::any, Value(None{})}},
                     build,
                     false,
                     summary});
  };
  reduction("sum", buildSum, "sum over axes, or over a list");
  reduction("mean", buildMean, "mean over axes, or over a list");
  reduction("max", buildMax, "maximum over axes, over a list, or of two numbers");
  table.push_back({"min", {{"x"}, {"y"}}, buildMin, false, "minimum of two numbers"});
  table.push_back({"argmax",
                   {{"x", Kind::tensor}, {"axis", Kind::integer, Value(-1)}},
                   buildArgmax,
                   false,
                   "index of the first maximum"});
  table.push_back({"diag", {{"x", Kind::tensor}}, buildDiag, false, "the diagonal of a matrix"});
  table.push_back({"rowsum", {{"x", Kind::tensor}}, buildRowSum, false, "sum over the last axis"});
}

} // namespace mome::elaborate

// Builtins that move elements, and tensors made of one number.
#include "frontend/elaborate/Builtins.h"
#include "frontend/elaborate/Rearrange.h"

#include <limits>

namespace mome::elaborate {

using namespace mlir; // `Value` is ours here

/// Whether a tensor of `shape` made from the elements of `x`, in order, still has the batch first; reports if it cannot.
static std::optional<bool> keepsBatch(BuiltinCall &c, Tensor x, ArrayRef<int64_t> shape, int argument) {
  if (!x.batched) {
    return false;
  }
  if (!shape.empty() && shape[0] % c.t.batch == 0) {
    return true;
  }
  c.error("E0305", "the batch axis must stay first: write B as the first extent", argument);
  return std::nullopt;
}

static Value buildReshape(BuiltinCall &c) {
  Tensor x = c.tensor(0);
  SmallVector<int64_t> shape = c.shape(1);
  int64_t known = 1, open = -1;
  for (auto [axis, extent] : llvm::enumerate(shape)) {
    if (extent == -1 && open < 0) {
      open = axis;
    } else {
      known *= extent;
    }
  }
  int64_t total = x.type().getNumElements();
  if (open >= 0 && known > 0 && total % known == 0) {
    shape[open] = total / known;
    known = total;
  }
  if (known != total) {
    return c.error("E0303", describe(x, c.t.batch) + " has " + std::to_string(total) + " elements: they do not fill that shape", 1);
  }
  std::optional<bool> batched = keepsBatch(c, x, shape, 1);
  return batched ? Value(c.t.reshape(x, shape, *batched)) : Value();
}

static Value buildRearrange(BuiltinCall &c) {
  Tensor x = c.tensor(0);
  std::map<std::string, int64_t> sizes;
  for (auto &[name, value] : c.named) {
    if (auto *extent = value.get<int64_t>()) {
      sizes[name] = *extent;
    } else {
      return c.error("E0303", "the extent '" + name + "' must be an integer, not " + value.describe());
    }
  }
  std::string message;
  std::optional<Rearrangement> steps = parseRearrangement(c.string(1), x.shape(), sizes, message);
  if (!steps) {
    return c.error("E0303", message + " (operand: " + describe(x, c.t.batch) + ")", 1);
  }
  if (x.batched && (steps->permutation.empty() || steps->permutation[0] != 0)) {
    return c.error("E0305", "the batch axis must stay first", 1);
  }
  Tensor split = c.t.reshape(x, steps->split, x.batched);
  bool moves = !llvm::equal(steps->permutation, llvm::seq<int64_t>(0, steps->permutation.size()));
  Tensor moved = moves ? c.t.transpose(split, steps->permutation) : split;
  return c.t.reshape(moved, steps->merged, x.batched);
}

/// The tensors of a call like concat(a, b) or concat([a, b]); empty after reporting.
static std::vector<Tensor> gatherTensors(BuiltinCall &c) {
  List values = c.rest;
  if (values.size() == 1 && values[0].list()) {
    values = *values[0].list();
  }
  std::vector<Tensor> result;
  for (const Value &value : values) {
    auto *tensor = value.get<Tensor>();
    if (!tensor) {
      c.error("E0302", "needs tensors, not " + value.describe());
      return {};
    }
    result.push_back(*tensor);
  }
  if (result.empty()) {
    c.error("E0306", "needs at least one tensor");
  }
  return result;
}

static Value buildConcat(BuiltinCall &c) {
  std::vector<Tensor> xs = gatherTensors(c);
  if (xs.empty()) {
    return Poison{};
  }
  std::optional<int64_t> axis = c.axis(0, xs[0].rank());
  if (!axis) {
    return Poison{};
  }
  for (Tensor x : xs) {
    bool fits = x.rank() == xs[0].rank() && x.batched == xs[0].batched;
    for (int64_t i = 0; fits && i < x.rank(); ++i) {
      fits = i == *axis || x.shape()[i] == xs[0].shape()[i];
    }
    if (!fits) {
      return c.error("E0301", "cannot join " + describe(xs[0], c.t.batch) + " and " + describe(x, c.t.batch) + " along axis " +
                                  std::to_string(*axis));
    }
  }
  if (xs[0].batched && *axis == 0) {
    return c.error("E0305", "cannot join along the batch axis");
  }
  return c.t.concat(xs, *axis);
}

static Value buildStack(BuiltinCall &c) {
  std::vector<Tensor> xs = gatherTensors(c);
  if (xs.empty()) {
    return Poison{};
  }
  std::optional<int64_t> axis = c.axis(0, xs[0].rank() + 1);
  if (!axis) {
    return Poison{};
  }
  if (xs[0].batched && *axis == 0) {
    return c.error("E0305", "the batch axis must stay first: stack along another axis");
  }
  for (Tensor &x : xs) {
    if (x.type() != xs[0].type() || x.batched != xs[0].batched) {
      return c.error("E0301", "cannot stack " + describe(x, c.t.batch) + " on " + describe(xs[0], c.t.batch));
    }
  }
  SmallVector<int64_t> shape(xs[0].shape());
  shape.insert(shape.begin() + *axis, 1);
  for (Tensor &x : xs) {
    x = c.t.reshape(x, shape, x.batched);
  }
  return c.t.concat(xs, *axis);
}

static Value buildSplit(BuiltinCall &c) {
  Tensor x = c.tensor(0);
  int64_t parts = c.integer(1);
  std::optional<int64_t> axis = c.axis(2, x.rank());
  if (!axis) {
    return Poison{};
  }
  if (parts < 1 || x.shape()[*axis] % parts != 0) {
    return c.error("E0303", "extent " + std::to_string(x.shape()[*axis]) + " does not split into " + std::to_string(parts) + " equal parts", 1);
  }
  List result;
  SmallVector<int64_t> offsets(x.rank(), 0), sizes(x.shape()), strides(x.rank(), 1);
  sizes[*axis] /= parts;
  for (int64_t part = 0; part < parts; ++part) {
    offsets[*axis] = part * sizes[*axis];
    result.push_back(c.t.slice(x, offsets, sizes, strides));
  }
  return result;
}

static Value buildBroadcast(BuiltinCall &c) {
  Tensor x = c.tensor(0);
  SmallVector<int64_t> shape = c.shape(1);
  bool fits = int64_t(shape.size()) >= x.rank();
  for (int64_t i = 0; fits && i < x.rank(); ++i) {
    int64_t extent = x.shape()[x.rank() - 1 - i];
    fits = extent == 1 || extent == shape[shape.size() - 1 - i];
  }
  if (!fits) {
    return c.error("E0301", describe(x, c.t.batch) + " does not broadcast to that shape", 1);
  }
  bool batched = x.batched || (!shape.empty() && shape[0] == c.t.batch);
  return c.t.broadcastTo(x, {shape, batched});
}

static Value buildVec(BuiltinCall &c) {
  Tensor x = c.tensor(0);
  int64_t rows = x.batched ? x.shape()[0] : 1;
  SmallVector<int64_t> shape = {x.type().getNumElements() / rows};
  if (x.batched) {
    shape.insert(shape.begin(), rows);
  }
  return c.t.reshape(x, shape, x.batched);
}

static Value buildPad(BuiltinCall &c) {
  Tensor x = c.tensor(0);
  SmallVector<int64_t> low = c.shape(1), high = c.shape(2), interior(x.rank(), 0);
  if (int64_t(low.size()) != x.rank() || int64_t(high.size()) != x.rank()) {
    return c.error("E0303", "pad needs one extent per axis: " + describe(x, c.t.batch), 1);
  }
  return Tensor{nn::PadOp::create(c.t.b, c.t.loc, x.value, low, high, interior, APFloat(c.number(3))), x.batched};
}

template <typename Op> static Value buildMove(BuiltinCall &c) {
  Tensor x = c.tensor(0);
  std::optional<int64_t> axis = c.axis(2, x.rank());
  if (!axis) {
    return Poison{};
  }
  return Tensor{Op::create(c.t.b, c.t.loc, x.type(), x.value, c.integer(1), *axis), x.batched};
}

/// Integers known now as a tensor; nullopt if the list holds anything else.
static std::optional<Tensor> constantIndices(BuiltinCall &c, const List &list) {
  SmallVector<int32_t> numbers;
  for (const Value &value : list) {
    auto *number = value.get<int64_t>();
    if (!number || *number < 0 || *number > std::numeric_limits<int32_t>::max()) {
      return std::nullopt;
    }
    numbers.push_back(int32_t(*number));
  }
  auto type = RankedTensorType::get({int64_t(numbers.size())}, c.t.b.getI32Type());
  auto values = DenseElementsAttr::get(type, ArrayRef<int32_t>(numbers));
  return Tensor{nn::ConstantOp::create(c.t.b, c.t.loc, values)};
}

/// Indices are a tensor of integers, or a list of them: `take(table, [0, 1, 1, 0])`.
static Value buildTake(BuiltinCall &c) {
  Tensor x = c.tensor(0);
  auto *given = c.slots[1].get<Tensor>();
  const List *list = c.slots[1].list();
  std::optional<Tensor> known = given ? std::optional(*given) : list && !list->empty() ? constantIndices(c, *list) : std::nullopt;
  if (!known) {
    return c.error("E0302", "indices are a tensor or a list of integers from 0, not " + c.slots[1].describe(c.t.batch), 1);
  }
  Tensor indices = *known;
  std::optional<int64_t> axis = c.axis(2, x.rank());
  if (!axis) {
    return Poison{};
  }
  if (!isa<IntegerType>(indices.type().getElementType())) {
    return c.error("E0302", "indices must be integers, not " + describe(indices, c.t.batch), 1);
  }
  return Tensor{nn::TakeOp::create(c.t.b, c.t.loc, x.value, indices.value, *axis), x.batched || (indices.batched && *axis == 0)};
}

/// A distribution over n classes (a mixed label) stays what it is.
static Value buildOneHot(BuiltinCall &c) {
  Tensor indices = c.tensor(0);
  if (isa<FloatType>(indices.type().getElementType())) {
    return indices.shape().back() == c.integer(1) ? Value(indices) : c.error("E0301", "one_hot of " + std::to_string(c.integer(1)) + " classes needs indices or a distribution over them, not " + describe(indices, c.t.batch), 0);
  }
  SmallVector<int64_t> shape(indices.shape());
  shape.push_back(c.integer(1));
  return Tensor{nn::OneHotOp::create(c.t.b, c.t.loc, RankedTensorType::get(shape, c.t.b.getF32Type()), indices.value), indices.batched};
}

static Builtin fill(StringRef name, double value) {
  return {name, {{"shape", Kind::shape}}, [value](BuiltinCall &c) -> Value {
            SmallVector<int64_t> shape = c.shape(0);
            return c.t.splat(shape, value, shape.size() > 1 && shape[0] == c.t.batch);
          }, false, "a tensor of one number"};
}

void addShapeBuiltins(std::vector<Builtin> &table) {
  Parameter x{"x", Kind::tensor}, last{"axis", Kind::integer, Value(-1)};
  table.push_back({"reshape", {x, {"shape", Kind::shape}}, buildReshape, false, "the same elements in another shape; one extent may be -1"});
  table.push_back({"rearrange", {x, {"pattern", Kind::string}}, buildRearrange, false, "split, permute and merge axes: \"b c n -> b n c\"", true});
  table.push_back({"concat", {last}, buildConcat, true, "joins tensors along an axis"});
  table.push_back({"stack", {last}, buildStack, true, "joins tensors along a new axis"});
  table.push_back({"split", {x, {"parts", Kind::integer}, last}, buildSplit, false, "equal parts along an axis, as a list"});
  table.push_back({"broadcast", {x, {"shape", Kind::shape}}, buildBroadcast, false, "repeats along axes of extent 1 and new leading axes"});
  table.push_back({"vec", {x}, buildVec, false, "everything but the batch in one axis"});
  table.push_back({"pad", {x, {"low", Kind::shape}, {"high", Kind::shape}, {"value", Kind::number, Value(0)}}, buildPad, false, "surrounds with a value"});
  table.push_back({"roll", {x, {"shift", Kind::integer}, last}, buildMove<nn::RollOp>, false, "cyclic shift along an axis"});
  table.push_back({"shift", {x, {"by", Kind::integer}, last}, buildMove<nn::ShiftOp>, false, "shift along an axis; zeros enter"});
  table.push_back({"take", {x, {"indices"}, {"axis", Kind::integer, Value(0)}}, buildTake, false, "elements of an axis, chosen by indices"});
  table.push_back({"one_hot", {{"indices", Kind::tensor}, {"n", Kind::integer}}, buildOneHot, false, "1 at the index, 0 elsewhere"});
  table.push_back(fill("zeros", 0.0));
  table.push_back(fill("ones", 1.0));
}

} // namespace mome::elaborate

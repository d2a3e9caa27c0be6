// The table of builtins and what their rooms share.
#include "frontend/elaborate/Builtins.h"

#include "llvm/ADT/StringMap.h"

namespace mome::elaborate {

using namespace mlir; // `Value` is ours here

static const llvm::StringMap<Builtin> &table() {
  static const llvm::StringMap<Builtin> builtins = [] {
    std::vector<Builtin> list;
    addElementwiseBuiltins(list);
    addShapeBuiltins(list);
    addReduceBuiltins(list);
    addLayerBuiltins(list);
    addLossBuiltins(list);
    llvm::StringMap<Builtin> map;
    for (Builtin &builtin : list) {
      StringRef name = builtin.name;
      bool fresh = map.try_emplace(name, std::move(builtin)).second;
      assert(fresh && "two builtins of one name");
      (void)fresh;
    }
    return map;
  }();
  return builtins;
}

const Builtin *findBuiltin(StringRef name) {
  auto found = table().find(name);
  return found == table().end() ? nullptr : &found->second;
}

std::vector<StringRef> builtinNames() {
  std::vector<StringRef> names;
  for (const auto &entry : table()) {
    names.push_back(entry.first());
  }
  llvm::sort(names);
  return names;
}

SmallVector<int64_t> BuiltinCall::shape(int i) const {
  SmallVector<int64_t> result;
  for (const Value &value : *slots[i].list()) {
    result.push_back(*value.get<int64_t>());
  }
  return result;
}

Tensor BuiltinCall::scalar(int i) {
  if (std::optional<double> number = slots[i].number()) {
    return t.scalar(*number);
  }
  return tensor(i);
}

std::optional<int64_t> BuiltinCall::axis(int i, int64_t rank) const {
  int64_t axis = integer(i);
  if (axis >= -rank && axis < rank) {
    return axis < 0 ? axis + rank : axis;
  }
  error("E0304", "axis " + std::to_string(axis) + " does not exist: the tensor has " + std::to_string(rank) + " axes", i);
  return std::nullopt;
}

/// A tensor, or a number as a rank-0 tensor; nullopt for anything else.
static std::optional<Tensor> asTensor(TensorOps &t, const Value &value) {
  if (auto *tensor = value.get<Tensor>()) {
    return *tensor;
  }
  if (std::optional<double> number = value.number()) {
    return t.scalar(*number);
  }
  return std::nullopt;
}

/// i1 results of comparisons and integer labels take part in arithmetic as floats.
static Tensor asFloat(TensorOps &t, Tensor x) {
  return isa<FloatType>(x.type().getElementType()) ? x : t.cast(x, t.b.getF32Type());
}

template <typename Op> static Tensor arithmetic(TensorOps &t, Tensor x, Tensor y) {
  return t.binary<Op>(asFloat(t, x), asFloat(t, y));
}

static Tensor compare(TensorOps &t, nn::CompareKind kind, Tensor x, Tensor y) {
  if (x.type().getElementType() != y.type().getElementType()) {
    x = asFloat(t, x);
    y = asFloat(t, y);
  }
  std::string message;
  TensorOps::Shape shape = *t.commonShape(x, y, message);
  return {nn::CompareOp::create(t.b, t.loc, kind, t.broadcastTo(x, shape).value, t.broadcastTo(y, shape).value), shape.batched};
}

Value buildArithmetic(BuiltinHost &host, TensorOps t, StringRef op, Value left, Value right) {
  std::optional<Tensor> x = asTensor(t, left), y = asTensor(t, right);
  if (!x || !y) {
    const Value &wrong = x ? right : left;
    return host.error("E0302", "'" + op.str() + "' needs numbers or tensors, not " + wrong.describe(t.batch));
  }
  std::string message;
  if (!t.commonShape(*x, *y, message)) {
    return host.error("E0301", message);
  }
  using Build = Tensor (*)(TensorOps &, Tensor, Tensor);
  static const llvm::StringMap<Build> operators = {
      {"+", arithmetic<nn::AddOp>},        {"-", arithmetic<nn::SubOp>},
      {"*", arithmetic<nn::MulOp>},        {"/", arithmetic<nn::DivOp>},
      {"^", arithmetic<nn::PowOp>},        {"maximum", arithmetic<nn::MaximumOp>},
      {"minimum", arithmetic<nn::MinimumOp>},
      {"<", [](TensorOps &t, Tensor x, Tensor y) { return compare(t, nn::CompareKind::lt, x, y); }},
      {"<=", [](TensorOps &t, Tensor x, Tensor y) { return compare(t, nn::CompareKind::le, x, y); }},
      {">", [](TensorOps &t, Tensor x, Tensor y) { return compare(t, nn::CompareKind::gt, x, y); }},
      {">=", [](TensorOps &t, Tensor x, Tensor y) { return compare(t, nn::CompareKind::ge, x, y); }},
      {"==", [](TensorOps &t, Tensor x, Tensor y) { return compare(t, nn::CompareKind::eq, x, y); }},
      {"!=", [](TensorOps &t, Tensor x, Tensor y) { return compare(t, nn::CompareKind::ne, x, y); }},
  };
  auto found = operators.find(op);
  if (found == operators.end()) {
    return host.error("E0302", "'" + op.str() + "' does not work on tensors");
  }
  return found->second(t, *x, *y);
}

} // namespace mome::elaborate

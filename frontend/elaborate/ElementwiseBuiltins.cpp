// Builtins that work element by element.
#include "frontend/elaborate/Builtins.h"

namespace mome::elaborate {

using namespace mlir; // `Value` is ours here

template <typename Op> static Builtin unary(StringRef name, StringRef summary) {
  return {name, {{"x", Kind::tensor}}, [](BuiltinCall &c) -> Value { return c.t.unary<Op>(c.tensor(0)); }, false, summary};
}

static Builtin binary(StringRef name, StringRef summary) {
  return {name, {{"x"}, {"y"}},
          [name](BuiltinCall &c) { return buildArithmetic(c.host, c.t, name, c.slots[0], c.slots[1]); }, false, summary};
}

static Value buildWhere(BuiltinCall &c) {
  Tensor condition = c.tensor(0), x = c.scalar(1), y = c.scalar(2);
  std::string message;
  std::optional<TensorOps::Shape> shape = c.t.commonShape(x, y, message);
  Tensor values = shape ? Tensor{x.value, shape->batched} : x;
  if (shape) {
    values = c.t.broadcastTo(x, *shape);
    shape = c.t.commonShape(condition, values, message);
  }
  if (!shape) {
    return c.error("E0301", message);
  }
  return Tensor{nn::SelectOp::create(c.t.b, c.t.loc, c.t.broadcastTo(condition, *shape).value, c.t.broadcastTo(x, *shape).value,
                                     c.t.broadcastTo(y, *shape).value),
                shape->batched};
}

static Value buildStopGradient(BuiltinCall &c) {
  return c.boolean(1) ? Value(c.t.unary<nn::StopGradientOp>(c.tensor(0))) : c.slots[0];
}

void addElementwiseBuiltins(std::vector<Builtin> &table) {
  table.push_back(unary<nn::AbsOp>("abs", "|x|"));
  table.push_back(unary<nn::SquareOp>("square", "x^2"));
  table.push_back(unary<nn::SqrtOp>("sqrt", "square root"));
  table.push_back(unary<nn::RsqrtOp>("rsqrt", "1 / sqrt(x)"));
  table.push_back(unary<nn::ExpOp>("exp", "e^x"));
  table.push_back(unary<nn::LogOp>("log", "natural logarithm"));
  table.push_back(unary<nn::SinOp>("sin", "sine"));
  table.push_back(unary<nn::CosOp>("cos", "cosine"));
  table.push_back(unary<nn::ErfOp>("erf", "error function"));
  table.push_back(unary<nn::TanhOp>("tanh", "hyperbolic tangent"));
  table.push_back(unary<nn::SigmoidOp>("sigmoid", "1 / (1 + e^-x)"));
  table.push_back(unary<nn::ReluOp>("relu", "max(x, 0)"));
  table.push_back(unary<nn::GeluOp>("gelu", "x Phi(x)"));
  table.push_back(unary<nn::QuickGeluOp>("quick_gelu", "x sigmoid(1.702 x)"));
  table.push_back(unary<nn::SiluOp>("silu", "x sigmoid(x)"));
  table.push_back(unary<nn::SoftplusOp>("softplus", "ln(1 + e^x)"));
  table.push_back(binary("maximum", "the larger of two, element by element"));
  table.push_back(binary("minimum", "the smaller of two, element by element"));
  table.push_back({"where", {{"condition", Kind::tensor}, {"x", Kind::number}, {"y", Kind::number}}, buildWhere, false,
                   "x where the condition holds, else y"});
  table.push_back({"stop_gradient", {{"x", Kind::tensor}, {"when", Kind::boolean, Value(true)}}, buildStopGradient, false,
                   "x, through which no gradient flows"});
}

} // namespace mome::elaborate

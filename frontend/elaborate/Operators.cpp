// Unary and binary operators. Numbers known now are folded, lists and strings joined, tensors become
// ops:
//
//   dim / 64 * 2       24             x * (1 + gain)     nn.add, nn.broadcast, nn.mul
//   e.name == "rgb"    true           [1, 2] + [3]       a list of 3
#include "frontend/elaborate/Elaborator.h"

#include <cmath>

namespace mome::elaborate {

using namespace syntax;

Value Elaborator::evaluateUnary(const Expr &expr) {
  Value operand = evaluate(*expr.children[0]);
  if (operand.poisoned()) {
    return operand;
  }
  if (expr.text == "not") {
    auto *flag = operand.get<bool>();
    return flag
               ? Value(!*flag)
               : report(expr.range, "E0302", "'not' needs true or false, not " + describe(operand));
  }
  if (auto *integer = operand.get<int64_t>()) {
    return -*integer;
  }
  if (auto *real = operand.get<double>()) {
    return -*real;
  }
  if (std::optional<Tensor> x = tensor(operand)) {
    return ops(expr.range).unary<nn::NegOp>(*x);
  }
  return report(expr.range, "E0302", "cannot negate " + describe(operand));
}

/// Arithmetic and comparison of two numbers known now; nullopt if `op` does not apply.
static std::optional<Value> foldNumbers(const std::string &op, const Value &left,
                                        const Value &right) {
  double x = *left.number(), y = *right.number();
  bool integers = left.get<int64_t>() && right.get<int64_t>();
  auto number = [&](double value) {
    return integers && std::abs(value) < 9e15 ? Value(int64_t(value)) : Value(value);
  };
  if (op == "+") {
    return number(x + y);
  }
  if (op == "-") {
    return number(x - y);
  }
  if (op == "*") {
    return number(x * y);
  }
  if (op == "/") {
    bool exact = integers && y != 0 && std::fmod(x, y) == 0;
    return exact ? number(x / y) : Value(x / y);
  }
  if (op == "^") {
    return y >= 0 ? number(std::pow(x, y)) : Value(std::pow(x, y));
  }
  if (op == "==" || op == "!=") {
    return Value((x == y) == (op == "=="));
  }
  if (op == "<" || op == "<=") {
    return Value(op == "<" ? x < y : x <= y);
  }
  if (op == ">" || op == ">=") {
    return Value(op == ">" ? x > y : x >= y);
  }
  return std::nullopt;
}

/// == and != of strings, booleans, experts and modalities; nullopt for anything else.
static std::optional<bool> identical(const Value &left, const Value &right) {
  if (auto *x = left.get<std::string>(), *y = right.get<std::string>(); x && y) {
    return *x == *y;
  }
  if (auto *x = left.get<bool>(), *y = right.get<bool>(); x && y) {
    return *x == *y;
  }
  if (auto *x = left.get<ExpertRef>(), *y = right.get<ExpertRef>(); x && y) {
    return (*x)->index == (*y)->index;
  }
  if (auto *x = left.get<Modality>(), *y = right.get<Modality>(); x && y) {
    return x->index == y->index;
  }
  return std::nullopt;
}

Value Elaborator::evaluateBinary(const Expr &expr) {
  const std::string &op = expr.text;
  Value left = evaluate(*expr.children[0]);
  if (auto *flag = left.get<bool>(); flag && (op == "and" || op == "or")) {
    if (*flag == (op == "or")) {
      return *flag; // decided: the right side may be meaningless
    }
    Value right = evaluate(*expr.children[1]);
    return right.get<bool>() || right.poisoned()
               ? right
               : report(expr.children[1]->range, "E0302",
                        "'" + op + "' needs true or false, not " + describe(right));
  }
  Value right = evaluate(*expr.children[1]);
  if (left.poisoned() || right.poisoned()) {
    return Poison{};
  }
  if (op == "..") {
    auto *begin = left.get<int64_t>(), *end = right.get<int64_t>();
    return begin && end ? Value(elaborate::Range{*begin, *end})
                        : report(expr.range, "E0302",
                                 "a range runs between integers, not " + describe(left) + " and " +
                                     describe(right));
  }
  if (left.number() && right.number()) {
    if (std::optional<Value> folded = foldNumbers(op, left, right)) {
      return *folded;
    }
  }
  if (op == "==" || op == "!=") {
    if (std::optional<bool> same = identical(left, right)) {
      return *same == (op == "==");
    }
  }
  if (auto *text = left.get<std::string>(), *more = right.get<std::string>();
      op == "+" && text && more) {
    return *text + *more;
  }
  if (op == "+" && left.list() && right.list()) {
    List joined = *left.list();
    joined.insert(joined.end(), right.list()->begin(), right.list()->end());
    return joined;
  }
  for (Value *side : {&left, &right}) {
    if (std::optional<Tensor> t = tensor(*side)) {
      *side = *t;
    }
  }
  const Expr *outer = std::exchange(currentCall, &expr);
  Value result = buildArithmetic(*this, ops(expr.range), op, left, right);
  currentCall = outer;
  return result;
}

} // namespace mome::elaborate

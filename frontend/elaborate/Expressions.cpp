// Expressions that are not calls.
#include "frontend/elaborate/Elaborator.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Format.h"

#include <cmath>

namespace mome::elaborate {

using namespace syntax;

Value *Frame::find(const std::string &name) {
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
    if (auto found = scope->find(name); found != scope->end()) {
      return &found->second;
    }
  }
  return nullptr;
}

void Frame::assign(const std::string &name, Value value) {
  if (Value *outer = find(name)) {
    *outer = std::move(value);
  } else {
    scopes.back()[name] = std::move(value);
  }
}

std::string Value::describe(int64_t batch) const {
  struct Describer {
    int64_t batch;
    std::string operator()(const Poison &) { return "an invalid value"; }
    std::string operator()(const None &) { return "nothing"; }
    std::string operator()(bool value) { return value ? "true" : "false"; }
    std::string operator()(int64_t value) { return std::to_string(value); }
    std::string operator()(double value) {
      llvm::SmallString<16> text;
      llvm::raw_svector_ostream(text) << llvm::format("%g", value);
      return text.str().str();
    }
    std::string operator()(const std::string &value) { return "\"" + value + "\""; }
    std::string operator()(const Tensor &value) { return elaborate::describe(value, batch); }
    std::string operator()(const std::shared_ptr<List> &value) {
      return "a list of " + std::to_string(value->size());
    }
    std::string operator()(const BlockRef &value) {
      return "block '" + value.block->name.name + "'";
    }
    std::string operator()(const Modality &value) { return "modality '" + value.name + "'"; }
    std::string operator()(const ExpertRef &value) { return "expert '" + value->name + "'"; }
    std::string operator()(const ExpertsRef &) { return "the experts"; }
    std::string operator()(const Weights &value) {
      return "the gate's weights " + elaborate::describe(value.tensor, batch);
    }
    std::string operator()(const Range &value) {
      return std::to_string(value.begin) + ".." + std::to_string(value.end);
    }
    std::string operator()(const Initializer &value) { return "initialiser " + value.kind; }
  };
  return std::visit(Describer{batch}, data);
}

mlir::Location Elaborator::loc(syntax::Range range) const {
  if (!range.valid()) {
    return mlir::UnknownLoc::get(&context);
  }
  LineColumn at = sources.position(range);
  mlir::Location where =
      mlir::FileLineColLoc::get(&context, sources.file(range.file).path, at.line, at.column);
  const std::string &path = callPath.empty() && !frames.empty() ? frames.back().path : callPath;
  return mlir::FusedLoc::get({where}, model::ScopeAttr::get(&context, path, model::Phase::fwd),
                             &context);
}

Value Elaborator::report(syntax::Range range, llvm::StringRef code, const std::string &message,
                         const std::string &label) {
  diagnostics.error(range, code.str(), message).label = label;
  return Poison{};
}

TensorOps Elaborator::ops(syntax::Range range) {
  TensorOps t(builder, loc(range), batch);
  if (mode == model::Mode::eval) {
    auto type = mlir::RankedTensorType::get({batch}, builder.getF32Type());
    t.validMask = [this, type, range] {
      return Tensor{model::MaskOp::create(builder, loc(range), type, model::MaskKind::valid), true};
    };
  }
  return t;
}

std::optional<Tensor> Elaborator::tensor(const Value &value) const {
  if (auto *tensor = value.get<Tensor>()) {
    return *tensor;
  }
  if (auto *modality = value.get<Modality>()) {
    return modality->tensor;
  }
  if (auto *weights = value.get<Weights>()) {
    return weights->tensor;
  }
  return std::nullopt;
}

Value Elaborator::evaluate(const Expr &expr) {
  switch (expr.kind) {
  case ExprKind::integer:
    return expr.integer;
  case ExprKind::real:
    return expr.real;
  case ExprKind::string:
    return expr.text;
  case ExprKind::boolean:
    return expr.boolean;
  case ExprKind::name:
    return evaluateName(expr);
  case ExprKind::list: {
    List list;
    for (const ExprPtr &child : expr.children) {
      list.push_back(evaluate(*child));
      if (list.back().poisoned()) {
        return Poison{};
      }
    }
    return list;
  }
  case ExprKind::unary:
    return evaluateUnary(expr);
  case ExprKind::binary:
    return evaluateBinary(expr);
  case ExprKind::call:
    return evaluateCall(expr, "", false);
  case ExprKind::label:
    return evaluateLabel(expr);
  case ExprKind::index:
    return evaluateIndex(expr);
  case ExprKind::attribute:
    return evaluateAttribute(expr);
  case ExprKind::comprehension:
    return evaluateComprehension(expr);
  case ExprKind::quantity:
    return report(expr.range, "E0216",
                  "a quantity with a unit has meaning only in a train or data section");
  }
  llvm_unreachable("covered");
}

static const std::map<std::string, int> &initializerKinds() {
  static const std::map<std::string, int> kinds = {
      {"zeros", 0},  {"ones", 0},         {"constant", 1},      {"uniform", 2},
      {"normal", 1}, {"trunc_normal", 1}, {"xavier_uniform", 0}};
  return kinds;
}

Value Elaborator::evaluateName(const Expr &expr) {
  Frame &frame = frames.back();
  if (Value *value = frame.find(expr.text)) {
    return *value;
  }
  if (auto block = frame.module->blocks.find(expr.text); block != frame.module->blocks.end()) {
    return BlockRef{block->second.first, block->second.second};
  }
  if (auto kind = initializerKinds().find(expr.text);
      kind != initializerKinds().end() && kind->second == 0) {
    return Initializer{expr.text, {}};
  }
  if (expr.text == "presence" && frames.size() == 1 && !modalities.empty()) {
    return presence(expr.range);
  }
  std::vector<std::string> candidates;
  for (const auto &scope : frame.scopes) {
    for (const auto &entry : scope) {
      candidates.push_back(entry.first);
    }
  }
  for (const auto &entry : frame.module->blocks) {
    candidates.push_back(entry.first);
  }
  Diagnostic &error =
      diagnostics.error(expr.range, "E0205", "'" + expr.text + "' is not defined here");
  if (auto guess = nearest(expr.text, candidates)) {
    error.notes.push_back({Severity::note, {}, "", "did you mean '" + *guess + "'?", "", {}});
  } else if (findBuiltin(expr.text)) {
    error.notes.push_back(
        {Severity::note, {}, "", "'" + expr.text + "' is an operation: call it", "", {}});
  }
  return Poison{};
}

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

//===-- Subscripts and attributes
//----------------------------------------------------------------===//

Value Elaborator::evaluateIndex(const Expr &expr) {
  Value base = evaluate(*expr.children[0]);
  if (base.poisoned()) {
    return base;
  }
  if (auto *weights = base.get<Weights>()) {
    Value index = expr.subscripts.size() == 1 && expr.subscripts[0].index
                      ? evaluate(*expr.subscripts[0].index)
                      : Value();
    auto *expert = index.get<ExpertRef>();
    if (!expert) {
      return index.poisoned() && expr.subscripts[0].index
                 ? index
                 : report(expr.range, "E0308", "a gate is indexed by an expert, as in vote[e]");
    }
    Tensor votes = weights->tensor;
    return ops(expr.range).slice(votes, {0, (*expert)->index}, {votes.shape()[0], 1}, {1, 1});
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

Value Elaborator::indexList(const List &list, const Expr &expr) {
  int64_t size = list.size();
  if (expr.subscripts.size() != 1) {
    return report(expr.range, "E0307", "a list takes one index");
  }
  const Subscript &subscript = expr.subscripts[0];
  auto at = [&](const ExprPtr &bound, int64_t fallback) -> std::optional<int64_t> {
    if (!bound) {
      return fallback;
    }
    std::optional<int64_t> value = integer(*bound, "an index");
    return value && *value < 0 ? std::optional(*value + size) : value;
  };
  if (subscript.slice) {
    std::optional<int64_t> begin = at(subscript.begin, 0), end = at(subscript.end, size);
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
  std::optional<int64_t> index = at(subscript.index, 0);
  if (!index) {
    return Poison{};
  }
  if (*index < 0 || *index >= size) {
    return report(subscript.range, "E0307",
                  "index out of range: the list has " + std::to_string(size) + " entries");
  }
  return list[*index];
}

/// x[i], x[a:b], x[:, 0], x[:, 1:]: an integer drops its axis, a slice keeps it.
Value Elaborator::indexTensor(Tensor x, const Expr &expr) {
  if (int64_t(expr.subscripts.size()) > x.rank()) {
    return report(expr.range, "E0307", "too many subscripts for " + elaborate::describe(x, batch));
  }
  llvm::SmallVector<int64_t> offsets(x.rank(), 0), sizes(x.shape()), strides(x.rank(), 1), kept;
  for (int64_t axis = 0; axis < x.rank(); ++axis) {
    int64_t extent = x.shape()[axis];
    if (axis >= int64_t(expr.subscripts.size())) {
      kept.push_back(extent);
      continue;
    }
    const Subscript &subscript = expr.subscripts[axis];
    auto at = [&](const ExprPtr &bound, int64_t fallback) -> std::optional<int64_t> {
      if (!bound) {
        return fallback;
      }
      std::optional<int64_t> value = integer(*bound, "a subscript of a tensor");
      return value && *value < 0 ? std::optional(*value + extent) : value;
    };
    if (!subscript.slice && !subscript.index) {
      return Poison{};
    }
    std::optional<int64_t> begin = at(subscript.slice ? subscript.begin : subscript.index, 0);
    std::optional<int64_t> end = subscript.slice ? at(subscript.end, extent) : begin;
    std::optional<int64_t> step =
        subscript.step ? integer(*subscript.step, "a step") : std::optional<int64_t>(1);
    if (!begin || !end || !step) {
      return Poison{};
    }
    int64_t last = subscript.slice ? *end : *begin + 1;
    if (*begin < 0 || last > extent || *begin >= last || *step < 1) {
      return report(subscript.range, "E0307",
                    "out of range on axis " + std::to_string(axis) + " of " +
                        elaborate::describe(x, batch));
    }
    bool whole = subscript.slice && *begin == 0 && last == extent && *step == 1;
    if (axis == 0 && x.batched && !whole) { // a batch of 1 has an axis, too
      return report(subscript.range, "E0305", "the batch axis cannot be cut: write ':' there");
    }
    offsets[axis] = *begin;
    sizes[axis] = (last - *begin + *step - 1) / *step;
    strides[axis] = *step;
    if (subscript.slice) {
      kept.push_back(sizes[axis]);
    }
  }
  TensorOps t = ops(expr.range);
  bool whole = llvm::all_of(offsets, [](int64_t o) { return o == 0; }) &&
               x.shape() == llvm::ArrayRef<int64_t>(sizes);
  Tensor part = whole ? x : t.slice(x, offsets, sizes, strides);
  return t.reshape(part, kept, x.batched);
}

Value Elaborator::evaluateAttribute(const Expr &expr) {
  Value base = evaluate(*expr.children[0]);
  if (base.poisoned()) {
    return base;
  }
  const std::string &name = expr.text;
  if (auto *expert = base.get<ExpertRef>()) {
    if (name == "name") {
      return (*expert)->name;
    }
    if (name == "present") {
      return presenceOf((*expert)->name, expr);
    }
    if (auto found = (*expert)->yields.find(name); found != (*expert)->yields.end()) {
      return found->second;
    }
    std::string fields;
    for (const auto &entry : (*expert)->yields) {
      fields += (fields.empty() ? "" : ", ") + entry.first;
    }
    return report(expr.range, "E0206",
                  describe(base) + " yields no '" + name + "'" +
                      (fields.empty() ? "" : "; it yields " + fields));
  }
  if (auto *modality = base.get<Modality>(); modality && name == "name") {
    return modality->name;
  }
  if (auto *modality = base.get<Modality>(); modality && name == "present") {
    return presenceOf(modality->name, expr);
  }
  if (std::optional<Tensor> x = tensor(base); x && name == "shape") {
    List shape;
    for (int64_t extent : x->shape()) {
      shape.push_back(extent);
    }
    return shape;
  }
  if (std::optional<Tensor> x = tensor(base); x && name == "rank") {
    return x->rank();
  }
  return report(expr.range, "E0206", describe(base) + " has no '" + name + "'");
}

Tensor Elaborator::presence(syntax::Range range) {
  int64_t count = llvm::count_if(modelSyntax->body, [](const auto &statement) {
    return statement->kind == StatementKind::modality;
  });
  auto type = mlir::RankedTensorType::get({batch, count}, builder.getF32Type());
  return {model::MaskOp::create(builder, loc(range), type, model::MaskKind::presence), true};
}

Value Elaborator::presenceOf(const std::string &name, const Expr &expr) {
  auto modality = llvm::find_if(modalities, [&](const Modality &m) { return m.name == name; });
  if (modality == modalities.end()) {
    return report(expr.range, "E0206",
                  "expert '" + name +
                      "' is called like no modality: nothing says when it is present");
  }
  return ops(expr.range).slice(presence(expr.range), {0, modality->index}, {batch, 1}, {1, 1});
}

//===-- Comprehensions and helpers
//---------------------------------------------------------------===//

std::optional<List> Elaborator::elements(const Value &value, syntax::Range range) {
  if (auto *span = value.get<elaborate::Range>()) {
    constexpr uint64_t longest = 1 << 20; // loops are unrolled
    if (span->begin < span->end && uint64_t(span->end) - uint64_t(span->begin) > longest) {
      report(range, "E0209", "the range has more than " + std::to_string(longest) + " elements");
      return std::nullopt;
    }
    List list;
    for (int64_t i = span->begin; i < span->end; ++i) {
      list.push_back(i);
    }
    return list;
  }
  if (const List *list = value.list()) {
    return *list;
  }
  if (auto *experts = value.get<ExpertsRef>()) {
    return List((*experts)->experts.begin(), (*experts)->experts.end());
  }
  if (!value.poisoned()) {
    report(range, "E0302", "cannot run over " + describe(value));
  }
  return std::nullopt;
}

bool Elaborator::forEach(const Expr &comprehension, size_t clause,
                         const std::function<bool()> &body) {
  if (clause == comprehension.clauses.size()) {
    if (comprehension.condition) {
      std::optional<bool> holds = condition(*comprehension.condition);
      if (!holds || !*holds) {
        return holds.has_value();
      }
    }
    return body();
  }
  const ForClause &loop = comprehension.clauses[clause];
  std::optional<List> list = elements(evaluate(*loop.iterable), loop.iterable->range);
  if (!list) {
    return false;
  }
  for (Value &element : *list) {
    frames.back().scopes.push_back({{loop.variable.name, element}});
    bool good = forEach(comprehension, clause + 1, body);
    frames.back().scopes.pop_back();
    if (!good) {
      return false;
    }
  }
  return true;
}

Value Elaborator::evaluateComprehension(const Expr &expr) {
  List result;
  bool good = forEach(expr, 0, [&] {
    result.push_back(evaluate(*expr.children[0]));
    return !result.back().poisoned();
  });
  return good ? Value(std::move(result)) : Value();
}

std::optional<int64_t> Elaborator::integer(const Expr &expr, llvm::StringRef what) {
  Value value = evaluate(expr);
  if (auto *number = value.get<int64_t>()) {
    return *number;
  }
  if (value.get<ExpertRef>()) {
    report(expr.range, "E0308", "only a gate's weights are indexed by an expert");
  } else if (!value.poisoned()) {
    report(expr.range, "E0302",
           what.str() + " must be an integer known now, not " + describe(value));
  }
  return std::nullopt;
}

std::optional<bool> Elaborator::condition(const Expr &expr) {
  Value value = evaluate(expr);
  if (auto *flag = value.get<bool>()) {
    return *flag;
  }
  if (!value.poisoned()) {
    report(expr.range, "E0302",
           "a condition must be true or false when the model is compiled, not " + describe(value));
  }
  return std::nullopt;
}

} // namespace mome::elaborate

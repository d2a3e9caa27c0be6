// Calls: labels and the paths they give to parameters, which kind of callee it is, and calls that
// compute numbers. BlockCalls.cpp and BuiltinCalls.cpp have the others.
//
//   attn: attention(x)             below the path "attn"
//   blocks[i].attn: attention(x)   below "blocks.3.attn"
#include "frontend/elaborate/Elaborator.h"

#include <cmath>

namespace mome::elaborate {

using namespace syntax;

Value Elaborator::evaluateLabel(const Expr &expr) {
  std::optional<std::string> label = labelPath(expr.label);
  return label ? evaluateCall(*expr.children[0], *label, expr.boolean) : Value();
}

/// "blocks.3.attn"; nullopt after reporting.
std::optional<std::string> Elaborator::labelPath(const std::vector<LabelPart> &parts) {
  std::string label;
  for (const LabelPart &part : parts) {
    std::string text = part.name;
    if (part.index) {
      Value index = evaluate(*part.index);
      if (index.poisoned()) {
        return std::nullopt;
      }
      if (auto *number = index.get<int64_t>()) {
        text = std::to_string(*number);
      } else if (auto *string = index.get<std::string>()) {
        text = *string;
      } else {
        report(part.range, "E0302",
               "the index of a label is an integer or a string, not " + describe(index));
        return std::nullopt;
      }
    }
    label = joinPath(label, text);
  }
  return label;
}

Value Elaborator::evaluateCall(const Expr &call, const std::string &label, bool same) {
  const Expr &callee = *call.children[0];
  std::string path = joinPath(frames.back().path, label);
  if (callee.kind == ExprKind::name && !frames.back().find(callee.text)) {
    if (std::optional<Value> special = callSpecial(call)) {
      return *special;
    }
    bool isBlock = frames.back().module->blocks.count(callee.text);
    if (const Builtin *builtin = isBlock ? nullptr : findBuiltin(callee.text)) {
      return callBuiltin(*builtin, call, path, same);
    }
  }
  Value target = evaluate(callee);
  if (auto *block = target.get<BlockRef>()) {
    return callBlock(*block, call, path, same);
  }
  if (target.poisoned()) {
    if (callee.kind == ExprKind::name) {
      std::vector<std::string> names;
      for (llvm::StringRef name : builtinNames()) {
        names.push_back(name.str());
      }
      if (auto guess = nearest(callee.text, names)) {
        note("did you mean '" + *guess + "'?");
      }
    }
    return target;
  }
  return report(callee.range, "E0309", describe(target) + " is not callable");
}

/// Calls that are neither blocks nor tensor operations: len, int, floor, fail, and initialisers with
/// arguments. Nothing: it is another call.
std::optional<Value> Elaborator::callSpecial(const Expr &call) {
  const std::string &name = call.children[0]->text;
  static const std::map<std::string, size_t> arity = {
      {"len", 1},      {"int", 1},    {"floor", 1},        {"fail", 1},
      {"constant", 1}, {"normal", 1}, {"trunc_normal", 1}, {"uniform", 2}};
  auto wanted = arity.find(name);
  if (wanted == arity.end()) {
    return std::nullopt;
  }
  List args;
  for (const Argument &argument : call.arguments) {
    args.push_back(evaluate(*argument.value));
    if (args.back().poisoned()) {
      return Value();
    }
  }
  if (args.size() != wanted->second) {
    return report(call.range, "E0207",
                  "'" + name + "' takes " + std::to_string(wanted->second) + " argument" +
                      (wanted->second > 1 ? "s" : ""));
  }
  if (name == "len") {
    std::optional<List> list = elements(args[0], call.arguments[0].value->range);
    return list ? Value(int64_t(list->size())) : Value();
  }
  if (name == "fail") {
    auto *message = args[0].get<std::string>();
    return message ? report(call.range, "E0220", *message)
                   : report(call.range, "E0302", "'fail' needs a string");
  }
  if (!llvm::all_of(args, [](const Value &value) { return value.number(); })) {
    return report(call.range, "E0302", "'" + name + "' needs numbers known now");
  }
  if (name == "int" || name == "floor") {
    double floor = std::floor(*args[0].number());
    return std::abs(floor) < 9e15
               ? Value(int64_t(floor))
               : report(call.range, "E0302", "the number is too large for an integer");
  }
  Initializer init{name, {}};
  for (const Value &value : args) {
    init.args.push_back(*value.number());
  }
  return init;
}

} // namespace mome::elaborate

// Calls of builtins (Builtins.h): arguments are bound to the signature, each as its kind, then the
// builtin builds its ops.
//
//   linear(x, 64, bias = false)   slots: x as a tensor, 64 as an integer, false, defaults
#include "frontend/elaborate/Elaborator.h"

namespace mome::elaborate {

using namespace syntax;

/// The value as the builtin wants it; nullopt if it is of another kind.
std::optional<Value> Elaborator::coerce(Kind kind, const Value &value) {
  switch (kind) {
  case Kind::any:
    if (std::optional<Tensor> t = tensor(value)) {
      return *t;
    }
    return value;
  case Kind::tensor: {
    std::optional<Tensor> t = tensor(value);
    return t ? std::optional<Value>(*t) : std::nullopt;
  }
  case Kind::integer:
    return value.get<int64_t>() ? std::optional(value) : std::nullopt;
  case Kind::number:
    return value.number() || value.get<Tensor>() ? std::optional(value) : std::nullopt;
  case Kind::boolean:
    return value.get<bool>() ? std::optional(value) : std::nullopt;
  case Kind::string:
    return value.get<std::string>() ? std::optional(value) : std::nullopt;
  case Kind::initializer:
    return value.get<Initializer>() ? std::optional(value) : std::nullopt;
  case Kind::list:
    return value.list() ? std::optional(value) : std::nullopt;
  case Kind::shape: {
    const List *list = value.list();
    bool integers = list && llvm::all_of(*list, [](const Value &v) { return v.get<int64_t>(); });
    return integers ? std::optional(value) : std::nullopt;
  }
  }
  llvm_unreachable("covered");
}

static llvm::StringRef kindName(Kind kind) {
  static constexpr llvm::StringRef names[] = {
      "a value",  "a tensor",           "an integer", "a number",      "true or false",
      "a string", "a list of integers", "a list",     "an initialiser"};
  return names[size_t(kind)];
}

static std::string listNames(llvm::ArrayRef<Parameter> parameters) {
  std::string text;
  for (const Parameter &parameter : parameters) {
    text += (text.empty() ? "" : ", ") + parameter.name.str();
  }
  return text;
}

/// Why an argument has no place: `name` is empty if it is a positional one.
static std::string describeMisplaced(const Builtin &builtin, const std::string &name,
                                     bool isKnown) {
  std::string callee = "'" + builtin.name.str() + "'";
  if (name.empty()) {
    return callee + " takes at most " + std::to_string(builtin.parameters.size()) +
           (builtin.parameters.size() == 1 ? " argument" : " arguments");
  }
  return isKnown ? "'" + name + "' is given twice" : callee + " has no argument '" + name + "'";
}

/// Evaluates the arguments and gives each its slot, then the defaults; `slots` are the expressions
/// of those that were given. False after reporting.
bool Elaborator::bindArguments(BuiltinCall &bound, std::vector<const Expr *> &slots,
                               const Builtin &builtin, const Expr &call) {
  size_t count = builtin.parameters.size(), position = 0;
  bool reduces = builtin.name == "sum" || builtin.name == "mean" || builtin.name == "max";
  for (const Argument &argument : call.arguments) {
    const std::string &name = argument.name.name;
    Value value = evaluate(*argument.value);
    if (value.poisoned() || (reduces && !checkExpertShapes(*argument.value, value))) {
      return false;
    }
    if (name.empty() && builtin.variadic) {
      bound.rest.push_back(*coerce(Kind::any, value));
      continue;
    }
    auto isNamed = [&](const Parameter &parameter) { return parameter.name == name; };
    size_t slot = name.empty()
                      ? position++
                      : llvm::find_if(builtin.parameters, isNamed) - builtin.parameters.begin();
    if (slot == count && !name.empty() && builtin.anyName) {
      bound.named[name] = value;
      continue;
    }
    if (slot >= count || bound.given[slot]) {
      bool isUnknown = slot >= count && !name.empty();
      report(isUnknown ? argument.name.range : argument.value->range, "E0207",
             describeMisplaced(builtin, name, slot < count));
      if (slot >= count) {
        note("its arguments: " + listNames(builtin.parameters));
      }
      return false;
    }
    const Parameter &parameter = builtin.parameters[slot];
    std::optional<Value> fitting = coerce(parameter.kind, value);
    if (!fitting) {
      report(argument.value->range, "E0302",
             "'" + parameter.name.str() + "' of '" + builtin.name.str() + "' must be " +
                 kindName(parameter.kind).str() + ", not " + describe(value));
      return false;
    }
    bound.slots[slot] = *fitting;
    bound.given[slot] = true;
    slots[slot] = argument.value.get();
  }
  for (auto [slot, parameter] : llvm::enumerate(builtin.parameters)) {
    if (bound.given[slot]) {
      continue;
    }
    if (!parameter.fallback) {
      report(call.range, "E0207",
             "'" + builtin.name.str() + "' needs an argument '" + parameter.name.str() + "'");
      return false;
    }
    bound.slots[slot] = *parameter.fallback;
  }
  return true;
}

Value Elaborator::callBuiltin(const Builtin &builtin, const Expr &call, const std::string &path,
                              bool same) {
  size_t count = builtin.parameters.size();
  std::string outerPath = std::exchange(callPath, path); // the location of the ops
  BuiltinCall bound{
      *this, ops(call.range), std::vector<Value>(count), std::vector<bool>(count, false), {}, {}};
  callPath = outerPath; // of the arguments
  std::vector<const Expr *> slots(count, nullptr);
  if (!bindArguments(bound, slots, builtin, call)) {
    return Poison{};
  }
  callPath = path;
  const Expr *outerCall = std::exchange(currentCall, &call);
  std::swap(currentSlots, slots);
  bool outerSharing = std::exchange(sharing, sharing || same);
  Value result = builtin.build(bound);
  sharing = outerSharing;
  std::swap(currentSlots, slots);
  callPath = outerPath;
  currentCall = outerCall;
  return result;
}

Value Elaborator::error(llvm::StringRef code, const std::string &message, int argument) {
  syntax::Range range = currentCall->range;
  bool given = argument >= 0 && size_t(argument) < currentSlots.size() && currentSlots[argument];
  if (given) {
    range = currentSlots[argument]->range;
  } else if (argument >= 0 && currentCall->kind == ExprKind::call &&
             size_t(argument) < currentCall->arguments.size()) {
    range = currentCall->arguments[argument].value->range;
  }
  return report(range, code, message);
}

} // namespace mome::elaborate

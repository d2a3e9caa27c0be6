// Calls: blocks, builtins, initialisers; labels and the paths they give to parameters.
#include "frontend/elaborate/Elaborator.h"

#include "llvm/ADT/StringExtras.h"

namespace mome::elaborate {

using namespace syntax;

constexpr int maxCallDepth = 64;

static std::string joinPath(const std::string &path, llvm::StringRef leaf) {
  return path.empty() ? leaf.str() : leaf.empty() ? path : path + "." + leaf.str();
}

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

void Elaborator::note(const std::string &message, syntax::Range range) {
  auto &all = const_cast<std::vector<Diagnostic> &>(diagnostics.all());
  if (!all.empty() && all.back().notes.empty()) {
    all.back().notes.push_back({Severity::note, range, "", message, "", {}});
  }
}

/// Calls that are neither blocks nor tensor operations: len, int, floor, fail, and initialisers with
/// arguments.
std::optional<Value> Elaborator::callSpecial(const Expr &call) {
  const std::string &name = call.children[0]->text;
  static const std::map<std::string, size_t> arity = {
      {"len", 1},          {"int", 1},     {"floor", 1}, {"constant", 1}, {"normal", 1},
      {"trunc_normal", 1}, {"uniform", 2}, {"name", 1},  {"fail", 1}};
  auto wanted = arity.find(name);
  bool isMax = (name == "max" || name == "min") && call.arguments.size() > 1;
  if (name == "min" && call.arguments.size() != 2 && !frames.back().module->blocks.count(name)) {
    return report(call.range, "E0207", "'min' takes two numbers");
  }
  if (wanted == arity.end() && !isMax) {
    return std::nullopt;
  }
  std::vector<Value> args;
  for (const Argument &argument : call.arguments) {
    args.push_back(evaluate(*argument.value));
    if (args.back().poisoned()) {
      return Value();
    }
  }
  bool numbers = llvm::all_of(args, [](const Value &v) { return v.number(); });
  if (isMax) {
    if (!numbers || args.size() != 2) {
      return std::nullopt; // a reduction over axes: the builtin's
    }
    bool first = (*args[0].number() > *args[1].number()) == (name == "max");
    return args[first ? 0 : 1];
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
  if (auto *message = args[0].get<std::string>(); message && name == "fail") {
    return report(call.range, "E0220", *message);
  }
  if (!numbers || name == "fail") {
    return report(call.range, "E0302",
                  "'" + name + "' needs " + (numbers ? "a string" : "numbers known now"));
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

//===-- Blocks
//-----------------------------------------------------------------------------------===//

Value Elaborator::callBlock(BlockRef block, const Expr &call, const std::string &path, bool same) {
  Frame frame;
  frame.module = block.module;
  frame.path = path;
  frame.depth = frames.back().depth + 1;
  if (frame.depth > maxCallDepth) {
    return report(call.range, "E0208",
                  "blocks call each other more than " + std::to_string(maxCallDepth) +
                      " levels deep: '" + block.block->name.name + "' calls itself without end?");
  }
  if (!bindParameters(frame, *block.block, call)) {
    return Poison{};
  }
  std::string outerPath = std::exchange(callPath, "");
  int errorsBefore = diagnostics.errors();
  bool outerSharing =
      std::exchange(sharing, sharing || same); // after the arguments: they share nothing
  frames.push_back(std::move(frame));
  run(block.block->body);
  frame = std::move(frames.back());
  frames.pop_back();
  sharing = outerSharing;
  callPath = outerPath;
  if (diagnostics.errors() > errorsBefore) {
    note("in " + block.block->name.name + " called here", call.range);
    return Poison{};
  }
  if (!frame.yields.empty()) {
    Expert record;
    record.name = block.block->name.name;
    record.index = -1;
    record.yields = std::move(frame.yields);
    if (frame.returned) {
      record.yields["result"] = {*frame.returned};
    }
    return ExpertRef(std::make_shared<Expert>(std::move(record)));
  }
  return frame.returned ? *frame.returned : Value(None{});
}

/// Evaluates the arguments in the caller's scope and binds them, then the defaults in the block's.
bool Elaborator::bindParameters(Frame &frame, const Block &block, const Expr &call) {
  std::map<std::string, std::pair<Value, syntax::Range>> given;
  size_t position = 0;
  for (const Argument &argument : call.arguments) {
    std::string name = argument.name.name;
    if (name.empty()) {
      if (position >= block.parameters.size()) {
        report(argument.value->range, "E0207",
               "'" + block.name.name + "' takes " + std::to_string(block.parameters.size()) +
                   " arguments");
        return false;
      }
      name = block.parameters[position++].name.name;
    } else if (llvm::none_of(block.parameters,
                             [&](const syntax::Parameter &p) { return p.name.name == name; })) {
      report(argument.name.range, "E0207",
             "'" + block.name.name + "' has no parameter '" + name + "'");
      return false;
    }
    Value value = evaluate(*argument.value);
    if (value.poisoned()) {
      return false;
    }
    if (!given.emplace(name, std::pair(value, argument.value->range)).second) {
      report(argument.value->range, "E0207", "'" + name + "' is given twice");
      return false;
    }
  }
  for (const syntax::Parameter &parameter : block.parameters) {
    Value value;
    syntax::Range where = call.range;
    if (auto found = given.find(parameter.name.name); found != given.end()) {
      std::tie(value, where) = found->second;
    } else if (parameter.fallback) {
      frames.push_back(std::move(frame)); // defaults may use earlier parameters
      value = evaluate(*parameter.fallback);
      frame = std::move(frames.back());
      frames.pop_back();
    } else {
      report(call.range, "E0207",
             "'" + block.name.name + "' needs an argument '" + parameter.name.name + "'");
      return false;
    }
    if (value.poisoned() || !checkType(frame, parameter, value, where)) {
      return false;
    }
    frame.scopes.front()[parameter.name.name] = value;
  }
  return true;
}

/// Checks a value against its parameter's type and binds the type's dimension names. Modalities
/// become their tensors.
bool Elaborator::checkType(Frame &frame, const syntax::Parameter &parameter, Value &value,
                           syntax::Range where) {
  if (!parameter.type) {
    return true;
  }
  const TypeRef &type = *parameter.type;
  auto mismatch = [&](const std::string &wanted) {
    report(where, "E0310",
           "'" + parameter.name.name + "' must be " + wanted + ", not " + describe(value));
    return false;
  };
  if (type.name == "int") {
    return value.get<int64_t>() || mismatch("an integer");
  }
  if (type.name == "float") {
    bool scalar = value.get<Tensor>() && value.get<Tensor>()->rank() == 0; // a hyper
    return value.number() || scalar || mismatch("a number");
  }
  if (type.name == "string") {
    return value.get<std::string>() || mismatch("a string");
  }
  if (type.name == "bool") {
    return value.get<bool>() || mismatch("true or false");
  }
  if (type.name == "list") {
    return value.list() || mismatch("a list");
  }
  if (type.name == "block") {
    return value.get<BlockRef>() || mismatch("a block");
  }
  if (type.name == "experts") {
    return value.get<ExpertsRef>() || mismatch("the experts of the model");
  }
  if (type.name == "tokens") {
    return value.get<ExpertRef>() || mismatch("what a block yields");
  }
  if (!type.name.empty() && type.name != "video" && type.name != "tensor") {
    report(type.range, "E0310", "unknown type '" + type.name + "'");
    return false;
  }
  std::optional<Tensor> x = tensor(value);
  if (!x) {
    return mismatch("a tensor");
  }
  value = *x;
  return bindShape(frame, type, *x, where, !type.name.empty());
}

/// `[B, N, D]` binds or checks one extent per axis; `video[C, T, H, W]` leaves the leading batch
/// implicit.
bool Elaborator::bindShape(Frame &frame, const TypeRef &type, Tensor x, syntax::Range where,
                           bool implicitBatch) {
  llvm::ArrayRef<int64_t> shape = x.shape();
  if (implicitBatch) {
    frame.scopes.front()["B"] = shape.empty() ? int64_t(1) : shape[0];
    shape = shape.empty() ? shape : shape.drop_front();
  }
  if (shape.size() != type.dims.size()) {
    report(where, "E0310",
           "expected a tensor of " + std::to_string(type.dims.size() + implicitBatch) +
               " axes, not " + elaborate::describe(x, batch));
    return false;
  }
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    const Expr &dim = *type.dims[axis];
    if (dim.kind == ExprKind::name && !frame.find(dim.text)) {
      frame.scopes.front()[dim.text] = shape[axis];
      continue;
    }
    frames.push_back(std::move(frame));
    std::optional<int64_t> wanted = integer(dim, "an extent");
    frame = std::move(frames.back());
    frames.pop_back();
    if (!wanted) {
      return false;
    }
    if (*wanted != shape[axis]) {
      report(where, "E0310",
             "axis " + std::to_string(axis + implicitBatch) + " of " +
                 elaborate::describe(x, batch) + " must be " +
                 std::string(sources.text(dim.range)) + " = " + std::to_string(*wanted));
      return false;
    }
  }
  return true;
}

//===-- Builtins
//---------------------------------------------------------------------------------===//

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

Value Elaborator::callBuiltin(const Builtin &builtin, const Expr &call, const std::string &path,
                              bool same) {
  size_t count = builtin.parameters.size();
  std::string outerPath = callPath;
  callPath = path; // the location of the ops
  BuiltinCall bound{
      *this, ops(call.range), std::vector<Value>(count), std::vector<bool>(count, false), {}, {}};
  callPath = outerPath;
  size_t position = 0;
  std::vector<const Expr *> slots(count, nullptr);
  for (const Argument &argument : call.arguments) {
    Value value = evaluate(*argument.value);
    bool reduces = builtin.name == "sum" || builtin.name == "mean" || builtin.name == "max";
    if (value.poisoned() || (reduces && !checkExpertShapes(*argument.value, value))) {
      return Poison{};
    }
    if (argument.name.name.empty() && builtin.variadic) {
      bound.rest.push_back(*coerce(Kind::any, value));
      continue;
    }
    size_t slot = position;
    if (!argument.name.name.empty()) {
      slot = llvm::find_if(builtin.parameters,
                           [&](const Parameter &p) { return p.name == argument.name.name; }) -
             builtin.parameters.begin();
      if (slot == count && builtin.anyName) {
        bound.named[argument.name.name] = value;
        continue;
      }
    } else {
      ++position;
    }
    if (slot >= count || bound.given[slot]) {
      return report(argument.value->range, "E0207",
                    argument.name.name.empty() ? "'" + builtin.name.str() + "' takes at most " +
                                                     std::to_string(count) + " arguments"
                    : slot >= count            ? "'" + builtin.name.str() + "' has no argument '" +
                                                     argument.name.name + "'"
                                               : "'" + argument.name.name + "' is given twice");
    }
    std::optional<Value> fitting = coerce(builtin.parameters[slot].kind, value);
    if (!fitting) {
      return report(argument.value->range, "E0302",
                    "'" + builtin.parameters[slot].name.str() + "' of '" + builtin.name.str() +
                        "' must be " + kindName(builtin.parameters[slot].kind).str() + ", not " +
                        describe(value));
    }
    bound.slots[slot] = *fitting;
    bound.given[slot] = true;
    slots[slot] = argument.value.get();
  }
  for (size_t slot = 0; slot < count; ++slot) {
    if (!bound.given[slot]) {
      if (!builtin.parameters[slot].fallback) {
        return report(call.range, "E0207",
                      "'" + builtin.name.str() + "' needs an argument '" +
                          builtin.parameters[slot].name.str() + "'");
      }
      bound.slots[slot] = *builtin.parameters[slot].fallback;
    }
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

//===-- Parameters, states, scalars
//--------------------------------------------------------------===//

static model::InitAttr initAttr(mlir::MLIRContext &context, const Initializer &init) {
  mlir::ArrayAttr args =
      init.args.empty() ? nullptr : mlir::Builder(&context).getF64ArrayAttr(init.args);
  return model::InitAttr::get(&context, init.kind, args);
}

Tensor Elaborator::parameter(llvm::StringRef leaf, llvm::ArrayRef<int64_t> shape,
                             const Initializer &init) {
  std::string path = joinPath(callPath, leaf);
  auto type = mlir::RankedTensorType::get(shape, builder.getF32Type());
  auto [made, fresh] =
      graphParameters.emplace(path, currentCall ? currentCall->range : syntax::Range());
  if (!fresh && !sharing) {
    report(currentCall ? currentCall->range : syntax::Range(), "E0210",
           "two calls in one scope make a parameter '" + path +
               "': give one of them a label, or write `same` to share it");
    note("the first one is here", made->second);
  }
  if (fresh && sharing) {
    report(currentCall ? currentCall->range : syntax::Range(), "E0221",
           "`same` shares the parameter '" + path +
               "', but no earlier call of this scope makes it");
  }
  mlir::Operation *&declaration = declared[path];
  mlir::Location where = loc(made->second);
  if (!declaration) {
    declaration = model::ParamOp::create(declarations, where, path, type, initAttr(context, init));
  }
  auto param = llvm::dyn_cast<model::ParamOp>(declaration);
  if (!param || param.getType() != type) {
    report(currentCall ? currentCall->range : syntax::Range(), "E0211",
           "'" + path + "' has another shape where it was first made");
    return ops({}).splat(shape, 0.0);
  }
  return {model::ReadOp::create(builder, where, type, path)};
}

Tensor Elaborator::state(llvm::StringRef leaf, llvm::ArrayRef<int64_t> shape,
                         const Initializer &init) {
  std::string path = joinPath(callPath, leaf);
  auto type = mlir::RankedTensorType::get(shape, builder.getF32Type());
  mlir::Operation *&declaration = declared[path];
  if (!declaration) {
    declaration = model::StateOp::create(declarations,
                                         loc(currentCall ? currentCall->range : syntax::Range()),
                                         path, type, initAttr(context, init));
  }
  auto latest = stateValues.find(path);
  if (latest == stateValues.end()) {
    Tensor read{model::ReadOp::create(
        builder, loc(currentCall ? currentCall->range : syntax::Range()), type, path)};
    latest = stateValues.emplace(path, read).first;
  }
  return latest->second;
}

void Elaborator::update(llvm::StringRef leaf, Tensor value) {
  if (training()) {
    stateValues[joinPath(callPath, leaf)] = value;
  }
}

Tensor Elaborator::scalarInput(llvm::StringRef name) {
  mlir::Type type = builder.getIntegerType(64);
  declareScalar(name, model::ScalarKind::host, 0, type, loc({}));
  return {model::ReadOp::create(builder, loc({}), mlir::RankedTensorType::get({}, type), name)};
}

void Elaborator::declareScalar(llvm::StringRef name, model::ScalarKind kind, double value,
                               mlir::Type type, mlir::Location where) {
  mlir::Operation *&declaration = declared[name.str()];
  if (!declaration) {
    declaration =
        model::ScalarOp::create(declarations, where, name, kind, llvm::APFloat(value), type);
  }
}

/// FNV-1a over the path and the number of random calls there so far: equal in every graph,
/// placement and order.
uint32_t Elaborator::rngId() {
  std::string key = callPath + "#" + std::to_string(rngCalls[callPath]++);
  uint32_t hash = 2166136261u;
  for (unsigned char c : key) {
    hash = (hash ^ c) * 16777619u;
  }
  return hash;
}

} // namespace mome::elaborate

// Calls of blocks: a frame for the block's names, its parameters bound and held against their types,
// then its body.
//
//   block attention(x[B, N, D], heads: int = 8) { ... }
//   y = attention(tokens, heads = 4)      B, N, D and heads are names of the frame
#include "frontend/elaborate/Elaborator.h"

namespace mome::elaborate {

using namespace syntax;

constexpr int maxCallDepth = 64;

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
  inFrame(frame, [&] {
    run(block.block->body);
    return true;
  });
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
      note("its parameters are declared here", block.name.range);
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
      // Defaults may use earlier parameters.
      value = inFrame(frame, [&] { return evaluate(*parameter.fallback); });
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

/// The types with a name that are no tensors: what such a value is, and the test.
struct NamedType {
  llvm::StringRef name, words;
  bool (*holds)(const Value &value);
};
template <typename T> static bool isA(const Value &value) {
  return value.get<T>();
}
static bool isNumber(const Value &value) {
  auto *tensor = value.get<Tensor>();
  return value.number() || (tensor && tensor->rank() == 0); // a hyper
}
static bool isList(const Value &value) {
  return value.list();
}
static const NamedType namedTypes[] = {{"int", "an integer", isA<int64_t>},
                                       {"float", "a number", isNumber},
                                       {"string", "a string", isA<std::string>},
                                       {"bool", "true or false", isA<bool>},
                                       {"list", "a list", isList},
                                       {"block", "a block", isA<BlockRef>},
                                       {"experts", "the experts of the model", isA<ExpertsRef>},
                                       {"tokens", "what a block yields", isA<ExpertRef>}};

/// Checks a value against its parameter's type and binds the type's dimension names. Modalities
/// become their tensors.
bool Elaborator::checkType(Frame &frame, const syntax::Parameter &parameter, Value &value,
                           syntax::Range where) {
  if (!parameter.type) {
    return true;
  }
  const TypeRef &type = *parameter.type;
  auto mismatch = [&](llvm::StringRef wanted) {
    report(where, "E0310",
           "'" + parameter.name.name + "' must be " + wanted.str() + ", not " + describe(value));
    return false;
  };
  for (const NamedType &named : namedTypes) {
    if (type.name == named.name) {
      return named.holds(value) || mismatch(named.words);
    }
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
    std::optional<int64_t> wanted = inFrame(frame, [&] { return integer(dim, "an extent"); });
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

} // namespace mome::elaborate

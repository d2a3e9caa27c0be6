// Expressions: what each kind means is in a file of its own (Operators.cpp, Calls.cpp, Subscripts.cpp,
// Attributes.cpp, Comprehensions.cpp); here are names, and what all of them use: places, messages,
// and numbers that must be known now.
#include "frontend/elaborate/Elaborator.h"

namespace mome::elaborate {

using namespace syntax;

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

void Elaborator::note(const std::string &message, syntax::Range range) {
  auto &all = const_cast<std::vector<Diagnostic> &>(diagnostics.all());
  if (!all.empty() && all.back().notes.empty()) {
    all.back().notes.push_back({Severity::note, range, "", message, "", {}});
  }
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

/// Initialisers without arguments: names, not calls.
static bool isInitializer(llvm::StringRef name) {
  return name == "zeros" || name == "ones" || name == "xavier_uniform";
}

Value Elaborator::evaluateName(const Expr &expr) {
  Frame &frame = frames.back();
  if (Value *value = frame.find(expr.text)) {
    return *value;
  }
  if (auto block = frame.module->blocks.find(expr.text); block != frame.module->blocks.end()) {
    return BlockRef{block->second.first, block->second.second};
  }
  if (isInitializer(expr.text)) {
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

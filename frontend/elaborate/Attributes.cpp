// What a value is asked for by name, as in e.cls of an expert or x.shape of a tensor; and `presence`,
// which of a sample's modalities are there.
#include "frontend/elaborate/Elaborator.h"

namespace mome::elaborate {

using namespace syntax;

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

} // namespace mome::elaborate

// `sum(vote[e] * e.cls[-1] for e in E)` adds tensors of all experts: when their shapes differ, the
// message says whose tensor it is and where that expert was made, instead of which two extents
// meet.
#include "frontend/elaborate/Elaborator.h"

#include "frontend/syntax/walk.h"

namespace mome::elaborate {

using namespace syntax;

namespace {

/// Finds the first subscript or attribute that begins at a variable: `e.cls[-1]`.
class ChainFinder : public Visitor {
public:
  explicit ChainFinder(const std::string &variable) : variable(variable) {}
  const Expr *found = nullptr;

  void visit(const Expr &expr) override {
    if (found || (expr.kind != ExprKind::index && expr.kind != ExprKind::attribute)) {
      return;
    }
    const Expr *root = &expr;
    while (root->kind == ExprKind::index || root->kind == ExprKind::attribute) {
      root = root->children[0].get();
    }
    found = root->kind == ExprKind::name && root->text == variable ? &expr : nullptr;
  }

private:
  const std::string &variable;
};

/// The expression that makes an expert of the model; null if there is none of that name.
const Expr *makerOf(const Block &model, const std::string &expert) {
  for (const auto &statement : model.body) {
    if (statement->kind != StatementKind::experts) {
      continue;
    }
    for (const Binding &binding : statement->bindings) {
      if (binding.name.name == expert) {
        return binding.value.get();
      }
    }
    if (statement->value && statement->value->kind == ExprKind::comprehension) {
      return statement->value->children[0].get();
    }
  }
  return nullptr;
}

} // namespace

bool Elaborator::checkExpertShapes(const Expr &comprehension, const Value &value) {
  const List *list = value.list();
  if (!list || comprehension.kind != ExprKind::comprehension || comprehension.clauses.size() != 1 ||
      comprehension.condition) {
    return true;
  }
  Value over = evaluate(*comprehension.clauses[0].iterable);
  auto *experts = over.get<ExpertsRef>();
  auto differs = [](const Value &a, const Value &b) {
    auto *x = a.get<Tensor>(), *y = b.get<Tensor>();
    return x && y && x->shape() != y->shape();
  };
  if (!experts || (*experts)->experts.size() != list->size()) {
    return true;
  }
  // The odd one out: the one that differs from most others.
  size_t odd = 0, most = 0;
  for (size_t i = 0; i < list->size(); ++i) {
    size_t others =
        llvm::count_if(*list, [&](const Value &other) { return differs((*list)[i], other); });
    if (others > most || (others == most && i > odd)) {
      odd = i, most = others;
    }
  }
  if (most == 0) {
    return true;
  }
  const std::string &variable = comprehension.clauses[0].variable.name;
  auto with = [&](const Expr &expr, size_t expert) {
    frames.back().scopes.push_back({{variable, (*experts)->experts[expert]}});
    Value result = evaluate(expr);
    frames.back().scopes.pop_back();
    return result;
  };
  // Subscripts of gates begin at the gate: the chain is what the expert itself gives.
  ChainFinder finder(variable);
  walk(*comprehension.children[0], finder);
  const Expr *where = finder.found ? finder.found : comprehension.children[0].get();
  size_t usual = odd == 0 ? 1 : 0;
  Value mine = with(*where, odd), theirs = with(*where, usual);
  if (!differs(mine, theirs)) {
    where = comprehension.children[0].get();
    mine = (*list)[odd], theirs = (*list)[usual];
  }
  const std::string &name = (*experts)->experts[odd]->name;
  bool tokens = where->kind == ExprKind::index && where->children[0]->kind == ExprKind::attribute &&
                where->children[0]->text == "cls";
  Diagnostic &error = diagnostics.error(where->range, "E0311",
                                        std::string(tokens ? "class tokens" : "tensors") +
                                            " of the experts differ in width");
  error.label = describe(mine) + " from expert '" + name + "'";
  error.note("the other experts give " + describe(theirs));
  if (const Expr *maker = modelSyntax ? makerOf(*modelSyntax, name) : nullptr) {
    error.note("in expert '" + name + "', " + std::string(sources.text(maker->range)),
               maker->range);
  }
  return false;
}

} // namespace mome::elaborate

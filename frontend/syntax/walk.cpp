#include "frontend/syntax/walk.h"

namespace mome::syntax {
namespace {

void walk(const ExprPtr &expr, Visitor &visitor) {
  if (expr) {
    walk(*expr, visitor);
  }
}

void walk(const TypeRef &type, Visitor &visitor) {
  visitor.visit(type);
  for (const ExprPtr &dim : type.dims) {
    walk(dim, visitor);
  }
}

void walk(const std::vector<Binding> &bindings, Visitor &visitor) {
  for (const Binding &binding : bindings) {
    walk(binding.value, visitor);
  }
}

void walk(const Body &body, Visitor &visitor);

void walk(const Statement &statement, Visitor &visitor) {
  visitor.visit(statement);
  if (statement.type) {
    walk(*statement.type, visitor);
  }
  if (statement.clause) {
    walk(statement.clause->iterable, visitor);
  }
  walk(statement.weight, visitor);
  walk(statement.bindings, visitor); // the sums of a metric stand before its value
  walk(statement.value, visitor);
  walk(statement.body, visitor);
  walk(statement.otherwise, visitor);
}

void walk(const Body &body, Visitor &visitor) {
  for (const auto &statement : body) {
    walk(*statement, visitor);
  }
}

void walk(const SettingItem &item, Visitor &visitor) {
  visitor.visit(item);
  walk(item.value, visitor);
  walk(item.extra, visitor);
  for (const SettingItem &inner : item.body) {
    walk(inner, visitor);
  }
}

void walk(const Section &section, Visitor &visitor) {
  visitor.visit(section);
  for (const Setting &setting : section.settings) {
    visitor.visit(setting);
    for (const SettingItem &item : setting.items) {
      walk(item, visitor);
    }
  }
}

} // namespace

void walk(const Block &block, Visitor &visitor) {
  visitor.visit(block);
  for (const Parameter &parameter : block.parameters) {
    visitor.visit(parameter);
    if (parameter.type) {
      walk(*parameter.type, visitor);
    }
    walk(parameter.fallback, visitor);
  }
  if (block.result) {
    walk(*block.result, visitor);
  }
  walk(block.body, visitor);
}

void walk(const Expr &expr, Visitor &visitor) {
  visitor.visit(expr);
  for (const LabelPart &part : expr.label) {
    walk(part.index, visitor);
  }
  for (const ExprPtr &child : expr.children) {
    walk(child, visitor);
  }
  for (const Argument &argument : expr.arguments) {
    walk(argument.value, visitor);
  }
  for (const Subscript &subscript : expr.subscripts) {
    for (const ExprPtr *part :
         {&subscript.index, &subscript.begin, &subscript.end, &subscript.step}) {
      walk(*part, visitor);
    }
  }
  for (const ForClause &clause : expr.clauses) {
    walk(clause.iterable, visitor);
  }
  walk(expr.condition, visitor);
}

void walk(const File &file, Visitor &visitor) {
  for (const Import &import : file.imports) {
    visitor.visit(import);
  }
  for (const auto *blocks : {&file.blocks, &file.models}) {
    for (const auto &block : *blocks) {
      walk(*block, visitor);
    }
  }
  for (const auto &section : file.sections) {
    walk(*section, visitor);
  }
}

} // namespace mome::syntax

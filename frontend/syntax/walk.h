// Visits every node of a syntax tree, parents before children.
#pragma once

#include "frontend/syntax/ast.h"

namespace mome::syntax {

/// Override what is of interest; each returns nothing, children follow by themselves. Absent
/// expressions are not visited.
class Visitor {
public:
  virtual ~Visitor() = default;
  virtual void visit(const Expr &) {}
  virtual void visit(const TypeRef &) {}
  virtual void visit(const Statement &) {}
  virtual void visit(const Parameter &) {}
  virtual void visit(const Block &) {}
  virtual void visit(const Import &) {}
  virtual void visit(const Section &) {}
  virtual void visit(const Setting &) {}
  virtual void visit(const SettingItem &) {}
};

void walk(const File &file, Visitor &visitor);
void walk(const Block &block, Visitor &visitor);
void walk(const Expr &expr, Visitor &visitor);

} // namespace mome::syntax

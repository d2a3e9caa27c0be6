// How the tokens of expressions are spaced, and which statements are aligned with their neighbours.
#include "frontend/syntax/format_parts.h"
#include "frontend/syntax/walk.h"

#include <algorithm>

namespace mome::syntax {
namespace {

class SpacingFinder : public Visitor {
public:
  explicit SpacingFinder(const Tokens &tokens) : tokens_(tokens.tokens) {}

  void visit(const Expr &expr) override {
    if (expr.kind == ExprKind::unary && expr.text == "-") {
      spacing.prefix.insert(expr.range.begin + leading_brackets(expr));
    } else if (expr.kind == ExprKind::binary && expr.text == "..") {
      tighten(expr.children[0]);
      tighten(expr.children[1]);
    } else if (expr.kind == ExprKind::list || expr.kind == ExprKind::comprehension) {
      apart(expr.range);
    }
    for (const LabelPart &part : expr.label) {
      tighten(part.index);
    }
    for (const Subscript &subscript : expr.subscripts) {
      tighten(subscript.index);
      uint32_t at = subscript.range.begin;
      for (const ExprPtr *part : {&subscript.begin, &subscript.end, &subscript.step}) {
        if (subscript.slice && *part) {
          mark(at, (*part)->range.begin);
          at = (*part)->range.end;
          tighten(*part);
        }
      }
      if (subscript.slice) {
        mark(at, subscript.range.end);
      }
    }
  }

  void visit(const Parameter &parameter) override {
    if (parameter.type && parameter.type->name.empty()) {
      apart(parameter.type->range);
    }
  }

  void visit(const Statement &statement) override {
    if (statement.type && statement.type->name.empty()) {
      apart(statement.type->range);
    }
    switch (statement.kind) {
    case StatementKind::modality:
    case StatementKind::label:
      spacing.rows[statement.range.begin] = {
          "modality", {statement.names[0].range.begin, statement.type->range.begin}};
      break;
    case StatementKind::loss:
    case StatementKind::metric:
    case StatementKind::gate:
    case StatementKind::head:
    case StatementKind::tap:
    case StatementKind::update:
      add_row(statement);
      break;
    default:
      break;
    }
  }

  void visit(const Block &block) override {
    if (block.result && block.result->name.empty()) {
      apart(block.result->range);
    }
  }

  void visit(const Import &import) override {
    spacing.rows[import.range.begin] = {"import", {find(import.path_range.end)->range.begin}};
  }

  void visit(const Setting &setting) override {
    spacing.rows[setting.keyword.range.begin] = {"setting",
                                                 {find(setting.keyword.range.end)->range.begin}};
  }

  Spacing spacing;

private:
  std::vector<Token>::const_iterator find(uint32_t offset) const {
    return std::lower_bound(
        tokens_.begin(), tokens_.end(), offset,
        [](const Token &token, uint32_t offset) { return token.range.begin < offset; });
  }

  /// `metric top1 = ...`: the cell behind the name begins at the sign.
  void add_row(const Statement &statement) {
    auto sign = find(statement.value->range.begin) - 1;
    bool metric_with_sums = statement.kind == StatementKind::metric && !statement.bindings.empty();
    if (sign->is("=") && !metric_with_sums) {
      spacing.rows[statement.range.begin] = {std::string(find(statement.range.begin)->text),
                                             {sign->range.begin}};
    }
  }

  /// Punctuation in [begin, end) has no spaces around it.
  void mark(uint32_t begin, uint32_t end) {
    for (auto token = find(begin); token != tokens_.end() && token->range.begin < end; ++token) {
      spacing.tight.insert(token->range.begin);
    }
  }

  void apart(Range range) { spacing.apart.insert(range.begin); }

  /// `(` that belong to the expression's own range.
  uint32_t leading_brackets(const Expr &expr) const {
    auto token = find(expr.range.begin);
    uint32_t begin = token->range.begin;
    while (token->is("(")) {
      ++token;
    }
    return token->range.begin - begin;
  }

  void tighten(const ExprPtr &expr) {
    if (expr) {
      tighten(*expr);
    }
  }

  /// No spaces around the arithmetic of this expression, up to calls and brackets.
  void tighten(const Expr &expr) {
    bool arithmetic = expr.kind == ExprKind::binary &&
                      std::string_view("+-*/^**").find(expr.text) != std::string_view::npos;
    if (!arithmetic || find(expr.range.begin)->is("(")) {
      return;
    }
    mark(expr.children[0]->range.end, expr.children[1]->range.begin);
    tighten(*expr.children[0]);
    tighten(*expr.children[1]);
  }

  const std::vector<Token> &tokens_;
};

} // namespace

Spacing find_spacing(const Tokens &tokens, const File &file) {
  SpacingFinder finder(tokens);
  walk(file, finder);
  return std::move(finder.spacing);
}

} // namespace mome::syntax

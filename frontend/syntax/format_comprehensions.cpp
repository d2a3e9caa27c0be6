// One form of comprehension. A comprehension on one line is written
//   with one loop    behind its element:     f(e) for e in E if c
//   with several     in front of it:         for a in A, b in B if c { f(a, b) }
// A braced one that spans lines stays as it is, and so does one with comments between its parts.
// The value of `experts` is always braced.
#include "frontend/syntax/format_parts.h"
#include "frontend/syntax/walk.h"

#include <algorithm>

namespace mome::syntax {
namespace {

/// A comprehension to be turned around: `region` becomes element and clauses in the other order.
struct Edit {
  Range region, element, clauses;
  bool braced; // how it is to be written
};

class EditFinder : public Visitor {
public:
  EditFinder(std::string_view text, const Tokens &tokens) : text_(text), tokens_(tokens) {}

  void visit(const Expr &expr) override {
    // Behind its element a comprehension may stand only as an argument or in brackets.
    for (const Argument &argument : expr.arguments) {
      consider(*argument.value);
    }
    for (const ExprPtr &child : expr.children) {
      if (expr.kind == ExprKind::list) {
        consider(*child);
      }
    }
    if (expr.kind == ExprKind::comprehension && text_[expr.range.begin] == '[') {
      consider(expr);
    }
  }
  std::vector<Edit> edits;

private:
  void consider(const Expr &expr) {
    if (expr.kind != ExprKind::comprehension || expr.braced == (expr.clauses.size() > 1)) {
      return;
    }
    Edit edit{{}, expr.children[0]->range, {}, !expr.braced};
    Range last = expr.condition ? expr.condition->range : expr.clauses.back().iterable->range;
    auto variable = token_at(expr.clauses[0].variable.range.begin);
    edit.clauses = (variable - 1)->range.to(last); // from the word `for`
    Range end = last;
    if (expr.braced) {
      end = std::find_if(token_at(edit.element.end), tokens_.tokens.end(), [](const Token &t) {
              return t.is("}");
            })->range;
    }
    edit.region = (expr.braced ? edit.clauses : edit.element).to(end);
    std::string_view region = text_.substr(edit.region.begin, edit.region.end - edit.region.begin);
    if (region.find('\n') == std::string_view::npos) {
      edits.push_back(edit);
    }
  }

  std::vector<Token>::const_iterator token_at(uint32_t offset) const {
    return std::lower_bound(
        tokens_.tokens.begin(), tokens_.tokens.end(), offset,
        [](const Token &token, uint32_t offset) { return token.range.begin < offset; });
  }

  std::string_view text_;
  const Tokens &tokens_;
};

/// The text of [begin, end) with the edits inside it made; `next` is the first edit not yet made.
std::string rewrite(std::string_view text, const std::vector<Edit> &edits, uint32_t begin,
                    uint32_t end, size_t next) {
  std::string out;
  uint32_t at = begin;
  for (; next < edits.size() && edits[next].region.begin < end; ++next) {
    const Edit &edit = edits[next];
    if (edit.region.begin < at) {
      continue; // made inside an earlier one, or before `begin`
    }
    out += text.substr(at, edit.region.begin - at);
    std::string element = rewrite(text, edits, edit.element.begin, edit.element.end, next + 1);
    std::string clauses = rewrite(text, edits, edit.clauses.begin, edit.clauses.end, next + 1);
    out += edit.braced ? clauses + " { " + element + " }" : element + " " + clauses;
    at = edit.region.end;
  }
  return out += text.substr(at, end - at);
}

} // namespace

std::string normalize_comprehensions(std::string_view text, const Tokens &tokens,
                                     const File &file) {
  EditFinder finder(text, tokens);
  walk(file, finder);
  auto outer_first = [](const Edit &a, const Edit &b) {
    return a.region.begin != b.region.begin ? a.region.begin < b.region.begin
                                            : a.region.end > b.region.end;
  };
  auto same = [](const Edit &a, const Edit &b) {
    return a.region.begin == b.region.begin && a.region.end == b.region.end;
  };
  std::sort(finder.edits.begin(), finder.edits.end(), outer_first);
  finder.edits.erase(std::unique(finder.edits.begin(), finder.edits.end(), same),
                     finder.edits.end());
  return rewrite(text, finder.edits, 0, uint32_t(text.size()), 0);
}

} // namespace mome::syntax

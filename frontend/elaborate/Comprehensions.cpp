// Comprehensions, as in [x + y for x in xs for y in ys if x != y]; they are unrolled.
#include "frontend/elaborate/Elaborator.h"

namespace mome::elaborate {

using namespace syntax;

std::optional<List> Elaborator::elements(const Value &value, syntax::Range range) {
  if (auto *span = value.get<elaborate::Range>()) {
    constexpr uint64_t longest = 1 << 20; // loops are unrolled
    if (span->begin < span->end && uint64_t(span->end) - uint64_t(span->begin) > longest) {
      report(range, "E0209", "the range has more than " + std::to_string(longest) + " elements");
      return std::nullopt;
    }
    List list;
    for (int64_t i = span->begin; i < span->end; ++i) {
      list.push_back(i);
    }
    return list;
  }
  if (const List *list = value.list()) {
    return *list;
  }
  if (auto *experts = value.get<ExpertsRef>()) {
    return List((*experts)->experts.begin(), (*experts)->experts.end());
  }
  if (!value.poisoned()) {
    report(range, "E0302", "cannot run over " + describe(value));
  }
  return std::nullopt;
}

bool Elaborator::forEach(const Expr &comprehension, size_t clause,
                         const std::function<bool()> &body) {
  if (clause == comprehension.clauses.size()) {
    if (comprehension.condition) {
      std::optional<bool> holds = condition(*comprehension.condition);
      if (!holds || !*holds) {
        return holds.has_value();
      }
    }
    return body();
  }
  const ForClause &loop = comprehension.clauses[clause];
  std::optional<List> list = elements(evaluate(*loop.iterable), loop.iterable->range);
  if (!list) {
    return false;
  }
  for (Value &element : *list) {
    frames.back().scopes.push_back({{loop.variable.name, element}});
    bool good = forEach(comprehension, clause + 1, body);
    frames.back().scopes.pop_back();
    if (!good) {
      return false;
    }
  }
  return true;
}

Value Elaborator::evaluateComprehension(const Expr &expr) {
  List result;
  bool good = forEach(expr, 0, [&] {
    result.push_back(evaluate(*expr.children[0]));
    return !result.back().poisoned();
  });
  return good ? Value(std::move(result)) : Value();
}

} // namespace mome::elaborate

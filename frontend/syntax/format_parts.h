// The parts of the formatter: comprehensions are normalised first, then the syntax tree says how
// its tokens are spaced, then format.cpp lays the lines out.
#pragma once

#include "frontend/syntax/ast.h"
#include "frontend/syntax/lexer.h"

#include <map>
#include <set>

namespace mome::syntax {

/// The text with every comprehension in its normal form.
std::string normalize_comprehensions(std::string_view text, const Tokens &tokens, const File &file);

/// What the tree knows about tokens that the tokens alone do not; places are offsets.
struct Spacing {
  std::set<uint32_t>
      tight; ///< operators without spaces: unary minus, slices, arithmetic in ranges and subscripts
  std::set<uint32_t> prefix; ///< unary minus: no space behind it
  std::set<uint32_t> apart;  ///< a [ that is no subscript: `param [1, C]`
  /// Statements that form tables with their neighbours: where they begin, the table's kind, where
  /// further cells begin.
  struct Row {
    std::string table;
    std::vector<uint32_t> cells;
  };
  std::map<uint32_t, Row> rows;
};
Spacing find_spacing(const Tokens &tokens, const File &file);

} // namespace mome::syntax

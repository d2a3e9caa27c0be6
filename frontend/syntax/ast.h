// The syntax tree of a file. Plain data: nodes own their children, every node knows its place in
// the text.
#pragma once

#include "frontend/syntax/source.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace mome::syntax {

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct Identifier {
  std::string name;
  Range range;
};

// === Expressions
// ===========================================================================================================

/// One argument of a call: positional if `name` is empty.
struct Argument {
  Identifier name;
  ExprPtr value;
};

/// A part of a label: `.name` or `[index]`.
struct LabelPart {
  std::string name; // empty: an index
  ExprPtr index;
  Range range;
};

/// One subscript: an index, or a slice begin:end:step with any part absent.
struct Subscript {
  bool slice = false;
  ExprPtr index, begin, end, step;
  Range range;
};

/// `for NAME in VALUE`.
struct ForClause {
  Identifier variable;
  ExprPtr iterable;
};

enum class ExprKind : uint8_t {
  integer,
  real,
  string,
  boolean,
  name,
  list,      // [a, b] or (a, b)
  unary,     // text: "-", "not"
  binary,    // text: the operator, ".." included
  call,      // children[0](arguments)
  label,     // label: children[0]; boolean: shares the parameters of an earlier call of that label
  index,     // children[0][subscripts]
  attribute, // children[0].text
  comprehension, // children[0] for clauses if condition
  quantity,      // 3s, 1 epoch: number and unit in text
};

struct Expr {
  ExprKind kind;
  uint16_t depth =
      1; // 1 + that of the deepest child; the parser bounds it, so recursion over a tree is safe
  Range range;
  std::string text; // name, string, operator, attribute or unit
  int64_t integer = 0;
  double real = 0;
  bool boolean = false;
  std::vector<ExprPtr> children;
  std::vector<Argument> arguments;
  std::vector<LabelPart> label;
  std::vector<Subscript> subscripts;
  std::vector<ForClause> clauses;
  ExprPtr condition;
  bool braced = false; // comprehension written as `for .. { .. }`

  Expr(ExprKind kind, Range range) : kind(kind), range(range) {}
};

/// `int`, `video[C, T, H, W]`, `[B, N, D]` (empty name), `tokens`.
struct TypeRef {
  std::string name;
  std::vector<ExprPtr> dims;
  Range range;
};

// === Statements
// ============================================================================================================

struct Statement;
using Body = std::vector<std::unique_ptr<Statement>>;

/// `name = value` in a yield, hyper, preset, output or a setting's braces; `value` may be absent.
struct Binding {
  Identifier name;
  ExprPtr value;
};

enum class StatementKind : uint8_t {
  assign,  // names = value
  param,   // names[0] = label: param type = value
  state,   // names[0] = label: state type = value; or state names[0] type = value
  update,  // update names[0] = value
  yield,   // bindings
  return_, // value
  for_,    // clause over body
  if_,     // value, body, otherwise
  call,    // value
  // Only in a model:
  hyper,    // bindings
  modality, // names[0]: type, optional
  label,    // names[0]: type
  experts,  // names[0] = value, or bindings
  gate,     // names[0] = value
  head,     // names[0] = value
  loss,     // names[0](weight) = value
  metric,   // names[0] = value, or sums (bindings) and value
  output,   // bindings
  tap,      // names[0] = value
  preset,   // names[0], bindings
};

struct Statement {
  StatementKind kind;
  Range range;
  std::vector<Identifier> names;
  std::optional<TypeRef> type;
  ExprPtr value, weight;
  std::vector<Binding> bindings;
  std::vector<LabelPart> label; // of a param or state; empty: its path is its name
  std::optional<ForClause> clause;
  Body body, otherwise;
  bool optional = false;

  Statement(StatementKind kind, Range range) : kind(kind), range(range) {}
};

// === Declarations
// ==========================================================================================================

struct Parameter {
  Identifier name;
  std::optional<TypeRef> type;
  ExprPtr fallback;
};

/// A block or a model.
struct Block {
  Identifier name;
  std::vector<Parameter> parameters;
  std::optional<TypeRef> result;
  Body body;
  Range range;
};

struct Import {
  std::string path;
  Range path_range, range;
  std::vector<Identifier> names;
};

/// One item of a setting: `adamw(lr = 1e-5)`, `val.mean1 max { every = 1 epoch }`, `rgb =
/// kinect_color { ... }`, `rand_augment(n = 4) on rgb`, `experts.* from "file" { map x }`.
struct SettingItem {
  Identifier name;     // of `name = value`
  std::string pattern; // path pattern, for init, freeze, group, scale
  ExprPtr value;
  std::vector<Identifier> words; // bare words that follow: max, on rgb, until epoch
  ExprPtr extra;                 // what follows `from` or `until epoch`
  std::vector<SettingItem> body;
  Range range;
};

struct Setting {
  Identifier keyword;
  std::vector<SettingItem> items;
  Range range;
};

/// `train NAME of MODEL [after STAGE.best]` or `data NAME for MODEL`.
struct Section {
  bool train = true;
  Identifier name, model;
  std::optional<Identifier> after, after_which;
  std::vector<Setting> settings;
  Range range;
};

struct File {
  int32_t id = -1;
  std::vector<Import> imports;
  std::vector<std::unique_ptr<Block>> blocks, models;
  std::vector<std::unique_ptr<Section>> sections;
};

} // namespace mome::syntax

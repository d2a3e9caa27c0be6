#include "frontend/lsp/Names.h"

#include "frontend/syntax/walk.h"

#include <algorithm>

namespace mome::lsp {

using namespace syntax;

namespace {

/// Gathers the definitions of one block or model.
class Collector : public Visitor {
public:
  Collector(const Block &block, std::vector<Definition> &definitions,
            std::map<uint32_t, std::string> &arguments, std::set<uint32_t> &mute)
      : scope(block.range), definitions(definitions), arguments(arguments), mute(mute) {}

  void visit(const Parameter &parameter) override { add(parameter.name, scope); }

  void visit(const TypeRef &type) override {
    for (const ExprPtr &dim : type.dims) {
      if (dim && dim->kind == ExprKind::name) {
        add({dim->text, dim->range}, scope);
      }
    }
  }

  void visit(const Statement &statement) override {
    for (const Identifier &name : statement.names) {
      add(name, scope, &statement);
    }
    bool named = statement.kind == StatementKind::hyper;
    for (const Binding &binding : statement.bindings) {
      if (named) {
        add(binding.name, scope, &statement);
      } else if (binding.value) {
        mute.insert(binding.name.range.begin);
      }
    }
    if (statement.clause) {
      add(statement.clause->variable, statement.range);
    }
    muteLabel(statement.label);
  }

  void visit(const Expr &expr) override {
    for (const ForClause &clause : expr.clauses) {
      add(clause.variable, expr.range);
    }
    for (const Argument &argument : expr.arguments) {
      if (!argument.name.name.empty()) {
        arguments[argument.name.range.begin] = expr.children[0]->text;
      }
    }
    if (expr.kind == ExprKind::attribute) {
      mute.insert(expr.range.end - uint32_t(expr.text.size()));
    }
    muteLabel(expr.label);
  }

private:
  void add(const Identifier &name, syntax::Range visible, const Statement *statement = nullptr) {
    definitions.push_back({name.name, name.range, visible, nullptr, statement});
  }
  void muteLabel(const std::vector<LabelPart> &label) {
    for (const LabelPart &part : label) {
      if (!part.index) {
        mute.insert(part.range.begin);
      }
    }
  }

  syntax::Range scope;
  std::vector<Definition> &definitions;
  std::map<uint32_t, std::string> &arguments;
  std::set<uint32_t> &mute;
};

bool contains(syntax::Range range, uint32_t offset) {
  return range.begin <= offset && offset < range.end;
}

} // namespace

Names::Names(const elaborate::Module &module, const Tokens &tokens)
    : module_(module), tokens_(tokens) {
  for (const auto *blocks : {&module.file.blocks, &module.file.models}) {
    for (const auto &block : *blocks) {
      Collector collector(*block, definitions_, argumentOf_, mute_);
      walk(*block, collector);
    }
  }
}

const Token *Names::tokenAt(uint32_t offset) const {
  for (const Token &token : tokens_.tokens) {
    bool word = token.kind == TokenKind::name || token.kind == TokenKind::string;
    if (word && token.range.begin <= offset && offset <= token.range.end) {
      return &token;
    }
  }
  return nullptr;
}

std::optional<Definition> Names::blockNamed(const std::string &name) const {
  for (const auto *names : {&module_.blocks, &module_.models}) {
    if (auto found = names->find(name); found != names->end()) {
      const Block *block = found->second.first;
      return Definition{name, block->name.range, block->range, block, nullptr};
    }
  }
  return std::nullopt;
}

std::optional<Definition> Names::find(const Token &token) const {
  uint32_t at = token.range.begin;
  if (mute_.count(at)) {
    return std::nullopt;
  }
  if (auto argument = argumentOf_.find(at); argument != argumentOf_.end()) {
    std::optional<Definition> callee = blockNamed(argument->second);
    if (!callee) {
      return std::nullopt;
    }
    for (const Parameter &parameter : callee->block->parameters) {
      if (parameter.name.name == token.text) {
        return Definition{token.text, parameter.name.range, callee->scope, nullptr, nullptr};
      }
    }
    return std::nullopt;
  }
  const Definition *best = nullptr;
  auto size = [](const Definition &d) { return d.scope.end - d.scope.begin; };
  for (const Definition &definition : definitions_) {
    if (definition.name != token.text || !contains(definition.scope, at)) {
      continue;
    }
    // The innermost scope; in it, the latest definition that is not behind the use.
    bool before = definition.range.begin <= at;
    if (!best || size(definition) < size(*best) || (size(definition) == size(*best) && before)) {
      best = &definition;
    }
  }
  return best ? std::optional(*best) : blockNamed(token.text);
}

} // namespace mome::lsp

// What a name in a file refers to, from the syntax tree alone: scopes of blocks, loops and
// comprehensions.
#ifndef MOME_FRONTEND_LSP_NAMES_H
#define MOME_FRONTEND_LSP_NAMES_H

#include "frontend/elaborate/Modules.h"
#include "frontend/syntax/lexer.h"

#include <map>
#include <optional>
#include <set>

namespace mome::lsp {

/// Something that can be referred to.
struct Definition {
  std::string name;
  syntax::Range range;                          ///< the name where it is defined
  syntax::Range scope;                          ///< where it is visible
  const syntax::Block *block = nullptr;         ///< a block or model
  const syntax::Statement *statement = nullptr; ///< what gives a variable its value
};

/// The names of one file.
class Names {
public:
  Names(const elaborate::Module &module, const syntax::Tokens &tokens);

  /// The name or string at an offset; null between words.
  const syntax::Token *tokenAt(uint32_t offset) const;
  /// What the name at that token refers to.
  std::optional<Definition> find(const syntax::Token &token) const;
  const std::vector<Definition> &definitions() const { return definitions_; }

private:
  std::optional<Definition> blockNamed(const std::string &name) const;

  const elaborate::Module &module_;
  const syntax::Tokens &tokens_;
  std::vector<Definition> definitions_; ///< variables and parameters
  /// Names of arguments and the block or builtin they are handed to; parts of labels and attributes
  /// refer to nothing.
  std::map<uint32_t, std::string> argumentOf_;
  std::set<uint32_t> mute_;
};

} // namespace mome::lsp
#endif

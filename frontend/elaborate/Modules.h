// Files and what they define: resolves imports, refuses cycles, finds blocks and models by name.
#ifndef MOME_FRONTEND_ELABORATE_MODULES_H
#define MOME_FRONTEND_ELABORATE_MODULES_H

#include "frontend/syntax/ast.h"
#include "frontend/syntax/diagnostics.h"

#include <functional>
#include <map>

namespace mome::elaborate {

struct Module {
  /// Name to what it names and the module that defines it: its own and what it imports.
  using Names = std::map<std::string, std::pair<const syntax::Block *, const Module *>>;

  syntax::File file;
  std::string path;
  Names blocks, models;
  std::vector<const Module *> imports;

  /// A block by name: one of `blocks`, else one that an imported file has.
  const Names::mapped_type *findBlock(const std::string &name) const;
};

/// Reads a file's text; nullopt if it cannot be read.
using ReadFile = std::function<std::optional<std::string>(const std::string &path)>;

class Modules {
public:
  Modules(syntax::SourceManager &sources, syntax::Diagnostics &diagnostics, ReadFile read, std::vector<std::string> include_dirs)
      : sources_(sources), diagnostics_(diagnostics), read_(std::move(read)), include_dirs_(std::move(include_dirs)) {}

  /// Loads a file and everything it imports; null after reporting if the file itself cannot be read.
  const Module *load(const std::string &path);

private:
  const Module *loadImport(const Module &from, const syntax::Import &import);
  const Module *parse(const std::string &path, std::string text);

  syntax::SourceManager &sources_;
  syntax::Diagnostics &diagnostics_;
  ReadFile read_;
  std::vector<std::string> include_dirs_;
  std::map<std::string, std::unique_ptr<Module>> loaded_;
  std::vector<std::string> loading_; ///< the chain of imports being followed
};

} // namespace mome::elaborate
#endif

// One open file as an editor sees it: its diagnostics, what a name refers to, and what is known
// about a value: its shape, the parameters it makes, what it costs. Everything is computed anew
// when a text changes.
#ifndef MOME_FRONTEND_LSP_DOCUMENT_H
#define MOME_FRONTEND_LSP_DOCUMENT_H

#include "frontend/elaborate/Elaborator.h"
#include "frontend/lsp/Names.h"

namespace mome::lsp {

struct HoverText {
  syntax::Range range;
  std::string markdown;
};

class Document {
public:
  Document(const std::string &path, const elaborate::ReadFile &read,
           const std::vector<std::string> &includeDirs);

  /// The file itself; its number in `sources` is 0 if it could be read.
  const syntax::SourceManager &sources() const { return sources_; }
  const std::vector<syntax::Diagnostic> &diagnostics() const { return diagnostics_.all(); }
  const syntax::File *file() const { return module_ ? &module_->file : nullptr; }

  std::optional<syntax::Range> definition(uint32_t offset) const;
  std::optional<HoverText> hover(uint32_t offset) const;
  /// The text as `momec fmt` lays it out; nullopt if it has syntax errors.
  std::optional<std::string> formatted() const;

private:
  std::string describe(const Definition &definition) const;
  std::string describeBlock(const syntax::Block &block) const;
  std::string describeValues(syntax::Range place) const;
  std::string describeExperts() const;
  std::string describeCost(double parameters, double flops) const;

  syntax::SourceManager sources_;
  syntax::Diagnostics diagnostics_;
  elaborate::Modules modules_;
  const elaborate::Module *module_ = nullptr;
  syntax::Tokens tokens_;
  std::optional<Names> names_;
  mlir::MLIRContext context_;
  mlir::OwningOpRef<mlir::ModuleOp> model_; ///< null if the file has no model, or errors
};

/// Where the text at `offset` is in units of the protocol (lines and UTF-16 code units, from 0),
/// and back.
std::pair<int, int> positionOf(const syntax::SourceFile &file, uint32_t offset);
uint32_t offsetOf(const syntax::SourceFile &file, int line, int character);

} // namespace mome::lsp
#endif

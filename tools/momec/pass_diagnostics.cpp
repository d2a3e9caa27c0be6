#include "tools/momec/pass_diagnostics.h"

#include "dialects/Mome/Scope.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"

#include "mlir/Pass/PassManager.h"

namespace momec {

using namespace mome;

/// The character at a position of the module's locations; an invalid range if its file is not
/// known.
static syntax::Range find_range(mlir::Location loc, const syntax::SourceManager &sources) {
  auto positions = model::getPositions(loc);
  if (positions.empty()) {
    return {};
  }
  mlir::FileLineColLoc position = positions.front();
  for (int32_t id = 0; id < sources.size(); ++id) {
    const syntax::SourceFile &file = sources.file(id);
    if (file.path != position.getFilename().getValue() || position.getLine() == 0 ||
        position.getLine() > file.line_starts.size()) {
      continue;
    }
    uint32_t at = file.line_starts[position.getLine() - 1];
    for (unsigned column = 1; column < position.getColumn() && at < file.text.size(); ++column) {
      at += std::max<size_t>(1, syntax::utf8_length(file.text, at));
    }
    return {id, at, at + 1};
  }
  return {};
}

/// Splits "message [CODE]"; no code if there is none of that name.
static std::pair<std::string, std::string> split_code(llvm::StringRef text) {
  auto [message, code] = text.rsplit(" [");
  bool known =
      code.consume_back("]") && syntax::explain(std::string_view(code.data(), code.size()));
  return known ? std::pair(message.str(), code.str()) : std::pair(text.str(), std::string());
}

PassDiagnostics::PassDiagnostics(mlir::MLIRContext &context, const syntax::SourceManager &sources,
                                 syntax::Diagnostics &diagnostics)
    : sources(sources), diagnostics(diagnostics),
      handler(&context, [this](mlir::Diagnostic &diagnostic) { return take(diagnostic); }) {}

mlir::LogicalResult PassDiagnostics::take(mlir::Diagnostic &diagnostic) {
  auto [message, code] = split_code(diagnostic.str());
  bool warns = diagnostic.getSeverity() == mlir::DiagnosticSeverity::Warning;
  bool fails = diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error && !code.empty();
  if (!warns && !fails) {
    return mlir::failure();
  }
  syntax::Range range = find_range(diagnostic.getLocation(), sources);
  syntax::Diagnostic &taken =
      warns ? diagnostics.warning(range, code, message) : diagnostics.error(range, code, message);
  for (mlir::Diagnostic &note : diagnostic.getNotes()) {
    if (std::string text = note.str();
        !llvm::StringRef(text).starts_with("see current operation")) {
      taken.note(std::move(text), find_range(note.getLocation(), sources));
    }
  }
  return mlir::success();
}

bool lint_model(mlir::ModuleOp module, const syntax::SourceManager &sources,
                syntax::Diagnostics &diagnostics) {
  PassDiagnostics handler(*module.getContext(), sources, diagnostics);
  mlir::PassManager manager(module.getContext());
  addBorder(manager, Stage::elaborate);
  manager.addPass(createLintLossesPass());
  return mlir::succeeded(manager.run(module));
}

} // namespace momec

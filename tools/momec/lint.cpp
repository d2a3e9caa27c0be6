#include "tools/momec/lint.h"

#include "dialects/Mome/Scope.h"
#include "passes/Passes.h"

#include "mlir/IR/Diagnostics.h"
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

/// Splits "message [CODE]".
static std::pair<std::string, std::string> split_code(llvm::StringRef text) {
  auto [message, code] = text.rsplit(" [");
  return code.consume_back("]") ? std::pair(message.str(), code.str()) : std::pair(text.str(), "");
}

bool lint_model(mlir::ModuleOp module, const syntax::SourceManager &sources,
                syntax::Diagnostics &diagnostics) {
  mlir::ScopedDiagnosticHandler handler(module.getContext(), [&](mlir::Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Warning) {
      return mlir::failure(); // a bug: shown as it is
    }
    auto [message, code] = split_code(diagnostic.str());
    diagnostics.warning(find_range(diagnostic.getLocation(), sources), code, message);
    return mlir::success();
  });
  mlir::PassManager manager(module.getContext());
  manager.addPass(createVerifyModelPass());
  manager.addPass(createLintLossesPass());
  return mlir::succeeded(manager.run(module));
}

} // namespace momec

#include "frontend/elaborate/Elaborate.h"

namespace mome::elaborate {

mlir::OwningOpRef<mlir::ModuleOp> elaborateFile(mlir::MLIRContext &context, const std::string &path, syntax::SourceManager &sources,
                                                syntax::Diagnostics &diagnostics, const ReadFile &read,
                                                const std::vector<std::string> &includeDirs, const Options &options) {
  context.loadDialect<model::MomeDialect, nn::NNDialect>();
  Modules modules(sources, diagnostics, read, includeDirs);
  const Module *module = modules.load(path);
  if (!module || diagnostics.failed()) {
    return nullptr;
  }
  return Elaborator(context, sources, diagnostics, options).run(*module);
}

} // namespace mome::elaborate

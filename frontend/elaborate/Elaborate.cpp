#include "frontend/elaborate/Elaborate.h"

namespace mome::elaborate {

/// A parameter of the model as it stands without -D: "depth = 2".
static std::string defaultText(const syntax::Block &model, const std::string &name,
                               const syntax::SourceManager &sources) {
  for (const syntax::Parameter &parameter : model.parameters) {
    if (parameter.name.name == name && parameter.fallback) {
      return name + " = " + std::string(sources.text(parameter.fallback->range));
    }
  }
  return name + " as in the file";
}

/// Finds out by elaborating without it whether one override brings the errors; the text of a note
/// if so.
static std::optional<std::string> blameOverride(mlir::MLIRContext &context, const Module &module,
                                                syntax::SourceManager &sources,
                                                const Options &options) {
  auto compiles = [&](const Options &changed) {
    syntax::Diagnostics ignored(sources);
    Elaborator(context, sources, ignored, changed).run(module);
    return !ignored.failed();
  };
  const syntax::Block &model = *module.models.begin()->second.first;
  for (const auto &[name, value] : options.defines) {
    if (llvm::none_of(model.parameters,
                      [&](const syntax::Parameter &p) { return p.name.name == name; })) {
      continue; // the error says so already
    }
    Options without = options;
    without.defines.erase(name);
    if (compiles(without)) {
      return "this comes with -D " + name + "=" + value + ": the model is in order with " +
             defaultText(model, name, sources) + "; choose another value";
    }
  }
  if (!options.preset.empty()) {
    Options without = options;
    without.preset.clear();
    if (compiles(without)) {
      return "this comes with --preset=" + options.preset + ": the model is in order without it";
    }
  }
  Options plain = options;
  plain.defines.clear();
  plain.preset.clear();
  if (options.defines.size() + !options.preset.empty() > 1 && compiles(plain)) {
    return "this comes with the -D flags and the preset together: the model is in order without "
           "them";
  }
  return std::nullopt;
}

mlir::OwningOpRef<mlir::ModuleOp> elaborateModule(mlir::MLIRContext &context, const Module &module,
                                                  syntax::SourceManager &sources,
                                                  syntax::Diagnostics &diagnostics,
                                                  const Options &options) {
  int before = diagnostics.errors();
  mlir::OwningOpRef<mlir::ModuleOp> result =
      Elaborator(context, sources, diagnostics, options).run(module);
  bool overridden = !options.defines.empty() || !options.preset.empty();
  if (diagnostics.errors() > before && overridden && module.models.size() == 1) {
    if (std::optional<std::string> why = blameOverride(context, module, sources, options)) {
      diagnostics.conclude(*why);
    }
  }
  return result;
}

mlir::OwningOpRef<mlir::ModuleOp>
elaborateFile(mlir::MLIRContext &context, const std::string &path, syntax::SourceManager &sources,
              syntax::Diagnostics &diagnostics, const ReadFile &read,
              const std::vector<std::string> &includeDirs, const Options &options) {
  context.loadDialect<model::MomeDialect, nn::NNDialect>();
  Modules modules(sources, diagnostics, read, includeDirs);
  const Module *module = modules.load(path);
  if (!module || diagnostics.failed()) {
    return nullptr;
  }
  return elaborateModule(context, *module, sources, diagnostics, options);
}

} // namespace mome::elaborate

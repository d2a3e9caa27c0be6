#include "frontend/elaborate/Modules.h"

#include "frontend/syntax/parser.h"

#include <algorithm>
#include <filesystem>

namespace mome::elaborate {

using namespace syntax;

static std::string normal(const std::filesystem::path &path) { return path.lexically_normal().string(); }

const Module::Names::mapped_type *Module::findBlock(const std::string &name) const {
  if (auto found = blocks.find(name); found != blocks.end()) {
    return &found->second;
  }
  for (const Module *import : imports) {
    if (const Names::mapped_type *found = import->findBlock(name)) {
      return found;
    }
  }
  return nullptr;
}

const Module *Modules::load(const std::string &path) {
  std::optional<std::string> text = read_(path);
  if (!text) {
    diagnostics_.error({}, "E0201", "cannot read '" + path + "'");
    return nullptr;
  }
  return parse(normal(path), std::move(*text));
}

const Module *Modules::parse(const std::string &path, std::string text) {
  std::unique_ptr<Module> &slot = loaded_[path];
  slot = std::make_unique<Module>();
  Module &module = *slot;
  module.path = path;
  module.file = syntax::parse(sources_, sources_.add(path, std::move(text)), diagnostics_);
  loading_.push_back(path);
  auto define = [&](Module::Names &names, const Identifier &name, const Module::Names::mapped_type &what) {
    if (module.blocks.count(name.name) + module.models.count(name.name) > 0 || !names.emplace(name.name, what).second) {
      diagnostics_.error(name.range, "E0203", "'" + name.name + "' is defined twice in this file");
    }
  };
  for (const Import &import : module.file.imports) {
    if (import.path.empty()) {
      continue; // reported by the parser
    }
    const Module *from = loadImport(module, import);
    if (from) {
      module.imports.push_back(from);
    }
    for (const Identifier &name : from ? import.names : std::vector<Identifier>()) {
      std::vector<std::string> candidates;
      bool found = false;
      for (auto names : {&Module::blocks, &Module::models}) {
        for (const auto &[candidate, what] : from->*names) {
          candidates.push_back(candidate);
          if (candidate == name.name) {
            define(module.*names, name, what);
            found = true;
          }
        }
      }
      if (found) {
        continue;
      }
      Diagnostic &error = diagnostics_.error(name.range, "E0204", "'" + import.path + "' defines no block or model '" + name.name + "'");
      if (auto guess = nearest(name.name, candidates)) {
        error.notes.push_back({Severity::note, {}, "", "did you mean '" + *guess + "'?", "", {}});
      }
    }
  }
  for (const auto &block : module.file.blocks) {
    define(module.blocks, block->name, {block.get(), &module});
  }
  for (const auto &model : module.file.models) {
    define(module.models, model->name, {model.get(), &module});
  }
  loading_.pop_back();
  return &module;
}

const Module *Modules::loadImport(const Module &from, const Import &import) {
  std::vector<std::string> places = {normal(std::filesystem::path(from.path).parent_path() / import.path)};
  for (const std::string &dir : include_dirs_) {
    places.push_back(normal(std::filesystem::path(dir) / import.path));
  }
  for (const std::string &place : places) {
    if (std::find(loading_.begin(), loading_.end(), place) != loading_.end()) {
      std::string chain;
      for (const std::string &step : loading_) {
        chain += step + " -> ";
      }
      diagnostics_.error(import.path_range, "E0202", "the files import each other: " + chain + place);
      return nullptr;
    }
    if (auto found = loaded_.find(place); found != loaded_.end()) {
      return found->second.get();
    }
    if (std::optional<std::string> text = read_(place)) {
      return parse(place, std::move(*text));
    }
  }
  Diagnostic &error =
      diagnostics_.error(import.path_range, "E0201", "cannot read '" + import.path + "'");
  for (const std::string &place : places) {
    error.note("there is no " + place);
  }
  error.note("imports are looked up beside the importing file, then in every -I DIR");
  return nullptr;
}

} // namespace mome::elaborate

#include "runtime/train/weights.h"

#include <algorithm>
#include <map>
#include <memory>

#include "runtime/error.h"
#include "runtime/safetensors.h"
#include "runtime/text.h"
#include "runtime/train/manifest.h"
#include "runtime/train/tensor_file.h"

namespace mome::train {

namespace fs = std::filesystem;

namespace {

/// What follows the pattern in the path: "experts.*" and "experts.rgb.conv1.weight" give
/// "conv1.weight".
std::optional<std::string> rest_of(const std::string &pattern, const std::string &path) {
  if (pattern == "**" || pattern.empty()) {
    return path;
  }
  for (size_t dot = path.find('.'); dot != std::string::npos; dot = path.find('.', dot + 1)) {
    if (matches_pattern(pattern, path.substr(0, dot))) {
      return path.substr(dot + 1);
    }
  }
  return std::nullopt;
}

bool any_match(const std::vector<std::string> &patterns, const std::string &name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string &p) { return matches_pattern(p, name); });
}

const TensorView *find_source(const SafetensorsFile &file, const InitRule &rule,
                              const std::string &rest, std::set<std::string> &used) {
  std::vector<std::string> names = {rest};
  if (rule.map == "uniformerv2") {
    names.push_back("backbone." + rest);
  }
  for (const std::string &name : names) {
    if (const TensorView *view = file.find(name)) {
      used.insert(name);
      return view;
    }
  }
  return nullptr;
}

} // namespace

ImportReport import_weights(Model &model, const InitRule &rule, const fs::path &path) {
  if (!rule.map.empty() && rule.map != "uniformerv2") {
    throw usage_error("unknown name map '" + rule.map + "'", "known: uniformerv2");
  }
  const SafetensorsFile file(path);
  ImportReport report;
  std::set<std::string> used;
  std::vector<std::pair<size_t, const TensorView *>> matched;
  std::vector<std::string> wrong;
  const auto &tensors = model.info().tensors;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const std::optional<std::string> rest =
        tensors[i].kind == BindKind::param || tensors[i].kind == BindKind::state
            ? rest_of(rule.pattern, tensors[i].name)
            : std::nullopt;
    if (!rest) {
      continue;
    }
    if (any_match(rule.skip, *rest) || any_match(rule.skip, tensors[i].name)) {
      report.skipped.push_back(tensors[i].name);
      continue;
    }
    const TensorView *view = find_source(file, rule, *rest, used);
    if (view == nullptr || view->shape != tensors[i].shape || view->dtype != tensors[i].dtype) {
      wrong.push_back(tensors[i].name + (view == nullptr ? "" : " (other shape or type)"));
    } else {
      matched.emplace_back(i, view);
    }
  }
  if (!wrong.empty() || matched.empty()) {
    throw package_error(path.string(),
                        wrong.empty() ? "no parameter matches '" + rule.pattern + "'"
                                      : "it does not hold what '" + rule.pattern +
                                            "' needs: " + join_names(wrong, 8),
                        "leave tensors out with: skip \"PATTERN\"");
  }
  for (const auto &[tensor, view] :
       matched) { // nothing is written before everything is known to fit
    model.write(tensor, view->bytes);
    report.loaded.push_back(tensors[tensor].name);
  }
  for (const auto &[name, view] : file.tensors()) {
    if (!used.contains(name)) {
      report.unused.push_back(name);
    }
  }
  return report;
}

size_t export_weights(const fs::path &dir, const fs::path &path,
                      const std::vector<ExportRule> &rules, const std::vector<std::string> &only) {
  verify_checkpoint(dir);
  const Manifest manifest = read_manifest(dir);
  std::map<std::string, const ManifestTensor *> chosen; // sorted by the new name
  for (const ManifestTensor &t : manifest.tensors) {
    if (t.tensor.kind == BindKind::moment || (!only.empty() && !any_match(only, t.tensor.name))) {
      continue;
    }
    std::string name = t.tensor.name;
    const auto rule = std::find_if(rules.begin(), rules.end(),
                                   [&](const ExportRule &r) { return name.starts_with(r.from); });
    if (rule != rules.end()) {
      name = rule->to + name.substr(rule->from.size());
    }
    if (!chosen.emplace(name, &t).second) {
      throw usage_error("two tensors would be named '" + name + "'",
                        "choose one of them with --only PATTERN");
    }
  }
  if (chosen.empty()) {
    throw usage_error("no tensor is selected", "see the names with mome inspect " + dir.string());
  }
  std::vector<ModelTensor> tensors;
  for (const auto &[name, t] : chosen) {
    tensors.push_back(t->tensor);
    tensors.back().name = name;
  }
  std::map<std::string, std::unique_ptr<SafetensorsFile>> files;
  TensorFileWriter writer(path, tensors, {{"format", "pt"}});
  for (const auto &[name, t] : chosen) {
    auto &file = files[t->file];
    if (file == nullptr) {
      file = std::make_unique<SafetensorsFile>(dir / t->file);
    }
    writer.add(file->find(t->tensor.name)->bytes);
  }
  writer.commit();
  return tensors.size();
}

} // namespace mome::train

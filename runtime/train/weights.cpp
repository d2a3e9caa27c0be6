#include "runtime/train/weights.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <span>

#include "runtime/error.h"
#include "runtime/safetensors.h"
#include "runtime/text.h"
#include "runtime/train/job.h"
#include "runtime/train/manifest.h"
#include "runtime/train/tensor_file.h"
#include "runtime/train/weight_maps.h"

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

/// How a tensor of the model gets its value.
struct Match {
  size_t tensor;
  const TensorView *view;
  std::vector<float> reshaped; // empty: the view's bytes
};

const TensorView *find_source(const SafetensorsFile &file, const WeightMap &map,
                              const std::string &rest, std::set<std::string> &used) {
  for (const std::string &name : names_in_file(map, rest)) {
    if (const TensorView *view = file.find(name)) {
      used.insert(name);
      return view;
    }
  }
  return nullptr;
}

/// Finds the tensors that the rule covers in the file; says in `wrong` what stands in the way.
std::vector<Match> match_tensors(const ModelInfo &info, const InitRule &rule,
                                 const SafetensorsFile &file, std::set<std::string> &used,
                                 ImportReport &report, std::vector<std::string> &wrong) {
  const WeightMap &map = find_weight_map(rule.map);
  std::vector<Match> matches;
  for (size_t i = 0; i < info.tensors.size(); ++i) {
    const ModelTensor &t = info.tensors[i];
    const std::optional<std::string> rest = t.kind == BindKind::param || t.kind == BindKind::state
                                                ? rest_of(rule.pattern, t.name)
                                                : std::nullopt;
    if (!rest) {
      continue;
    }
    if (any_match(rule.skip, *rest) || any_match(rule.skip, t.name)) {
      report.skipped.push_back(t.name);
      continue;
    }
    const TensorView *view = find_source(file, map, *rest, used);
    if (view == nullptr) {
      (any_match(map.may_miss, *rest) ? report.missing : wrong).push_back(t.name);
    } else if (view->shape == t.shape && view->dtype == t.dtype) {
      matches.push_back({i, view, {}});
      report.loaded.push_back(t.name);
    } else if (auto reshaped = !rule.map.empty() && *rest == "conv1.weight"
                                   ? reshape_convolution(*view, t.shape)
                                   : std::nullopt) {
      matches.push_back({i, view, std::move(*reshaped)});
      report.reshaped.push_back(t.name + " " + shape_text(view->shape) + " -> " +
                                shape_text(t.shape));
    } else {
      wrong.push_back(t.name + " (" + std::string(dtype_name(view->dtype)) + " " +
                      shape_text(view->shape) + " in the file, " +
                      std::string(dtype_name(t.dtype)) + " " + shape_text(t.shape) +
                      " in the model)");
    }
  }
  return matches;
}

} // namespace

std::string ImportReport::text() const {
  std::string text =
      "weights of " + pattern + " from " + file + ": " + std::to_string(loaded.size()) +
      " matched, " + std::to_string(reshaped.size()) + " reshaped, " +
      std::to_string(missing.size()) + " missing, " + std::to_string(skipped.size()) +
      " skipped, " + std::to_string(unused.size()) + " unused";
  for (const auto &[word, names] : {std::pair("reshaped", &reshaped),
                                    std::pair("missing", &missing), std::pair("unused", &unused)}) {
    if (!names->empty()) {
      text += "\n  " + std::string(word) + ": " + join_names(*names, 8);
    }
  }
  return text;
}

ImportReport import_weights(Model &model, const InitRule &rule, const fs::path &path) {
  find_weight_map(rule.map); // an unknown one is reported before a file that is not there
  const SafetensorsFile file(path);
  ImportReport report;
  report.pattern = rule.pattern;
  report.file = path.string();
  std::set<std::string> used;
  std::vector<std::string> wrong;
  const std::vector<Match> matches = match_tensors(model.info(), rule, file, used, report, wrong);
  if (!wrong.empty() || matches.empty()) {
    throw package_error(path.string(),
                        wrong.empty() ? "no parameter matches '" + rule.pattern + "'"
                                      : "it does not hold what '" + rule.pattern +
                                            "' needs: " + join_names(wrong, 8),
                        "leave tensors out with: skip \"PATTERN\"");
  }
  for (const Match &match : matches) { // nothing is written before everything is known to fit
    model.write(match.tensor, match.reshaped.empty() ? match.view->bytes
                                                     : std::as_bytes(std::span(match.reshaped)));
  }
  for (const auto &[name, view] : file.tensors()) {
    if (!used.contains(name)) {
      report.unused.push_back(name);
    }
  }
  return report;
}

std::string import_by_rules(Model &model, const std::string &section, const fs::path &file) {
  const ModelSection &chosen = choose_section(model.info().train, section, "train");
  const Config config = parse_config(chosen.name, chosen.json);
  if (config.init.empty()) {
    throw usage_error("train section '" + chosen.name + "' has no init rule",
                      "write in it: init experts.* from \"FILE\" { map uniformerv2 }");
  }
  std::string account;
  for (const InitRule &rule : config.init) {
    account += (account.empty() ? "" : "\n") + import_weights(model, rule, file).text();
  }
  return account;
}

namespace {

/// A tensor to export, and the file that holds it.
struct Exported {
  ModelTensor tensor;
  fs::path file;
};

/// Parameters and states of a checkpoint folder, or everything in a safetensors file.
std::vector<Exported> list_weights(const fs::path &path) {
  std::vector<Exported> weights;
  if (!fs::is_directory(path)) {
    const SafetensorsFile file(path);
    for (const auto &[name, view] : file.tensors()) {
      weights.push_back({{name, BindKind::param, view.dtype, view.shape}, path});
    }
    return weights;
  }
  verify_checkpoint(path);
  for (const ManifestTensor &t : read_manifest(path).tensors) {
    if (t.tensor.kind != BindKind::moment) {
      weights.push_back({t.tensor, path / t.file});
    }
  }
  return weights;
}

} // namespace

size_t export_weights(const fs::path &from, const fs::path &path,
                      const std::vector<ExportRule> &rules, const std::vector<std::string> &only,
                      bool torch_counters) {
  constexpr std::string_view running_mean = "running_mean", counter = "num_batches_tracked";
  constexpr std::array<int64_t, 1> never = {0};
  const std::vector<Exported> weights = list_weights(from);
  std::map<std::string, const Exported *> chosen; // sorted by the new name; null: a counter
  for (const Exported &weight : weights) {
    std::string name = weight.tensor.name;
    if (!only.empty() && !any_match(only, name)) {
      continue;
    }
    const auto rule = std::find_if(rules.begin(), rules.end(),
                                   [&](const ExportRule &r) { return name.starts_with(r.from); });
    if (rule != rules.end()) {
      name = rule->to + name.substr(rule->from.size());
    }
    if (!chosen.emplace(name, &weight).second) {
      throw usage_error("two tensors would be named '" + name + "'",
                        "choose one of them with --only PATTERN");
    }
    if (torch_counters && name.ends_with(running_mean)) {
      chosen[name.substr(0, name.size() - running_mean.size()) + std::string(counter)] = nullptr;
    }
  }
  if (chosen.empty()) {
    throw usage_error("no tensor is selected", "see the names with mome inspect " + from.string());
  }
  std::vector<ModelTensor> tensors;
  for (const auto &[name, weight] : chosen) {
    tensors.push_back(weight == nullptr ? ModelTensor{name, BindKind::state, DType::i64, {}}
                                        : weight->tensor);
    tensors.back().name = name;
  }
  std::map<fs::path, std::unique_ptr<SafetensorsFile>> files;
  TensorFileWriter writer(path, tensors, {{"format", "pt"}});
  for (const auto &[name, weight] : chosen) {
    if (weight == nullptr) {
      writer.add(std::as_bytes(std::span(never)));
      continue;
    }
    auto &file = files[weight->file];
    if (file == nullptr) {
      file = std::make_unique<SafetensorsFile>(weight->file);
    }
    writer.add(file->find(weight->tensor.name)->bytes);
  }
  writer.commit();
  return tensors.size();
}

size_t export_expert(const fs::path &from, const fs::path &path, const std::string &expert) {
  const std::string root = "experts." + expert + ".", prefix = "backbone.";
  std::vector<std::string> experts, heads;
  for (const Exported &weight : list_weights(from)) {
    const std::string &name = weight.tensor.name;
    for (auto &[kind, names] : {std::pair("experts.", &experts), std::pair("head.", &heads)}) {
      const size_t begin = std::string_view(kind).size();
      if (name.starts_with(kind)) {
        names->push_back(name.substr(begin, name.find('.', begin) - begin));
      }
    }
  }
  for (std::vector<std::string> *names : {&experts, &heads}) {
    std::sort(names->begin(), names->end());
    names->erase(std::unique(names->begin(), names->end()), names->end());
  }
  if (std::find(experts.begin(), experts.end(), expert) == experts.end()) {
    throw usage_error("there is no expert '" + expert + "' in " + from.string(),
                      suggestion(expert, experts, "it has: "));
  }
  std::vector<ExportRule> rules = {{root, prefix}};
  std::vector<std::string> only = {root + "**"};
  if (heads.size() == 1) { // the class head is shared: it goes with every expert
    const std::string head = "head." + heads.front() + ".";
    for (const auto &[ours, theirs] : find_weight_map("uniformerv2").renames) {
      rules.push_back({head + std::string(ours), prefix + std::string(theirs)});
    }
    only.push_back(head + "**");
  }
  return export_weights(from, path, rules, only, /*torch_counters=*/true);
}

} // namespace mome::train

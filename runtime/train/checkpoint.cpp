#include "runtime/train/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/text.h"
#include "runtime/train/manifest.h"
#include "runtime/train/tensor_file.h"

namespace mome::train {

namespace fs = std::filesystem;

namespace {

std::optional<int64_t> parse_step(std::string_view name) {
  int64_t step = 0;
  if (!name.starts_with("step-") || name.size() < 13) {
    return std::nullopt;
  }
  const auto [end, error] = std::from_chars(name.data() + 5, name.data() + name.size(), step);
  return error == std::errc() && end == name.data() + name.size() ? std::optional(step)
                                                                  : std::nullopt;
}

/// Writes one file of the checkpoint and records it in the manifest.
void save_tensors(Model &model, const fs::path &dir, const std::string &file, bool moments,
                  Manifest &manifest) {
  std::vector<ModelTensor> tensors;
  std::vector<size_t> indices;
  for (size_t i = 0; i < model.info().tensors.size(); ++i) {
    const ModelTensor &t = model.info().tensors[i];
    if (moments ? t.kind == BindKind::moment
                : t.kind == BindKind::param || t.kind == BindKind::state) {
      tensors.push_back(t);
      indices.push_back(i);
    }
  }
  TensorFileWriter writer(dir / file, tensors, {{"format", "pt"}});
  std::vector<std::byte> bytes;
  for (size_t i = 0; i < tensors.size(); ++i) {
    bytes.resize(tensors[i].bytes());
    model.read(indices[i], bytes);
    manifest.tensors.push_back({tensors[i], file, writer.add(bytes)});
  }
  const std::string hash = writer.commit();
  manifest.files.push_back({file, writer.size(), hash});
}

void remove_durably(const fs::path &dir) {
  fs::path tmp = dir;
  tmp += ".old.tmp"; // a half-removed folder must not look like a checkpoint
  std::error_code ignored;
  fs::remove_all(tmp, ignored);
  rename_durably(dir, tmp);
  fs::remove_all(tmp, ignored);
}

} // namespace

std::string step_name(int64_t step) {
  char text[32];
  std::snprintf(text, sizeof text, "step-%08lld", (long long)step);
  return text;
}

void CheckpointStore::clean() const {
  std::vector<fs::path> stale;
  for (const auto &entry : fs::directory_iterator(root)) {
    if (entry.path().extension() == ".tmp") {
      stale.push_back(entry.path());
    }
  }
  for (const fs::path &path : stale) {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
}

void CheckpointStore::save(Model &model, const TrainState &state) const {
  const fs::path final = root / step_name(state.step);
  fs::path tmp = final;
  tmp += ".tmp";
  fs::remove_all(tmp);
  try {
    std::error_code failed;
    if (!fs::create_directory(tmp, failed)) {
      errno = failed.value();
      throw io_error(tmp.string(), "create");
    }
    Manifest manifest;
    manifest.state = state;
    save_tensors(model, tmp, "model.safetensors", /*moments=*/false, manifest);
    save_tensors(model, tmp, "optimizer.safetensors", /*moments=*/true, manifest);
    OutputFile file(tmp / "manifest.json");
    file.write(manifest.to_json());
    file.commit();
    sync_folder(tmp);
    if (fs::exists(final)) {
      remove_durably(final);
    }
    rename_durably(tmp, final);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(tmp, ignored); // give the space back: the previous checkpoint stays
    throw;
  }
  replace_file(root / "LATEST", step_name(state.step) + "\n");
}

void CheckpointStore::mark_best(int64_t step) const {
  replace_file(root / "BEST", step_name(step) + "\n");
}

std::optional<fs::path> CheckpointStore::pointer(std::string_view name) const {
  const fs::path file = root / name;
  if (!fs::exists(file)) {
    return std::nullopt;
  }
  std::string text = read_file(file);
  while (!text.empty() && text.back() == '\n') {
    text.pop_back();
  }
  if (!parse_step(text) || !fs::is_directory(root / text)) {
    throw package_error(file.string(), "names '" + text + "', which is not a checkpoint here",
                        "see mome ckpt list " + root.string());
  }
  return root / text;
}

std::optional<fs::path>
CheckpointStore::newest_whole(const std::function<void(const std::string &)> &warn) const {
  std::vector<fs::path> candidates;
  std::optional<Error> first;
  const auto refuse = [&](const Error &error) {
    warn(error.where + ": " + error.message);
    first = first ? first : std::optional(error);
  };
  try {
    if (const auto latest = pointer("LATEST")) {
      candidates.push_back(*latest);
    }
  } catch (const Error &error) {
    refuse(error);
  }
  const std::vector<int64_t> all = steps();
  for (auto step = all.rbegin(); step != all.rend(); ++step) {
    const fs::path dir = root / step_name(*step);
    if (candidates.empty() || candidates.front() != dir) {
      candidates.push_back(dir);
    }
  }
  for (const fs::path &dir : candidates) {
    try {
      verify_checkpoint(dir);
      if (first) {
        warn("going on from " + dir.filename().string());
      }
      return dir;
    } catch (const Error &error) {
      refuse(error);
    }
  }
  if (first) {
    throw *first;
  }
  return std::nullopt;
}

std::vector<int64_t> CheckpointStore::steps() const {
  std::vector<int64_t> result;
  for (const auto &entry : fs::directory_iterator(root)) {
    if (const auto step = parse_step(entry.path().filename().string());
        step && entry.is_directory()) {
      result.push_back(*step);
    }
  }
  std::sort(result.begin(), result.end());
  return result;
}

void CheckpointStore::prune(int64_t keep) const {
  const std::vector<int64_t> all = steps();
  const auto latest = pointer("LATEST"), best = pointer("BEST");
  for (size_t i = 0; i + size_t(std::max<int64_t>(keep, 1)) < all.size(); ++i) {
    const fs::path dir = root / step_name(all[i]);
    if (dir != latest && dir != best) {
      remove_durably(dir);
    }
  }
}

void CheckpointStore::discard_after(int64_t step, int64_t best_step) const {
  if (best_step > 0 && fs::is_directory(root / step_name(best_step))) {
    mark_best(best_step);
  } else {
    fs::remove(root / "BEST");
  }
  replace_file(root / "LATEST", step_name(step) + "\n");
  for (int64_t other : steps()) {
    if (other > step) {
      remove_durably(root / step_name(other));
    }
  }
}

fs::path resolve_checkpoint(const fs::path &path, bool latest) {
  if (fs::exists(path / "manifest.json")) {
    return path;
  }
  const fs::path ckpt = fs::is_directory(path / "ckpt") ? path / "ckpt" : path;
  if (fs::is_directory(ckpt)) {
    const CheckpointStore store(ckpt);
    for (const char *name : {latest ? "LATEST" : "BEST", latest ? "BEST" : "LATEST"}) {
      if (auto dir = store.pointer(name)) {
        return *dir;
      }
    }
  }
  throw package_error(path.string(), "no checkpoint here",
                      "name a run folder or a ckpt/step-* folder");
}

void check_identity(const TrainState &saved, const TrainState &now,
                    const std::set<std::string> &allowed) {
  const auto check = [&](const char *what, const std::string &a, const std::string &b) {
    if (a != b && !allowed.contains(what)) {
      throw package_error("checkpoint at step " + std::to_string(saved.step),
                          std::string(what) + " is '" + a + "' in the checkpoint and '" + b +
                              "' now",
                          std::string("if the change is meant, add --allow-change=") + what);
    }
  };
  check("model", saved.model, now.model);
  check("package", saved.package_hash, now.package_hash);
  check("variant", saved.variant, now.variant);
  check("section", saved.section, now.section);
  check("data", saved.data_hash, now.data_hash);
  check("batch", std::to_string(saved.batch), std::to_string(now.batch));
  check("accumulate", std::to_string(saved.accumulate), std::to_string(now.accumulate));
  check("seed", std::to_string(saved.seed), std::to_string(now.seed));
  check("steps-per-epoch", std::to_string(saved.steps_per_epoch),
        std::to_string(now.steps_per_epoch));
  for (const auto &[name, value] : now.scalars) {
    const auto it = saved.scalars.find(name);
    const std::string before = it == saved.scalars.end() ? "absent" : Json(it->second).dump();
    if (allowed.contains("scalars")) {
      break;
    }
    check(name.c_str(), before, Json(value).dump());
  }
}

} // namespace mome::train

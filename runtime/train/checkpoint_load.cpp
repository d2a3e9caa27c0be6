// Reading checkpoints: verify everything, then restore; a model is never left half loaded.

#include <algorithm>
#include <map>

#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/hash.h"
#include "runtime/safetensors.h"
#include "runtime/text.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/manifest.h"

namespace mome::train {

namespace fs = std::filesystem;

namespace {

/// The files of a verified checkpoint, mapped.
class OpenCheckpoint {
public:
  explicit OpenCheckpoint(const fs::path &dir) : manifest(read_manifest(dir)) {
    for (const ManifestFile &f : manifest.files) {
      check_file(dir / f.name, f);
    }
    for (const ManifestTensor &t : manifest.tensors) {
      check_tensor(dir, t);
    }
  }

  Manifest manifest;
  std::map<std::string, const TensorView *> views; // by tensor name

private:
  std::map<std::string, SafetensorsFile> files;

  void check_file(const fs::path &path, const ManifestFile &f) {
    std::error_code missing;
    const uint64_t size = fs::file_size(path, missing);
    if (missing) {
      throw damaged(path, "no such file");
    }
    if (size != f.bytes) {
      throw damaged(path,
                    std::to_string(size) + " bytes, the manifest says " + std::to_string(f.bytes));
    }
    const MappedFile whole(path);
    if (xxh3_hex(whole.bytes()) != f.hash) {
      throw damaged(path, "its hash differs from the manifest's");
    }
    files.try_emplace(f.name, path);
  }

  void check_tensor(const fs::path &dir, const ManifestTensor &t) {
    const auto file = files.find(t.file);
    const TensorView *view = file == files.end() ? nullptr : file->second.find(t.tensor.name);
    if (view == nullptr || view->dtype != t.tensor.dtype || view->shape != t.tensor.shape) {
      throw damaged(dir / t.file, "tensor '" + t.tensor.name + "' is not what the manifest says");
    }
    if (xxh3_hex(view->bytes) != t.hash) {
      throw damaged(dir / t.file,
                    "the hash of tensor '" + t.tensor.name + "' differs from the manifest's");
    }
    views[t.tensor.name] = view;
  }

  static Error damaged(const fs::path &path, const std::string &what) {
    return package_error(path.string(), what,
                         "this checkpoint is damaged; see the others with mome ckpt list and use "
                         "--resume=RUN/ckpt/step-N");
  }
};

bool is_wanted(BindKind kind, Restore what) {
  return kind == BindKind::param || kind == BindKind::state ||
         (kind == BindKind::moment && what == Restore::everything);
}

} // namespace

TrainState read_state(const fs::path &dir) {
  return read_manifest(dir).state;
}

TrainState verify_checkpoint(const fs::path &dir) {
  return OpenCheckpoint(dir).manifest.state;
}

TrainState load_checkpoint(const fs::path &dir, Model &model, Restore what) {
  const OpenCheckpoint checkpoint(dir);
  const auto &tensors = model.info().tensors;
  std::vector<std::pair<size_t, const TensorView *>> matched;
  std::vector<std::string> missing, reshaped, unexpected;
  std::set<std::string> known;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (!is_wanted(tensors[i].kind, what)) {
      continue;
    }
    known.insert(tensors[i].name);
    const auto it = checkpoint.views.find(tensors[i].name);
    if (it == checkpoint.views.end()) {
      missing.push_back(tensors[i].name);
    } else if (it->second->shape != tensors[i].shape || it->second->dtype != tensors[i].dtype) {
      reshaped.push_back(tensors[i].name);
    } else {
      matched.emplace_back(i, it->second);
    }
  }
  for (const ManifestTensor &t : checkpoint.manifest.tensors) {
    if (is_wanted(t.tensor.kind, what) && !known.contains(t.tensor.name)) {
      unexpected.push_back(t.tensor.name);
    }
  }
  if (!missing.empty() || !reshaped.empty() || !unexpected.empty()) {
    throw package_error(dir.string(),
                        "this checkpoint is of another model: " + std::to_string(matched.size()) +
                            " tensors match; missing: " + join_names(missing, 5) +
                            "; other shape or type: " + join_names(reshaped, 5) +
                            "; not in the model: " + join_names(unexpected, 5),
                        "use the package that trained it (RUN/model.mpk)");
  }
  for (const auto &[tensor, view] : matched) {
    model.write(tensor, view->bytes);
  }
  return checkpoint.manifest.state;
}

} // namespace mome::train

// Weights that come from or go to other programs: safetensors under PyTorch names.
//
// An init rule `experts.* from "k710.safetensors" { map uniformerv2, skip "transformer.proj.**" }`
// covers every parameter and state whose path is the pattern followed by ".REST"; the file holds
// REST. So one backbone file fills all experts. The map `uniformerv2` also tries "backbone.REST"
// (its training checkpoints). Every covered name must be found with its shape, unless `skip` names
// it; a one-axis difference of leading or inner 1s is not guessed.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "runtime/train/config.h"
#include "runtime/train/model.h"

namespace mome::train {

struct ImportReport {
  std::vector<std::string> loaded, skipped;
  std::vector<std::string> unused; // names in the file that no parameter took
};

/// `file` overrides the rule's. Throws Error (mismatch) listing what is missing or has another
/// shape.
ImportReport import_weights(Model &model, const InitRule &rule, const std::filesystem::path &file);

struct ExportRule {
  std::string from, to; // names that start with `from` start with `to` instead
};

/// Parameters and states of a checkpoint folder whose path matches one of `only` (all when empty),
/// renamed by the first rule that applies. Throws Error when two would get one name.
size_t export_weights(const std::filesystem::path &step_dir, const std::filesystem::path &file,
                      const std::vector<ExportRule> &rules, const std::vector<std::string> &only);

} // namespace mome::train

// Weights that come from or go to other programs: safetensors under PyTorch names.
//
// An init rule `experts.* from "k710.safetensors" { map uniformerv2, skip "transformer.proj.**" }`
// covers every parameter and state whose path is the pattern followed by ".REST"; the file holds
// REST. So one backbone file fills all experts. A map (weight_maps.h) knows other names and shapes.
// Every covered name must be found with its shape, unless `skip` names it or the map knows that such
// files do not have it; everything else is refused, never guessed.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "runtime/train/config.h"
#include "runtime/train/model.h"

namespace mome::train {

struct ImportReport {
  std::string pattern, file;
  std::vector<std::string> loaded, reshaped, skipped;
  std::vector<std::string> missing; // that such files do not have: they keep their initialisation
  std::vector<std::string> unused;  // names in the file that no parameter took

  std::string text() const;
};

/// `file` overrides the rule's. Throws Error (mismatch) listing what is missing or has another
/// shape.
ImportReport import_weights(Model &model, const InitRule &rule, const std::filesystem::path &file);

/// The init rules of a train section, with `file` in place of theirs; the account, one per rule.
std::string import_by_rules(Model &model, const std::string &section,
                            const std::filesystem::path &file);

struct ExportRule {
  std::string from, to; // names that start with `from` start with `to` instead
};

/// Parameters and states of a checkpoint folder, or tensors of a safetensors file, whose path matches one of `only` (all when empty),
/// renamed by the first rule that applies. `torch_counters` adds what PyTorch's batch norms keep and
/// ours do not, NAME.num_batches_tracked = 0. Throws Error when two would get one name.
size_t export_weights(const std::filesystem::path &from, const std::filesystem::path &file,
                      const std::vector<ExportRule> &rules, const std::vector<std::string> &only,
                      bool torch_counters = false);

/// One expert under the names of UniFormerV2's own checkpoints, with the model's class head as its.
size_t export_expert(const std::filesystem::path &from, const std::filesystem::path &file,
                     const std::string &expert);

} // namespace mome::train

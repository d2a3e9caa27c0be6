// Checkpoints: a folder that is whole or absent.
//
//   ckpt/step-00001200/model.safetensors       parameters and states, named by their DSL paths
//                      optimizer.safetensors   moments: m/PATH, v/PATH, momentum/PATH, ema/PATH
//                      manifest.json           where training stands, identities, XXH3-128 of every
//                      file and tensor
//   ckpt/LATEST, ckpt/BEST                     text files holding a folder's name
//
// Written as step-N.tmp, fsynced, renamed; then LATEST is replaced by a rename. A crash or a full
// disk at any moment leaves the previous checkpoint in place. The bytes are a function of the
// training state alone: no times, hosts or thread counts.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/train/model.h"

namespace mome::train {

/// Where training stands; everything needed to go on bit for bit, beside the tensors.
struct TrainState {
  int64_t step = 0; // completed steps
  int64_t epoch = 0,
          position =
              0; // of the next sample in the data order; follows from `step`, kept for people
  std::string model, package_hash, variant, section, data_hash;
  int64_t seed = 0, accumulate = 1, batch = 0, steps_per_epoch = 0;
  std::vector<std::string> classes;      // names of the class numbers
  std::map<std::string, double> scalars; // settable inputs, as used
  std::string monitor;
  std::optional<double> best;
  int64_t best_step = 0;
  int64_t evaluations_since_best = 0, last_evaluation = 0;
};

/// Folder name of a step: step-00001200.
std::string step_name(int64_t step);

class CheckpointStore {
public:
  explicit CheckpointStore(std::filesystem::path ckpt) : root(std::move(ckpt)) {}

  /// Removes what an interrupted save left behind; call once at the start of a run.
  void clean() const;
  void save(Model &model, const TrainState &state) const;
  void mark_best(int64_t step) const;
  /// Folder a pointer (LATEST, BEST) names, if it is there.
  std::optional<std::filesystem::path> pointer(std::string_view name) const;
  /// The newest checkpoint that is whole: what LATEST names, or, told to `warn`, an earlier one when
  /// that is damaged. None if there is no checkpoint; throws Error (mismatch) if all are damaged.
  std::optional<std::filesystem::path>
  newest_whole(const std::function<void(const std::string &)> &warn) const;
  std::vector<int64_t> steps() const; // ascending
  /// Keeps LATEST, BEST and the newest `keep`.
  void prune(int64_t keep) const;
  /// Discards checkpoints after `step`, which a resume from an earlier one makes obsolete.
  void discard_after(int64_t step, int64_t best_step) const;

private:
  std::filesystem::path root;
};

TrainState read_state(const std::filesystem::path &step_dir);
/// Checks sizes and hashes of every file and tensor; throws Error (mismatch) naming the first that
/// differs.
TrainState verify_checkpoint(const std::filesystem::path &step_dir);

/// Which tensors to restore.
enum class Restore { everything, weights };
/// Verifies first, then writes the model's tensors; every name is accounted for (missing and
/// unexpected ones throw).
TrainState load_checkpoint(const std::filesystem::path &step_dir, Model &model, Restore what);

/// Refuses another package, variant, section or data index unless `allowed` names it ("package",
/// "variant", "data", "lr"...).
void check_identity(const TrainState &saved, const TrainState &now,
                    const std::set<std::string> &allowed);

/// A checkpoint folder from a run folder (BEST, else LATEST; `latest` prefers LATEST), RUN/ckpt, or
/// the folder itself.
std::filesystem::path resolve_checkpoint(const std::filesystem::path &path, bool latest = false);

} // namespace mome::train

// What the command line may say about a run, beside the train section and the scalars.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "runtime/train/model.h"
#include "runtime/train/progress.h"

namespace mome::train {

struct TrainOptions {
  int64_t accumulate = 0;       // 0: the section's
  std::optional<int64_t> steps; // overrides T.epochs
  std::optional<int64_t> seed;  // overrides T.seed
  double eval_every = 0;        // epochs; 0: the monitor's
  int64_t save_every = 0;       // steps; 0: after every evaluation
  int64_t keep = 2;             // newest checkpoints kept beside BEST
  int64_t log_every = 10;
  int64_t loader_threads = 1;  // that prepare batches
  int64_t fast_dev_run = 0;    // > 0: that many steps, then evaluate that many batches
  int64_t overfit_batches = 0; // > 0: train and validate on the first batches of epoch 0 only
  int64_t stop_after = 0;      // > 0: save and stop after this step, as if preempted (exit 75)
  bool tensorboard = true;
  Verbosity verbosity = Verbosity::automatic;
  std::set<std::string> allow_change;
  /// Pre-trained weights, applied after `init`; says what came from where.
  std::function<std::string(Model &)> load_initial;
};

} // namespace mome::train

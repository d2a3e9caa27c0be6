// The training loop: one train section over one model and one data source.
//
// Invariants: the state after step s is a function of (package, variant, section, scalars, seed,
// data index, s), whatever the thread count and however often the run was stopped and resumed. An
// epoch has floor(samples / (batch * accumulate)) steps; the samples left over by the division are
// dropped (others every epoch, since each epoch has its own order). Validation decides about
// checkpoints and stopping; test samples are never opened here.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "runtime/data/loader.h"
#include "runtime/data/sampler.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/evaluate.h"
#include "runtime/train/progress.h"
#include "runtime/train/run_dir.h"
#include "runtime/train/scalars.h"
#include "runtime/train/tensorboard.h"

namespace mome::train {

struct TrainOptions {
  int64_t accumulate = 0;       // 0: the section's
  std::optional<int64_t> steps; // overrides T.epochs
  std::optional<int64_t> seed;  // overrides T.seed
  double eval_every = 0;        // epochs; 0: the monitor's
  int64_t save_every = 0;       // steps; 0: after every evaluation
  int64_t keep = 2;             // newest checkpoints kept beside BEST
  int64_t log_every = 10;
  int64_t loader_threads = 1; // that prepare batches
  int64_t fast_dev_run = 0;    // > 0: that many steps, then evaluate that many batches
  int64_t overfit_batches = 0; // > 0: train and validate on the first batches of epoch 0 only
  int64_t stop_after = 0;      // > 0: save and stop after this step, as if preempted (exit 75)
  bool tensorboard = true;
  Verbosity verbosity = Verbosity::automatic;
  std::set<std::string> allow_change;
  /// Pre-trained weights, applied after `init`; says what came from where.
  std::function<std::string(Model &)> load_initial;
};

class Trainer {
public:
  /// Everything is borrowed; `run` may be null (nothing is written, as verify-resume's straight
  /// half may want).
  Trainer(Model &model, data::Source &source, Config config, Scalars scalars, TrainOptions options,
          RunDir *run);

  /// Initialises the weights: entry `init` under the seed, then `load_initial`; moments become
  /// zero.
  void start();
  /// Continues from a checkpoint; throws Error (mismatch) when identities differ and the change is
  /// not allowed.
  void resume(const std::filesystem::path &step_dir);
  /// Trains to the end or to a signal; returns the exit code. On an error the run is marked failed
  /// and it is rethrown.
  int run_to_end();

  int64_t total_steps() const { return total; }
  int64_t steps_per_epoch() const { return per_epoch; }
  const TrainState &state() const { return now; }
  /// One line per fact, for --dry-run.
  std::string plan() const;

private:
  struct Entries {
    const ModelEntry *step = nullptr, *accumulate = nullptr, *apply = nullptr;
    std::vector<size_t> gradients;
  };

  Model &model;
  data::Source &source;
  Config config;
  Scalars scalars;
  TrainOptions options;
  RunDir *run_dir;
  Numbers numbers;
  int64_t micro, batch; // micro-batches per step, samples per micro-batch
  Entries entries;
  data::Sampler sampler;
  std::vector<uint32_t> validation;
  int64_t per_epoch = 0, total = 0, eval_steps = 0, first_step = 0;
  TrainState now;
  bool stop_early = false;
  const data::Batch *next_batch = nullptr; // taken from the loader already, and
  bool staged = false;                     // on its way to the device
  bool stages = true;                      // the device has a use for that
  Console console;
  std::optional<MetricsLog> metrics;
  std::optional<EventFile> events;
  Meter losses, outputs;
  std::chrono::steady_clock::time_point started, window_start;
  double waited_before = 0;

  void plan_steps();
  void find_entries();
  data::Loader::Plan batches() const;
  int train();
  void step(data::Loader &loader);
  void run_micro_batch(const ModelEntry &entry, data::Loader &loader);
  void read_results(const ModelEntry &entry, const std::vector<uint32_t> &samples);
  void feed(const data::Batch &batch);
  void log(const data::Loader &loader);
  bool evaluation_due() const;
  /// False when a signal cut it short: nothing is concluded then.
  bool evaluate();
  void judge(const EvalResult &result);
  void save();
  double seconds() const;
};

} // namespace mome::train

// The training loop: one train section over one model and one data source.
//
// Invariants: the state after step s is a function of (package, variant, section, scalars, seed,
// data index, s), whatever the thread count and however often the run was stopped and resumed. An
// epoch has floor(samples / (batch * accumulate)) steps; the samples left over by the division are
// dropped (others every epoch, since each epoch has its own order). Validation decides about
// checkpoints and stopping; test samples are never opened here.
#pragma once

#include <string>

#include "runtime/data/loader.h"
#include "runtime/train/checkpoint.h"
#include "runtime/train/evaluate.h"
#include "runtime/train/run_dir.h"
#include "runtime/train/run_log.h"
#include "runtime/train/scalars.h"
#include "runtime/train/step_plan.h"
#include "runtime/train/train_options.h"

namespace mome::train {

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

  int64_t total_steps() const { return steps.total; }
  int64_t steps_per_epoch() const { return steps.per_epoch; }
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
  StepPlan steps;
  Entries entries;
  int64_t first_step = 0; // of this process
  TrainState now;
  bool stop_early = false;
  const data::Batch *next_batch = nullptr; // taken from the loader already, and
  bool staged = false;                     // on its way to the device
  bool stages = true;                      // the device has a use for that
  RunLog log;

  void find_entries();
  int train();
  /// Before the first step: what a signal kept from happening after the last one.
  void catch_up();
  void step(data::Loader &loader);
  void run_micro_batch(const ModelEntry &entry, data::Loader &loader);
  void read_losses(const ModelEntry &entry, const std::vector<uint32_t> &samples);
  void read_outputs(const ModelEntry &entry);
  void feed(const data::Batch &batch);
  void report(const data::Loader &loader);
  /// False when a signal cut it short: nothing is concluded then.
  bool evaluate();
  void judge(const EvalResult &result);
  void save();
};

} // namespace mome::train

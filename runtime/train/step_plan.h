// What a run will do, known before it starts: its steps, the samples of each, when it evaluates.
//
//   900 samples, batch 32 x 2   14 steps per epoch, of 64 samples; 4 are left over, others every epoch
//   epochs 8, every 1 epoch     112 steps, an evaluation after 14, 28, ... 112
#pragma once

#include "runtime/data/loader.h"
#include "runtime/data/sampler.h"
#include "runtime/train/config.h"
#include "runtime/train/scalars.h"
#include "runtime/train/train_options.h"

namespace mome::train {

struct StepPlan {
  /// Throws Error (data) if there are too few samples, or none to validate with.
  StepPlan(const Model &model, data::Source &source, const Config &config, const Numbers &numbers,
           const TrainOptions &options);

  int64_t micro, batch; // micro-batches per step, samples per micro-batch
  data::Sampler sampler;
  std::vector<uint32_t> validation;
  int64_t per_epoch = 0, total = 0, eval_steps = 0; // steps

  /// The micro-batches after `step` steps; refers to this.
  data::Loader::Plan batches_after(int64_t step, int64_t seed) const;
  bool evaluates_after(int64_t step) const {
    return !validation.empty() && (step % eval_steps == 0 || step == total);
  }
};

} // namespace mome::train

// `mome sweep`: every combination of settings, seeds and splits from one package, each a run
// folder; one CSV.
//
// Resumable: finished runs (STATUS done) are read, interrupted ones continue. results.csv is
// rewritten after every run: run, settings..., seed, split, step, best_step, monitor value, then
// the summary of each evaluated part.
#pragma once

#include "runtime/train/job.h"

namespace mome::train {

struct SweepRequest {
  TrainRequest base;             // package, data, flags that all runs share; `out` holds everything
  std::vector<std::string> axes; // "NAME=V1,V2,..."
  std::vector<int64_t> seeds, splits;       // empty: the section's
  std::vector<std::string> parts = {"val"}; // parts to evaluate with the best checkpoint
};

/// "0..4" (inclusive), "1,5,7" or one number; throws Error (usage).
std::vector<int64_t> parse_range(std::string_view text);

/// Returns the exit code of the first run that was stopped, else 0.
int sweep_job(const SweepRequest &request, const OpenModel &open);

} // namespace mome::train

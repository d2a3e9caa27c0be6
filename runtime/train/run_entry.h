// One entry of a model on given tensors, everything in files: how parity with another program is
// tested.
//
//   weights   safetensors: parameters and states under their DSL paths, moments as "m/PATH"; the
//             names that results have ("param.PATH") serve too, so that a result can be fed back
//   inputs    safetensors: modalities, labels, `presence`, `valid` under their names
//   results   safetensors: outputs, taps and metrics under their names, `loss.NAME`, `sum.NAME`,
//             `grad.PATH`, `param.PATH`, `state.PATH`, `moment.m/PATH`
//
// Every name is accounted for: a tensor the entry reads must be there with its type and shape, one
// that the package does not know is refused, one this entry does not read is reported. What may be
// absent has one meaning: presence and valid are 1, moments, gradients and sums are 0.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "runtime/train/model.h"

namespace mome::train {

struct RunRequest {
  std::string entry;                     // "predict", "grad", "step", or "T.grad"
  std::string section;                   // T; empty: the only one
  std::filesystem::path weights, inputs; // may be empty
  std::filesystem::path out;             // may be empty: results are only reported
  std::vector<std::string> set;          // NAME=VALUE, host scalars too
  int64_t repeat = 1;                    // runs in a row; `step` counts up
  bool invent = false; // weights that no file has come from `init`, inputs are random numbers
};

struct RunResult {
  std::string entry;  // its full name
  std::string report; // for people
};

/// Throws Error: data (inputs), mismatch (weights), usage.
RunResult run_entry(Model &model, const RunRequest &request);

/// Runs `init` under `seed`.
void initialise(Model &model, int64_t seed);
/// The same, then `then`, and writes every parameter and state under its path; returns how many.
size_t initialise_weights(Model &model, int64_t seed, const std::filesystem::path &out,
                          const std::function<void(Model &)> &then);

} // namespace mome::train

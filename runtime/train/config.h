// The host's side of a `train` section: what the training loop decides, as opposed to what the
// graph computes.
//
// A section arrives in the package as JSON (Package.train[i].json). It holds kinds, names and
// lists; every NUMBER a user may want to change is a named scalar of the package, so that `--set`
// never recompiles. With T the section's name:
//
//   {
//     "batch": 8, "eval_batch": 8,           // static shapes of T's entries; facts, not settings
//     "accumulate": 1,                       // micro-batches per step (default of --accumulate)
//     "precision": "f32",
//     "optimizer": {"kind": "adamw"},        // adamw | sgd
//     "schedule": {"kind": "cosine",         // constant | cosine | multi_step
//                  "milestones": [30, 60]},  // multi_step: epochs at which lr is multiplied by
//                  T.gamma
//     "monitor": {"metric": "mean1", "mode": "max", "every_epochs": 1, "patience": 15, "keep":
//     ["best", "last"]}, "init": [{"pattern": "experts.*", "file": "k710.safetensors", "map":
//     "uniformerv2",
//               "skip": ["transformer.proj.**"]}],
//     "after": {"section": "stage1", "checkpoint": "best"},      // weights this stage starts from
//     "sampler": {"kind": "shuffle"},        // shuffle | inverse_frequency | sequential
//     "freeze": [{"pattern": "experts.*.conv1", "until": "T.freeze.0.until"}],   // "until":
//     scalar, in epochs
//     "mixup": {"alpha": "T.mixup.alpha"},   // the graph mixes by T.mixup_now
//     "ema": {"decay": "T.ema.decay"}        // moments ema/PATH exist and are
//     what eval uses
//   }
//
// Every key but "batch" is optional; unknown keys are an error (a policy must not be dropped in
// silence).
//
// Scalars a user sets (package defaults; `train.X` is an alias of `T.X` for the section in use):
//   T.lr  base learning rate     T.epochs     T.seed
//   T.warmup  epochs of linear warm-up   T.warmup_start  its first lr (default 1e-6, never above
//   T.lr) T.end     final lr of cosine         T.gamma         factor of multi_step (default 0.1)
//   T.betas.0, T.betas.1, T.eps, T.weight_decay, T.momentum, T.clip, T.ema.decay ...   read by the
//   graph itself
// Scalars the host computes before every run (Scalar.host in the package):
//   seed, step (1-based), sample, T.lr_now (T.lr after schedule), T.bias_correction1,
//   T.bias_correction2 (1 - beta^step), and .I of both for what freeze[I] held (its steps since),
//   T.grad_scale (1 / micro-batches), T.trainable.I (0 while
//   freeze[I] holds, else 1), T.ema_now (decay, warmed up), T.mixup_now (mixup.h)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mome::train {

enum class ScheduleKind { constant, cosine, multi_step };
enum class SamplerKind { sequential, shuffle, inverse_frequency };

struct Schedule {
  ScheduleKind kind = ScheduleKind::constant;
  std::vector<double> milestones; // epochs, increasing
};

struct Monitor {
  std::string
      metric; // a metric of the model, or "loss": the weighted objective on the validation part
  bool maximize = true;
  double every_epochs = 1;
  int64_t patience = 0; // evaluations without a new best before stopping; 0: never
  bool keep_best = true, keep_last = true;
};

struct InitRule {
  std::string pattern, file, map;
  std::vector<std::string> skip;
};

struct FreezeRule {
  std::string pattern;
  std::string until; // name of the scalar holding the epoch at which training starts; empty: never
};

struct Config {
  std::string section; // T
  int64_t batch = 0, eval_batch = 0;
  int64_t accumulate = 1;
  std::string precision = "f32";
  std::string optimizer = "adamw";
  Schedule schedule;
  Monitor monitor;
  std::vector<InitRule> init;
  std::string after_section, after_checkpoint; // empty: none
  SamplerKind sampler = SamplerKind::shuffle;
  std::vector<FreezeRule> freeze;
  std::string ema_decay; // name of the scalar; empty: no EMA
  std::string mixup;     // name of the scalar alpha; empty: none

  std::string scalar(std::string_view leaf) const { return section + "." + std::string(leaf); }
};

/// Reads a section's JSON; throws Error (package corrupt) naming the section and the key.
Config parse_config(std::string_view section, std::string_view json);

} // namespace mome::train

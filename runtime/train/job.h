// What the subcommands of `mome` do, without the command line: train, verify-resume, eval, predict,
// sweep.
//
// A job is described by JSON so that a run folder can hold it (config.json) and a resume can
// overlay it:
//   defaults  <-  RUN/config.json (when resuming)  <-  flags given now
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/json_reader.h"
#include "runtime/train/predictions.h"
#include "runtime/train/trainer.h"

namespace mome::train {

/// Opens a package as a model; the tools pass SessionModel, tests a fake.
using OpenModel = std::function<std::unique_ptr<Model>(const std::filesystem::path &package)>;

/// A flag of `mome train`, registered by the tool from this table. The default is what TrainOptions
/// holds.
struct JobFlag {
  const char *name; // as in config.json; the flag is --name with '-' for '_'
  enum Kind { text, integer, number, boolean } kind;
  const char *help;
};
const std::vector<JobFlag> &train_flags();

struct TrainRequest {
  std::filesystem::path package; // empty when resuming: the run's own
  std::filesystem::path out;     // run folder
  std::filesystem::path resume;  // run folder or one of its checkpoints; empty: a fresh run
  bool resume_if_there =
      false; // --resume=auto: continue `out` when it holds a checkpoint, else start
  Json given = Json::object();  // flags of train_flags() that were given
  std::vector<std::string> set; // NAME=VALUE
  std::set<std::string> allow_change;
  bool dry_run = false;
  std::string command_line;
  int threads = 0;
  Verbosity verbosity = Verbosity::automatic;
};

/// Returns the exit code; throws Error.
int train_job(const TrainRequest &request, const OpenModel &open);

struct EvalRequest {
  std::filesystem::path checkpoint; // run folder (BEST) or checkpoint folder
  std::filesystem::path package;    // empty: model.mpk of the run
  std::filesystem::path data,
      out; // `out` empty: RUN/eval/PART..., or nothing for a lone checkpoint
  std::string part = "val";
  std::optional<int64_t> split;
  std::vector<std::string> zero, absent; // modalities
  size_t batch = 0;
  bool latest = false, dump = false, batch_independent = false, skip_bad = false;
  std::set<std::string> allow_change;
};

/// The summary; with `dump`, predictions.csv and outputs.safetensors are written to `out`.
OrderedJson eval_job(const EvalRequest &request, const OpenModel &open);
/// Predictions of every sample of `part` (all parts when it is "all") as CSV text.
std::string predict_job(const EvalRequest &request, const OpenModel &open);

/// `mome predict` on plain videos: windows of `window` seconds every `stride` seconds.
struct WindowRequest {
  EvalRequest base;                                // checkpoint, package, skip_bad
  std::map<std::string, std::filesystem::path> in; // modality -> video
  std::filesystem::path dir;                       // or all recordings below a folder
  double window = 3, stride = 0.5;
};
/// Emits one JSON object a window: source, start, end, predicted, probability, probabilities, and
/// small outputs as a gate's votes. Returns how many recordings were left out.
size_t predict_windows_job(const WindowRequest &request, const OpenModel &open,
                           const std::function<void(const OrderedJson &)> &emit);

/// `mome explain-clip`: one clip, of videos (`window` seconds from second `at` on) or a sample `key`
/// of the data set in `base`.
struct ExplainRequest {
  EvalRequest base; // `out`: the folder of the pictures
  std::map<std::string, std::filesystem::path> in;
  std::string key;
  double at = 0, window = 3;
};
/// Writes the frames of every modality, every tapped attention over them, and explain.json, which is
/// returned: the prediction, votes, and per expert and block the picture's name and how attention is
/// spread over frames.
OrderedJson explain_clip_job(const ExplainRequest &request, const OpenModel &open);

/// Trains `steps` steps straight, and again with a stop after `at` and a resume in a new model;
/// compares every byte. Returns a report; `equal` tells the outcome.
struct ResumeReport {
  bool equal = false;
  std::string text;
};
ResumeReport verify_resume(const TrainRequest &request, int64_t steps, int64_t at,
                           const OpenModel &open);

// ---- Shared by the jobs ----

/// A checkpoint in its model, scalars applied.
struct LoadedModel {
  std::filesystem::path step_dir, run; // `run` is empty for a lone checkpoint
  std::string data_section;            // the one that the run trained on; empty: the first
  TrainState state;
  std::unique_ptr<Model> model;

  const std::vector<std::string> &classes() const {
    return state.classes.empty() ? model->info().classes : state.classes;
  }
};
LoadedModel load_model(const EvalRequest &request, const OpenModel &open);

/// The train section named, or the only one; throws Error (usage).
const ModelSection &choose_section(const std::vector<ModelSection> &sections,
                                   const std::string &name, const char *what);
/// The model's data section (the first when there are several and no name is given), or an empty
/// one.
data::SourceConfig choose_source(const ModelInfo &info, const std::string &name);

} // namespace mome::train

// What a run says on the way: on the console and in log.txt, in metrics.jsonl, in TensorBoard's files.
//
//   step 1200/10000 loss 1.234 ...     {"event":"step","step":1200,"losses":{...},...}     loss, lr, ...
//
// Between two lines it collects the means of losses and small outputs, and how long training took.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "runtime/train/checkpoint.h"
#include "runtime/train/evaluate.h"
#include "runtime/train/progress.h"
#include "runtime/train/run_dir.h"
#include "runtime/train/tensorboard.h"

namespace mome::train {

/// Where training stands when a line is due.
struct StepReport {
  int64_t step, steps;
  int64_t done;  // steps of this process
  int64_t since; // of these since the last line
  int64_t samples_per_step;
  double epoch, learning_rate;
  double waited; // seconds for data, since the loop began
  uint64_t memory;
};

class RunLog {
public:
  using Clock = std::chrono::steady_clock;

  /// `run` may be null: the console is all there is.
  RunLog(const RunDir *run, Verbosity verbosity);
  /// The files beside log.txt, if there is a run.
  void open(bool tensorboard);

  void print(const std::string &line) { console.print(line); }
  /// An object in metrics.jsonl.
  void event(std::string_view name, int64_t step, OrderedJson fields);
  /// Drops events after `step`.
  void rewind(int64_t step);

  /// The run's clock starts.
  void start_clock() { started = Clock::now(); }
  double seconds() const;
  /// The loop begins: the time to the next line is that of training.
  void start_window() { window_start = Clock::now(); }

  void add_loss(const std::string &name, double value) { losses.add(name, value); }
  void add_output(const std::string &name, double value) { outputs.add(name, value); }
  void step(const StepReport &report);
  /// The time since `begin` is no part of the training speed.
  void evaluation(const TrainState &now, const EvalResult &result, Clock::time_point begin);

private:
  const RunDir *run;
  Console console;
  std::optional<MetricsLog> metrics;
  std::optional<EventFile> events;
  Meter losses, outputs;
  Clock::time_point started, window_start;
  double waited_before = 0;
};

} // namespace mome::train

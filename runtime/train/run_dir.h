// The folder of one run:
//
//   STATUS         "running|done|failed|preempted EXIT_CODE LAST_STEP", replaced atomically
//   config.json    every setting of the run, resolved       model.mpk   the package that trains
//   env.json       machine, threads, MOME_* variables        cmdline.txt one line per start
//   log.txt        what was printed                          metrics.jsonl one JSON object per event
//   tb/            TensorBoard event files                   eval/       results of `mome eval`
//   ckpt/step-00001200/  ckpt/LATEST  ckpt/BEST              .lock       held while a process trains
//
// config.json is the last file of a start: a folder without it holds nothing worth keeping.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "runtime/json_reader.h"

namespace mome::train {

class RunDir {
public:
  /// A fresh run: `path` must not exist, or be empty but for what a start that was cut short has
  /// left; throws Error (usage), or when another process holds the lock.
  static RunDir create(const std::filesystem::path &path);
  /// An existing run, to be resumed.
  static RunDir open(const std::filesystem::path &path);
  RunDir(RunDir &&other) noexcept
      : root(std::move(other.root)), lock(std::exchange(other.lock, -1)) {}
  ~RunDir();

  const std::filesystem::path &path() const { return root; }
  std::filesystem::path checkpoints() const { return root / "ckpt"; }
  void status(std::string_view state, int exit_code, int64_t step) const;
  void record_start(const OrderedJson &environment, std::string_view command_line) const;

private:
  RunDir(std::filesystem::path root);
  std::filesystem::path root;
  int lock = -1;
};

/// True if a run has begun in this folder, so that it can be resumed.
bool holds_run(const std::filesystem::path &path);

/// First word of RUN/STATUS, or "" when there is none.
std::string run_status(const std::filesystem::path &run);

/// What env.json records.
OrderedJson describe_environment(int threads);

/// metrics.jsonl: {"schema":1,"event":...,"step":...,...}, one flushed line per event.
class MetricsLog {
public:
  explicit MetricsLog(std::filesystem::path file) : file(std::move(file)) {}
  void event(std::string_view name, int64_t step, OrderedJson fields);
  /// Drops events after `step`: they will be produced again by the resumed run.
  void rewind(int64_t step);

private:
  std::filesystem::path file;
};

} // namespace mome::train

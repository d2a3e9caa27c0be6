#include "runtime/train/run_log.h"

#include <algorithm>

namespace mome::train {
namespace {

OrderedJson to_json(const std::vector<std::pair<std::string, double>> &values) {
  OrderedJson o = OrderedJson::object();
  for (const auto &[name, value] : values) {
    o[name] = value;
  }
  return o;
}

double to_seconds(RunLog::Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

} // namespace

RunLog::RunLog(const RunDir *run, Verbosity verbosity)
    : run(run),
      console(verbosity, run == nullptr ? std::filesystem::path() : run->path() / "log.txt") {}

void RunLog::open(bool tensorboard) {
  if (run == nullptr) {
    return;
  }
  metrics.emplace(run->path() / "metrics.jsonl");
  if (tensorboard) {
    events.emplace(run->path() / "tb");
  }
}

void RunLog::event(std::string_view name, int64_t step, OrderedJson fields) {
  if (metrics) {
    metrics->event(name, step, std::move(fields));
  }
}

void RunLog::rewind(int64_t step) {
  if (metrics) {
    metrics->rewind(step);
  }
}

double RunLog::seconds() const {
  return to_seconds(Clock::now() - started);
}

void RunLog::step(const StepReport &report) {
  const double window = std::max(to_seconds(Clock::now() - window_start), 1e-9);
  ProgressLine line;
  line.step = report.step;
  line.steps = report.steps;
  line.losses = losses.take();
  line.outputs = outputs.take();
  line.samples_per_second = double(report.since * report.samples_per_step) / window;
  line.data_share = (report.waited - waited_before) / window;
  line.memory = report.memory;
  line.seconds_left = seconds() / double(report.done) * double(report.steps - report.step);
  waited_before = report.waited;
  console.progress(line.text());
  event("step", report.step,
        {{"epoch", report.epoch},
         {"lr", report.learning_rate},
         {"losses", to_json(line.losses)},
         {"outputs", to_json(line.outputs)},
         {"samples_per_second", line.samples_per_second},
         {"data_share", line.data_share},
         {"memory_bytes", line.memory},
         {"seconds", seconds()}});
  if (events) {
    auto values = line.losses;
    values.insert(values.end(), line.outputs.begin(), line.outputs.end());
    values.emplace_back("lr", report.learning_rate);
    values.emplace_back("samples_per_second", line.samples_per_second);
    events->scalars(report.step, values);
  }
  start_window();
}

void RunLog::evaluation(const TrainState &now, const EvalResult &result, Clock::time_point begin) {
  std::vector<std::pair<std::string, double>> values = result.losses;
  for (const auto &[name, metric] : result.metrics) {
    if (metric.size() == 1) {
      values.emplace_back(name, metric[0]);
    }
  }
  std::string line = "eval step " + std::to_string(now.step) + " val";
  std::vector<std::pair<std::string, double>> tagged;
  for (const auto &[name, value] : values) {
    char text[64];
    std::snprintf(text, sizeof text, " %.4g", value);
    line += " " + name + text;
    tagged.emplace_back("val/" + name, value);
  }
  console.print(line + (now.best_step == now.step ? "  (best)" : ""));
  event("eval", now.step,
        {{"part", "val"},
         {"samples", result.samples},
         {"values", to_json(values)},
         {"best", now.best ? OrderedJson(*now.best) : OrderedJson(nullptr)},
         {"best_step", now.best_step},
         {"seconds", seconds()}});
  if (events) {
    events->scalars(now.step, tagged);
  }
  window_start += Clock::now() - begin;
}

} // namespace mome::train

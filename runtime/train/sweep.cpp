#include "runtime/train/sweep.h"

#include <charconv>
#include <cstdio>

#include "runtime/data/csv.h"
#include "runtime/error.h"
#include "runtime/files.h"

namespace mome::train {

namespace fs = std::filesystem;

namespace {

struct Axis {
  std::string name;
  std::vector<std::string> values;
};

/// One run of the sweep: a value per axis.
struct Point {
  std::string name;                  // folder
  std::vector<std::string> settings; // NAME=VALUE
  std::vector<std::string> values;   // columns of the CSV
  std::optional<int64_t> seed, split;
};

int64_t parse_integer(std::string_view text, std::string_view whole) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    throw usage_error("'" + std::string(whole) + "' is not a list of integers",
                      "write 0..4 or 1,5,7");
  }
  return value;
}

std::vector<std::string> split_commas(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    const size_t comma = text.find(',');
    parts.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(comma + 1);
  }
}

Axis parse_axis(const std::string &text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
    throw usage_error("'" + text + "' is not NAME=VALUE,VALUE,...",
                      "for example --set train.lr=1e-4,3e-4");
  }
  return {text.substr(0, equals), split_commas(std::string_view(text).substr(equals + 1))};
}

std::vector<Point> all_points(const SweepRequest &request) {
  std::vector<Point> points(1);
  const auto multiply = [&](size_t n, const auto &extend) {
    std::vector<Point> next;
    for (const Point &point : points) {
      for (size_t i = 0; i < n; ++i) {
        next.push_back(point);
        extend(next.back(), i);
      }
    }
    points = std::move(next);
  };
  for (const std::string &text : request.axes) {
    const Axis axis = parse_axis(text);
    multiply(axis.values.size(), [&](Point &p, size_t i) {
      p.settings.push_back(axis.name + "=" + axis.values[i]);
      p.values.push_back(axis.values[i]);
      p.name += (p.name.empty() ? "" : ",") + p.settings.back();
    });
  }
  const auto number = [&](const std::vector<int64_t> &values, const char *name,
                          std::optional<int64_t> Point::*field) {
    if (!values.empty()) {
      multiply(values.size(), [&](Point &p, size_t i) {
        p.*field = values[i];
        p.name += (p.name.empty() ? "" : ",") + std::string(name) + "=" + std::to_string(values[i]);
      });
    }
  };
  number(request.splits, "split", &Point::split);
  number(request.seeds, "seed", &Point::seed);
  if (points.size() == 1 && points[0].name.empty()) {
    points[0].name = "run";
  }
  return points;
}

int run_point(const SweepRequest &request, const Point &point, const fs::path &run,
              const OpenModel &open) {
  TrainRequest train = request.base;
  train.out = run;
  train.resume_if_there = true;
  train.set.insert(train.set.end(), point.settings.begin(), point.settings.end());
  if (point.seed) {
    train.given["seed"] = *point.seed;
  }
  if (point.split) {
    train.given["split"] = *point.split;
  }
  return train_job(train, open);
}

std::vector<std::string> csv_row(const SweepRequest &request, const Point &point,
                                 const fs::path &run, const OpenModel &open) {
  const TrainState last = read_state(*CheckpointStore(run / "ckpt").pointer("LATEST"));
  std::vector<std::string> row = {point.name};
  row.insert(row.end(), point.values.begin(), point.values.end());
  const auto text = [](double value) { return Json(value).dump(); };
  row.push_back(std::to_string(last.seed));
  row.push_back(point.split ? std::to_string(*point.split) : "");
  row.push_back(std::to_string(last.step));
  row.push_back(std::to_string(last.best_step));
  row.push_back(last.best ? text(*last.best) : "");
  for (const std::string &part : request.parts) {
    const fs::path file = run / "eval" / part / "summary.json";
    OrderedJson summary;
    if (fs::exists(file)) {
      summary = OrderedJson::parse(read_file(file), nullptr, false);
    }
    if (!summary.is_object()) {
      EvalRequest eval;
      eval.checkpoint = run;
      eval.data = request.base.given.value("data", "");
      eval.part = part;
      eval.split = point.split;
      summary = eval_job(eval, open);
    }
    for (const char *key : {"samples", "top1", "mean1"}) {
      row.push_back(summary.contains(key) ? summary[key].dump() : "");
    }
  }
  return row;
}

std::string to_csv(const std::vector<std::vector<std::string>> &rows) {
  std::string text;
  for (const auto &row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      text += (i == 0 ? "" : ",") + data::csv_field(row[i]);
    }
    text += "\n";
  }
  return text;
}

} // namespace

std::vector<int64_t> parse_range(std::string_view text) {
  if (const size_t dots = text.find(".."); dots != std::string_view::npos) {
    const int64_t first = parse_integer(text.substr(0, dots), text),
                  last = parse_integer(text.substr(dots + 2), text);
    if (last < first || last - first > 100000) {
      throw usage_error("'" + std::string(text) + "' is not a range",
                        "the first number is the smaller; both ends count");
    }
    std::vector<int64_t> values;
    for (int64_t v = first; v <= last; ++v) {
      values.push_back(v);
    }
    return values;
  }
  std::vector<int64_t> values;
  for (const std::string &part : split_commas(text)) {
    values.push_back(parse_integer(part, text));
  }
  return values;
}

int sweep_job(const SweepRequest &request, const OpenModel &open) {
  const fs::path root = request.base.out;
  fs::create_directories(root / "runs");
  std::vector<std::string> header = {"run"};
  for (const std::string &axis : request.axes) {
    header.push_back(parse_axis(axis).name);
  }
  for (const char *name : {"seed", "split", "step", "best_step", "monitor"}) {
    header.push_back(name);
  }
  for (const std::string &part : request.parts) {
    for (const char *key : {"samples", "top1", "mean1"}) {
      header.push_back(part + "." + key);
    }
  }
  std::vector<std::vector<std::string>> rows = {header};
  const std::vector<Point> points = all_points(request);
  for (size_t i = 0; i < points.size(); ++i) {
    const fs::path run = root / "runs" / points[i].name;
    std::printf("[%zu/%zu] %s\n", i + 1, points.size(), points[i].name.c_str());
    std::fflush(stdout);
    if (run_status(run) != "done") {
      if (const int code = run_point(request, points[i], run, open); code != 0) {
        return code;
      }
    }
    rows.push_back(csv_row(request, points[i], run, open));
    replace_file(root / "results.csv", to_csv(rows));
  }
  return 0;
}

} // namespace mome::train

// The progress line: one updating line on a terminal, one plain line per `--log-every` steps
// elsewhere and in log.txt.
//
//   step 1200/10000 loss 1.234 (cls 0.98 intra 0.12) vote.acc 0.41 vote.gyro 0.59 | 24.8 smp/s data
//   3% | mem 21.4 MiB | eta 2m11s
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace mome::train {

/// Means of named values between two log lines, in order of first appearance.
class Meter {
public:
  void add(const std::string &name, double value);
  std::vector<std::pair<std::string, double>> take(); // the means; starts over

private:
  struct Item {
    std::string name;
    double sum = 0;
    int64_t count = 0;
  };
  std::vector<Item> items;
};

struct ProgressLine {
  int64_t step = 0, steps = 0;
  std::vector<std::pair<std::string, double>> losses, outputs;
  double samples_per_second = 0, data_share = 0, seconds_left = 0;
  uint64_t memory = 0;

  std::string text() const;
};

enum class Verbosity { quiet, lines, automatic };

/// Prints to standard output and appends to log.txt.
class Console {
public:
  Console(Verbosity verbosity, std::filesystem::path log);
  ~Console();
  /// Progress: replaces the previous progress line on a terminal.
  void progress(const std::string &line);
  /// A line that stays.
  void print(const std::string &line);

private:
  Verbosity verbosity;
  bool terminal, open = false;
  std::filesystem::path log;
};

std::string format_duration(double seconds);
std::string format_bytes(uint64_t bytes);

} // namespace mome::train

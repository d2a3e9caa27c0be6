#include "runtime/train/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <fstream>
#include <unistd.h>

namespace mome::train {
namespace {

[[gnu::format(printf, 1, 2)]] std::string format(const char *pattern, ...) {
  char text[256];
  va_list args;
  va_start(args, pattern);
  std::vsnprintf(text, sizeof text, pattern, args);
  va_end(args);
  return text;
}

std::string short_name(const std::string &name) {
  return name.starts_with("loss.") ? name.substr(5) : name;
}
bool is_total(const std::string &name) {
  return name == "loss" || short_name(name) == "total";
}

} // namespace

void Meter::add(const std::string &name, double value) {
  auto it = std::find_if(items.begin(), items.end(), [&](const Item &i) { return i.name == name; });
  if (it == items.end()) {
    it = items.insert(items.end(), Item{name, 0, 0});
  }
  it->sum += value;
  ++it->count;
}

std::vector<std::pair<std::string, double>> Meter::take() {
  std::vector<std::pair<std::string, double>> means;
  for (Item &item : items) {
    if (item.count > 0) {
      means.emplace_back(item.name, item.sum / double(item.count));
    }
    item.sum = 0;
    item.count = 0;
  }
  return means;
}

std::string ProgressLine::text() const {
  std::string line = format("step %lld/%lld", (long long)step, (long long)steps);
  std::string terms;
  for (const auto &[name, value] : losses) {
    if (is_total(name) || losses.size() == 1) {
      line += format(" loss %.4g", value);
    } else {
      terms += (terms.empty() ? "" : " ") + short_name(name) + format(" %.3g", value);
    }
  }
  line += terms.empty() ? "" : " (" + terms + ")";
  for (const auto &[name, value] : outputs) {
    line += " " + name + format(" %.2f", value);
  }
  line += format(" | %.1f smp/s data %.0f%%", samples_per_second, 100 * data_share);
  if (memory > 0) {
    line += " | mem " + format_bytes(memory);
  }
  return line + " | eta " + format_duration(seconds_left);
}

Console::Console(Verbosity v, std::filesystem::path l)
    : verbosity(v), terminal(v == Verbosity::automatic && isatty(STDOUT_FILENO)),
      log(std::move(l)) {}

Console::~Console() {
  if (open) {
    std::puts("");
  }
}

void Console::progress(const std::string &line) {
  if (verbosity != Verbosity::quiet) {
    std::printf(terminal ? "\r\033[K%s" : "%s\n", line.c_str());
    std::fflush(stdout);
    open = terminal;
  }
  if (!log.empty()) {
    std::ofstream(log, std::ios::app) << line << "\n";
  }
}

void Console::print(const std::string &line) {
  if (verbosity != Verbosity::quiet) {
    std::printf("%s%s\n", open ? "\n" : "", line.c_str());
    std::fflush(stdout);
    open = false;
  }
  if (!log.empty()) {
    std::ofstream(log, std::ios::app) << line << "\n";
  }
}

std::string format_duration(double seconds) {
  if (!(seconds >= 0 && seconds < 1e9)) {
    return "?";
  }
  const auto s = (long long)std::llround(seconds);
  return s >= 3600 ? format("%lldh%02lldm", s / 3600, s / 60 % 60)
         : s >= 60 ? format("%lldm%02llds", s / 60, s % 60)
                   : format("%llds", s);
}

std::string format_bytes(uint64_t bytes) {
  return bytes >= (1ull << 30)   ? format("%.1f GiB", double(bytes) / (1 << 30))
         : bytes >= (1ull << 20) ? format("%.1f MiB", double(bytes) / (1 << 20))
                                 : format("%.1f KiB", double(bytes) / (1 << 10));
}

} // namespace mome::train

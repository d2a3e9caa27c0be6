#include "runtime/data/check.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "runtime/data/csv.h"
#include "runtime/data/video/video_check.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/safetensors.h"
#include "runtime/text.h"

namespace mome::data {
namespace {

constexpr size_t max_listed = 10;

/// The tensors of the first shard the index names; warns about presence columns that fit none.
std::vector<Modality> guess_modalities(const std::filesystem::path &dir,
                                       std::vector<std::string> &warnings) {
  const std::filesystem::path file = dir / "index.csv";
  const Csv csv = parse_csv(read_file(file), file.string());
  const int column = csv.find("shard");
  if (column < 0 || csv.records.empty()) {
    return {};
  }
  const std::filesystem::path path = dir / csv.records[0][size_t(column)].text;
  if (!std::filesystem::exists(path)) {
    throw data_error(path.string(), "the shard is missing", "copy it beside index.csv");
  }
  const SafetensorsFile shard(path);
  std::vector<Modality> modalities;
  for (const auto &[name, view] : shard.tensors()) {
    if (!view.shape.empty()) {
      modalities.push_back({name, {view.shape.begin() + 1, view.shape.end()}});
    }
  }
  for (const std::string &name : csv.header) {
    const auto same = [&](const Modality &m) { return "presence." + m.name == name; };
    if (name.starts_with("presence.") && std::none_of(modalities.begin(), modalities.end(), same)) {
      warnings.push_back("column '" + name + "' names no tensor of " + path.string());
    }
  }
  return modalities;
}

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low, sum = 0, squares = 0;
  int64_t count = 0, samples = 0;

  void add(std::span<const float> values) {
    ++samples;
    for (float v : values) {
      low = std::min(low, double(v));
      high = std::max(high, double(v));
      sum += v;
      squares += double(v) * v;
      ++count;
    }
  }
  OrderedJson json() const {
    const double mean = count == 0 ? 0 : sum / double(count);
    return {{"samples", samples},
            {"min", low},
            {"max", high},
            {"mean", mean},
            {"deviation",
             count == 0 ? 0 : std::sqrt(std::max(0.0, squares / double(count) - mean * mean))}};
  }
};

void scan_values(const Index &index, const std::vector<Modality> &modalities,
                 const SourceConfig &config, CheckReport &report) {
  const auto source =
      open_tensor_source(index, modalities, config, {Part::train, Part::val, Part::test});
  std::vector<Range> ranges(modalities.size());
  size_t bad = 0;
  for (size_t m = 0; m < modalities.size(); ++m) {
    std::vector<float> values(modalities[m].elements());
    for (uint32_t s = 0; s < index.samples.size(); ++s) {
      if (!index.samples[s].presence[m]) {
        continue;
      }
      try {
        source->read(s, m, {}, values);
        ranges[m].add(values);
      } catch (const Error &error) {
        if (++bad <= max_listed) {
          report.problems.push_back(error.what());
        }
      }
    }
    OrderedJson facts = ranges[m].json();
    facts["shape"] = modalities[m].shape;
    report.facts["modalities"][modalities[m].name] = std::move(facts);
  }
  if (bad > max_listed) {
    report.problems.push_back("... and " + std::to_string(bad - max_listed) +
                              " more values that are not finite");
  }
}

} // namespace

void count_parts(const Index &index, CheckReport &report) {
  std::map<std::string, std::set<std::string>> parts_of_subject;
  std::vector<std::array<int64_t, 3>> classes(index.classes.size());
  std::array<std::set<std::string>, 3> subjects;
  std::array<int64_t, 3> samples{}, unlabelled{};
  for (const Sample &s : index.samples) {
    const size_t p = size_t(s.part);
    ++samples[p];
    subjects[p].insert(s.subject);
    parts_of_subject[s.subject].insert(std::string(part_names[p]));
    if (s.label >= 0) {
      ++classes[size_t(s.label)][p];
    } else {
      ++unlabelled[p];
    }
  }
  for (size_t p = 0; p < 3; ++p) {
    const std::string name(part_names[p]);
    report.facts["parts"][name] = {
        {"samples", samples[p]}, {"subjects", subjects[p].size()}, {"unlabelled", unlabelled[p]}};
    if (samples[p] == 0) {
      (p == 0 ? report.problems : report.warnings).push_back("the " + name + " part is empty");
    }
    std::vector<std::string> missing;
    for (size_t k = 0; k < classes.size(); ++k) {
      if (classes[k][p] == 0) {
        missing.push_back(index.classes[k]);
      }
    }
    if (samples[p] > 0 && !missing.empty()) {
      report.warnings.push_back("classes without a sample in " + name + ": " + join_names(missing));
    }
  }
  for (size_t k = 0; k < classes.size(); ++k) {
    report.facts["classes"][index.classes[k]] = {
        {"train", classes[k][0]}, {"val", classes[k][1]}, {"test", classes[k][2]}};
  }
  std::vector<std::string> shared;
  for (const auto &[subject, parts] : parts_of_subject) {
    if (parts.size() > 1) {
      shared.push_back(subject);
    }
  }
  if (!shared.empty()) {
    report.warnings.push_back(
        "subjects in more than one part (accuracy will look better than it is): " +
        join_names(shared, 10));
  }
}

CheckReport check_data(const std::filesystem::path &dir, int64_t split,
                       std::vector<std::string> classes, std::vector<Modality> modalities,
                       const SourceConfig &config) {
  if (is_video_set(dir)) {
    return check_video_set(dir, split, classes, std::move(modalities), config);
  }
  CheckReport report;
  try {
    if (modalities.empty()) {
      modalities = guess_modalities(dir, report.warnings);
    }
    std::vector<std::string> names;
    for (const Modality &m : modalities) {
      names.push_back(m.name);
    }
    const Index index = load_index(dir, {classes, names, split});
    report.facts["index"] = index.hash;
    report.facts["folds"] = index.folds;
    count_parts(index, report);
    scan_values(index, modalities, config, report);
  } catch (const Error &error) {
    report.problems.push_back(error.what());
  }
  return report;
}

std::string CheckReport::text() const {
  std::string out;
  if (facts.contains("parts")) {
    for (const auto &item : facts["parts"].items()) {
      out += item.key() + ": " + item.value()["samples"].dump() + " samples, " +
             item.value()["subjects"].dump() + " subjects\n";
    }
  }
  if (facts.contains("classes")) {
    out += "classes (train / val / test)\n";
    for (const auto &item : facts["classes"].items()) {
      out += "  " + item.key() + ": " + item.value()["train"].dump() + " / " +
             item.value()["val"].dump() + " / " + item.value()["test"].dump() + "\n";
    }
  }
  if (facts.contains("modalities")) {
    for (const auto &item : facts["modalities"].items()) {
      char line[160];
      std::snprintf(line, sizeof line,
                    "%s: %lld samples, values %.4g..%.4g, mean %.4g, deviation %.4g\n",
                    item.key().c_str(), (long long)item.value()["samples"].get<int64_t>(),
                    item.value()["min"].get<double>(), item.value()["max"].get<double>(),
                    item.value()["mean"].get<double>(), item.value()["deviation"].get<double>());
      out += line;
    }
  }
  if (facts.contains("views")) {
    for (const auto &item : facts["views"].items()) {
      const OrderedJson &v = item.value();
      const double seconds = v["frames"].get<double>() / v["rate"].get<double>();
      char line[200];
      std::snprintf(
          line, sizeof line,
          "%s: %lld videos, %lld frames, %s %lldx%lld at %.2f Hz, a key frame every %.1f, "
          "%.0f kbit/s\n",
          item.key().c_str(), (long long)v["videos"].get<int64_t>(),
          (long long)v["frames"].get<int64_t>(), v["codec"].get<std::string>().c_str(),
          (long long)v["width"].get<int64_t>(), (long long)v["height"].get<int64_t>(),
          v["rate"].get<double>(), v["gop"].get<double>(),
          v["bytes"].get<double>() * 8 / 1000 / seconds);
      out += line;
    }
  }
  for (const std::string &warning : warnings) {
    out += "warning: " + warning + "\n";
  }
  for (const std::string &problem : problems) {
    out += "error: " + problem + "\n";
  }
  return out + (problems.empty() ? "the data set is good\n" : "");
}

} // namespace mome::data

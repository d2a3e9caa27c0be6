#include "runtime/data/index.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "runtime/data/csv.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/hash.h"
#include "runtime/text.h"

namespace mome::data {
namespace {

std::optional<int64_t> parse_integer(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.empty()
             ? std::optional(value)
             : std::nullopt;
}

struct Columns {
  int key, subject, split, label, shard, row;
  std::vector<int> presence; // per modality, -1: absent
};

Columns find_columns(const Csv &csv, const IndexOptions &options) {
  const auto required = [&](std::string_view name) {
    const int column = csv.find(name);
    if (column < 0) {
      throw data_error(csv.file + ":1:1", "no column '" + std::string(name) + "'",
                       "columns found: " + join_names(csv.header));
    }
    return column;
  };
  Columns c{required("key"),
            required("subject"),
            required("split"),
            csv.find("label"),
            required("shard"),
            required("row"),
            {}};
  for (const std::string &modality : options.modalities) {
    c.presence.push_back(csv.find("presence." + modality));
  }
  return c;
}

/// Turns the split column into parts: all rows name parts, or all number folds.
class Splitter {
public:
  Splitter(const Csv &csv, int column, int64_t split) : csv(csv), split(split) {
    if (csv.records.empty()) {
      throw data_error(csv.file + ":1:1", "no samples", "add one line per sample below the header");
    }
    numbered = parse_integer(csv.records[0][column].text).has_value();
    for (const auto &record : csv.records) {
      check(record[column]);
    }
    if (numbered) {
      check_folds();
    }
  }

  Part part(const CsvField &f) const {
    if (numbered) {
      const int64_t fold = *parse_integer(f.text);
      return fold == split ? Part::test : fold == (split + 1) % folds ? Part::val : Part::train;
    }
    return Part(std::find(part_names.begin(), part_names.end(), f.text) - part_names.begin());
  }
  int64_t fold_count() const { return folds; }

private:
  const Csv &csv;
  int64_t split, folds = 0;
  bool numbered;

  void check(const CsvField &f) {
    const std::optional<int64_t> fold = parse_integer(f.text);
    const bool named = std::find(part_names.begin(), part_names.end(), f.text) != part_names.end();
    if (numbered ? !fold || *fold < 0 || *fold >= 10000 : !named) {
      csv.fail(f, "split '" + f.text + "'",
               numbered
                   ? "the first sample has a fold number, so every split is one of 0, 1, 2, ..."
                   : "a split is train, val or test, or all are fold numbers");
    }
    if (numbered) {
      folds = std::max(folds, *fold + 1);
    }
  }
  void check_folds() const {
    if (folds < 3) {
      throw data_error(csv.file, std::to_string(folds) + " folds",
                       "at least 3 are needed: one for test, one for val, the rest for training");
    }
    if (split < 0 || split >= folds) {
      throw data_error(
          csv.file, "split " + std::to_string(split) + " of folds 0.." + std::to_string(folds - 1),
          "choose one with --split");
    }
  }
};

/// A model that only counts its classes names them 0, 1, 2, ...
bool are_numbers(const std::vector<std::string> &classes) {
  for (size_t i = 0; i < classes.size(); ++i) {
    if (classes[i] != std::to_string(i)) {
      return false;
    }
  }
  return true;
}

std::set<std::string> label_names(const Csv &csv, int label_column) {
  std::set<std::string> names;
  for (size_t i = 0; label_column >= 0 && i < csv.records.size(); ++i) {
    names.insert(csv.records[i][label_column].text);
  }
  names.erase("");
  return names;
}

/// Turns records into samples; keeps what must be unique or numbered across them.
class SampleReader {
public:
  SampleReader(const Csv &csv, const IndexOptions &options)
      : csv(csv), columns(find_columns(csv, options)), splitter(csv, columns.split, options.split),
        classes(choose_classes(label_names(csv, columns.label), options.classes, csv.file)) {
    for (size_t i = 0; i < classes.size(); ++i) {
      class_ids.emplace(classes[i], int32_t(i));
    }
  }

  const std::vector<std::string> &class_names() const { return classes; }

  int64_t folds() const { return splitter.fold_count(); }

  Sample read(const std::vector<CsvField> &record, std::vector<std::string> &shards) {
    Sample s;
    const CsvField &key = record[columns.key];
    if (key.text.empty() || !keys.insert(key.text).second) {
      csv.fail(key, key.text.empty() ? "empty key" : "key '" + key.text + "' appears twice",
               "keys name samples: make each unique");
    }
    s.key = key.text;
    s.line = key.line;
    s.subject = record[columns.subject].text;
    s.part = splitter.part(record[columns.split]);
    if (columns.label >= 0) {
      s.label = label(record[columns.label]);
    }
    s.shard = shard(record[columns.shard], shards);
    const CsvField &row = record[columns.row];
    s.row = parse_integer(row.text).value_or(-1);
    if (s.row < 0) {
      csv.fail(row, "row '" + row.text + "'", "a row is 0, 1, 2, ...");
    }
    for (int column : columns.presence) {
      s.presence.push_back(column < 0 || present(record[column]));
    }
    return s;
  }

private:
  const Csv &csv;
  Columns columns;
  Splitter splitter;
  std::vector<std::string> classes;
  std::unordered_map<std::string, int32_t> class_ids;
  std::unordered_map<std::string, uint32_t> shard_ids;
  std::unordered_set<std::string> keys;

  int32_t label(const CsvField &f) const {
    if (f.text.empty()) {
      return -1;
    }
    const auto id = class_ids.find(f.text);
    if (id == class_ids.end()) {
      csv.fail(f, "'" + f.text + "' is not a class of the model",
               suggestion(f.text, classes, "classes: "));
    }
    return id->second;
  }

  uint32_t shard(const CsvField &f, std::vector<std::string> &shards) {
    if (f.text.empty() || f.text.find('/') != std::string::npos ||
        f.text.find('\0') != std::string::npos) {
      csv.fail(f, "shard '" + f.text + "'", "name a file of this folder");
    }
    const auto [it, fresh] = shard_ids.emplace(f.text, uint32_t(shards.size()));
    if (fresh) {
      shards.push_back(f.text);
    }
    return it->second;
  }

  bool present(const CsvField &f) const {
    if (f.text != "0" && f.text != "1") {
      csv.fail(f, "presence '" + f.text + "'", "write 1 (recorded) or 0 (missing)");
    }
    return f.text == "1";
  }
};

} // namespace

std::vector<std::string> choose_classes(const std::set<std::string> &names,
                                        const std::vector<std::string> &classes,
                                        const std::string &where) {
  const bool known = std::all_of(names.begin(), names.end(), [&](const std::string &name) {
    return std::find(classes.begin(), classes.end(), name) != classes.end();
  });
  if ((known && !classes.empty()) || !are_numbers(classes)) {
    return classes;
  }
  std::vector<std::string> sorted(names.begin(), names.end());
  if (!classes.empty() && sorted.size() != classes.size()) {
    throw data_error(where,
                     std::to_string(sorted.size()) + " labels for a model of " +
                         std::to_string(classes.size()) + " classes: " + join_names(sorted),
                     "compile the model with -D classes=" + std::to_string(sorted.size()) +
                         ", or correct the labels");
  }
  return sorted;
}

Part parse_part(std::string_view name) {
  const auto it = std::find(part_names.begin(), part_names.end(), name);
  if (it == part_names.end()) {
    throw usage_error("no part '" + std::string(name) + "'", "parts are train, val and test");
  }
  return Part(it - part_names.begin());
}

bool Index::has(Part which) const {
  return std::any_of(samples.begin(), samples.end(),
                     [&](const Sample &s) { return s.part == which && s.usable; });
}

std::vector<uint32_t> Index::part(Part which) const {
  std::vector<uint32_t> result;
  for (size_t i = 0; i < samples.size(); ++i) {
    if (samples[i].part == which && samples[i].usable) {
      result.push_back(uint32_t(i));
    }
  }
  if (result.empty()) {
    throw data_error(tables[size_t(which)],
                     "no sample is in the " + std::string(part_names[size_t(which)]) + " part",
                     "look at the set with: mome data check " + dir.string());
  }
  return result;
}

std::vector<int32_t> Index::labels(std::span<const uint32_t> of) const {
  std::vector<int32_t> result;
  for (uint32_t sample : of) {
    result.push_back(samples[sample].label);
  }
  return result;
}

std::string Index::place(uint32_t sample) const {
  return tables[size_t(samples[sample].part)] + ":" + std::to_string(samples[sample].line);
}

Index load_index(const std::filesystem::path &dir, const IndexOptions &options) {
  const std::filesystem::path file = dir / "index.csv";
  if (!std::filesystem::exists(file)) {
    throw data_error(file.string(), "no such file",
                     "a data folder holds index.csv and the safetensors shards it names");
  }
  const std::string text = read_file(file);
  const Csv csv = parse_csv(text, file.string());
  SampleReader reader(csv, options);
  Index index;
  index.dir = dir;
  index.tables.fill(file.string());
  index.classes = reader.class_names();
  index.modalities = options.modalities;
  index.folds = reader.folds();
  index.hash =
      xxh3_hex(text + (index.folds != 0 ? "\nsplit " + std::to_string(options.split) : ""));
  for (const auto &record : csv.records) {
    index.samples.push_back(reader.read(record, index.shards));
  }
  return index;
}

} // namespace mome::data

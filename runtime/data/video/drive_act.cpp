#include "runtime/data/video/drive_act.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <tuple>

#include "runtime/data/csv.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/hash.h"
#include "runtime/text.h"

namespace mome::data {

namespace fs = std::filesystem;

const std::vector<CameraView> &camera_views() {
  static const std::vector<CameraView> views = {
      {"kinect_color", "kinect_color", true},  {"kinect_ir", "kinect_ir", false},
      {"kinect_depth", "kinect_depth", false}, {"inner_mirror", "ids_1", false},
      {"a_column_co_driver", "ids_2", false},  {"ceiling", "ids_3", false},
      {"steering_wheel", "ids_4", false},      {"a_column_driver", "ids_5", false}};
  return views;
}

const CameraView &camera_view(const std::string &name, const std::string &where) {
  std::vector<std::string> known;
  for (const CameraView &view : camera_views()) {
    if (view.name == name) {
      return view;
    }
    known.push_back(view.name);
  }
  throw data_error(where, "no view '" + name + "'", suggestion(name, known, "views: "));
}

namespace {

std::vector<fs::path> places(const fs::path &root) {
  return {root, root / "Drive&Act", root / "Drive&Act" / "Drive&Act"};
}

/// One row of a view's table.
struct Row {
  int64_t first = 0, end = 0;
  std::string label, stem; // stem: vpN/RUN
  uint32_t line = 0;
  std::string participant;
};
/// participant, run, annotation, chunk.
using Key = std::tuple<std::string, std::string, int64_t, int64_t>;

struct Table {
  std::string file, text;
  std::map<Key, Row> rows;
  std::vector<Key> order; // as in the file
};

class TableReader {
public:
  TableReader(const fs::path &path, const CameraView &view) : view(view) {
    table.file = path.string();
    if (!fs::exists(path)) {
      throw data_error(path.string(),
                       "no such file: view '" + std::string(view.name) +
                           "' has no annotations for this level and split",
                       "unpack activities_3s again, or choose another split");
    }
    table.text = read_file(path);
    csv = parse_csv(table.text, path.string());
    for (size_t i = 0; i < columns.size(); ++i) {
      columns[i] = csv.find(names[i]);
      if (columns[i] < 0) {
        throw data_error(csv.file + ":1:1", "no column '" + std::string(names[i]) + "'",
                         "columns found: " + join_names(csv.header));
      }
    }
    for (const auto &record : csv.records) {
      add(record);
    }
  }
  Table take() { return std::move(table); }

private:
  static constexpr std::array<std::string_view, 7> names = {
      "participant_id", "file_id",  "annotation_id", "frame_start",
      "frame_end",      "activity", "chunk_id"};
  const CameraView &view;
  Table table;
  Csv csv;
  std::array<int, 7> columns{};

  int64_t integer(const CsvField &f, std::string_view name) const {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(f.text.data(), f.text.data() + f.text.size(), value);
    if (error != std::errc() || end != f.text.data() + f.text.size() || f.text.empty() ||
        value < 0) {
      csv.fail(f, std::string(name) + " '" + f.text + "'", "it is a number 0, 1, 2, ...");
    }
    return value;
  }

  void add(const std::vector<CsvField> &record) {
    const auto field = [&](size_t i) -> const CsvField & { return record[size_t(columns[i])]; };
    Row row;
    row.participant = std::to_string(integer(field(0), names[0]));
    row.line = field(0).line;
    const std::string suffix = std::string(".") + view.stem;
    const std::string &id = field(1).text;
    if (!id.ends_with(suffix) || id.find("..") != std::string::npos || id.starts_with('/')) {
      csv.fail(field(1), "file_id '" + id + "'", "in this view it ends with '" + suffix + "'");
    }
    row.stem = id.substr(0, id.size() - suffix.size());
    row.first = integer(field(3), names[3]);
    row.end = integer(field(4), names[4]);
    if (row.end <= row.first) {
      csv.fail(field(4),
               "frame_end " + field(4).text + " is not above frame_start " + field(3).text,
               "a chunk has one frame at least; frame_end is exclusive");
    }
    row.label = field(5).text;
    if (row.label.empty()) {
      csv.fail(field(5), "no activity", "every chunk has one");
    }
    const Key key{row.participant, row.stem, integer(field(2), names[2]),
                  integer(field(6), names[6])};
    const auto [it, fresh] = table.rows.emplace(key, row);
    if (!fresh) {
      csv.fail(field(0),
               "the same chunk (participant, run, annotation, chunk) as line " +
                   std::to_string(it->second.line),
               "keep one of the two rows");
    }
    table.order.push_back(key);
  }
};

std::string key_text(const Key &key) {
  return std::get<1>(key) + ":" + std::to_string(std::get<2>(key)) + ":" +
         std::to_string(std::get<3>(key));
}

/// Joins the tables of the views, part after part.
class Joiner {
public:
  Joiner(const fs::path &r, const SourceConfig &c, const SourceOptions &o)
      : root(r), config(c), options(o) {
    const std::string where = "data section '" + config.section + "'";
    const fs::path annotations = annotation_folder(root);
    for (const Modality &m : options.modalities) {
      set.views.push_back(config.stream(m.name).tensor);
      views.push_back(&camera_view(set.views.back(), where));
      set.index.modalities.push_back(m.name);
      std::array<std::string, 3> files;
      for (size_t p = 0; p < 3; ++p) {
        const fs::path file =
            annotations / views.back()->name /
            (config.video.level + ".chunks_90.split_" + std::to_string(options.split) + "." +
             std::string(part_names[p]) + ".csv");
        tables[p].push_back(TableReader(file, *views.back()).take());
        files[p] = file.string();
      }
      set.tables.push_back(files);
    }
  }

  DriveAct join() {
    Index &index = set.index;
    index.dir = root;
    index.tables = set.tables[0];
    std::set<std::string> names;
    std::string identity = "drive_and_act";
    for (size_t p = 0; p < 3; ++p) {
      for (const Table &table : tables[p]) {
        identity += "\n" + table.text;
        for (const auto &[key, row] : table.rows) {
          names.insert(row.label);
        }
      }
    }
    if (fs::exists(root / "prepared.json")) { // other pixels
      identity += read_file(root / "prepared.json");
    }
    index.hash = xxh3_hex(identity);
    index.classes = choose_classes(names, options.classes, tables[0][0].file);
    for (size_t p = 0; p < 3; ++p) {
      join_part(p);
    }
    check_dropped();
    return std::move(set);
  }

private:
  const fs::path &root;
  const SourceConfig &config;
  const SourceOptions &options;
  std::vector<const CameraView *> views;
  std::array<std::vector<Table>, 3> tables; // by part, by modality
  DriveAct set;
  std::map<std::pair<size_t, std::string>, uint32_t> video_ids;
  size_t joined = 0;
  std::string first_dropped;

  void join_part(size_t p) {
    std::vector<Key> order = tables[p][0].order;
    std::set<Key> seen(order.begin(), order.end());
    for (const Table &table : tables[p]) { // chunks that the first view lacks come last
      for (const Key &key : table.order) {
        if (seen.insert(key).second) {
          order.push_back(key);
        }
      }
    }
    for (const Key &key : order) {
      join_row(p, key);
    }
  }

  void join_row(size_t p, const Key &key) {
    Sample sample;
    std::vector<Span> spans(views.size());
    const Row *first = nullptr;
    const Table *first_table = nullptr;
    for (size_t m = 0; m < views.size(); ++m) {
      const auto it = tables[p][m].rows.find(key);
      const bool present = it != tables[p][m].rows.end();
      sample.presence.push_back(present);
      if (!present) {
        continue;
      }
      const Row &row = it->second;
      if (first == nullptr) {
        first = &row;
        first_table = &tables[p][m];
      } else if (row.label != first->label) {
        throw data_error(tables[p][m].file + ":" + std::to_string(row.line),
                         "the chunk is '" + row.label + "' here and '" + first->label + "' in " +
                             first_table->file + ":" + std::to_string(first->line),
                         "the views' tables must agree");
      }
      spans[m] = {video(m, row.stem), row.line, row.first, row.end};
    }
    const bool complete =
        std::count(sample.presence.begin(), sample.presence.end(), 1) == ptrdiff_t(views.size());
    if (!complete && config.video.missing != VideoConfig::Missing::mask) {
      first_dropped = set.dropped++ == 0 ? key_text(key) : first_dropped;
      return;
    }
    ++joined;
    sample.key = key_text(key);
    sample.subject = first->participant;
    sample.part = Part(p);
    sample.label = label(*first, *first_table);
    sample.shard = 0;
    sample.row = 0;
    sample.line = first->line;
    set.index.samples.push_back(std::move(sample));
    set.spans.push_back(std::move(spans));
  }

  int32_t label(const Row &row, const Table &table) const {
    const auto &classes = set.index.classes;
    const auto it = std::find(classes.begin(), classes.end(), row.label);
    if (it == classes.end()) {
      throw data_error(table.file + ":" + std::to_string(row.line),
                       "'" + row.label + "' is not a class of the model",
                       suggestion(row.label, classes, "classes: "));
    }
    return int32_t(it - classes.begin());
  }

  uint32_t video(size_t m, const std::string &stem) {
    // Modalities that read the same view share its videos.
    const size_t view =
        size_t(std::find(set.views.begin(), set.views.end(), set.views[m]) - set.views.begin());
    const auto [it, fresh] = video_ids.emplace(std::pair(view, stem), uint32_t(set.videos.size()));
    if (fresh) {
      set.videos.push_back({set.views[m], stem, {}});
    }
    return it->second;
  }

  void check_dropped() const {
    if (set.dropped == 0) {
      return;
    }
    const bool fail = config.video.missing == VideoConfig::Missing::fail;
    if (fail || set.dropped * 100 > set.dropped + joined) {
      throw data_error(root.string(),
                       std::to_string(set.dropped) + " of " + std::to_string(set.dropped + joined) +
                           " chunks are missing in some view, the first: " + first_dropped,
                       fail ? "missing = drop in the source leaves out up to 1 %"
                            : "missing = mask in the source marks the sensors absent instead");
    }
  }
};

} // namespace

fs::path annotation_folder(const fs::path &root) {
  for (const fs::path &place : places(root)) {
    for (const char *name : {"activities_3s", "iccv_activities_3s/activities_3s"}) {
      if (fs::is_directory(place / name)) {
        return place / name;
      }
    }
  }
  throw data_error(root.string(), "no folder activities_3s",
                   "name the folder that holds activities_3s/ and the views");
}

fs::path video_folder(const fs::path &root, const CameraView &view) {
  for (const fs::path &place : places(root)) {
    for (const std::string &name : {std::string(view.name) + "_mp4", std::string(view.name)}) {
      if (fs::is_directory(place / name)) {
        return place / name;
      }
    }
  }
  throw data_error(root.string(), "view '" + std::string(view.name) + "' is missing",
                   "unpack its videos to " + (root / view.name).string());
}

std::string DriveAct::place(uint32_t sample, size_t modality) const {
  return tables[modality][size_t(index.samples[sample].part)] + ":" +
         std::to_string(spans[sample][modality].line);
}

DriveAct load_drive_act(const fs::path &root, const SourceConfig &config,
                        const SourceOptions &options) {
  if (!fs::is_directory(root)) {
    throw data_error(root.string(), "no such folder", "name the data set with --data DIR");
  }
  DriveAct set = Joiner(root, config, options).join();
  for (ViewVideo &video : set.videos) {
    const CameraView &view = camera_view(video.view, "");
    video.path = video_folder(root, view) / (video.stem + "." + view.stem + ".mp4");
  }
  return set;
}

} // namespace mome::data

#include "runtime/data/video/prepare.h"

#include <algorithm>
#include <cmath>

#include "runtime/data/video/drive_act.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/hash.h"
#include "runtime/json_reader.h"
#include "runtime/video/video.h"

namespace mome::data {

namespace fs = std::filesystem;

namespace {

Error bad_manifest(std::string where, std::string what) {
  return data_error(std::move(where), std::move(what), "prepare the data again, to a new folder");
}

int64_t changed(const fs::path &path) {
  return int64_t(fs::last_write_time(path).time_since_epoch().count());
}

std::string file_hash(const fs::path &path) {
  const MappedFile file(path);
  return xxh3_hex(file.bytes());
}

OrderedJson settings_json(const PrepareOptions &o) {
  return {{"short_side", o.short_side}, {"gop", o.gop}, {"crf", o.crf}, {"preset", o.preset}};
}

struct Work {
  fs::path from;
  std::string name; // below the root, as in the source
};

std::vector<Work> find_videos(const fs::path &root, const std::vector<std::string> &views) {
  std::vector<Work> work;
  for (const CameraView &view : camera_views()) {
    const bool asked = std::find(views.begin(), views.end(), view.name) != views.end();
    if (!views.empty() && !asked) {
      continue;
    }
    fs::path folder;
    try {
      folder = video_folder(root, view);
    } catch (const Error &) {
      if (asked) {
        throw;
      }
      continue;
    }
    const std::string suffix = std::string(".") + view.stem + ".mp4";
    for (const auto &entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file() && entry.path().filename().string().ends_with(suffix)) {
        work.push_back(
            {entry.path(), (folder.filename() / fs::relative(entry.path(), folder)).string()});
      }
    }
  }
  std::sort(work.begin(), work.end(), [](const Work &a, const Work &b) { return a.name < b.name; });
  if (work.empty()) {
    throw data_error(root.string(), "no videos", "name the folder that holds the views");
  }
  return work;
}

video::EncodeOptions encoding(const video::VideoIndex &index, const PrepareOptions &o) {
  const int side = std::min(index.width, index.height);
  const double factor = side > o.short_side ? double(o.short_side) / side : 1;
  const auto even = [&](int n) { return std::max(2, int(std::lround(n * factor / 2)) * 2); };
  video::EncodeOptions e;
  e.width = even(index.width);
  e.height = even(index.height);
  e.rate_num = index.rate_num;
  e.rate_den = index.rate_den;
  e.gop = o.gop;
  e.crf = o.crf;
  e.preset = o.preset;
  e.fast_decode = true;
  return e;
}

/// One video; the note of an earlier run is believed when source, settings and copy are the same.
class Preparation {
public:
  Preparation(const fs::path &to, const PrepareOptions &options) : to(to), options(options) {}

  OrderedJson video(const Work &work, bool &kept) {
    const fs::path target = to / work.name;
    std::string note_name = work.name;
    std::replace(note_name.begin(), note_name.end(), '/', '!');
    const fs::path note = to / ".prepare" / (note_name + ".json");
    const int64_t size = int64_t(fs::file_size(work.from));
    if (fs::exists(note) && fs::exists(target)) {
      const OrderedJson old = OrderedJson::parse(read_file(note), nullptr, false);
      kept = !old.is_discarded() &&
             old.value("settings", OrderedJson()) == settings_json(options) &&
             old.value("source_bytes", int64_t{-1}) == size &&
             old.value("bytes", int64_t{-1}) == int64_t(fs::file_size(target)) &&
             old.value("source_hash", std::string()) == file_hash(work.from);
      if (kept) {
        OrderedJson entry = old;
        entry["source_changed"] = changed(work.from);
        return entry;
      }
    }
    fs::create_directories(target.parent_path());
    fs::create_directories(note.parent_path());
    const video::VideoIndex index = video::load_video_index(work.from);
    const fs::path fresh = target.parent_path() / ("." + target.filename().string() + ".part.mp4");
    video::library().transcode(work.from, index, fresh, encoding(index, options));
    fs::rename(fresh, target);
    const OrderedJson entry = {{"settings", settings_json(options)},
                               {"source_bytes", size},
                               {"source_changed", changed(work.from)},
                               {"source_hash", file_hash(work.from)},
                               {"frames", index.frames()},
                               {"bytes", int64_t(fs::file_size(target))}};
    replace_file(note, entry.dump() + "\n");
    return entry;
  }

private:
  const fs::path &to;
  const PrepareOptions &options;
};

void check_target(const fs::path &from, const fs::path &to, const PrepareOptions &options) {
  if (fs::exists(from / "prepared.json")) {
    throw usage_error(from.string() + " is itself a prepared copy", "name the original");
  }
  if (fs::exists(to) && fs::equivalent(from, to)) {
    throw usage_error("source and target are the same folder", "name another target");
  }
  const fs::path file = to / "prepared.json";
  if (!fs::exists(file)) {
    return;
  }
  const OrderedJson old = OrderedJson::parse(read_file(file), nullptr, false);
  if (old.is_discarded() || old.value("settings", OrderedJson()) != settings_json(options)) {
    throw data_error(file.string(), "the folder holds a copy with other settings",
                     "name a new folder, or remove this one");
  }
}

} // namespace

PrepareReport prepare_data(const fs::path &from, const fs::path &to, const PrepareOptions &options,
                           const std::function<void(const std::string &)> &tell) {
  check_target(from, to, options);
  const std::vector<Work> work = find_videos(from, options.views);
  fs::create_directories(to);
  fs::remove(to / "prepared.json"); // until all is there again
  fs::copy(annotation_folder(from), to / "activities_3s",
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  for (const char *extra : {"synth.csv", "synth.json"}) {
    if (fs::exists(from / extra)) {
      fs::copy_file(from / extra, to / extra, fs::copy_options::overwrite_existing);
    }
  }
  PrepareReport report;
  Preparation preparation(to, options);
  OrderedJson files = OrderedJson::object();
  for (const Work &w : work) {
    bool kept = false;
    OrderedJson entry = preparation.video(w, kept);
    entry.erase("settings");
    entry["source"] = fs::absolute(w.from).lexically_normal().string();
    (kept ? report.kept : report.written) += 1;
    report.source_bytes += entry["source_bytes"].get<int64_t>();
    report.bytes += entry["bytes"].get<int64_t>();
    if (tell) {
      tell((kept ? "kept     " : "written  ") + w.name);
    }
    files[w.name] = std::move(entry);
  }
  const OrderedJson manifest = {{"format", 1},
                                {"settings", settings_json(options)},
                                {"library", video::library().version()},
                                {"files", files}};
  replace_file(to / "prepared.json", manifest.dump(1) + "\n");
  return report;
}

void check_prepared(const fs::path &root) {
  const fs::path file = root / "prepared.json";
  if (!fs::exists(file)) {
    if (fs::exists(root / ".prepare")) {
      throw bad_manifest(root.string(),
                         "the copy is not complete: mome data prepare did not finish");
    }
    return;
  }
  const Json json = parse_json(read_file(file), file.string(), bad_manifest);
  if (!json.is_object() || !json.contains("files") || !json["files"].is_object()) {
    throw bad_manifest(file.string(), "no list of files");
  }
  for (const auto &item : json["files"].items()) {
    JsonObject o(item.value(), file.string() + ", " + item.key(), bad_manifest);
    const fs::path copy = root / item.key(), source = o.text("source");
    std::error_code failed;
    const uintmax_t size = fs::file_size(copy, failed);
    if (failed || int64_t(size) != o.integer("bytes")) {
      throw bad_manifest(copy.string(), "the copy is missing or changed since it was prepared");
    }
    const uintmax_t source_size = fs::file_size(source, failed);
    if (failed) {
      continue; // the original is elsewhere
    }
    const bool same = int64_t(source_size) == o.integer("source_bytes") &&
                      (changed(source) == o.integer("source_changed") ||
                       file_hash(source) == o.text("source_hash"));
    if (!same) {
      throw bad_manifest(copy.string(), "the copy is stale: " + source.string() +
                                            " changed since it was prepared");
    }
  }
}

} // namespace mome::data

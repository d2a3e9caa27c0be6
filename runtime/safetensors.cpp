#include "runtime/safetensors.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "runtime/files.h"
#include "runtime/json_reader.h"

namespace mome {
namespace {

constexpr uint64_t max_header = 100'000'000;

Error bad_file(std::string where, std::string what) {
  return package_error(std::move(where), std::move(what),
                       "this is not a whole safetensors file: write or copy it again");
}

/// Parses JSON, refusing a name that occurs twice in one object (the last would win in silence).
Json parse_header(std::string_view text, const std::string &where) {
  std::vector<std::set<std::string>> open;
  std::string repeated;
  const auto watch = [&](int, Json::parse_event_t event, Json &value) {
    if (event == Json::parse_event_t::object_start) {
      open.emplace_back();
    } else if (event == Json::parse_event_t::object_end) {
      open.pop_back();
    } else if (event == Json::parse_event_t::key &&
               !open.back().insert(value.get<std::string>()).second) {
      repeated = value.get<std::string>();
    }
    return true;
  };
  Json json = Json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    throw bad_file(where, "its header is not valid JSON");
  }
  if (!repeated.empty()) {
    throw bad_file(where, "the name '" + repeated + "' appears twice");
  }
  return json;
}

std::vector<int64_t> read_extents(const Json &list, JsonObject &o, std::string_view what) {
  std::vector<int64_t> values;
  for (const Json &value : list) {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > uint64_t{1} << 48) {
      o.fail("'" + std::string(what) + "' must hold sizes");
    }
    values.push_back(value.get<int64_t>());
  }
  return values;
}

struct Range {
  uint64_t begin, end;
  std::string name;
};

TensorView read_tensor(JsonObject o, std::span<const std::byte> data, Range &range) {
  TensorView view;
  const std::string dtype = o.text("dtype");
  const std::optional<DType> type = parse_safetensors_dtype(dtype);
  if (!type) {
    o.fail("dtype " + dtype + " is not read");
  }
  view.dtype = *type;
  view.shape = read_extents(o.array("shape"), o, "shape");
  const std::vector<int64_t> offsets = read_extents(o.array("data_offsets"), o, "data_offsets");
  o.done();
  if (offsets.size() != 2 || offsets[0] > offsets[1] || uint64_t(offsets[1]) > data.size()) {
    o.fail("its bytes lie outside the file");
  }
  range.begin = uint64_t(offsets[0]);
  range.end = uint64_t(offsets[1]);
  unsigned __int128 bytes = dtype_size(*type);
  for (int64_t extent : view.shape) {
    bytes = std::min<unsigned __int128>(bytes * uint64_t(extent), uint64_t{1} << 62);
  }
  if (bytes != range.end - range.begin) {
    o.fail("shape " + shape_text(view.shape) + " of " + dtype + " does not fill its " +
           std::to_string(range.end - range.begin) + " bytes");
  }
  view.bytes = data.subspan(range.begin, range.end - range.begin);
  return view;
}

void check_tiling(std::vector<Range> ranges, uint64_t size, const std::string &where) {
  std::sort(ranges.begin(), ranges.end(), [](const Range &a, const Range &b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t at = 0;
  for (const Range &range : ranges) {
    if (range.begin != at) {
      throw bad_file(where,
                     "tensor '" + range.name + "' " +
                         (range.begin < at ? "overlaps another" : "leaves a hole before it"));
    }
    at = range.end;
  }
  if (at != size) {
    throw bad_file(where, std::to_string(size - at) + " bytes at its end belong to no tensor");
  }
}

} // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path &path)
    : file(std::make_unique<MappedFile>(path)) {
  parse(file->bytes(), path.string());
}

SafetensorsFile::SafetensorsFile(std::span<const std::byte> bytes, const std::string &name) {
  parse(bytes, name);
}

SafetensorsFile::~SafetensorsFile() = default;
SafetensorsFile::SafetensorsFile(SafetensorsFile &&) noexcept = default;

const TensorView *SafetensorsFile::find(const std::string &name) const {
  const auto it = views.find(name);
  return it == views.end() ? nullptr : &it->second;
}

void SafetensorsFile::parse(std::span<const std::byte> bytes, const std::string &where) {
  uint64_t length = 0;
  if (bytes.size() < sizeof length) {
    throw bad_file(where, "only " + std::to_string(bytes.size()) + " bytes");
  }
  std::memcpy(&length, bytes.data(), sizeof length);
  if (length > max_header || length > bytes.size() - sizeof length) {
    throw bad_file(where, "its header claims " + std::to_string(length) + " bytes");
  }
  const std::string_view text(reinterpret_cast<const char *>(bytes.data()) + sizeof length, length);
  const std::span<const std::byte> data = bytes.subspan(sizeof length + length);
  const Json header = parse_header(text, where);
  if (!text.starts_with('{') || !header.is_object()) {
    throw bad_file(where, "its header is not a JSON object");
  }
  std::vector<Range> ranges;
  for (const auto &item : header.items()) {
    if (item.key() == "__metadata__") {
      for (const auto &entry : item.value().items()) {
        if (!entry.value().is_string()) {
          throw bad_file(where, "metadata '" + entry.key() + "' is not a string");
        }
        meta[entry.key()] = entry.value().get<std::string>();
      }
      continue;
    }
    ranges.push_back({0, 0, item.key()});
    views[item.key()] =
        read_tensor(JsonObject(item.value(), where + ", tensor '" + item.key() + "'", bad_file),
                    data, ranges.back());
  }
  check_tiling(std::move(ranges), data.size(), where);
}

} // namespace mome

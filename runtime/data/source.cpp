#include "runtime/data/source.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <optional>

#include "runtime/data/video/video_source.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/hash.h"
#include "runtime/safetensors.h"
#include "runtime/text.h"

namespace mome::data {

size_t Modality::elements() const {
  size_t n = 1;
  for (int64_t extent : shape) {
    n *= size_t(extent);
  }
  return n;
}

namespace {

/// Copies values of a stored type to f32, normalizing; returns the position of the first that is
/// not finite, or -1.
template <typename T>
int64_t convert(const std::byte *from, std::span<float> to, float mean, float stddev) {
  bool finite = true;
  for (size_t i = 0; i < to.size(); ++i) {
    T value;
    std::memcpy(&value, from + i * sizeof(T), sizeof(T));
    to[i] = (float(value) - mean) / stddev;
    finite &= std::isfinite(to[i]);
  }
  if (finite) {
    return -1;
  }
  return std::find_if(to.begin(), to.end(), [](float v) { return !std::isfinite(v); }) - to.begin();
}

/// Size and content of a file. Of one above 256 MiB, its beginning (with the header), its end and
/// blocks at even distances between: reading all of a large set would delay every start.
std::string file_identity(const std::filesystem::path &path) {
  constexpr size_t whole = size_t(256) << 20, block = size_t(1) << 20;
  const MappedFile file(path);
  const std::span<const std::byte> bytes = file.bytes();
  Xxh3 hash;
  if (bytes.size() <= whole) {
    hash.update(bytes);
  } else {
    const size_t blocks = whole / block, last = bytes.size() - block;
    for (size_t i = 0; i < blocks; ++i) {
      hash.update(bytes.subspan(last / (blocks - 1) * i, block));
    }
    hash.update(bytes.last(block));
  }
  return std::to_string(bytes.size()) + " " + hash.hex();
}

class TensorSource : public Source {
public:
  TensorSource(Index i, std::vector<Modality> m, const SourceConfig &config,
               const std::set<Part> &parts)
      : idx(std::move(i)), mods(std::move(m)), parts(parts), shards(idx.shards.size()) {
    for (const Modality &modality : mods) {
      streams.push_back(config.stream(modality.name));
    }
    for (size_t s = 0; s < idx.samples.size(); ++s) {
      const Sample &sample = idx.samples[s];
      if (parts.contains(sample.part)) {
        open_shard(sample.shard, uint32_t(s));
        check_row(sample, uint32_t(s));
      }
    }
    idx.hash = content_hash();
  }

  const Index &index() const override { return idx; }
  const std::vector<Modality> &modalities() const override { return mods; }

  void read(uint32_t s, size_t m, const Take &, std::span<float> to) override {
    const Sample &sample = idx.samples[s];
    if (!parts.contains(sample.part)) {
      throw internal_error(idx.place(s),
                           "sample '" + sample.key + "' is not in a part this process may read");
    }
    if (!sample.presence[m]) {
      std::fill(to.begin(), to.end(), 0.0f);
      return;
    }
    const TensorView &tensor = shards[sample.shard]->tensors[m];
    const std::byte *from =
        tensor.bytes.data() + size_t(sample.row) * to.size() * dtype_size(tensor.dtype);
    const Stream &stream = streams[m];
    const int64_t bad =
        tensor.dtype == DType::f32   ? convert<float>(from, to, stream.mean, stream.stddev)
        : tensor.dtype == DType::f64 ? convert<double>(from, to, stream.mean, stream.stddev)
                                     : convert<int32_t>(from, to, stream.mean, stream.stddev);
    if (bad >= 0) {
      throw data_error(idx.place(s),
                       "sample '" + sample.key + "', modality '" + mods[m].name + "', value " +
                           std::to_string(bad) + " is " + std::to_string(to[size_t(bad)]),
                       "repair the recording, or mark the sensor absent: presence." + mods[m].name +
                           " = 0");
    }
  }

private:
  struct Shard {
    std::optional<SafetensorsFile> file;
    std::vector<TensorView> tensors; // per modality
  };
  Index idx;
  std::vector<Modality> mods;
  std::vector<Stream> streams;
  std::set<Part> parts;
  std::vector<std::unique_ptr<Shard>> shards;

  void open_shard(uint32_t number, uint32_t first_sample) {
    if (shards[number] != nullptr) {
      return;
    }
    const std::filesystem::path path = idx.dir / idx.shards[number];
    if (!std::filesystem::exists(path)) {
      throw data_error(idx.place(first_sample), "shard " + path.string() + " is missing",
                       "copy it beside index.csv");
    }
    auto shard = std::make_unique<Shard>();
    try {
      shard->file.emplace(path);
    } catch (const Error &error) {
      throw data_error(error.where, error.message, "write the shard again");
    }
    for (size_t m = 0; m < mods.size(); ++m) {
      shard->tensors.push_back(find_tensor(*shard->file, path, m));
    }
    shards[number] = std::move(shard);
  }

  /// The index's hash and every open shard's: data that changed are other data. Only the parts that
  /// may be read are: training knows nothing of the test shards.
  std::string content_hash() const {
    std::string text = idx.hash;
    for (size_t s = 0; s < shards.size(); ++s) {
      if (shards[s] != nullptr) {
        text += "\n" + idx.shards[s] + " " + file_identity(idx.dir / idx.shards[s]);
      }
    }
    return xxh3_hex(text);
  }

  TensorView find_tensor(const SafetensorsFile &file, const std::filesystem::path &path,
                         size_t m) const {
    const TensorView *found = file.find(streams[m].tensor);
    if (found == nullptr) {
      std::vector<std::string> names;
      for (const auto &[name, view] : file.tensors()) {
        names.push_back(name);
      }
      throw data_error(path.string(),
                       "no tensor '" + streams[m].tensor + "' for modality '" + mods[m].name + "'",
                       suggestion(streams[m].tensor, names, "it holds: "));
    }
    const bool same =
        found->shape.size() == mods[m].shape.size() + 1 &&
        std::equal(mods[m].shape.begin(), mods[m].shape.end(), found->shape.begin() + 1);
    if (!same) {
      throw data_error(path.string(),
                       "tensor '" + streams[m].tensor + "' is " + shape_text(found->shape),
                       "the model wants [rows, ...] of samples " + shape_text(mods[m].shape));
    }
    if (found->dtype != DType::f32 && found->dtype != DType::f64 && found->dtype != DType::i32) {
      throw data_error(path.string(),
                       "tensor '" + streams[m].tensor + "' has a type that is not read",
                       "store F32, F64 or I32");
    }
    return *found;
  }

  void check_row(const Sample &sample, uint32_t s) const {
    for (const TensorView &tensor : shards[sample.shard]->tensors) {
      if (sample.row >= tensor.shape[0]) {
        throw data_error(idx.place(s),
                         "row " + std::to_string(sample.row) + " of " + idx.shards[sample.shard] +
                             ", which has " + std::to_string(tensor.shape[0]) + " rows",
                         "rows count from 0");
      }
    }
  }
};

} // namespace

void BadSamples::add(const std::string &key, const std::string &reason) {
  std::lock_guard lock(mutex);
  if (keys.insert(key).second) {
    std::fprintf(stderr, "mome: sample '%s' is skipped: %s\n", key.c_str(), reason.c_str());
  }
}

size_t BadSamples::count() const {
  std::lock_guard lock(mutex);
  return keys.size();
}

std::unique_ptr<Source> open_source(const std::filesystem::path &dir, const SourceConfig &config,
                                    const SourceOptions &options) {
  if (config.kind == SourceConfig::Kind::drive_and_act) {
    return open_video_source(dir, config, options);
  }
  std::vector<std::string> names;
  for (const Modality &m : options.modalities) {
    names.push_back(m.name);
  }
  auto source = open_tensor_source(load_index(dir, {options.classes, names, options.split}),
                                   options.modalities, config, options.parts);
  source->bad().skip = options.skip_bad;
  return source;
}

std::unique_ptr<Source> open_tensor_source(Index index, std::vector<Modality> modalities,
                                           const SourceConfig &config,
                                           const std::set<Part> &parts) {
  return std::make_unique<TensorSource>(std::move(index), std::move(modalities), config, parts);
}

} // namespace mome::data

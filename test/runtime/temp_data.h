// A temporary folder, and a small learnable data set in it: three classes, two sensors, six
// subjects.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "runtime/data/index.h"
#include "runtime/data/source.h"
#include "runtime/error.h"
#include "runtime/philox.h"
#include "runtime/train/tensor_file.h"
#include "test/runtime/fake_model.h"

namespace mome::test {

class TempDir {
public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "mome-XXXXXX").string();
    root = mkdtemp(name.data());
  }
  ~TempDir() { std::filesystem::remove_all(root); }
  std::filesystem::path operator/(const std::string &name) const { return root / name; }
  const std::filesystem::path &path() const { return root; }

private:
  std::filesystem::path root;
};

inline void write_text(const std::filesystem::path &path, const std::string &text) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

inline std::string slurp(const std::filesystem::path &path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Parts are in separate shards: train.safetensors, val.safetensors, test.safetensors.
inline void write_data_set(const std::filesystem::path &dir, size_t per_part = 23) {
  std::filesystem::create_directories(dir);
  const FakeModel model;
  constexpr int64_t D = FakeModel::D;
  std::string csv = "key,subject,split,label,shard,row,presence.gyro,note\n";
  for (uint32_t p = 0; p < 3; ++p) {
    std::vector<float> sensors[2];
    for (uint32_t i = 0; i < per_part; ++i) {
      const uint32_t y = i % 7 == 0 ? 0 : 1 + i % 2; // class 0 is rare
      for (uint32_t m = 0; m < 2; ++m) {
        for (uint32_t d = 0; d < D; ++d) {
          const PhiloxCounter r = random_bits(p * 1000 + i, RandomUse::test_data, m, d);
          sensors[m].push_back(float(r[0]) / 4.3e9f - 0.5f + (d == (y + m) % D ? 1.0f : 0.0f));
        }
      }
      const std::string part(data::part_names[p]);
      csv += part + std::to_string(i) + ",s" + std::to_string(p * 2 + i % 2) + "," + part + ",\"" +
             model.info().classes[y] + "\"," + part + ".safetensors," + std::to_string(i) + "," +
             (i % 5 == 4 ? "0" : "1") + ",x\r\n";
    }
    const std::vector<int64_t> shape{int64_t(per_part), D};
    train::TensorFileWriter writer(dir / (std::string(data::part_names[p]) + ".safetensors"),
                                   {{"acc", BindKind::input, DType::f32, shape},
                                    {"gyro", BindKind::input, DType::f32, shape}});
    writer.add(std::as_bytes(std::span(sensors[0])));
    writer.add(std::as_bytes(std::span(sensors[1])));
    writer.commit();
  }
  write_text(dir / "index.csv", csv);
}

inline std::unique_ptr<data::Source>
open_data(const std::filesystem::path &dir, const train::ModelInfo &info,
          std::set<data::Part> parts = {data::Part::train, data::Part::val}) {
  return data::open_tensor_source(data::load_index(dir, {info.classes, info.modalities, 0}),
                                  train::model_modalities(info), {}, parts);
}

/// Runs `action`, which must throw an Error with this exit code whose text holds every part of
/// `texts`.
template <typename Action>
void expect_error(int exit, std::initializer_list<std::string> texts, Action action) {
  try {
    action();
    ADD_FAILURE() << "no error; expected exit " << exit;
  } catch (const Error &error) {
    EXPECT_EQ(int(error.exit), exit) << error.what();
    for (const std::string &text : texts) {
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos)
          << "'" << text << "' not in: " << error.what();
    }
  }
}

} // namespace mome::test

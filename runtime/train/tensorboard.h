// TensorBoard event files, scalars only.
//
// A file is a sequence of TFRecords: u64 length | masked crc32c of it | payload | masked crc32c of
// the payload, all little endian. Payloads are protobuf `Event`s; the four fields needed are
// encoded by hand:
//   Event   { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
//   Summary { repeated Value value = 1; }       Value { string tag = 1; float simple_value = 2; }
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mome::train {

uint32_t crc32c(std::string_view bytes);

class EventFile {
public:
  /// Creates `dir`/events.out.tfevents.SECONDS.HOST.PID; throws Error (failed).
  explicit EventFile(const std::filesystem::path &dir);

  void scalars(int64_t step, const std::vector<std::pair<std::string, double>> &values);

private:
  struct Close {
    void operator()(std::FILE *f) const { std::fclose(f); }
  };
  std::unique_ptr<std::FILE, Close> file;
  void record(std::string_view payload);
};

} // namespace mome::train

#include "runtime/train/tensorboard.h"

#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <unistd.h>

#include "runtime/error.h"

namespace mome::train {
namespace {

constexpr std::array<uint32_t, 256> crc_table = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t r = i;
    for (int bit = 0; bit < 8; ++bit) {
      r = (r >> 1) ^ (r & 1 ? 0x82F63B78u : 0u); // Castagnoli, reflected
    }
    table[i] = r;
  }
  return table;
}();

uint32_t masked(uint32_t crc) {
  return std::rotr(crc, 15) + 0xA282EAD8u;
}

template <typename T> void put(std::string &out, T value) {
  static_assert(std::endian::native == std::endian::little);
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out.append(bytes, sizeof(T));
}

void put_varint(std::string &out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) {
    out += char(value | 0x80);
  }
  out += char(value);
}

enum Wire { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };
void put_tag(std::string &out, int field, Wire wire) {
  out += char(field << 3 | wire);
}
void put_bytes(std::string &out, int field, std::string_view text) {
  put_tag(out, field, bytes);
  put_varint(out, text.size());
  out += text;
}

std::string event_header() {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  std::string event;
  put_tag(event, 1, fixed64);
  put(event, now.count());
  return event;
}

} // namespace

uint32_t crc32c(std::string_view text) {
  uint32_t crc = ~0u;
  for (char c : text) {
    crc = crc >> 8 ^ crc_table[(crc ^ uint8_t(c)) & 0xFF];
  }
  return ~crc;
}

EventFile::EventFile(const std::filesystem::path &dir) {
  std::filesystem::create_directories(dir);
  char host[256] = "localhost";
  gethostname(host, sizeof host - 1);
  const auto path = dir / ("events.out.tfevents." + std::to_string(std::time(nullptr)) + "." +
                           host + "." + std::to_string(getpid()));
  file.reset(std::fopen(path.c_str(), "ab"));
  if (!file) {
    throw io_error(path.string(), "create");
  }
  std::string event = event_header();
  put_bytes(event, 3, "brain.Event:2");
  record(event);
}

void EventFile::scalars(int64_t step, const std::vector<std::pair<std::string, double>> &values) {
  std::string summary;
  for (const auto &[tag, number] : values) {
    std::string value;
    put_bytes(value, 1, tag);
    put_tag(value, 2, fixed32);
    put(value, float(number));
    put_bytes(summary, 1, value);
  }
  std::string event = event_header();
  put_tag(event, 2, varint);
  put_varint(event, uint64_t(step));
  put_bytes(event, 5, summary);
  record(event);
}

void EventFile::record(std::string_view payload) {
  std::string header;
  put(header, uint64_t(payload.size()));
  put(header, masked(crc32c(header)));
  std::string footer;
  put(footer, masked(crc32c(payload)));
  header += payload;
  header += footer;
  std::fwrite(header.data(), 1, header.size(),
              file.get()); // a full disk is caught where it matters: the checkpoint
  std::fflush(file.get());
}

} // namespace mome::train

// Indices of videos, kept beside them.
//
// A side-car is "MOMEVIX1", the key of the video (size, time of change, hash of its first 64 KiB),
// the fields, the packets, and the hash of all before: anything else is scanned anew. It is written
// under a name of its own and renamed, so processes that do so at once do not disturb each other.
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "runtime/error.h"
#include "runtime/hash.h"
#include "runtime/video/video.h"

namespace mome::video {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view magic = "MOMEVIX1";
constexpr size_t hash_length = 32;

std::string file_key(const fs::path &path) {
  std::error_code failed;
  const uintmax_t size = fs::file_size(path, failed);
  if (failed) {
    return {};
  }
  const auto changed = fs::last_write_time(path).time_since_epoch().count();
  std::string head(size_t(std::min<uintmax_t>(size, 64 << 10)), '\0');
  std::ifstream(path, std::ios::binary).read(head.data(), std::streamsize(head.size()));
  return std::to_string(size) + " " + std::to_string(changed) + " " + xxh3_hex(head);
}

template <typename T> void put(std::string &to, const T &value) {
  to.append(reinterpret_cast<const char *>(&value), sizeof value);
}
void put(std::string &to, const std::string &text) {
  put(to, uint32_t(text.size()));
  to += text;
}

class Reader {
public:
  explicit Reader(std::string_view text) : text(text) {}
  bool good = true;

  template <typename T> T get() {
    T value{};
    if (const std::string_view bytes = take(sizeof value); good) {
      std::memcpy(&value, bytes.data(), sizeof value);
    }
    return value;
  }
  std::string string() { return std::string(take(get<uint32_t>())); }
  std::string_view take(size_t n) {
    good &= n <= text.size();
    const std::string_view bytes = text.substr(0, good ? n : 0);
    text.remove_prefix(bytes.size());
    return bytes;
  }
  size_t left() const { return text.size(); }

private:
  std::string_view text;
};

std::string serialize(const VideoIndex &index, const std::string &key) {
  std::string text(magic);
  put(text, key);
  for (int32_t value : {index.width, index.height, index.time_num, index.time_den, index.rate_num,
                        index.rate_den}) {
    put(text, value);
  }
  put(text, index.declared_frames);
  put(text, index.bytes);
  put(text, index.codec);
  put(text, uint64_t(index.packets.size()));
  for (const Packet &packet : index.packets) {
    put(text, packet);
  }
  return text + xxh3_hex(text);
}

/// Every frame once, a first key frame, sizes and rates that can be divided by.
bool sound(const VideoIndex &index) {
  std::vector<bool> seen(index.packets.size());
  for (const Packet &packet : index.packets) {
    if (packet.frame >= seen.size() || seen[packet.frame]) {
      return false;
    }
    seen[packet.frame] = true;
  }
  return !seen.empty() && index.packets[0].key != 0 && index.width > 0 && index.height > 0 &&
         index.time_num > 0 && index.time_den > 0 && index.rate_num > 0 && index.rate_den > 0;
}

bool deserialize(std::string_view text, const std::string &key, VideoIndex &index) {
  if (text.size() < magic.size() + hash_length ||
      xxh3_hex(text.substr(0, text.size() - hash_length)) !=
          text.substr(text.size() - hash_length)) {
    return false;
  }
  Reader in(text.substr(0, text.size() - hash_length));
  if (in.take(magic.size()) != magic || in.string() != key) {
    return false;
  }
  for (int32_t *value : {&index.width, &index.height, &index.time_num, &index.time_den,
                         &index.rate_num, &index.rate_den}) {
    *value = in.get<int32_t>();
  }
  index.declared_frames = in.get<int64_t>();
  index.bytes = in.get<int64_t>();
  index.codec = in.string();
  const uint64_t count = in.get<uint64_t>();
  if (!in.good || count * sizeof(Packet) != in.left()) {
    return false;
  }
  index.packets.resize(count);
  std::memcpy(index.packets.data(), in.take(in.left()).data(), count * sizeof(Packet));
  return sound(index);
}

} // namespace

int64_t VideoIndex::uneven_frame() const {
  std::vector<int64_t> times(frames());
  for (const Packet &packet : packets) {
    times[packet.frame] = packet.pts;
  }
  const double each = double(time_den) / time_num / rate();
  for (size_t i = 0; i + 1 < times.size(); ++i) {
    if (!(std::abs(double(times[i + 1] - times[i]) - each) <= each / 2)) {
      return int64_t(i);
    }
  }
  return -1;
}

VideoIndex load_video_index(const fs::path &path) {
  const fs::path sidecar = path.string() + ".mome-index";
  const std::string key = file_key(path);
  VideoIndex index;
  if (std::ifstream in(sidecar, std::ios::binary); in && !key.empty()) {
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    if (deserialize(text, key, index)) {
      return index;
    }
  }
  index = library().scan(path);
  const fs::path fresh = sidecar.string() + "." + std::to_string(getpid());
  std::error_code failed;
  bool written = false;
  {
    std::ofstream out(fresh, std::ios::binary);
    out << serialize(index, key);
    written = bool(out.flush());
  }
  if (written) {
    fs::rename(fresh, sidecar, failed);
  } else {
    fs::remove(fresh, failed);
  }
  return index;
}

} // namespace mome::video

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <string>

#include "runtime/cpu_device.h"

namespace mome {
namespace {

/// The number in a file that holds one; UINT64_MAX for "max" or no such file.
uint64_t number_in(const std::string &path) {
  uint64_t value = 0;
  std::ifstream in(path);
  return in >> value ? value : UINT64_MAX;
}

uint64_t machine_available() {
  std::ifstream in("/proc/meminfo");
  for (std::string key; in >> key;) {
    uint64_t kib = 0;
    if (key == "MemAvailable:" && in >> kib) {
      return kib << 10;
    }
  }
  return UINT64_MAX;
}

} // namespace

uint64_t available_memory() {
  uint64_t least = machine_available();
  std::ifstream in("/proc/self/cgroup");
  std::string group;
  while (std::getline(in, group) && !group.starts_with("0::")) {
  }
  group = group.starts_with("0::") ? group.substr(3) : "/";
  for (;; group.resize(group.rfind('/'))) { // the group and all it is in
    const std::string dir = "/sys/fs/cgroup" + (group == "/" ? "" : group);
    const uint64_t limit = number_in(dir + "/memory.max"),
                   used = number_in(dir + "/memory.current");
    if (limit != UINT64_MAX && used != UINT64_MAX) {
      least = std::min(least, limit - std::min(limit, used));
    }
    if (group.find('/') == group.npos) {
      return least;
    }
  }
}

} // namespace mome

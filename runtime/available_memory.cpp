#include <algorithm>
#include <array>
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

uint64_t machine_available(const std::string &root) {
  std::ifstream in(root + "/proc/meminfo");
  for (std::string key; in >> key;) {
    uint64_t kib = 0;
    if (key == "MemAvailable:" && in >> kib) {
      return kib << 10;
    }
  }
  return UINT64_MAX;
}

/// What a control group and all it is in still allow; `files` names its limit and its use.
uint64_t group_available(const std::string &tree, std::string group,
                         const std::array<const char *, 2> &files) {
  uint64_t least = UINT64_MAX;
  for (;; group.resize(group.rfind('/'))) {
    const std::string dir = tree + (group == "/" ? "" : group);
    const uint64_t limit = number_in(dir + "/" + files[0]), used = number_in(dir + "/" + files[1]);
    if (limit != UINT64_MAX && used != UINT64_MAX) {
      least = std::min(least, limit - std::min(limit, used));
    }
    if (group.find('/') == group.npos) {
      return least;
    }
  }
}

} // namespace

uint64_t available_memory(const std::string &root) {
  uint64_t least = machine_available(root);
  std::ifstream in(root + "/proc/self/cgroup");
  for (std::string line;
       std::getline(in, line);) { // "0::/group", or of version 1 "7:memory:/group"
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == line.npos) {
      continue;
    }
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string tree = root + "/sys/fs/cgroup", group = line.substr(second + 1);
    if (line.starts_with("0::")) {
      least = std::min(least, group_available(tree, group, {"memory.max", "memory.current"}));
    } else if (controllers.find(",memory,") != controllers.npos) {
      least = std::min(least, group_available(tree + "/memory", group,
                                              {"memory.limit_in_bytes", "memory.usage_in_bytes"}));
    }
  }
  return least;
}

} // namespace mome

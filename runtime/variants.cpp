// Which variant of a package runs here: its name says what it needs.
//   x86-64-v2 | -v3 | -v4, then any of +bf16 +amx         cuda:sm_NN
#include <algorithm>

#include "runtime/cpu_device.h"
#include "runtime/error.h"
#include "runtime/text.h"

namespace mome {
namespace {

bool supports_level(std::string_view level) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (level == "x86-64") {
    return true;
  }
  if (level == "x86-64-v2") {
    return __builtin_cpu_supports("x86-64-v2");
  }
  if (level == "x86-64-v3") {
    return __builtin_cpu_supports("x86-64-v3");
  }
  if (level == "x86-64-v4") {
    return __builtin_cpu_supports("x86-64-v4");
  }
#endif
  return false;
}

bool supports_feature(std::string_view feature) {
#if defined(__x86_64__)
  if (feature == "bf16") {
    return __builtin_cpu_supports("avx512bf16");
  }
#endif
  return false;
}

} // namespace

bool can_run(const std::string &variant) {
  const std::string_view name = variant;
  size_t plus = name.find('+');
  if (!supports_level(name.substr(0, plus))) {
    return false;
  }
  while (plus != name.npos) {
    const size_t begin = plus + 1;
    plus = name.find('+', begin);
    if (!supports_feature(name.substr(begin, plus - begin))) {
      return false;
    }
  }
  return true;
}

const Variant &choose_variant(const Package &package, const std::string &name) {
  std::vector<std::string> names;
  const Variant *best = nullptr;
  for (const Variant &variant : package.variants) {
    names.push_back(variant.name);
    if (name.empty() ? can_run(variant.name) : variant.name == name) {
      // Among the names that run here the later in the alphabet needs more of the machine:
      // x86-64-v3 < x86-64-v4 < x86-64-v4+bf16.
      if (best == nullptr || variant.name > best->name) {
        best = &variant;
      }
    }
  }
  if (best == nullptr) {
    throw Error(Exit::device, package.where,
                name.empty() ? "no variant of the package runs on this machine"
                             : "the package has no variant '" + name + "'",
                names.empty() ? "it has none: compile it again"
                              : "it has: " + join_names(names) +
                                    (name.empty() ? "; compile with --target-cpu=native" : ""));
  }
  if (!can_run(best->name)) {
    throw Error(
        Exit::device, package.where, "this machine cannot run the variant '" + best->name + "'",
        "compile for it with --target-cpu=native, or name another of: " + join_names(names));
  }
  return *best;
}

std::unique_ptr<Device> make_device(const std::string &variant, const DeviceOptions &options) {
  if (can_run(variant)) {
    return std::make_unique<CpuDevice>(options);
  }
  throw Error(Exit::device, "device", "this machine cannot run code for '" + variant + "'",
              "see `mome doctor`");
}

} // namespace mome

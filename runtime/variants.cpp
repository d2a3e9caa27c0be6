// Which variant of a package runs here: its name says what it needs.
//   x86-64-v2 | -v3 | -v4, then any of +bf16 +amx         cuda:sm_NN
#include <algorithm>
#include <charconv>
#include <climits>

#include "runtime/cpu_device.h"
#include "runtime/cuda/cuda_device.h"
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

constexpr std::string_view cuda_prefix = "cuda:sm_";

/// 80 of "cuda:sm_80".
int architecture_of(std::string_view variant) {
  int number = INT_MAX;
  const std::string_view digits = variant.substr(cuda_prefix.size());
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

std::pair<bool, std::string> rank(const Variant &variant) {
  return {variant.name.starts_with(cuda_prefix), variant.name};
}

} // namespace

bool can_run(const std::string &variant) {
  const std::string_view name = variant;
  if (name.starts_with(cuda_prefix)) {
    return architecture_of(name) <= cuda::compute_capability(0);
  }
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

Place parse_place(const std::string &text) {
  if (text == "auto" || text.empty()) {
    return {};
  }
  if (text == "cpu") {
    return {Place::cpu, 0};
  }
  if (text == "cuda") {
    return {Place::cuda, 0};
  }
  constexpr std::string_view cuda = "cuda:";
  int ordinal = -1;
  if (text.starts_with(cuda)) {
    const char *end = text.data() + text.size();
    const auto read = std::from_chars(text.data() + cuda.size(), end, ordinal);
    ordinal = read.ec == std::errc() && read.ptr == end ? ordinal : -1;
  }
  if (ordinal < 0) {
    throw usage_error("there is no device '" + text + "'", "--device is cpu, cuda:N or auto");
  }
  return {Place::cuda, ordinal};
}

/// True if the variant's code can run at the place.
static bool suits(const std::string &variant, const Place &place) {
  const bool is_cuda = variant.starts_with(cuda_prefix);
  if (is_cuda && place.kind == Place::cuda) {
    return architecture_of(variant) <= cuda::compute_capability(place.ordinal);
  }
  return (place.kind == Place::any || (place.kind == Place::cuda) == is_cuda) && can_run(variant);
}

const Variant &choose_variant(const Package &package, const std::string &name, const Place &place) {
  if (place.kind == Place::cuda) {
    cuda::driver(); // says why there is none
  }
  std::vector<std::string> names;
  const Variant *best = nullptr;
  for (const Variant &variant : package.variants) {
    names.push_back(variant.name);
    if (name.empty() ? suits(variant.name, place) : variant.name == name) {
      // Among the names that run here the later needs more of the machine: x86-64-v3 < x86-64-v4 <
      // x86-64-v4+bf16; a CUDA device goes before the processor.
      if (best == nullptr || rank(*best) < rank(variant)) {
        best = &variant;
      }
    }
  }
  if (best == nullptr) {
    const char *what = place.kind == Place::cuda ? "no variant of the package runs on that device"
                                                 : "no variant of the package runs on this machine";
    const char *how = place.kind == Place::cuda ? "; compile with --target=cpu,cuda:sm_80"
                                                : "; compile with --target-cpu=native";
    throw Error(Exit::device, package.where,
                name.empty() ? what : "the package has no variant '" + name + "'",
                names.empty() ? "it has none: compile it again"
                              : "it has: " + join_names(names) + (name.empty() ? how : ""));
  }
  if (!suits(best->name, place)) {
    throw Error(
        Exit::device, package.where, "this machine cannot run the variant '" + best->name + "'",
        "compile for it with --target-cpu=native, or name another of: " + join_names(names));
  }
  return *best;
}

std::unique_ptr<Device> make_device(const std::string &variant, const DeviceOptions &options) {
  if (variant.starts_with(cuda_prefix)) {
    return std::make_unique<cuda::CudaDevice>(options.ordinal);
  }
  if (can_run(variant)) {
    return std::make_unique<CpuDevice>(options);
  }
  throw Error(Exit::device, "device", "this machine cannot run code for '" + variant + "'",
              "see `mome doctor`");
}

} // namespace mome

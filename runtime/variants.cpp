// Which variant of a package runs here: its name says what it needs.
//   x86-64-v2 | -v3 | -v4, then any of +bf16 +amx         cuda:sm_NN and later, cuda:sm_NNa and no other
#include <algorithm>
#include <charconv>
#include <chrono>
#include <climits>
#include <sstream>

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

/// 80 of "cuda:sm_80", 90 of "cuda:sm_90a".
int architecture_of(std::string_view variant) {
  int number = INT_MAX;
  const std::string_view digits = variant.substr(cuda_prefix.size());
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

bool runs_on(std::string_view cuda_variant, int capability) {
  const int architecture = architecture_of(cuda_variant);
  return cuda_variant.ends_with('a') ? architecture == capability : architecture <= capability;
}

/// True where `vdpbf16ps` is no faster than the two multiply-adds it stands for: on Intel's processors, whose step
/// of two blocks took 1.5 times as long with it (docs/performance-cpu.md).
bool has_slow_pairs() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_is("intel") != 0;
#else
  return false;
#endif
}

std::string describe(const Place &place) {
  return "cuda:" + std::to_string(place.ordinal);
}

} // namespace

std::tuple<int, std::string, bool> rank_variant(const std::string &variant, bool slow_pairs) {
  const size_t plus = std::min(variant.find('+'), variant.size());
  const bool is_cuda = variant.starts_with(cuda_prefix);
  return {is_cuda ? architecture_of(variant) : 0, variant.substr(0, plus),
          (plus < variant.size()) != slow_pairs};
}

bool can_run(const std::string &variant) {
  const std::string_view name = variant;
  if (name.starts_with(cuda_prefix)) {
    return runs_on(name, cuda::compute_capability(0));
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
    throw usage_error("there is no device '" + text + "'",
                      text.find(',') == text.npos
                          ? "--device is cpu, cuda:N or auto"
                          : "this runs on one device: cpu, cuda:N or auto; `mome eval` and `mome "
                            "predict` take several");
  }
  return {Place::cuda, ordinal};
}

std::vector<Place> parse_places(const std::string &text) {
  std::vector<Place> places;
  std::stringstream list(text);
  for (std::string item; std::getline(list, item, ',');) {
    places.push_back(parse_place(item));
  }
  if (text.ends_with(',')) {
    throw usage_error("--device " + text, "there is no device behind the last comma");
  }
  for (size_t i = 0; i < places.size() && places.size() > 1; ++i) {
    if (places[i].kind != Place::cuda) {
      throw usage_error("--device " + text, "several devices are all of CUDA, as cuda:0,cuda:1");
    }
    for (size_t j = 0; j < i; ++j) {
      if (places[j].ordinal == places[i].ordinal) {
        throw usage_error("--device " + text + " names " + describe(places[i]) + " twice",
                          "a device is given once");
      }
    }
  }
  return places.empty() ? std::vector<Place>{parse_place(text)} : places;
}

/// True if the variant's code can run at the place.
static bool suits(const std::string &variant, const Place &place) {
  const bool is_cuda = variant.starts_with(cuda_prefix);
  if (is_cuda && place.kind == Place::cuda) {
    return runs_on(variant, cuda::compute_capability(place.ordinal));
  }
  return (place.kind == Place::any || (place.kind == Place::cuda) == is_cuda) && can_run(variant);
}

/// "cuda:0 (sm_80), cuda:1 (sm_75)"
static std::string describe(std::span<const Place> places) {
  std::string text;
  for (const Place &place : places) {
    text += (text.empty() ? "" : ", ") + describe(place) + " (sm_" +
            std::to_string(cuda::compute_capability(place.ordinal)) + ")";
  }
  return text;
}

/// What to do where a package has no variant for a place, or the one that was asked for is not for it
/// (empty: none was).
static std::string advice(const Package &package, const Place &place, const std::string &wanted) {
  const auto is_cuda = [](const Variant &variant) { return variant.name.starts_with(cuda_prefix); };
  if (place.kind == Place::cuda) {
    return wanted.empty() || wanted.starts_with(cuda_prefix)
               ? "compile with --target=cpu,cuda:sm_80, which all later devices run"
               : "it is for a processor: say --device cpu";
  }
  if (wanted.starts_with(cuda_prefix) ||
      (wanted.empty() && std::all_of(package.variants.begin(), package.variants.end(), is_cuda))) {
    return place.kind == Place::cpu
               ? "compile with --target=cpu, or say --device cuda:0"
               : "compile with --target=cpu, or see in `mome doctor` why there is no such device";
  }
  return "compile with --target-cpu=native";
}

const Variant &choose_variant(const Package &package, const std::string &name,
                              std::span<const Place> places) {
  const bool on_cuda = places[0].kind == Place::cuda;
  for (const Place &place : places) {
    if (place.kind == Place::cuda) {
      cuda::require_device(place.ordinal);
    }
  }
  const auto suits_all = [&](const std::string &variant) {
    return std::all_of(places.begin(), places.end(),
                       [&](const Place &place) { return suits(variant, place); });
  };
  std::vector<std::string> names;
  const Variant *best = nullptr;
  const bool slow_pairs = has_slow_pairs();
  for (const Variant &variant : package.variants) {
    names.push_back(variant.name);
    if (name.empty() ? suits_all(variant.name) : variant.name == name) {
      if (best == nullptr ||
          rank_variant(best->name, slow_pairs) < rank_variant(variant.name, slow_pairs)) {
        best = &variant;
      }
    }
  }
  if (best == nullptr) {
    const std::string what = places.size() > 1
                                 ? "no variant of the package runs on all of " + describe(places)
                             : on_cuda ? "no variant of the package runs on that device"
                                       : "no variant of the package runs on this machine";
    const std::string how = name.empty() ? "; " + advice(package, places[0], {}) : "";
    throw Error(Exit::device, package.where,
                name.empty() ? what : "the package has no variant '" + name + "'",
                names.empty() ? "it has none: compile it again"
                              : "it has: " + join_names(names) + how);
  }
  if (!suits_all(best->name)) {
    throw Error(
        Exit::device, package.where,
        places.size() > 1
            ? "not all of " + describe(places) + " can run the variant '" + best->name + "'"
            : "this machine cannot run the variant '" + best->name + "'",
        advice(package, places[0], best->name) + "; it has: " + join_names(names));
  }
  return *best;
}

void Device::run_pieces(size_t program, std::span<double> seconds) {
  using Clock = std::chrono::steady_clock;
  auto last = Clock::now();
  for (size_t dispatch = 0; dispatch < seconds.size(); ++dispatch) {
    run(program, dispatch, dispatch + 1);
    const auto now = Clock::now();
    seconds[dispatch] = std::chrono::duration<double>(now - last).count();
    last = now;
  }
}

void Device::copy(std::span<const Slice> slices, Device &from) {
  std::vector<std::byte> bytes;
  for (const Slice &slice : slices) {
    bytes.resize(slice.size);
    from.download(slice, bytes);
    upload(slice, bytes);
  }
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

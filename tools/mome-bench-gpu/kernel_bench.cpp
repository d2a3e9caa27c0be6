#include "tools/mome-bench-gpu/kernel_bench.h"

#include <algorithm>
#include <chrono>
#include <limits>

namespace mome {
namespace {

/// Between arguments: what is written beyond one must not be another's.
constexpr uint64_t gap = 256;

uint64_t round_up(uint64_t size) {
  return (size + gap - 1) / gap * gap + gap;
}

} // namespace

std::vector<KernelUse> kernel_uses(const Variant &variant, const std::string &entry,
                                   const std::string &only) {
  std::vector<KernelUse> all(variant.kernels.size());
  for (const Program &program : variant.programs) {
    for (const Dispatch &dispatch : program.dispatches) {
      KernelUse &use = all[dispatch.kernel];
      use.kernel = &variant.kernels[dispatch.kernel];
      use.sizes.clear();
      for (const Slice &slice : dispatch.args) {
        use.sizes.push_back(slice.size);
      }
      use.op = dispatch.op;
      use.flops = dispatch.flops;
      if (program.entry == entry) {
        ++use.step_runs;
        use.group = std::max(use.group, dispatch.group);
      }
    }
  }
  std::erase_if(all, [&](const KernelUse &use) {
    const auto named = [&](const std::string &text) { return text.find(only) != text.npos; };
    return use.sizes.empty() || (!named(use.kernel->symbol) && !named(use.op));
  });
  return all;
}

/// Members of a group lie after each other; the last is looked at.
KernelBench::KernelBench(const Package &package, const Variant &variant,
                         const DeviceOptions &options, const std::vector<KernelUse> &uses,
                         int repeat, bool groups)
    : uses(uses), device(make_device(variant.name, options)), repeat(repeat), groups(groups) {
  Arena arena{"arguments", ArenaKind::work, gap};
  std::vector<Program> programs;
  for (const KernelUse &use : uses) {
    Program &program = programs.emplace_back();
    const auto kernel =
        std::find_if(variant.kernels.begin(), variant.kernels.end(),
                     [&](const Kernel &k) { return k.symbol == use.kernel->symbol; });
    uint64_t offset = 0;
    for (uint32_t member = 0; member < group_of(use); ++member) {
      Dispatch &dispatch = program.dispatches.emplace_back();
      dispatch.kernel = uint32_t(kernel - variant.kernels.begin());
      for (const uint64_t size : use.sizes) {
        dispatch.args.push_back({0, offset, size});
        offset += round_up(size);
      }
    }
    program.dispatches[0].group = group_of(use);
    places.push_back(program.dispatches.back().args);
    arena.size = std::max(arena.size, offset);
  }
  device->load(variant.code, variant.kernels, package.where + ", variant '" + variant.name + "'");
  device->allocate(std::span(&arena, 1));
  for (Program &program : programs) {
    once.push_back(device->prepare(program));
    const std::vector<Dispatch> group = program.dispatches;
    for (int i = 1; i < repeat; ++i) {
      program.dispatches.insert(program.dispatches.end(), group.begin(), group.end());
    }
    often.push_back(device->prepare(program));
  }
}

void KernelBench::fill(size_t i, NumberRange range) {
  const KernelUse &use = uses[i];
  for (size_t a = 0; a < use.sizes.size(); ++a) {
    std::vector<std::byte> bytes(use.sizes[a], std::byte{0xff}); // of results: NaN
    if (a < use.operands()) {
      fill_random(bytes, use.kernel->types[a], range, 1000 * i + a);
    }
    device->upload(places[i][a], bytes);
  }
}

void KernelBench::run(size_t i, NumberRange range) {
  fill(i, range);
  device->run(once[i], 0, group_of(uses[i]));
}

NumberRange KernelBench::run(size_t i) {
  run(i, NumberRange::around_zero);
  if (!has_nan(i)) {
    return NumberRange::around_zero;
  }
  run(i, NumberRange::positive);
  return NumberRange::positive;
}

bool KernelBench::has_nan(size_t i) {
  const std::vector<std::vector<std::byte>> found = results(i);
  for (size_t r = 0; r < found.size(); ++r) {
    if (mome::has_nan(found[r], uses[i].kernel->types[uses[i].operands() + r])) {
      return true;
    }
  }
  return false;
}

std::vector<std::vector<std::byte>> KernelBench::results(size_t i) {
  std::vector<std::vector<std::byte>> all;
  for (size_t a = uses[i].operands(); a < uses[i].sizes.size(); ++a) {
    device->download(places[i][a], all.emplace_back(uses[i].sizes[a]));
  }
  return all;
}

std::vector<std::span<std::byte>> KernelBench::arguments(size_t i) {
  std::vector<std::span<std::byte>> all;
  for (const Slice &slice : places[i]) {
    all.emplace_back(device->host_memory(slice.arena) + slice.offset, slice.size);
  }
  return all;
}

double KernelBench::time(size_t i) {
  const size_t dispatches = size_t(repeat) * group_of(uses[i]);
  double best = std::numeric_limits<double>::infinity();
  for (int trial = 0; trial < 3; ++trial) { // the first captures the graph
    const auto start = std::chrono::steady_clock::now();
    device->run(often[i], 0, dispatches);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    best = std::min(best, taken.count() / double(dispatches));
  }
  return best;
}

} // namespace mome

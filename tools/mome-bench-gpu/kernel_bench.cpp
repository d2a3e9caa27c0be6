#include "tools/mome-bench-gpu/kernel_bench.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

namespace mome {
namespace {

/// Between arguments: what is written beyond one must not be another's.
constexpr uint64_t gap = 256;

uint64_t round_up(uint64_t size) {
  return (size + gap - 1) / gap * gap + gap;
}

/// Numbers that every function takes: (0.1, 0.9), integers 0 and 1.
void store_random(std::byte *at, DType type, uint64_t random) {
  const float value = 0.1f + 0.8f * float(random >> 40) * 0x1p-24f;
  const auto store = [&](auto v) { std::memcpy(at, &v, sizeof v); };
  switch (type) {
  case DType::f32:
    return store(value);
  case DType::f64:
    return store(double(value));
  case DType::bf16:
    return store(uint16_t(std::bit_cast<uint32_t>(value) >> 16));
  case DType::i32:
    return store(int32_t(random >> 63));
  case DType::i64:
    return store(int64_t(random >> 63));
  case DType::i1:
    return store(uint8_t(random >> 63));
  }
}

double load(const std::byte *at, DType type) {
  const auto read = [&](auto v) {
    std::memcpy(&v, at, sizeof v);
    return v;
  };
  switch (type) {
  case DType::f32:
    return read(float());
  case DType::f64:
    return read(double());
  case DType::bf16:
    return std::bit_cast<float>(uint32_t(read(uint16_t())) << 16);
  case DType::i32:
    return read(int32_t());
  case DType::i64:
    return double(read(int64_t()));
  case DType::i1:
    return read(uint8_t());
  }
  return 0;
}

size_t operands(const KernelUse &use) {
  return use.kernel->types.size() - use.kernel->results;
}

} // namespace

std::vector<KernelUse> kernel_uses(const Variant &variant, const std::string &entry) {
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
      use.step_runs += program.entry == entry;
    }
  }
  std::erase_if(all, [](const KernelUse &use) { return use.sizes.empty(); });
  return all;
}

KernelBench::KernelBench(const Package &package, const Variant &variant,
                         const DeviceOptions &options, const std::vector<KernelUse> &uses,
                         int repeat)
    : uses(uses), device(make_device(variant.name, options)), repeat(repeat) {
  Arena arena{"arguments", ArenaKind::work, gap};
  for (const KernelUse &use : uses) {
    std::vector<Slice> &slices = places.emplace_back();
    uint64_t offset = 0;
    for (const uint64_t size : use.sizes) {
      slices.push_back({0, offset, size});
      offset += round_up(size);
    }
    arena.size = std::max(arena.size, offset);
  }
  device->load(variant.code, variant.kernels, package.where + ", variant '" + variant.name + "'");
  device->allocate(std::span(&arena, 1));
  for (size_t i = 0; i < uses.size(); ++i) {
    Dispatch dispatch;
    const auto kernel =
        std::find_if(variant.kernels.begin(), variant.kernels.end(),
                     [&](const Kernel &k) { return k.symbol == uses[i].kernel->symbol; });
    dispatch.kernel = uint32_t(kernel - variant.kernels.begin());
    dispatch.args = places[i];
    Program program;
    program.dispatches.assign(1, dispatch);
    once.push_back(device->prepare(program));
    program.dispatches.assign(size_t(repeat), dispatch);
    often.push_back(device->prepare(program));
  }
}

void KernelBench::fill(size_t i) {
  const KernelUse &use = uses[i];
  uint64_t state = i + 1;
  for (size_t a = 0; a < use.sizes.size(); ++a) {
    std::vector<std::byte> bytes(use.sizes[a], std::byte{0xff}); // of results: NaN
    const uint64_t element = dtype_size(use.kernel->types[a]);
    for (size_t at = 0; a < operands(use) && at + element <= bytes.size(); at += element) {
      state = state * 6364136223846793005 + 1442695040888963407;
      store_random(&bytes[at], use.kernel->types[a], state);
    }
    device->upload(places[i][a], bytes);
  }
}

std::vector<std::byte> KernelBench::run(size_t i) {
  fill(i);
  device->run(once[i], 0, 1);
  std::vector<std::byte> results;
  for (size_t a = operands(uses[i]); a < uses[i].sizes.size(); ++a) {
    std::vector<std::byte> bytes(uses[i].sizes[a]);
    device->download(places[i][a], bytes);
    results.insert(results.end(), bytes.begin(), bytes.end());
  }
  return results;
}

double KernelBench::time(size_t i) {
  double best = std::numeric_limits<double>::infinity();
  for (int trial = 0; trial < 3; ++trial) { // the first captures the graph
    const auto start = std::chrono::steady_clock::now();
    device->run(often[i], 0, size_t(repeat));
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    best = std::min(best, taken.count() / repeat);
  }
  return best;
}

double difference(const KernelUse &use, const std::vector<std::byte> &expected,
                  const std::vector<std::byte> &found) {
  double worst = 0;
  size_t at = 0;
  for (size_t a = operands(use); a < use.sizes.size(); ++a) {
    const DType type = use.kernel->types[a];
    double error = 0, scale = 1;
    for (const size_t end = at + use.sizes[a]; at < end; at += dtype_size(type)) {
      const double x = load(&expected[at], type), y = load(&found[at], type);
      if (x == y || (std::isnan(x) && std::isnan(y))) {
        continue;
      }
      scale = std::isfinite(x) ? std::max(scale, 1 + std::abs(x)) : scale;
      error = std::abs(x - y) <= error ? error : std::abs(x - y); // NaN wins
    }
    worst = error / scale <= worst ? worst : error / scale;
  }
  return worst;
}

} // namespace mome

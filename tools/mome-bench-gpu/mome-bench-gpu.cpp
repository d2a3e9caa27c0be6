// mome-bench-gpu: every kernel of a package on a GPU, compared with the processor's results, and its
// measured time beside the predicted one. bench/gpu compiles packages and runs it. With --simulate, for
// want of a GPU, some blocks of every launch in the simulator instead.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <numeric>

#include "runtime/cuda/cuda_device.h"
#include "runtime/cuda/model/prediction.h"
#include "runtime/error.h"
#include "tools/mome-bench-gpu/kernel_bench.h"
#include "tools/mome-bench-gpu/simulated.h"

namespace {

using namespace mome;

struct Options {
  std::string package, device = "cuda:0", gpu, entry, only, variant;
  Tolerances tolerances;
  int repeat = 20;
  BlockChoice blocks{.least = 0, .perturb = false};
};

/// The training step with the most dispatches, else the largest program.
std::string main_entry(const Variant &variant) {
  const Program *best = nullptr;
  for (const Program &p : variant.programs) {
    const auto rank = [](const Program &q) {
      return std::pair(q.entry.ends_with(".step"), q.dispatches.size());
    };
    if (best == nullptr || rank(*best) < rank(p)) {
      best = &p;
    }
  }
  return best == nullptr ? "" : best->entry;
}

/// Predictions for the launches of kernels; with a reason where there are none.
class Model {
public:
  Model(const Variant &variant, int capability, const std::string &name, const std::string &gpu)
      : device(gpu.empty() ? cuda::find_device_data(capability, name)
                           : cuda::find_device_data(gpu)) {
    if (device == nullptr) {
      problem = "no numbers of sm_" + std::to_string(capability) + ": --gpu is one of " +
                std::string(cuda::device_data_names());
    } else if (std::string ptx = find_ptx(variant, problem); !ptx.empty()) {
      counter.emplace(std::move(ptx), problem);
    }
    // The record of the device's architecture, else of the latest before it.
    for (const Assembled &a : variant.assembled) {
      const int architecture = std::atoi(a.architecture.c_str() + 3);
      if (architecture <= capability) {
        auto &[from, resources] = records[a.symbol];
        if (architecture >= from) {
          from = architecture;
          resources = {int(a.registers), a.shared};
        }
      }
    }
  }

  /// Seconds and limiter of a kernel, of one dispatch of a group; no seconds, and why.
  std::pair<double, std::string> predict(const KernelUse &use) const {
    if (!counter || !problem.empty()) {
      return {0, problem};
    }
    if (!use.kernel->library.empty()) {
      return {0, "a library runs it"};
    }
    std::vector<cuda::Argument> arguments;
    for (uint32_t member = 0; member < use.group; ++member) {
      for (const uint64_t size : use.sizes) {
        arguments.emplace_back(cuda::Buffer{size});
      }
      arguments.emplace_back(cuda::Buffer{use.kernel->scratch});
    }
    double total = 0, longest = 0;
    std::string limiter;
    for (const Launch &l : use.kernel->launches) {
      cuda::LaunchShape shape;
      shape.function = l.symbol;
      shape.grid[0] = uint32_t(l.blocks);
      shape.grid[1] = use.group;
      shape.block[0] = uint32_t(l.threads);
      shape.shared = uint32_t(l.shared);
      std::string why;
      const auto work = counter->count(shape, arguments, why);
      if (!work) {
        return {0, why};
      }
      const auto record = records.find(l.symbol);
      const cuda::Prediction p =
          cuda::predict(*device, shape, *work,
                        record == records.end() ? cuda::Resources() : record->second.second);
      total += p.seconds;
      if (p.seconds > longest) {
        longest = p.seconds;
        limiter = p.limiter;
      }
    }
    return {total / use.group, limiter};
  }

  const cuda::DeviceData *device;
  std::string problem;

private:
  std::optional<cuda::WorkCounter> counter;
  std::map<std::string, std::pair<int, cuda::Resources>> records; // by function
};

/// The largest part of its tolerance that a result takes, of use number `i`, and that result's error.
std::pair<double, double> worst_error(const Options &options, const KernelUse &use,
                                      Multiplier multiplier,
                                      const std::vector<std::span<std::byte>> &expected,
                                      const std::vector<std::vector<std::byte>> &found) {
  std::pair<double, double> worst;
  for (size_t r = 0; r < found.size(); ++r) {
    const size_t a = use.operands() + r;
    const DType type = use.kernel->types[a];
    const Difference d =
        compare(type, expected[a].data(), found[r].data(), nullptr, found[r].size());
    const bool rounded = type == DType::f32 && are_bf16(expected[a]) && are_bf16(found[r]);
    const double allowed = options.tolerances.of(rounded ? DType::bf16 : type, multiplier);
    worst = std::max(worst, std::pair(d.error / allowed, d.error));
  }
  return worst;
}

int bench(const Options &options, const Package &package, const Variant &on_gpu,
          const Place &place) {
  const Variant &on_cpu = choose_variant(package, {}, parse_place("cpu"));
  const std::string entry = options.entry.empty() ? main_entry(on_gpu) : options.entry;
  const std::vector<KernelUse> uses = kernel_uses(on_gpu, entry, options.only);
  KernelBench gpu(package, on_gpu, {.ordinal = place.ordinal}, uses, options.repeat,
                  /*groups=*/true);
  KernelBench cpu(package, on_cpu, {}, uses, 1, /*groups=*/false);
  const std::map<std::string, Multiplier> multipliers = find_multipliers(on_gpu);
  const Model model(on_gpu, cuda::compute_capability(place.ordinal), gpu.get_device().name(),
                    options.gpu);
  std::printf("%s, %s; times of %s on %s%s%s\n", package.where.c_str(), on_gpu.name.c_str(),
              entry.c_str(), gpu.get_device().name().c_str(),
              model.problem.empty() ? ", predicted for " : ", nothing predicted: ",
              model.problem.empty() ? std::string(model.device->name).c_str()
                                    : model.problem.c_str());
  std::printf("%-24s %-20s %5s %5s %9s %12s %12s %9s %7s  %s\n", "kernel", "op", "runs", "group",
              "error", "measured us", "predicted us", "GFLOP/s", "GB/s", "limited by");
  size_t wrong = 0;
  double measured = 0, predicted = 0;
  for (size_t i = 0; i < uses.size(); ++i) {
    const KernelUse &use = uses[i];
    gpu.run(i, cpu.run(i));
    const auto [part, error] = worst_error(options, use, multiplier_of(*use.kernel, multipliers),
                                           cpu.arguments(i), gpu.results(i));
    const bool right = part <= 1;
    wrong += !right;
    const double time = gpu.time(i);
    const auto [seconds, limiter] = model.predict(use);
    measured += time * double(use.step_runs);
    predicted += seconds * double(use.step_runs);
    const auto bytes = double(std::accumulate(use.sizes.begin(), use.sizes.end(), uint64_t(0)));
    std::printf("%-24s %-20s %5lld %5u %9.1e %12.2f %12.2f %9.1f %7.1f  %s%s\n",
                use.kernel->symbol.c_str(), use.op.c_str(), (long long)use.step_runs, use.group,
                error, time * 1e6, seconds * 1e6, use.flops / time * 1e-9, bytes / time * 1e-9,
                limiter.c_str(), right ? "" : "  WRONG");
  }
  const Tolerances &allowed = options.tolerances;
  std::printf("%zu kernels, %zu differ from the processor by more than %g (bf16: %g; f32 of tensor "
              "cores: %g, tf32: %g)\n",
              uses.size(), wrong, allowed.wide, allowed.bf16,
              allowed.of(DType::f32, Multiplier::bf16), allowed.of(DType::f32, Multiplier::tf32));
  std::printf("%s: measured %.3f ms, predicted %.3f ms, kernel by kernel\n", entry.c_str(),
              measured * 1e3, predicted * 1e3);
  return wrong == 0 ? 0 : int(Exit::failed);
}

int run(const Options &options) {
  const auto package = Package::load(options.package);
  if (options.blocks.least > 0) {
    return check_blocks(*package, options.variant, options.only, options.blocks, options.tolerances);
  }
  const Place place = parse_place(options.device);
  if (place.kind != Place::cuda) {
    throw usage_error("--device " + options.device + " is no GPU", "--device cuda:0");
  }
  return bench(options, *package, choose_variant(*package, {}, place), place);
}

} // namespace

int main(int argc, char **argv) {
  CLI::App app{"Checks every kernel of a package on a GPU, and times it beside its prediction.",
               "mome-bench-gpu"};
  app.footer("Exit codes: 0 ok, 1 a kernel is wrong, 2 usage, 5 the package, 6 no such device.");
  Options options;
  app.add_option("package", options.package, "package with a CUDA variant")->required();
  app.add_option("--device", options.device, "cuda:N");
  app.add_option("--gpu", options.gpu,
                 "predict for this one: a100, h100, ... (default: by architecture)");
  app.add_option("--entry", options.entry, "whose time is added up (default: the training step)");
  app.add_option("--tolerance", options.tolerances.wide,
                 "largest difference from the processor, as a part of the tensor's largest value");
  app.add_option("--tolerance-bf16", options.tolerances.bf16, "the same for results in bf16");
  app.add_option("--only", options.only, "kernels whose name or op contains this");
  app.add_option("--simulate", options.blocks.least,
                 "no GPU: compare so many blocks of each launch, or more, which the simulator runs")
      ->check(CLI::PositiveNumber);
  app.add_option("--variant", options.variant, "with --simulate: of this one alone");
  app.add_flag("--perturb", options.blocks.perturb,
               "with --simulate: approximate instructions err, tensor cores add in another order");
  app.add_option("--repeat", options.repeat, "runs of a kernel in one graph")
      ->check(CLI::PositiveNumber);
  try {
    app.parse(argc, argv);
    return run(options);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : int(Exit::usage);
  } catch (const Error &error) {
    std::fprintf(stderr, "mome-bench-gpu: %s\n", error.what());
    return int(error.exit);
  } catch (const std::exception &error) {
    std::fprintf(stderr, "mome-bench-gpu: %s\n", error.what());
    return int(Exit::internal);
  }
}

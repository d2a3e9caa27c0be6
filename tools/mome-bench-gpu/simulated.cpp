#include "tools/mome-bench-gpu/simulated.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <mutex>
#include <thread>

#include "runtime/error.h"

namespace mome {
namespace {

/// Workers take kernels in order; lines are printed in order.
class Check {
public:
  Check(const Package &package, const Variant &on_gpu, std::vector<KernelUse> all,
        const BlockChoice &choice, const Tolerances &tolerances)
      : package(package), on_gpu(on_gpu), on_cpu(choose_variant(package, {}, parse_place("cpu"))),
        uses(std::move(all)), choice(choice), tolerances(tolerances) {}

  int run() {
    std::printf("%s, %s: blocks in the simulator beside %s\n", package.where.c_str(),
                on_gpu.name.c_str(), on_cpu.name.c_str());
    std::printf("%-24s %-24s %8s %7s %10s %11s %9s %9s\n", "kernel", "op", "launches", "blocks",
                "of", "elements", "error", "in bf16");
    std::vector<std::thread> workers;
    for (unsigned w = 0; w < std::max(1u, std::thread::hardware_concurrency()); ++w) {
      workers.emplace_back([this] { work(); });
    }
    for (std::thread &worker : workers) {
      worker.join();
    }
    if (failure) {
      std::rethrow_exception(failure);
    }
    std::printf(
        "%zu kernels, %llu launches, %llu of %llu blocks, %llu elements: largest difference %.1e "
        "(at most %.1e), in bf16 %.1e (at most %.1e); %zu kernels are wrong\n",
        uses.size(), (unsigned long long)sum.launches, (unsigned long long)sum.blocks,
        (unsigned long long)sum.all_blocks,
        (unsigned long long)(sum.wide.elements + sum.bf16.elements), sum.wide.error,
        tolerances.wide, sum.bf16.error, tolerances.bf16, wrong);
    return wrong == 0 && !uses.empty() ? 0 : int(Exit::failed);
  }

private:
  void work() {
    try {
      KernelBench cpu(package, on_cpu, {.threads = 1}, uses, 1, /*groups=*/false);
      BlockCheck simulator(on_gpu, choice);
      for (size_t i; (i = next.fetch_add(1)) < uses.size();) {
        const NumberRange range = cpu.run(i);
        BlockResult result = simulator.check(uses[i], cpu.arguments(i));
        if (range == NumberRange::positive && cpu.has_nan(i)) {
          result.problem += " the processor's results are no numbers: nothing was compared";
        }
        const std::lock_guard lock(mutex);
        done.emplace(i, std::move(result));
        for (; done.contains(printed); ++printed) {
          print(uses[printed], done.extract(printed).mapped());
        }
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      failure = std::current_exception();
      next = uses.size();
    }
  }

  void print(const KernelUse &use, const BlockResult &r) {
    const bool right = r.wide.error <= tolerances.wide && r.bf16.error <= tolerances.bf16;
    wrong += !right || !r.problem.empty();
    std::printf("%-24s %-24s %8llu %7llu %10llu %11llu %9.1e %9.1e%s%s%s\n",
                use.kernel->symbol.c_str(), use.op.c_str(), (unsigned long long)r.launches,
                (unsigned long long)r.blocks, (unsigned long long)r.all_blocks,
                (unsigned long long)(r.wide.elements + r.bf16.elements), r.wide.error, r.bf16.error,
                right ? "" : "  WRONG", r.problem.empty() ? "" : "  ", r.problem.c_str());
    std::fflush(stdout);
    sum.launches += r.launches;
    sum.blocks += r.blocks;
    sum.all_blocks += r.all_blocks;
    for (auto part : {&BlockResult::wide, &BlockResult::bf16}) {
      (sum.*part).error = std::max((sum.*part).error, (r.*part).error);
      (sum.*part).elements += (r.*part).elements;
    }
  }

  const Package &package;
  const Variant &on_gpu, &on_cpu;
  const std::vector<KernelUse> uses;
  BlockChoice choice;
  Tolerances tolerances;

  std::atomic<size_t> next{0};
  std::mutex mutex; // of all below
  std::map<size_t, BlockResult> done;
  size_t printed = 0, wrong = 0;
  BlockResult sum;
  std::exception_ptr failure;
};

} // namespace

int check_blocks(const Package &package, const std::string &name, const std::string &only,
                 const BlockChoice &choice, const Tolerances &tolerances) {
  int worst = -1;
  for (const Variant &variant : package.variants) {
    if (name.empty() ? variant.name.starts_with("cuda:") : variant.name == name) {
      worst = std::max(
          worst, Check(package, variant, kernel_uses(variant, "", only), choice, tolerances).run());
    }
  }
  if (worst < 0) {
    throw Error(Exit::device, package.where, "no variant for " + (name.empty() ? "CUDA" : name),
                "compile it with --target=cpu,cuda:sm_80");
  }
  return worst;
}

} // namespace mome

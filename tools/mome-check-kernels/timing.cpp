// See timing.h.
#include "tools/mome-check-kernels/timing.h"

#include "dialects/NN/NN.h"
#include "runtime/machine_speed.h"

#include "llvm/Support/FormatVariadic.h"

#include <ctime>
#include <iostream>
#include <limits>
#include <numeric>

using namespace mlir;
using namespace mome;

static double processorSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec + 1e-9 * time.tv_nsec;
}

static double getFlops(nn::KernelOp kernel) {
  double flops = 0;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    flops += nn::getFusionRole(&op) == nn::FusionRole::access ? 0 : nn::getFlops(&op);
  }
  return flops;
}

static constexpr double never = std::numeric_limits<double>::infinity();

Timing::Timing(Run run, std::string family)
    : run(std::move(run)), family(std::move(family)),
      chunks(this->run.record.packs + this->run.record.chunks, never), whole(never) {}

void Timing::round() {
  double before = sum;
  for (auto [chunk, best] : llvm::enumerate(chunks)) {
    double start = processorSeconds();
    run.call(chunk, chunk + 1);
    double elapsed = processorSeconds() - start;
    best = std::min(best, elapsed);
    sum += elapsed;
  }
  whole = std::min(whole, sum - before);
}

bool Timing::print(double peak, double minPeak) {
  double best = std::accumulate(chunks.begin(), chunks.end(), 0.0);
  double packs = std::accumulate(chunks.begin(), chunks.begin() + run.record.packs, 0.0);
  double bytes = 0;
  for (RankedTensorType type : run.types) {
    bytes += byteSize(type);
  }
  double flops = getFlops(run.kernel) / best;
  llvm::outs() << llvm::formatv(
      "{0,-28} {1,-12} {2,9:f1} us  {3,6:f1} GFLOP/s ({4,3:f0} % of peak {5:f1})  {6,5:f1} GB/s  "
      "whole {7,9:f1} us  chunks {8}{9}\n",
      run.kernel.getSymName(), family, best * 1e6, flops * 1e-9, 100 * flops / peak, peak * 1e-9,
      bytes / best * 1e-9, whole * 1e6, run.record.chunks,
      packs ? llvm::formatv("  packs {0:f1} us", packs * 1e6).str() : "");
  return 100 * flops >= minPeak * peak;
}

bool mome::timeOnRequest(std::vector<Timing> &kernels) {
  constexpr double burst = 0.15;
  for (Timing &kernel : kernels) {
    llvm::outs() << kernel.name() << " ";
  }
  llvm::outs() << "\n";
  llvm::outs().flush();
  for (std::string name; std::getline(std::cin, name);) {
    auto kernel = llvm::find_if(kernels, [&](Timing &kernel) { return kernel.name() == name; });
    if (kernel == kernels.end()) {
      return false;
    }
    double before = kernel->total();
    int runs = 0;
    do {
      kernel->round();
      ++runs;
    } while (kernel->total() - before < burst);
    llvm::outs() << (kernel->total() - before) / runs << "\n";
    llvm::outs().flush();
  }
  return true;
}

bool mome::timeInTurns(std::vector<Timing> &kernels, const TimingOptions &options) {
  constexpr int fewestRounds = 3, mostRounds = 100;
  constexpr double enough = 1.5, burst = 0.05, peakSeconds = 2e-3; // per kernel; seconds
  ThreadPool alone(1);
  std::vector<char> elsewhere(options.cold ? 64 << 20 : 0);
  double peak = 0;
  for (int round = 0; round < mostRounds; ++round) {
    bool any = false;
    for (Timing &kernel : kernels) {
      if (round >= fewestRounds && kernel.total() >= enough) {
        continue;
      }
      any = true;
      peak = std::max(peak, measure_multiply_adds(alone, peakSeconds));
      for (size_t i = 0; i < elsewhere.size(); i += 64) {
        ++elsewhere[i];
      }
      double until = options.cold ? 0 : kernel.total() + burst;
      do {
        kernel.round();
      } while (kernel.total() < until);
    }
    if (!any) {
      break;
    }
  }
  bool fast = true;
  for (Timing &kernel : kernels) {
    fast &= kernel.print(peak, options.minPeak);
  }
  return fast;
}

// How fast a kernel is on one core, on a machine that others use too.
#ifndef MOME_TOOLS_CHECK_KERNELS_TIMING_H
#define MOME_TOOLS_CHECK_KERNELS_TIMING_H

#include "tools/mome-check-kernels/kernel_run.h"

namespace mome {

/// The best times of a kernel's chunks, run one by one as the runtime does: what else the machine does
/// seldom spares a whole large kernel. Processor time.
class Timing {
public:
  Timing(Run run, std::string family);

  /// Runs the kernel once.
  void round();
  /// Seconds of processor time in all rounds.
  double total() const { return sum; }
  /// Prints a line; true if the kernel reaches `minPeak` percent of `peak` FLOP/s. `whole` is the best
  /// time of all chunks in a row, as one would time a function of a library.
  bool print(double peak, double minPeak);

  llvm::StringRef name() { return run.kernel.getSymName(); }

private:
  Run run;
  std::string family;
  std::vector<double> chunks;
  double sum = 0, whole;
};

struct TimingOptions {
  bool cold = false;  // operands start in memory; else where the run before left them
  double minPeak = 0; // percent of the peak that each kernel must reach
};

/// Times kernels in turns, so that what disturbs disturbs all of them, and the peak of multiply-adds
/// with them. Prints a line each; true if all reach what is demanded.
bool timeInTurns(std::vector<Timing> &kernels, const TimingOptions &options);

/// Prints the kernels' names in one line; then, for each name that comes in, how long one of its runs takes, in seconds of
/// processor time over a burst: for a program that measures another one in turns with this. False if a name is unknown.
bool timeOnRequest(std::vector<Timing> &kernels);

} // namespace mome
#endif

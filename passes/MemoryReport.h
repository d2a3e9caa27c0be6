// Where a planned program's memory and work go: by part of the model and by line of its source.
//
// Reads the `rt` level as `nn-plan-memory` leaves it. What a package allocates is the sum of its
// arenas; the work arena is as large as the moment when most of it is in use, the peak, and what is
// in use then is told apart: activations, which the forward pass leaves for the backward pass, and
// workspace.
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"

#include <map>
#include <string>
#include <vector>

namespace mome {

/// What a machine can do in a second at most; zeros: not known.
struct Machine {
  double flops = 0, bytes = 0;
  bool isKnown() const { return flops > 0 && bytes > 0; }
};

/// By phase: of floating-point operations, or of seconds.
struct Work {
  double forward = 0, backward = 0, update = 0;
  double recomputed = 0; // forward work that is done again
  double all() const { return forward + backward + update + recomputed; }
  void operator+=(const Work &other) {
    forward += other.forward, backward += other.backward, update += other.update;
    recomputed += other.recomputed;
  }
};

struct PartUse {
  int64_t weights = 0, optimizer = 0, gradients = 0; // bytes, as long as the package is loaded
  int64_t activations = 0, workspace = 0;            // bytes, at the peak of the work arena
  Work flops;
  Work seconds; // predicted: no dispatch is faster than its operations, or its bytes, allow
  int64_t bytes() const { return weights + optimizer + gradients + activations + workspace; }
};

/// Values of the work arena that one source line holds at the peak.
struct HeldByLine {
  std::string line; // FILE:LINE
  int64_t bytes = 0, values = 0;
};

/// In the order of first use.
template <typename T>
using ByName = llvm::MapVector<std::string, T, std::map<std::string, unsigned>>;

struct MemoryReport {
  std::string program;
  Machine machine; // that `seconds` are of
  int64_t batch = 1;  // samples in a run of it
  std::string peak;   // where the peak is: a path and its phase
  int64_t arenas = 0; // all arenas: what a session allocates
  int64_t io = 0;     // of it: inputs, outputs, scalars
  int64_t gaps = 0;   // of it: in the work arena, unused at the peak
  int64_t saved = 0;  // what the program would need more without what it recomputes
  int64_t recomputations = 0; // dispatches
  ByName<PartUse> parts;
  std::vector<HeldByLine> lines; // most bytes first
};

/// Parts are the first `depth` names of DSL paths: 2 tells experts apart, 5 their blocks. Fails if
/// the module has no such program.
mlir::FailureOr<MemoryReport> reportMemory(mlir::ModuleOp module, llvm::StringRef program,
                                           unsigned depth, const Machine &machine = {});
/// The part that all scopes of a location lie in; of several, what their names have in common.
std::string partOf(mlir::Location loc, unsigned depth);
/// The program that touches the most work memory; empty if there is none.
std::string largestProgram(mlir::ModuleOp module);
/// The first training step, else the largest program.
std::string mainProgram(mlir::ModuleOp module);

} // namespace mome

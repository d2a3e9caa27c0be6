// Runs the functions of a module in f64 and prints their results: the whole of mome-interp but its
// command line.
#ifndef MOME_DIALECTS_CHECK_RUNNER_H
#define MOME_DIALECTS_CHECK_RUNNER_H

#include "mlir/IR/BuiltinOps.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mome::check {

struct RunOptions {
  /// The function to run; empty: every public one.
  std::string entry;
  /// Values of the arguments, in order, without their types: "dense<[1.0, 2.0]>".
  std::vector<std::string> arguments;
  /// Fills the arguments that have no value.
  std::optional<uint64_t> randomSeed;
  /// Significant digits of printed numbers.
  int digits = 7;
};

/// Prints one line per result: `f = dense<[1, 2]> : tensor<2xf32>`, `f#1 = ...` for further
/// results, and the name of the binding where the result has one. Fails with a diagnostic.
mlir::LogicalResult runModule(mlir::ModuleOp module, const RunOptions &options,
                              llvm::raw_ostream &os);

/// Runs both modules on the same arguments; their results must agree to `tolerance` relative to the
/// largest element.
mlir::LogicalResult compareModules(mlir::ModuleOp module, mlir::ModuleOp reference,
                                   const RunOptions &options, double tolerance);

} // namespace mome::check
#endif

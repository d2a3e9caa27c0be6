// Runs the functions of a module in f64: the whole of mome-interp but its command line and files.
#ifndef MOME_DIALECTS_CHECK_RUNNER_H
#define MOME_DIALECTS_CHECK_RUNNER_H

#include "dialects/NN/HostTensor.h"

#include "mlir/IR/BuiltinOps.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mome::check {

struct RunOptions {
  /// The function to run; empty: every public one.
  std::string entry;
  /// Values of the first arguments, in order, without their types: "dense<[1.0, 2.0]>".
  std::vector<std::string> arguments;
  /// Values of other arguments by the names of their bindings; those of accumulators and gradients
  /// carry the kind: "grad.PATH".
  std::map<std::string, nn::HostTensor> named;
  /// Invents the arguments that have no value. Without it only presence and valid may be missing:
  /// they are ones.
  std::optional<uint64_t> randomSeed;
};

/// One result of one function.
struct RunResult {
  /// For readers: `f`, `f#1`, `predict (output "logits")`.
  std::string title;
  /// For files: an output's name, else `loss.NAME`, `grad.PATH`, `param.PATH`, ...; the title where
  /// there is no binding.
  std::string key;
  mlir::Type type;
  nn::HostTensor value;
};

/// Runs the chosen functions in order, check ops included. Fails with a diagnostic.
mlir::FailureOr<std::vector<RunResult>> runModule(mlir::ModuleOp module, const RunOptions &options);

/// One line per result: `f = dense<[1, 2]> : tensor<2xf32>`.
void printResults(llvm::ArrayRef<RunResult> results, int digits, llvm::raw_ostream &os);

/// One line per `nn` op: its name and the interfaces it answers.
void listOps(mlir::MLIRContext &context, llvm::raw_ostream &os);

/// Runs both modules on the same arguments; their results must agree to `tolerance` relative to the
/// largest element.
mlir::LogicalResult compareModules(mlir::ModuleOp module, mlir::ModuleOp reference,
                                   const RunOptions &options, double tolerance);

} // namespace mome::check
#endif

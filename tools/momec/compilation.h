// One compilation: a module on its way through the stages of passes/Pipelines.h.
//
//   Compilation compilation(options, flags, context);
//   compilation.runTo(Stage::memory)     reads the input, runs what is missing, dumps what is asked for
//   compilation.getModule()
//
// What returns a number returns an exit code. When a stage fails or crashes, those before it run
// again, in a context of their own, and what they wrote becomes `model.repro.mlir`; the exit code is
// 70. An error with a code is the user's: exit code 1. So is a text given to --compile-from that
// breaks the contract of its level.
#pragma once

#include "tools/momec/compile_options.h"
#include "tools/momec/package_cache.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Support/Timing.h"

namespace momec {

class Compilation {
public:
  Compilation(CompileOptions options, DiagnosticFlags flags, mlir::MLIRContext &context)
      : options(std::move(options)), flags(std::move(flags)), context(context),
        diagnostics(sources, this->flags.options) {}

  /// Runs the stages up to `last`.
  int runTo(mome::Stage last);
  int runStage(mome::Stage stage);
  /// Writes what the stage left behind.
  int writeText(mome::Stage stage, llvm::StringRef path);
  /// Writes the package, and keeps it in the cache if nothing was said on the way.
  int writePackage(const PackageCache &cache);
  std::string packagePath() const {
    return options.output.empty() ? stem() + ".mpk" : options.output;
  }
  mlir::ModuleOp getModule() { return *module; }

  CompileOptions options;

private:
  int readInput();
  int readSource();
  int readModule();
  int checkInput();
  int checkBudget();
  int dump(mome::Stage stage);
  int reportInternalError(mome::Stage stage);
  std::string stem() const;

  DiagnosticFlags flags;
  mlir::MLIRContext &context;
  mome::syntax::SourceManager sources;
  mome::syntax::Diagnostics diagnostics;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::DefaultTimingManager timing;
  ReadFiles readFiles;
  bool silent = true; // nothing was said, so the package is all that came of it
};

/// Does `work` of a compilation in a context of its own.
int withCompilation(CompileOptions options, DiagnosticFlags flags,
                    llvm::function_ref<int(Compilation &)> work);
/// The same, as the command line says.
int withCompilation(Arguments arguments, llvm::function_ref<int(Compilation &)> work);

} // namespace momec

// mome-opt: every dialect and pass of the compiler, for tests and exploration; behaves like
// mlir-opt.
#include "dialects/Check/Check.h"
#include "dialects/Mome/Mome.h"
#include "dialects/NN/NN.h"
#include "dialects/RT/RT.h"
#include "passes/Passes.h"
#include "passes/cpu/Passes.h"

#include "mlir/InitAllDialects.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  mlir::registerAllDialects(registry);
  mlir::registerAllPasses();
  mome::registerMomePasses();
  mome::cpu::registerCpuPassesAndPipelines();
  registry.insert<mome::model::MomeDialect, mome::nn::NNDialect, mome::rt::RTDialect,
                  mome::check::CheckDialect>();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "Mome optimizer driver\n", registry));
}

// cpu-lower-kernels: from functions over buffers to the LLVM dialect. Entry points come last, when
// buffers are bare pointers.
#include "passes/cpu/Passes.h"

#include "passes/LowerToLLVM.h"

#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

void mome::cpu::buildLowerKernelsPipeline(OpPassManager &manager) {
  buildLowerToLLVMPipeline(manager);
  manager.addPass(createAddEntryPointsPass());
}

void mome::cpu::registerCpuPassesAndPipelines() {
  registerMomeCpuPasses();
  PassPipelineRegistration<>(
      "cpu-lower-kernels",
      "Kernel functions over buffers to the LLVM dialect, ready for code generation",
      buildLowerKernelsPipeline);
}

// See BuildPtx.h.
#include "passes/cuda/BuildPtx.h"

#include "passes/LlvmBackend.h"
#include "passes/cuda/KernelEmitter.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/IR/LegacyPassManager.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

static constexpr llvm::StringLiteral triple = "nvptx64-nvidia-cuda";
/// The oldest PTX that knows the architecture; 8.0, which every driver since CUDA 12.0 takes, if it can
/// be.
static StringRef featuresOf(StringRef architecture) {
  return architecture == "sm_120" ? "+ptx87" : architecture == "sm_100" ? "+ptx86" : "+ptx80";
}

/// Of operands, results and scratch: the planner's (docs/levels.md, Kernels).
static constexpr int64_t bufferAlignment = 64;

bool mome::cuda::isArchitecture(StringRef name) {
  return llvm::is_contained({"sm_80", "sm_86", "sm_89", "sm_90", "sm_90a", "sm_100", "sm_120"},
                            name);
}

int mome::cuda::numberOf(StringRef architecture) {
  int number = 0;
  architecture.consume_front("sm_");
  architecture.consumeInteger(10, number);
  return number;
}

bool mome::cuda::runsOn(StringRef ptx, StringRef device) {
  if (ptx.ends_with("a") || device.ends_with("a")) {
    return ptx == device;
  }
  return numberOf(ptx) <= numberOf(device);
}

/// Every function with a number of threads is one that the driver launches.
static void markKernels(ModuleOp module) {
  Builder b(module.getContext());
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    if (auto threads = function->getAttrOfType<IntegerAttr>(threadsAttrName)) {
      function->removeAttr(threadsAttrName);
      function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), b.getUnitAttr());
      function->setAttr(NVVM::NVVMDialect::getMaxntidAttrName(),
                        b.getDenseI32ArrayAttr({int32_t(threads.getInt()), 1, 1}));
      for (unsigned argument = 0; argument < function.getNumArguments(); ++argument) {
        function.setArgAttr(argument, LLVM::LLVMDialect::getAlignAttrName(),
                            b.getI64IntegerAttr(bufferAlignment));
      }
    }
  }
}

FailureOr<std::string> mome::cuda::buildPtx(ModuleOp module, StringRef architecture) {
  markKernels(module);
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = translateToLLVM(module, context);
  if (!code) {
    return failure();
  }
  std::unique_ptr<llvm::TargetMachine> machine =
      createTargetMachine(triple, architecture, featuresOf(architecture));
  setTarget(*code, *machine);
  optimize(*code, *machine);
  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::AssemblyFile)) {
    return module.emitError("LLVM cannot print code for ") << architecture;
  }
  passes.run(*code);
  return text.str().str();
}

// See BuildPtx.h.
#include "passes/cuda/BuildPtx.h"

#include "passes/cuda/SimtKernels.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mome::cuda;

static constexpr llvm::StringLiteral triple = "nvptx64-nvidia-cuda";
/// PTX 8.0: every driver since CUDA 12.0 takes it.
static constexpr llvm::StringLiteral features = "+ptx80";

bool mome::cuda::isArchitecture(StringRef name) {
  return llvm::is_contained({"sm_80", "sm_86", "sm_89", "sm_90"}, name);
}

static std::unique_ptr<llvm::TargetMachine> createMachine(StringRef architecture) {
  std::string problem;
  llvm::Triple machine(triple);
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(machine, problem);
  assert(backend && "LLVM is built without its NVPTX backend");
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard; // what the kernels mark, nothing more
  return std::unique_ptr<llvm::TargetMachine>(
      backend->createTargetMachine(machine, architecture, features, options, std::nullopt,
                                   std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O2).run(module, modules);
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
    }
  }
}

FailureOr<std::string> mome::cuda::buildPtx(ModuleOp module, StringRef architecture) {
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  registerNVVMDialectTranslation(*module.getContext());
  llvm::InitializeAllTargetInfos();
  llvm::InitializeAllTargets();
  llvm::InitializeAllTargetMCs();
  llvm::InitializeAllAsmPrinters();
  markKernels(module);
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(module, context, "kernels");
  if (!code) {
    return failure();
  }
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(architecture);
  code->setDataLayout(machine->createDataLayout());
  code->setTargetTriple(machine->getTargetTriple());
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

// See BuildPtx.h.
#include "passes/cuda/BuildPtx.h"

#include "passes/LlvmBackend.h"
#include "passes/cuda/KernelEmitter.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/IntrinsicsNVPTX.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/MDBuilder.h"

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

/// Makes a function take a table of `rows` rows with its arguments: blocks (x, y) do the work of block x for row y.
/// The table lies in constant memory, as all parameters do.
static void takeTable(llvm::Function &function, unsigned rows) {
  llvm::LLVMContext &context = function.getContext();
  auto *pointer = llvm::PointerType::get(context, 0);
  auto *row = llvm::ArrayType::get(pointer, function.arg_size());
  auto *table = llvm::ArrayType::get(row, rows);
  auto *type =
      llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer}, /*isVarArg=*/false);
  auto *whole = llvm::Function::Create(type, function.getLinkage(), "", function.getParent());
  whole->takeName(&function);
  whole->setCallingConv(function.getCallingConv());
  whole->setAttributes(
      llvm::AttributeList::get(context, llvm::AttributeList::FunctionIndex,
                               llvm::AttrBuilder(context, function.getAttributes().getFnAttrs())));
  whole->addParamAttr(0, llvm::Attribute::getWithByValType(context, table));
  whole->addParamAttr(0, llvm::Attribute::getWithAlignment(context, llvm::Align(8)));
  whole->addParamAttr(0, llvm::Attribute::get(context, "nvvm.grid_constant"));
  whole->splice(whole->begin(), &function);

  llvm::IRBuilder<> b(context);
  b.SetInsertPointPastAllocas(whole);
  llvm::Value *member = b.CreateIntrinsic(llvm::Intrinsic::nvvm_read_ptx_sreg_ctaid_y, {});
  llvm::MDBuilder metadata(context);
  auto *alignment =
      llvm::MDNode::get(context, metadata.createConstant(b.getInt64(bufferAlignment)));
  for (llvm::Argument &argument : function.args()) {
    llvm::Value *place = b.CreateInBoundsGEP(
        table, whole->getArg(0), {b.getInt32(0), member, b.getInt32(argument.getArgNo())});
    llvm::LoadInst *value = b.CreateLoad(pointer, place);
    value->setMetadata(llvm::LLVMContext::MD_align, alignment);
    argument.replaceAllUsesWith(value);
  }
  function.eraseFromParent();
}

/// Every function with a number of threads is one that the driver launches. Returns those that run in groups, and how large
/// these are.
static llvm::StringMap<unsigned> markKernels(ModuleOp module) {
  Builder b(module.getContext());
  llvm::StringMap<unsigned> groups;
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    if (auto threads = function->getAttrOfType<IntegerAttr>(threadsAttrName)) {
      function->removeAttr(threadsAttrName);
      if (auto rows = cast_or_null<IntegerAttr>(function->removeAttr(groupAttrName))) {
        groups[function.getSymName()] = unsigned(rows.getInt());
      }
      function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), b.getUnitAttr());
      function->setAttr(NVVM::NVVMDialect::getMaxntidAttrName(),
                        b.getDenseI32ArrayAttr({int32_t(threads.getInt()), 1, 1}));
      for (unsigned argument = 0; argument < function.getNumArguments(); ++argument) {
        function.setArgAttr(argument, LLVM::LLVMDialect::getAlignAttrName(),
                            b.getI64IntegerAttr(bufferAlignment));
      }
    }
  }
  return groups;
}

FailureOr<std::string> mome::cuda::buildPtx(ModuleOp module, StringRef architecture) {
  llvm::StringMap<unsigned> groups = markKernels(module);
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = translateToLLVM(module, context);
  if (!code) {
    return failure();
  }
  std::unique_ptr<llvm::TargetMachine> machine =
      createTargetMachine(triple, architecture, featuresOf(architecture));
  setTarget(*code, *machine);
  for (const auto &[name, rows] : groups) {
    takeTable(*code->getFunction(name), rows);
  }
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

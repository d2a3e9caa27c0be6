// See BuildImage.h. LLVM generates the object in process; ld.lld, a program of the same LLVM, links
// it.
//
// LLVM may turn loops into calls of memcpy, memmove and memset, so the image brings its own,
// hidden. A call of anything else is an undefined symbol, which the linker refuses: an error here,
// not a crash in a training run.
#include "passes/cpu/BuildImage.h"

#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Linker/Linker.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

using namespace mlir;
using namespace mome::cpu;

static constexpr llvm::StringLiteral triple = "x86_64-unknown-linux-gnu";

// no-builtins keeps LLVM from recognising memcpy in memcpy.
static constexpr llvm::StringLiteral memoryFunctions = R"(
define hidden ptr @memcpy(ptr noalias %to, ptr noalias %from, i64 %size) #0 {
entry:
  %empty = icmp eq i64 %size, 0
  br i1 %empty, label %done, label %loop
loop:
  %i = phi i64 [0, %entry], [%next, %loop]
  %source = getelementptr i8, ptr %from, i64 %i
  %target = getelementptr i8, ptr %to, i64 %i
  %byte = load i8, ptr %source
  store i8 %byte, ptr %target
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %size
  br i1 %more, label %loop, label %done
done:
  ret ptr %to
}

define hidden ptr @memmove(ptr %to, ptr %from, i64 %size) #0 {
entry:
  %down = icmp ugt ptr %to, %from
  br label %head
head:
  %i = phi i64 [0, %entry], [%next, %body]
  %more = icmp ult i64 %i, %size
  br i1 %more, label %body, label %done
body:
  %next = add i64 %i, 1
  %back = sub i64 %size, %next
  %at = select i1 %down, i64 %back, i64 %i
  %source = getelementptr i8, ptr %from, i64 %at
  %target = getelementptr i8, ptr %to, i64 %at
  %byte = load i8, ptr %source
  store i8 %byte, ptr %target
  br label %head
done:
  ret ptr %to
}

define hidden ptr @memset(ptr %to, i32 %value, i64 %size) #0 {
entry:
  %byte = trunc i32 %value to i8
  br label %head
head:
  %i = phi i64 [0, %entry], [%next, %body]
  %more = icmp ult i64 %i, %size
  br i1 %more, label %body, label %done
body:
  %target = getelementptr i8, ptr %to, i64 %i
  store i8 %byte, ptr %target
  %next = add i64 %i, 1
  br label %head
done:
  ret ptr %to
}

attributes #0 = { nounwind noinline "no-builtins" }
)";

static LogicalResult addMemoryFunctions(llvm::Module &module, ModuleOp source) {
  llvm::SMDiagnostic problem;
  auto functions = llvm::parseAssemblyString(memoryFunctions, problem, module.getContext());
  if (!functions) {
    return source.emitError("memory functions do not parse: ") << problem.getMessage();
  }
  functions->setDataLayout(module.getDataLayout());
  functions->setTargetTriple(module.getTargetTriple());
  return failure(llvm::Linker::linkModules(module, std::move(functions)));
}

static std::unique_ptr<llvm::TargetMachine> createMachine(const Target &target, ModuleOp source) {
  llvm::InitializeAllTargetInfos();
  llvm::InitializeAllTargets();
  llvm::InitializeAllTargetMCs();
  llvm::InitializeAllAsmPrinters();
  std::string problem;
  llvm::Triple machine(triple);
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(machine, problem);
  if (!backend) {
    source.emitError("no code generator for ") << triple << ": " << problem;
    return nullptr;
  }
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard; // what the kernels mark, nothing more
  return std::unique_ptr<llvm::TargetMachine>(backend->createTargetMachine(
      machine, target.llvmCpu, target.features, options, llvm::Reloc::PIC_, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
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

static LogicalResult generateObject(llvm::Module &module, llvm::TargetMachine &machine,
                                    llvm::SmallVectorImpl<char> &object, ModuleOp source) {
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::ObjectFile)) {
    return source.emitError("the code generator cannot write object files");
  }
  passes.run(module);
  return success();
}

/// The linker: the one beside our LLVM, else one in PATH.
static llvm::ErrorOr<std::string> findLinker() {
  if (auto path = llvm::sys::findProgramByName("ld.lld", {MOME_LLVM_TOOLS_DIR})) {
    return path;
  }
  if (auto path = llvm::sys::findProgramByName("ld.lld-22")) {
    return path;
  }
  return llvm::sys::findProgramByName("ld.lld");
}

namespace {
/// A file that goes away.
struct TemporaryFile {
  explicit TemporaryFile(StringRef suffix) {
    error = llvm::sys::fs::createTemporaryFile("mome", suffix, path);
  }
  ~TemporaryFile() { llvm::sys::fs::remove(path); }
  SmallString<128> path;
  std::error_code error;
};
} // namespace

static FailureOr<std::string> link(ArrayRef<char> object, ModuleOp source) {
  auto linker = findLinker();
  if (!linker) {
    return source.emitError("cannot find the linker ld.lld; install the package lld-22");
  }
  TemporaryFile input("o"), output("so"), log("log");
  for (TemporaryFile *file : {&input, &output, &log}) {
    if (file->error) {
      return source.emitError("cannot make a temporary file: ") << file->error.message();
    }
  }
  {
    std::error_code error;
    llvm::raw_fd_ostream stream(input.path, error);
    stream.write(object.data(), object.size());
    stream.close();
    if (error || stream.has_error()) {
      return source.emitError("cannot write ") << input.path;
    }
  }
  SmallVector<StringRef> arguments = {*linker,
                                      "-shared",
                                      "-nostdlib",
                                      "--no-undefined",
                                      "--hash-style=sysv",
                                      "--build-id=none",
                                      "--strip-all",
                                      "--gc-sections",
                                      "-z",
                                      "noexecstack",
                                      "-z",
                                      "norelro",
                                      "-o",
                                      output.path,
                                      input.path};
  std::optional<StringRef> redirects[] = {StringRef(), StringRef(log.path), StringRef(log.path)};
  int status = llvm::sys::ExecuteAndWait(*linker, arguments, std::nullopt, redirects);
  if (status != 0) {
    auto text = llvm::MemoryBuffer::getFile(log.path);
    return source.emitError("linking failed:\n") << (text ? (*text)->getBuffer() : StringRef());
  }
  auto image = llvm::MemoryBuffer::getFile(output.path);
  if (!image) {
    return source.emitError("cannot read ") << output.path;
  }
  return (*image)->getBuffer().str();
}

FailureOr<std::string> mome::cpu::buildImage(ModuleOp module, const Target &target) {
  registerBuiltinDialectTranslation(*module.getContext());
  registerLLVMDialectTranslation(*module.getContext());
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code = translateModuleToLLVMIR(module, context, "kernels");
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(target, module);
  if (!code || !machine) {
    return failure();
  }
  code->setDataLayout(machine->createDataLayout());
  code->setTargetTriple(machine->getTargetTriple());
  if (failed(addMemoryFunctions(*code, module))) {
    return failure();
  }
  optimize(*code, *machine);
  llvm::SmallVector<char, 0> object;
  if (failed(generateObject(*code, *machine, object, module))) {
    return failure();
  }
  return link(object, module);
}

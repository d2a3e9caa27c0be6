// mome-check-kernels: runs the machine code of every `nn.kernel` in a file and compares it with the
// interpreter, on generated data.
//
// Also checked per kernel: chunks taken one by one, in reverse order, give the same bits as one
// call; nothing is written outside the results; the scratch is as large as recorded. `--bench`
// times the kernels instead (one core, best of several runs) beside the machine's own peak of fused
// multiply-adds, measured in the same run.
//
// `--cuda` does the same with the CUDA code generator, on a device or a stand-in.
//
//   // RUN: mome-check-kernels %s | FileCheck %s
//   // CHECK: k_relu elementwise chunks=1 error=0.0e+00 ok
#include "passes/LowerToLLVM.h"
#include "passes/cpu/KernelEmitter.h"
#include "passes/cpu/Passes.h"
#include "passes/cpu/ReferenceKernels.h"
#include "passes/cuda/BuildPtx.h"
#include "passes/cuda/KernelEmitter.h"
#include "tools/mome-check-kernels/device_runner.h"
#include "tools/mome-check-kernels/kernel_run.h"
#include "tools/mome-check-kernels/timing.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/ExecutionEngine/ExecutionEngine.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

#include <cstring>

using namespace mlir;
using namespace mome;

static llvm::cl::opt<std::string> inputFile(llvm::cl::Positional, llvm::cl::desc("FILE"),
                                            llvm::cl::init("-"));
static llvm::cl::opt<std::string> targetCpu("target-cpu", llvm::cl::init("x86-64-v3"));
static llvm::cl::opt<double>
    tolerance("tolerance", llvm::cl::init(2e-6),
              llvm::cl::desc("largest error, relative to 1 + the largest result"));
static llvm::cl::opt<double> low("low", llvm::cl::init(-2.0),
                                 llvm::cl::desc("inputs are uniform from here"));
static llvm::cl::opt<double> high("high", llvm::cl::init(2.0), llvm::cl::desc("to here"));
static llvm::cl::opt<int64_t> intHigh("int-high", llvm::cl::init(3),
                                      llvm::cl::desc("integers are in [0, this)"));
static llvm::cl::opt<int> mantissaBits("mantissa-bits", llvm::cl::init(23),
                                       llvm::cl::desc("of f32 inputs: 10 are what tf32 holds"));
static llvm::cl::opt<bool> bench("bench", llvm::cl::desc("time instead of checking"));
static llvm::cl::opt<double> minPeak("min-peak", llvm::cl::init(0),
                                     llvm::cl::desc("with --bench: fail below so many percent of "
                                                    "the peak"));
static llvm::cl::opt<std::string> only("only", llvm::cl::desc("kernels whose name contains this"));
static llvm::cl::opt<bool> serve("serve",
                                 llvm::cl::desc("time the kernels that standard input names"));
static llvm::cl::opt<bool> cold("cold",
                                llvm::cl::desc("with --bench: operands start in memory, not in a "
                                               "cache, as between the kernels of a large model"));

static llvm::cl::opt<bool> reference("reference",
                                     llvm::cl::desc("check the reference code generator"));

static llvm::cl::opt<bool>
    onCuda("cuda", llvm::cl::desc("check the CUDA code generator, on device cuda:0"));
static llvm::cl::opt<std::string> cudaArchitecture("cuda-architecture", llvm::cl::init("sm_80"));
static llvm::cl::opt<unsigned> group("group", llvm::cl::init(1),
                                     llvm::cl::desc("with --cuda: every kernel as the last of so "
                                                    "many dispatches in one launch"));
static llvm::cl::opt<std::string> ptxFile("ptx", llvm::cl::value_desc("file"),
                                          llvm::cl::desc("with --cuda: also write the PTX"));
static llvm::cl::opt<std::string> runPtx("run-ptx", llvm::cl::value_desc("file"),
                                         llvm::cl::desc("with --cuda: run this text instead"));

static llvm::cl::opt<bool>
    ulp("ulp",
        llvm::cl::desc("print the largest error per result in units in the last place of f32"));

static InputRange inputRange() {
  return {low, high, intHigh, mantissaBits};
}

static bool check(Run &run, StringRef family) {
  for (Buffer *memory : {&run.scratch, &run.shared}) {
    std::memset(memory->data(), 0xff, memory->size); // NaN: nobody may rely on it
  }
  run.clearResults();
  run.call();
  std::vector<char> whole = run.getResultBytes();
  double error = run.compare();
  run.clearResults();
  run.callBackwards();
  std::string problem;
  if (whole != run.getResultBytes()) {
    problem = " chunks-disagree";
  }
  bool intact = run.scratch.isIntact() && run.shared.isIntact();
  for (Buffer &buffer : run.buffers) {
    intact &= buffer.isIntact();
  }
  if (!intact) {
    problem += " wrote-outside";
  }
  if (!(error <= tolerance)) {
    problem += " inaccurate";
  }
  llvm::outs() << llvm::formatv("{0} {1} chunks={2} error={3:e1}{4}\n", run.kernel.getSymName(),
                                family, run.record.chunks, error,
                                problem.empty() ? " ok" : problem.c_str());
  if (ulp) {
    run.printUlp();
  }
  return problem.empty();
}

//===-- Compilation ---------------------------------------------------------------------------===//

static FailureOr<std::unique_ptr<ExecutionEngine>> compile(ModuleOp module,
                                                           const cpu::Target &target) {
  PassManager manager(module.getContext());
  cpu::buildLowerKernelsPipeline(manager);
  if (failed(manager.run(module))) {
    return failure();
  }
  auto builder = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!builder) {
    llvm::consumeError(builder.takeError());
    return failure();
  }
  builder->setCPU(target.llvmCpu.str());
  builder->getFeatures() = llvm::SubtargetFeatures(target.features);
  auto machine = builder->createTargetMachine();
  if (!machine) {
    llvm::consumeError(machine.takeError());
    return failure();
  }
  ExecutionEngineOptions options;
  options.jitCodeGenOptLevel = llvm::CodeGenOptLevel::Aggressive;
  auto engine = ExecutionEngine::create(module, options, std::move(*machine));
  if (!engine) {
    llvm::errs() << llvm::toString(engine.takeError()) << "\n";
    return failure();
  }
  return std::move(*engine);
}

//===-- CUDA --------------------------------------------------------------------------------===//

/// With a comment per function: how it is launched, as options of mome-ptxsim.
static bool writePtx(StringRef ptx, ArrayRef<Kernel> kernels) {
  std::error_code error;
  llvm::raw_fd_ostream stream(ptxFile, error);
  if (error) {
    llvm::errs() << "cannot write '" << ptxFile << "': " << error.message() << "\n";
    return false;
  }
  stream << ptx;
  for (const Kernel &kernel : kernels) {
    for (const auto &launch : kernel.launches) {
      stream << llvm::formatv("// launch -k {0} -g {1} -b {2} --shared {3}\n", launch.symbol,
                              launch.blocks, launch.threads, launch.shared);
    }
  }
  return true;
}

/// The kernels as a package's CUDA variant has them, ready to run; null after an error. Appends the
/// family of each, with the reason if it is the generic one.
static std::unique_ptr<DeviceRunner> loadOnCuda(ArrayRef<nn::KernelOp> kernels,
                                                MLIRContext &context,
                                                std::vector<std::string> &families) {
  OwningOpRef<ModuleOp> code = ModuleOp::create(UnknownLoc::get(&context));
  std::vector<Kernel> records;
  std::vector<std::vector<uint64_t>> sizes;
  for (nn::KernelOp kernel : kernels) {
    OpBuilder builder = OpBuilder::atBlockEnd(code->getBody());
    FailureOr<cuda::DeviceKernel> emitted =
        cuda::emitKernel(kernel, cudaArchitecture, group, builder);
    if (failed(emitted)) {
      return nullptr;
    }
    std::string reason = emitted->reason.empty() ? "" : " (" + emitted->reason + ")";
    families.push_back("cuda:" + emitted->family + reason);
    Kernel &record = records.emplace_back();
    record.symbol = kernel.getSymName();
    record.scratch = emitted->scratch;
    record.group = group;
    for (cuda::Launch &launch : emitted->launches) {
      record.launches.push_back({launch.function.getSymName().str(), launch.blocks, launch.threads,
                                 uint64_t(launch.shared)});
    }
    Run shape(kernel, nullptr, {}, inputRange());
    auto &list = sizes.emplace_back();
    for (const Buffer &buffer : shape.buffers) {
      list.push_back(buffer.size);
    }
  }
  PassManager manager(&context);
  buildLowerToLLVMPipeline(manager, /*forDevice=*/true);
  if (failed(manager.run(*code))) {
    return nullptr;
  }
  FailureOr<std::string> ptx = cuda::buildPtx(*code, cudaArchitecture);
  if (failed(ptx) || (!ptxFile.empty() && !writePtx(*ptx, records))) {
    return nullptr;
  }
  if (!runPtx.empty()) {
    auto file = llvm::MemoryBuffer::getFile(runPtx);
    if (!file) {
      llvm::errs() << "cannot read '" << runPtx << "': " << file.getError().message() << "\n";
      return nullptr;
    }
    *ptx = (*file)->getBuffer().str();
  }
  return DeviceRunner::create("cuda:" + cudaArchitecture, *ptx, records, sizes);
}

static bool processOnCuda(ModuleOp module) {
  SmallVector<nn::KernelOp> kernels;
  for (auto kernel : module.getOps<nn::KernelOp>()) {
    if (kernel.getSymName().contains(only)) {
      kernels.push_back(kernel);
    }
  }
  std::vector<std::string> families;
  std::unique_ptr<DeviceRunner> device = loadOnCuda(kernels, *module.getContext(), families);
  bool allFine = device != nullptr;
  for (size_t k = 0; device && k < kernels.size(); ++k) {
    Run run(kernels[k], nullptr, {}, inputRange());
    bool ran = true;
    run.function = [&](void *const *args, int64_t, int64_t, void *) {
      std::vector<std::span<std::byte>> buffers;
      for (auto [argument, buffer] : llvm::enumerate(run.buffers)) {
        buffers.emplace_back(static_cast<std::byte *>(args[argument]), buffer.size);
      }
      ran &= device->run(k, buffers, run.numInputs);
    };
    allFine &= check(run, families[k]) && ran;
  }
  return allFine;
}

namespace {
/// A kernel in machine code.
struct Emitted {
  nn::KernelOp kernel;
  std::string family;                 // or why there is none
  std::optional<KernelRecord> record; // none: the family leaves it to the reference lowering
};
} // namespace

/// Emits a kernel for the processor into `code`.
static FailureOr<Emitted> emit(nn::KernelOp kernel, const cpu::Target &target, ModuleOp code) {
  OpBuilder builder = OpBuilder::atBlockEnd(code.getBody());
  cpu::EmitResult result;
  if (reference) {
    FailureOr<func::FuncOp> function = cpu::emitReferenceKernel(kernel, builder);
    if (failed(function)) {
      return failure();
    }
    result.function = *function;
    result.family = "reference";
  } else {
    result = cpu::emitKernel(kernel, target, builder);
  }
  if (!result) {
    return Emitted{kernel, "reference: " + result.reason, std::nullopt};
  }
  auto number = [&](StringRef name) { return cpu::getRecordNumber(result.function, name); };
  KernelRecord record{number(cpu::chunksAttrName), number(cpu::scratchAttrName),
                      number(cpu::packsAttrName), number(cpu::sharedAttrName)};
  return Emitted{kernel, result.family, record};
}

/// Checks all of them, or times them.
static bool runAll(ArrayRef<Emitted> emitted, ExecutionEngine &engine) {
  bool allFine = true;
  std::vector<Timing> timings;
  for (const Emitted &entry : emitted) {
    nn::KernelOp kernel = entry.kernel;
    if (!entry.record) {
      llvm::outs() << kernel.getSymName() << " " << entry.family << "\n";
      continue;
    }
    auto function = engine.lookup(kernel.getSymName());
    if (!function) {
      llvm::errs() << llvm::toString(function.takeError()) << "\n";
      return false;
    }
    auto *code = reinterpret_cast<void (*)(void *const *, int64_t, int64_t, void *)>(*function);
    Run run(kernel, code, *entry.record, inputRange());
    if (bench || serve) {
      timings.emplace_back(std::move(run), entry.family);
    } else {
      allFine &= check(run, entry.family);
    }
  }
  if (serve) {
    return timeOnRequest(timings);
  }
  return bench ? timeInTurns(timings, {cold, minPeak}) : allFine;
}

static bool processFile(ModuleOp module, const cpu::Target &target) {
  OwningOpRef<ModuleOp> code = ModuleOp::create(module.getLoc());
  SmallVector<Emitted> emitted;
  for (auto kernel : module.getOps<nn::KernelOp>()) {
    if (!kernel.getSymName().contains(only)) {
      continue;
    }
    FailureOr<Emitted> entry = emit(kernel, target, *code);
    if (failed(entry)) {
      return false;
    }
    emitted.push_back(*entry);
  }
  auto engine = compile(*code, target);
  return succeeded(engine) && runAll(emitted, **engine);
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  llvm::cl::ParseCommandLineOptions(argc, argv,
                                    "Runs kernels and compares them with the interpreter\n");
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  DialectRegistry registry;
  registerAllDialects(registry);
  registerAllExtensions(registry);
  registerAllToLLVMIRTranslations(registry);
  registry.insert<nn::NNDialect>();
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.loadDialect<affine::AffineDialect, arith::ArithDialect,
                      bufferization::BufferizationDialect, func::FuncDialect, linalg::LinalgDialect,
                      math::MathDialect, memref::MemRefDialect, NVVM::NVVMDialect, scf::SCFDialect,
                      tensor::TensorDialect, vector::VectorDialect>();
  const cpu::Target *target = cpu::findTarget(targetCpu);
  if (!target) {
    llvm::errs() << "unknown target cpu '" << targetCpu << "'; known: " << cpu::targetNames()
                 << "\n";
    return 2;
  }
  auto module = parseSourceFile<ModuleOp>(inputFile, &context);
  return module && (onCuda ? processOnCuda(*module) : processFile(*module, *target)) ? 0 : 1;
}

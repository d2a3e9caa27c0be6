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
#include "dialects/NN/Interpreter.h"
#include "passes/cpu/KernelEmitter.h"
#include "passes/cpu/Passes.h"
#include "passes/cpu/ReferenceKernels.h"
#include "passes/cuda/BuildPtx.h"
#include "passes/cuda/SimtKernels.h"
#include "tools/mome-check-kernels/device_runner.h"

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
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <random>

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
static llvm::cl::opt<bool> bench("bench", llvm::cl::desc("time instead of checking"));
static llvm::cl::opt<double> minPeak("min-peak", llvm::cl::init(0),
                                     llvm::cl::desc("with --bench: fail below so many percent of "
                                                    "the peak"));
static llvm::cl::opt<std::string> only("only", llvm::cl::desc("kernels whose name contains this"));

static llvm::cl::opt<bool> reference("reference",
                                     llvm::cl::desc("check the reference code generator"));

static llvm::cl::opt<bool>
    onCuda("cuda", llvm::cl::desc("check the CUDA code generator, on device cuda:0"));
static llvm::cl::opt<std::string> cudaArchitecture("cuda-architecture", llvm::cl::init("sm_80"));

static llvm::cl::opt<bool>
    ulp("ulp",
        llvm::cl::desc("print the largest error per result in units in the last place of f32"));

using KernelFunction = std::function<void(void *const *, int64_t, int64_t, void *)>;

namespace {

/// Bytes with a 64-byte aligned start and guard bytes on both sides.
class Buffer {
public:
  explicit Buffer(int64_t size) : size(size), bytes(size + 3 * guard, fill) {}
  char *data() {
    auto address = reinterpret_cast<uintptr_t>(bytes.data()) + guard;
    return reinterpret_cast<char *>((address + 63) / 64 * 64);
  }
  /// True if nobody wrote around the data.
  bool isIntact() {
    char *from = bytes.data(), *to = bytes.data() + bytes.size();
    return std::all_of(from, data(), [](char c) { return c == fill; }) &&
           std::all_of(data() + size, to, [](char c) { return c == fill; });
  }
  int64_t size;

private:
  static constexpr int64_t guard = 128;
  static constexpr char fill = 0x5a;
  std::vector<char> bytes;
};

int64_t byteSize(RankedTensorType type) {
  unsigned bits = type.getElementTypeBitWidth();
  return type.getNumElements() * (bits < 8 ? 1 : bits / 8);
}

void storeElement(char *at, Type type, int64_t i, double value) {
  if (type.isF32()) {
    reinterpret_cast<float *>(at)[i] = static_cast<float>(value);
  } else if (type.isF64()) {
    reinterpret_cast<double *>(at)[i] = value;
  } else if (type.isInteger(32)) {
    reinterpret_cast<int32_t *>(at)[i] = static_cast<int32_t>(value);
  } else if (type.isInteger(64)) {
    reinterpret_cast<int64_t *>(at)[i] = static_cast<int64_t>(value);
  } else {
    at[i] = value != 0;
  }
}

double loadElement(const char *at, Type type, int64_t i) {
  if (type.isF32()) {
    return reinterpret_cast<const float *>(at)[i];
  }
  if (type.isF64()) {
    return reinterpret_cast<const double *>(at)[i];
  }
  if (type.isInteger(32)) {
    return reinterpret_cast<const int32_t *>(at)[i];
  }
  return type.isInteger(64) ? reinterpret_cast<const int64_t *>(at)[i] : at[i];
}

/// One kernel ready to run: code, buffers and scratch.
struct Run {
  nn::KernelOp kernel;
  KernelFunction function;
  int64_t chunks;
  SmallVector<RankedTensorType> types;
  std::vector<Buffer> buffers;
  Buffer scratch;
  unsigned numInputs;

  Run(nn::KernelOp kernel, KernelFunction function, int64_t chunks, int64_t scratchBytes)
      : kernel(kernel), function(std::move(function)), chunks(chunks), scratch(scratchBytes) {
    Block &body = kernel.getBody().front();
    numInputs = body.getNumArguments();
    for (Type type : body.getArgumentTypes()) {
      types.push_back(cast<RankedTensorType>(type));
    }
    for (Type type : body.getTerminator()->getOperandTypes()) {
      types.push_back(cast<RankedTensorType>(type));
    }
    for (RankedTensorType type : types) {
      buffers.emplace_back(byteSize(type));
    }
    fillInputs();
  }

  void fillInputs() {
    std::mt19937 random(7);
    for (unsigned i = 0; i < numInputs; ++i) {
      Type type = types[i].getElementType();
      for (int64_t e = 0; e < types[i].getNumElements(); ++e) {
        double u = random() * 0x1p-32;
        storeElement(buffers[i].data(), type, e,
                     isa<FloatType>(type) ? low + u * (high - low)
                     : type.isInteger(1)  ? u < 0.5
                                          : std::floor(u * intHigh));
      }
    }
  }

  void clearResults() {
    for (unsigned i = numInputs; i < types.size(); ++i) {
      std::memset(buffers[i].data(), 0xff, buffers[i].size);
    }
  }

  void call(int64_t lo, int64_t hi) {
    SmallVector<void *> args;
    for (Buffer &buffer : buffers) {
      args.push_back(buffer.data());
    }
    function(args.data(), lo, hi, scratch.data());
  }

  SmallVector<nn::HostTensor> readInputs() {
    SmallVector<nn::HostTensor> inputs;
    for (unsigned i = 0; i < numInputs; ++i) {
      nn::HostTensor &input = inputs.emplace_back(types[i].getShape());
      for (int64_t e = 0; e < input.size(); ++e) {
        input[e] = loadElement(buffers[i].data(), types[i].getElementType(), e);
      }
    }
    return inputs;
  }

  std::vector<char> getResultBytes() {
    std::vector<char> bytes;
    for (unsigned i = numInputs; i < types.size(); ++i) {
      bytes.insert(bytes.end(), buffers[i].data(), buffers[i].data() + buffers[i].size);
    }
    return bytes;
  }
};

} // namespace

/// The largest difference from the interpreter, relative to 1 + the largest result; per result, the
/// worst.
static double compare(Run &run) {
  auto expected = nn::interpretBlock(run.kernel.getBody().front(), run.readInputs());
  if (failed(expected)) {
    return NAN;
  }
  double worst = 0;
  for (auto [r, result] : llvm::enumerate(*expected)) {
    double scale = 1, error = 0;
    for (int64_t e = 0; e < result.size(); ++e) {
      scale = std::max(scale, std::isfinite(result[e]) ? 1 + std::abs(result[e]) : 1);
      unsigned i = run.numInputs + r;
      double actual = loadElement(run.buffers[i].data(), run.types[i].getElementType(), e);
      bool same = actual == result[e] || (std::isnan(actual) && std::isnan(result[e]));
      double difference = same ? 0 : std::abs(actual - result[e]);
      error = difference <= error ? error : difference; // NaN wins
    }
    double relative = error / scale;
    worst = relative <= worst ? worst : relative;
  }
  return worst;
}

/// The largest error of every f32 result in units in the last place, where the result is normal.
static void printUlp(Run &run) {
  auto expected = nn::interpretBlock(run.kernel.getBody().front(), run.readInputs());
  if (failed(expected)) {
    return;
  }
  for (auto [r, result] : llvm::enumerate(*expected)) {
    unsigned i = run.numInputs + r;
    double worst = 0;
    for (int64_t e = 0; e < result.size(); ++e) {
      double magnitude = std::abs(result[e]);
      if (run.types[i].getElementType().isF32() && magnitude >= 0x1p-126 && magnitude < 0x1p128) {
        double actual = loadElement(run.buffers[i].data(), run.types[i].getElementType(), e);
        double unit = std::ldexp(1.0, std::ilogb(magnitude) - 23);
        worst = std::max(worst, std::abs(actual - result[e]) / unit);
      }
    }
    llvm::outs() << llvm::formatv("  result {0}: {1:f2} ulp\n", r, worst);
  }
}

static bool check(Run &run, StringRef family) {
  std::memset(run.scratch.data(), 0xff, run.scratch.size); // NaN: nobody may rely on it
  run.clearResults();
  run.call(0, run.chunks);
  std::vector<char> whole = run.getResultBytes();
  double error = compare(run);
  run.clearResults();
  for (int64_t chunk = run.chunks - 1; chunk >= 0; --chunk) {
    run.call(chunk, chunk + 1);
  }
  std::string problem;
  if (whole != run.getResultBytes()) {
    problem = " chunks-disagree";
  }
  bool intact = run.scratch.isIntact();
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
                                family, run.chunks, error,
                                problem.empty() ? " ok" : problem.c_str());
  if (ulp) {
    printUlp(run);
  }
  return problem.empty();
}

//===-- Benchmarks
//-----------------------------------------------------------------------------===//

static double seconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec + 1e-9 * time.tv_nsec;
}

/// GFLOP/s of this core on independent vector multiply-adds.
__attribute__((target("avx2,fma"))) static double measurePeak() {
  typedef float Lanes __attribute__((vector_size(32)));
  Lanes acc[12] = {}, x = {}, y = {};
  for (int i = 0; i < 8; ++i) {
    x[i] = 1.0f + 1e-7f * i;
  }
  double best = 0;
  for (int trial = 0; trial < 5; ++trial) {
    double start = seconds();
    for (int64_t n = 0; n < 4000000; ++n) {
#pragma clang loop unroll(full)
      for (int i = 0; i < 12; ++i) {
        acc[i] = __builtin_elementwise_fma(acc[i], x, y);
        asm volatile("" : "+x"(acc[i]));
      }
    }
    best = std::max(best, 4000000.0 * 12 * 16 / (seconds() - start) * 1e-9);
  }
  return best;
}

static double getFlops(nn::KernelOp kernel) {
  double flops = 0;
  for (Operation &op : kernel.getBody().front().without_terminator()) {
    flops += nn::getFusionRole(&op) == nn::FusionRole::access ? 0 : nn::getFlops(&op);
  }
  return flops;
}

/// Prints the best time; true if it is good enough.
static bool time(Run &run, StringRef family, double peak) {
  double best = 1e30, total = 0;
  for (int trial = 0; trial < 50 && (trial < 3 || total < 2.0); ++trial) {
    double start = seconds();
    run.call(0, run.chunks);
    double elapsed = seconds() - start;
    best = std::min(best, elapsed);
    total += elapsed;
  }
  double bytes = 0;
  for (RankedTensorType type : run.types) {
    bytes += byteSize(type);
  }
  double gflops = getFlops(run.kernel) / best * 1e-9;
  llvm::outs() << llvm::formatv("{0,-28} {1,-12} {2,9:f1} us  {3,6:f1} GFLOP/s ({4,3:f0} % of peak "
                                "{5:f1})  {6,5:f1} GB/s  chunks {7}\n",
                                run.kernel.getSymName(), family, best * 1e6, gflops,
                                100 * gflops / peak, peak, bytes / best * 1e-9, run.chunks);
  return 100 * gflops >= minPeak * peak;
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

/// The kernels as a package's CUDA variant has them, ready to run; null after an error.
static std::unique_ptr<DeviceRunner> loadOnCuda(ArrayRef<nn::KernelOp> kernels,
                                                MLIRContext &context) {
  OwningOpRef<ModuleOp> code = ModuleOp::create(UnknownLoc::get(&context));
  std::vector<Kernel> records;
  std::vector<std::vector<uint64_t>> sizes;
  for (nn::KernelOp kernel : kernels) {
    OpBuilder builder = OpBuilder::atBlockEnd(code->getBody());
    FailureOr<cuda::DeviceKernel> emitted = cuda::emitSimtKernel(kernel, builder);
    if (failed(emitted)) {
      return nullptr;
    }
    Kernel &record = records.emplace_back();
    record.symbol = kernel.getSymName();
    record.scratch = emitted->scratch;
    for (cuda::Launch &launch : emitted->launches) {
      record.launches.push_back(
          {launch.function.getSymName().str(), launch.blocks, launch.threads, 0});
    }
    Run shape(kernel, nullptr, 1, 0);
    auto &list = sizes.emplace_back();
    for (const Buffer &buffer : shape.buffers) {
      list.push_back(buffer.size);
    }
  }
  PassManager manager(&context);
  cpu::buildLowerToLLVMPipeline(manager);
  if (failed(manager.run(*code))) {
    return nullptr;
  }
  FailureOr<std::string> ptx = cuda::buildPtx(*code, cudaArchitecture);
  return failed(ptx) ? nullptr
                     : DeviceRunner::create("cuda:" + cudaArchitecture, *ptx, records, sizes);
}

static bool processOnCuda(ModuleOp module) {
  SmallVector<nn::KernelOp> kernels;
  for (auto kernel : module.getOps<nn::KernelOp>()) {
    if (kernel.getSymName().contains(only)) {
      kernels.push_back(kernel);
    }
  }
  std::unique_ptr<DeviceRunner> device = loadOnCuda(kernels, *module.getContext());
  bool allFine = device != nullptr;
  for (size_t k = 0; device && k < kernels.size(); ++k) {
    Run run(kernels[k], nullptr, /*chunks=*/1, /*scratchBytes=*/0);
    bool ran = true;
    run.function = [&](void *const *args, int64_t, int64_t, void *) {
      std::vector<std::span<std::byte>> buffers;
      for (auto [argument, buffer] : llvm::enumerate(run.buffers)) {
        buffers.emplace_back(static_cast<std::byte *>(args[argument]), buffer.size);
      }
      ran &= device->run(k, buffers, run.numInputs);
    };
    allFine &= check(run, "cuda") && ran;
  }
  return allFine;
}

static bool processFile(ModuleOp module, const cpu::Target &target) {
  OwningOpRef<ModuleOp> code = ModuleOp::create(module.getLoc());
  struct Emitted {
    nn::KernelOp kernel;
    std::string family;
    int64_t chunks, scratch;
  };
  SmallVector<Emitted> emitted;
  bool allFine = true;
  for (auto kernel : module.getOps<nn::KernelOp>()) {
    if (!kernel.getSymName().contains(only)) {
      continue;
    }
    OpBuilder builder = OpBuilder::atBlockEnd(code->getBody());
    cpu::EmitResult result;
    if (reference) {
      FailureOr<func::FuncOp> function = cpu::emitReferenceKernel(kernel, builder);
      if (failed(function)) {
        return false;
      }
      result.function = *function;
      result.family = "reference";
    } else {
      result = cpu::emitKernel(kernel, target, builder);
    }
    if (!result) {
      emitted.push_back({kernel, "reference: " + result.reason, 0, 0});
      continue;
    }
    auto number = [&](StringRef name) {
      return result.function->getAttrOfType<IntegerAttr>(name).getInt();
    };
    emitted.push_back(
        {kernel, result.family, number(cpu::chunksAttrName), number(cpu::scratchAttrName)});
  }
  auto engine = compile(*code, target);
  if (failed(engine)) {
    return false;
  }
  double peak = bench ? measurePeak() : 0;
  for (Emitted &entry : emitted) {
    if (entry.chunks == 0) {
      llvm::outs() << entry.kernel.getSymName() << " " << entry.family << "\n";
      continue;
    }
    auto function = (*engine)->lookup(entry.kernel.getSymName());
    if (!function) {
      llvm::errs() << llvm::toString(function.takeError()) << "\n";
      return false;
    }
    auto *code = reinterpret_cast<void (*)(void *const *, int64_t, int64_t, void *)>(*function);
    Run run(entry.kernel, code, entry.chunks, entry.scratch);
    if (bench) {
      allFine &= time(run, entry.family, peak);
    } else {
      allFine &= check(run, entry.family);
    }
  }
  return allFine;
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

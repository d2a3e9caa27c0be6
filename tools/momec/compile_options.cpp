// The flags of `momec FILE`. MLIR's flags (--mlir-...) are those of mlir-opt.
#include "tools/momec/compile_options.h"
#include "tools/momec/memory_text.h"

#include "passes/Passes.h"
#include "passes/cpu/Target.h"
#include "passes/cuda/BuildPtx.h"
#include "passes/cuda/Libraries.h"
#include "passes/cuda/Machine.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Support/Timing.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/TargetParser/Host.h"

#include <cstdlib>

using namespace mome;
namespace cl = llvm::cl;

namespace momec {

namespace {
/// Constructed at the first use: `momec fmt` need not know them.
struct Flags {
  cl::OptionCategory model{"1. The model"}, stages{"2. Stages"}, target{"3. The target"},
      says{"4. What momec says"};
  cl::opt<std::string> input{cl::Positional, cl::desc("FILE"), cl::cat(model)};
  cl::opt<std::string> output{"o", cl::desc("Where to write; - is standard output"),
                              cl::value_desc("file"), cl::cat(model)};
  cl::list<std::string> defines{"D", cl::Prefix, cl::desc("Set a parameter of the model"),
                                cl::value_desc("name=value"), cl::cat(model)};
  cl::list<std::string> includes{"I", cl::Prefix, cl::desc("Look for imports there too"),
                                 cl::value_desc("dir"), cl::cat(model)};
  cl::opt<std::string> preset{"preset", cl::desc("Use a preset of the model"),
                              cl::value_desc("name"), cl::cat(model)};
  cl::opt<int64_t> batch{"batch", cl::desc("Samples per training batch"), cl::cat(model)};
  cl::opt<int64_t> evalBatch{"eval-batch", cl::desc("Samples per evaluation batch"),
                             cl::cat(model)};
  cl::opt<std::string> precision{"precision", cl::desc("f32, tf32 or bf16, whatever the model says"),
                                 cl::value_desc("type"), cl::cat(model)};

  cl::opt<std::string> emit{"emit", cl::desc("The same as --compile-to; or ptx, cubin"),
                            cl::value_desc("stage"), cl::cat(stages)};
  cl::opt<std::string> compileTo{"compile-to", cl::desc("Stop after this stage and write its text"),
                                 cl::value_desc("stage"), cl::cat(stages)};
  cl::opt<std::string> compileFrom{
      "compile-from", cl::desc("FILE is the text that this stage wrote; go on after it"),
      cl::value_desc("stage"), cl::cat(stages)};
  cl::opt<std::string> dumpDir{"dump-stages-to", cl::desc("Write the text of every stage there"),
                               cl::value_desc("dir"), cl::cat(stages)};

  cl::opt<std::string> machine{"target", cl::init("cpu"),
                               cl::desc("The machines: cpu, or cpu,cuda:sm_80,sm_90"),
                               cl::value_desc("kind"), cl::cat(target)};
  cl::opt<std::string> cudaLibs{
      "cuda-libs", cl::value_desc("names"), cl::cat(target),
      cl::desc("Libraries that may run products and convolutions: cublaslt,cudnn; none by default")};
  cl::opt<std::string> targetCpu{"target-cpu", cl::init("x86-64-v3"),
                                 cl::desc("native, or processors: x86-64-v3,x86-64-v4"), cl::value_desc("name"),
                                 cl::cat(target)};
  cl::opt<std::string> codegen{"codegen", cl::init("cpu"),
                               cl::desc("cpu: fast kernels; reference: naive loops"),
                               cl::value_desc("kind"), cl::cat(target)};
  cl::opt<int64_t> devices{"devices", cl::init(1), cl::desc("How many machines: 1"),
                           cl::cat(target)};

  cl::opt<std::string> budget{
      "budget",
      cl::desc("Memory for a session: recompute to fit, else fail (exit 3): 12GiB, 500MB; none: never recompute"),
      cl::value_desc("bytes"), cl::cat(target)};

  cl::opt<std::string> cache{
      "cache", cl::value_desc("dir"), cl::cat(target),
      cl::desc("Keep machine code of kernels there (default: MOME_CACHE_DIR, else nowhere)")};

  cl::opt<std::string> entry{"entry", cl::desc("momec report: of this entry, not of the step"),
                             cl::value_desc("name"), cl::cat(says)};
  cl::opt<unsigned> depth{"depth", cl::init(2),
                          cl::desc("momec report: names of a path that make a part; 2: experts"),
                          cl::value_desc("n"), cl::cat(says)};
  cl::opt<std::string> peak{
      "peak", cl::value_desc("GFLOP/s,GB/s"), cl::cat(says),
      cl::desc("momec report: predict times on a machine with this peak: 230,45")};
  cl::opt<std::string> gpu{
      "gpu", cl::desc("momec report: predict times for this one; with --target=cuda:sm_90"),
      cl::value_desc("a100, h100, ..."), cl::cat(says)};
  cl::opt<std::string> kernels{
      "kernels", cl::value_desc("file"), cl::cat(says),
      cl::desc("momec report: with --gpu, also write what is known of every kernel, as JSON")};
  cl::opt<std::string> remarks{
      "remarks", cl::ValueOptional, cl::value_desc("regex"),
      cl::desc("Say what was not fused, and the like; of passes that match"), cl::cat(says)};
  cl::opt<bool> timing{"timing", cl::desc("Report the time of stages and passes"), cl::cat(says)};

  std::string moreText = R"(
  --color=auto|always|never  --diagnostics-format=text|json  --error-limit=N  -Werror  -Wno-CODE

Stages: )" + stageNames() +
                         R"(
MLIR's own flags work as in mlir-opt, with our passes by name:
  --mlir-print-ir-after=nn-autodiff   --mlir-print-ir-after-all   --mlir-print-ir-after-change
  --mlir-print-ir-tree-dir=DIR        --mlir-timing-display=list  --mlir-elide-elementsattrs-if-larger=8
--help-hidden lists them all. More: docs/debugging.md
)";
  cl::extrahelp more{moreText};
};
} // namespace

static std::string hostTarget() {
  llvm::StringMap<bool> features = llvm::sys::getHostCPUFeatures();
  return features.lookup("avx512f") && features.lookup("avx512vl") && features.lookup("avx512dq")
             ? "x86-64-v4"
             : "x86-64-v3";
}

/// Fills what a stage flag names; false after saying that there is no such stage.
static bool readStage(const char *flag, const std::string &name, std::optional<Stage> &stage) {
  if (name.empty()) {
    return true;
  }
  stage = findStage(name);
  if (!stage) {
    usage_error(std::string(flag) + ": there is no stage '" + name + "'",
                "stages: " + stageNames());
  }
  return stage.has_value();
}

/// What can be asked for but not done yet.
static int refuseUnsupported(const Flags &flags) {
  if (flags.devices != 1) {
    return usage_error("--devices: this momec plans for one device only [E0502]");
  }
  const std::string &precision = flags.precision;
  if (!precision.empty() && precision != "f32" && precision != "tf32" && precision != "bf16") {
    return usage_error("--precision=" + precision + ": f32, tf32 or bf16");
  }
  return ok;
}

static int readInput(const Flags &flags, CompileOptions &options) {
  options.input = flags.input;
  std::optional<Stage> from, to, emit;
  using DeviceCode = CompileOptions::DeviceCode;
  options.deviceCode = flags.emit == "ptx"     ? DeviceCode::ptx
                       : flags.emit == "cubin" ? DeviceCode::cubin
                                               : DeviceCode::none;
  const std::string emitted = options.deviceCode == DeviceCode::none
                                  ? flags.emit.getValue()
                                  : stageName(Stage::codegen).str();
  if (!readStage("--compile-from", flags.compileFrom, from) ||
      !readStage("--compile-to", flags.compileTo, to) || !readStage("--emit", emitted, emit)) {
    return usage;
  }
  if (options.input.empty()) {
    return usage_error("no input file", "momec model.mome -o model.mpk");
  }
  options.compileFrom = from;
  options.compileTo = emit ? *emit : to ? *to : Stage::package;
  bool isSource = llvm::StringRef(options.input).ends_with(".mome");
  if (!isSource && !from) {
    return usage_error("'" + options.input + "' is not a .mome file",
                       "for the text of a stage, say which: --compile-from=STAGE");
  }
  if (from && (isSource || *from == Stage::parse || *from == Stage::package)) {
    return usage_error("--compile-from wants an .mlir file of a stage from elaborate to codegen");
  }
  if (from && options.compileTo < *from) {
    return usage_error("stage '" + stageName(options.compileTo).str() + "' comes before '" +
                       stageName(*from).str() + "'");
  }
  return ok;
}

static int readDefines(const Flags &flags, CompileOptions &options) {
  for (const std::string &define : flags.defines) {
    size_t equals = define.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return usage_error("-D wants NAME=VALUE, not '" + define + "'");
    }
    options.defines[define.substr(0, equals)] = define.substr(equals + 1);
  }
  return ok;
}

/// "cpu,cuda:sm_80,sm_90": what follows a cuda: without a kind of its own is of that kind.
static int readMachines(llvm::StringRef machines, PipelineOptions &pipeline) {
  bool isCuda = false;
  for (llvm::StringRef machine : llvm::split(machines, ',')) {
    llvm::StringRef architecture = machine;
    isCuda = architecture.consume_front("cuda:") || (isCuda && machine != "cpu");
    if (isCuda && cuda::isArchitecture(architecture)) {
      pipeline.cubins.push_back(architecture.str());
    } else if (isCuda || machine != "cpu") {
      return usage_error("--target: there is no machine '" + machine.str() + "'",
                         "cpu, which is always among them, or of cuda:sm_80, sm_86, sm_89, sm_90, "
                         "sm_90a, sm_100, sm_120 one or several");
    }
  }
  llvm::sort(pipeline.cubins, [](llvm::StringRef a, llvm::StringRef b) {
    return std::pair(cuda::numberOf(a), a) < std::pair(cuda::numberOf(b), b);
  });
  pipeline.cubins.erase(llvm::unique(pipeline.cubins), pipeline.cubins.end());
  // PTX runs on its architecture and all later ones, but cuts work for its devices: another one is made from where
  // these are others. That of sm_90a runs on nothing else.
  llvm::SmallVector<llvm::StringRef> generated;
  const cuda::Machine *common = nullptr;
  for (llvm::StringRef name : pipeline.cubins) {
    bool alone = name.ends_with("a");
    const cuda::Machine *machine = &cuda::machineFor(name);
    if (alone || machine != common) {
      generated.push_back(name);
    }
    common = alone ? common : machine;
  }
  pipeline.cuda = llvm::join(generated, ",");
  return ok;
}

/// Libraries that are asked for must be here: what they do is asked of them.
static int readLibraries(const Flags &flags, PipelineOptions &pipeline) {
  for (llvm::StringRef name : llvm::split(flags.cudaLibs, ',')) {
    if (!name.empty()) {
      pipeline.libraries.push_back(name.str());
    }
  }
  if (!pipeline.libraries.empty() && pipeline.cuda.empty()) {
    return usage_error("--cuda-libs wants a CUDA device that calls them", "--target=cpu,cuda:sm_80");
  }
  if (std::string problem = cuda::findLibraries(pipeline.libraries); !problem.empty()) {
    return usage_error("--cuda-libs: " + problem,
                       "install it, say where it is in MOME_CUBLASLT or MOME_CUDNN, or leave it out: "
                       "generated kernels need no library");
  }
  return ok;
}

static int readTarget(const Flags &flags, CompileOptions &options) {
  options.pipeline.codegen = flags.codegen;
  options.pipeline.targetCpu =
      flags.targetCpu == "native" ? hostTarget() : flags.targetCpu.getValue();
  if (flags.codegen != "cpu" && flags.codegen != "reference") {
    return usage_error("--codegen is cpu or reference, not '" + flags.codegen + "'");
  }
  if (int status = readMachines(flags.machine, options.pipeline); status != ok) {
    return status;
  }
  if (int status = readLibraries(flags, options.pipeline); status != ok) {
    return status;
  }
  if (options.deviceCode != CompileOptions::DeviceCode::none) {
    if (options.pipeline.cuda.empty()) {
      return usage_error("--emit=" + flags.emit + " wants a CUDA device to generate code for",
                         "--target=cpu,cuda:sm_80");
    }
    options.pipeline.cubins.clear(); // what is written is PTX, or made of it, for the first
    options.pipeline.cuda = llvm::StringRef(options.pipeline.cuda).split(',').first.str();
  }
  llvm::StringSet<> names;
  for (llvm::StringRef name : llvm::split(options.pipeline.targetCpu, ',')) {
    if (!cpu::findTarget(name)) {
      return usage_error("--target-cpu: there is no '" + name.str() + "'",
                         "native, " + cpu::targetNames().str());
    }
    if (!names.insert(name).second) {
      return usage_error("--target-cpu names '" + name.str() + "' twice", "name it once");
    }
  }
  if (options.deviceCode != CompileOptions::DeviceCode::none) {
    options.pipeline.targetCpu.clear(); // nobody looks at the processor's code
  }
  return ok;
}

/// "230,45": GFLOP/s and GB/s.
static int readMachine(const Flags &flags, CompileOptions &options) {
  if (!flags.peak.getNumOccurrences()) {
    return ok;
  }
  auto [flops, bytes] = llvm::StringRef(flags.peak).split(',');
  Machine &machine = options.machine;
  if (flops.getAsDouble(machine.flops) || bytes.getAsDouble(machine.bytes) || !machine.isKnown()) {
    return usage_error("--peak=" + flags.peak + " is no peak of a machine",
                       "write GFLOP/s and GB/s: 230,45");
  }
  machine.flops *= 1e9, machine.bytes *= 1e9;
  return ok;
}

/// `--remarks REGEX` is `--remarks=REGEX`, unless what follows is a flag or the file to compile.
static std::vector<std::string> joinRemarks(const std::vector<std::string> &arguments) {
  std::vector<std::string> joined;
  for (llvm::StringRef argument : arguments) {
    bool isValue =
        !joined.empty() && (joined.back() == "--remarks" || joined.back() == "-remarks") &&
        !argument.starts_with("-") && !argument.ends_with(".mome") && !argument.ends_with(".mlir");
    if (isValue) {
      joined.back() += "=" + argument.str();
    } else {
      joined.push_back(argument.str());
    }
  }
  return joined;
}

/// Ours are listed by --help, MLIR's by --help-hidden, those of LLVM's code generators by neither.
static void hideForeignFlags(const Flags &flags) {
  for (auto &[name, option] : cl::getRegisteredOptions()) {
    bool ours = llvm::any_of(option->Categories, [&](cl::OptionCategory *category) {
      return llvm::is_contained({&flags.model, &flags.stages, &flags.target, &flags.says},
                                category);
    });
    if (!ours && !name.starts_with("help")) {
      option->setHiddenFlag(name.starts_with("mlir-") ? cl::Hidden : cl::ReallyHidden);
    }
  }
}

/// What LLVM says of a flag ("momec: Unknown command line argument '--x'.  Try: ..."), shorter, and
/// with a guess among the flags that are listed.
static int flagError(llvm::StringRef problem) {
  problem.consume_front("momec: ");
  llvm::StringRef message = problem.split('\n').first.split(".  Try:").first;
  llvm::StringRef unknown = message.split('\'').second.split('\'').first.split('=').first;
  std::vector<std::string> names;
  for (auto &[name, option] : cl::getRegisteredOptions()) {
    if (option->getOptionHiddenFlag() != cl::ReallyHidden && name.size() > 1) {
      names.push_back(name.str());
    }
  }
  auto guess = syntax::nearest(unknown.ltrim('-').str(), names);
  return usage_error(message.str(), guess ? "did you mean '--" + *guess + "'?"
                                          : "momec MODEL.mome --help lists the flags");
}

/// True if all that comes of these flags is a package, of which no other program has a part.
static bool onlyPackage(const CompileOptions &options, llvm::ArrayRef<std::string> flags) {
  return options.compileTo == Stage::package && !options.compileFrom && options.dumpDir.empty() && !options.timing &&
         options.remarks.empty() && options.pipeline.cuda.empty() &&
         llvm::none_of(flags, [](llvm::StringRef flag) { return flag.contains("-mlir-"); });
}

int parseCompileOptions(Arguments arguments, DiagnosticFlags &diagnosticFlags,
                        CompileOptions &options) {
  std::vector<std::string> rest = {"momec"};
  for (const char *argument : arguments) {
    std::string_view text = argument;
    if (diagnosticFlags.take(text == "--Werror" ? "-Werror" : text)) {
      if (!diagnosticFlags.error.empty()) {
        return usage_error(diagnosticFlags.error);
      }
    } else {
      rest.push_back(argument);
    }
  }
  static Flags flags;
  registerMomePasses();
  mlir::registerTransformsPasses();
  mlir::registerAsmPrinterCLOptions();
  mlir::registerMLIRContextCLOptions();
  mlir::registerPassManagerCLOptions();
  mlir::registerDefaultTimingManagerCLOptions();
  hideForeignFlags(flags);
  std::string problem;
  llvm::raw_string_ostream stream(problem);
  std::vector<std::string> joined = joinRemarks(rest);
  std::vector<const char *> argv;
  for (const std::string &argument : joined) {
    argv.push_back(argument.c_str());
  }
  if (!cl::ParseCommandLineOptions(argv.size(), argv.data(), "Compiles a model to a package\n",
                                   &stream)) {
    problem = llvm::StringRef(problem).trim().str(); // empty if an option printed it itself
    return problem.empty() ? int(usage) : flagError(problem);
  }
  for (int (*read)(const Flags &, CompileOptions &) :
       {+[](const Flags &f, CompileOptions &) { return refuseUnsupported(f); }, readInput,
        readDefines, readTarget, readMachine}) {
    if (int status = read(flags, options); status != ok) {
      return status;
    }
  }
  options.pipeline.recompute = flags.budget != "none";
  if (flags.budget.getNumOccurrences() && options.pipeline.recompute) {
    options.pipeline.budget = parseBytes(flags.budget);
    if (!options.pipeline.budget) {
      return usage_error("--budget=" + flags.budget + " is no amount of memory",
                         "write 12GiB, 500MB, a number of bytes, or none");
    }
  }
  const char *cache = std::getenv("MOME_CACHE_DIR");
  options.pipeline.cache = flags.cache.getNumOccurrences() || !cache ? flags.cache.getValue() : std::string(cache);
  options.output = flags.output;
  options.dumpDir = flags.dumpDir;
  options.includeDirs.assign(flags.includes.begin(), flags.includes.end());
  options.preset = flags.preset;
  options.precision = flags.precision;
  options.remarks = flags.remarks.getNumOccurrences() && flags.remarks.empty()
                        ? std::string(".*")
                        : flags.remarks.getValue();
  options.timing = flags.timing;
  options.reportEntry = flags.entry;
  options.reportDepth = flags.depth;
  options.gpu = flags.gpu;
  options.kernelsFile = flags.kernels;
  for (auto [flag, value] : {std::pair(&flags.batch, &options.batch),
                             std::pair(&flags.evalBatch, &options.evalBatch)}) {
    if (flag->getNumOccurrences() && *flag < 1) {
      return usage_error("--" + flag->ArgStr.str() + " is a number of samples, at least 1");
    }
    if (flag->getNumOccurrences()) {
      *value = *flag;
    }
  }
  options.packageFlags = onlyPackage(options, joined) ? llvm::join(joined, "\n") : "";
  return ok;
}

std::string CompileOptions::pipelineFlags() const {
  std::string result;
  if (pipeline.codegen != "cpu") {
    result += " --codegen=" + pipeline.codegen;
  }
  if (!pipeline.cuda.empty()) {
    result += " --target=cuda:" +
              (pipeline.cubins.empty() ? pipeline.cuda : llvm::join(pipeline.cubins, ","));
  }
  if (!pipeline.libraries.empty()) {
    result += " --cuda-libs=" + llvm::join(pipeline.libraries, ",");
  }
  if (!pipeline.recompute) {
    result += " --budget=none";
  } else if (pipeline.budget) {
    result += " --budget=" + std::to_string(*pipeline.budget);
  }
  return result + (pipeline.targetCpu.empty() ? "" : " --target-cpu=" + pipeline.targetCpu);
}

} // namespace momec

// See predict.h. Every kernel of the program is counted once by the simulator (runtime/cuda/model/work.h).
#include "tools/momec/predict.h"
#include "tools/momec/text_table.h"

#include "dialects/RT/RT.h"
#include "passes/MemoryReport.h"
#include "passes/cuda/Ptxas.h"
#include "runtime/cuda/model/prediction.h"

#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace mome;

namespace momec {
namespace {

/// A kernel's launches on the device, and how often the program runs it.
struct KernelTime {
  double seconds = 0; // of one run
  std::string limiter, blocks;
  double flops = 0; // of one run
  int64_t runs = 0;
};

class Predictor {
public:
  Predictor(ModuleOp module, const cuda::DeviceData &device) : module(module), device(device) {}

  /// Reads the device's code, and what ptxas makes of it.
  bool open(StringRef architecture, std::string &problem);
  bool predict(rt::ProgramOp program, unsigned depth, std::string &problem);
  std::string text(StringRef program) const;

private:
  bool predictKernel(rt::DispatchOp dispatch, KernelTime &time, std::string &problem);

  ModuleOp module;
  const cuda::DeviceData &device;
  std::optional<cuda::WorkCounter> counter;
  llvm::StringMap<rt::LaunchesOp> launches;   // by kernel
  llvm::StringMap<cuda::Resources> resources; // by function
  std::string registersFrom;
  llvm::MapVector<StringRef, KernelTime> kernels;
  ByName<double> parts;
  double total = 0;
  int64_t launchCount = 0;
};

} // namespace

bool Predictor::open(StringRef architecture, std::string &problem) {
  for (auto code : module.getOps<rt::CodeOp>()) {
    if (code.getSymName().starts_with("cuda:")) {
      auto image = cast<DenseResourceElementsAttr>(code.getImage());
      ArrayRef<char> bytes = image.getRawHandle().getBlob()->getData();
      std::string ptx(bytes.data(), bytes.size());
      counter.emplace(ptx, problem);
      std::string noAssembler;
      if (std::optional<cuda::Cubin> cubin = cuda::assemblePtx(ptx, architecture, noAssembler)) {
        for (const cuda::FunctionRecord &f : cubin->functions) {
          resources[f.name] = {int(f.registers), uint32_t(f.shared)};
        }
        registersFrom = "registers as ptxas gives them";
      } else {
        registersFrom = "64 registers assumed for every thread, for want of ptxas";
      }
    }
  }
  for (auto op : module.getOps<rt::LaunchesOp>()) {
    launches[op.getKernel()] = op;
  }
  problem = counter || !problem.empty() ? problem : "there is no device code";
  return problem.empty();
}

bool Predictor::predictKernel(rt::DispatchOp dispatch, KernelTime &time, std::string &problem) {
  rt::LaunchesOp op = launches.lookup(dispatch.getKernel());
  std::vector<cuda::Argument> arguments;
  for (ArrayAttr list : {dispatch.getReads(), dispatch.getWrites()}) {
    for (auto slice : list.getAsRange<rt::SliceAttr>()) {
      arguments.emplace_back(cuda::Buffer{uint64_t(slice.getSize())});
    }
  }
  arguments.emplace_back(cuda::Buffer{uint64_t(op.getScratch())});
  double longest = 0;
  for (auto launch : op.getLaunches().getAsRange<rt::LaunchAttr>()) {
    cuda::LaunchShape shape;
    shape.function = launch.getFunction().str();
    shape.grid[0] = uint32_t(launch.getBlocks());
    shape.block[0] = uint32_t(launch.getThreads());
    shape.shared = uint32_t(launch.getShared());
    std::optional<cuda::Work> work = counter->count(shape, arguments, problem);
    if (!work) {
      return false;
    }
    cuda::Prediction p =
        cuda::predict(device, shape, *work, resources.lookup(launch.getFunction()));
    time.seconds += p.seconds;
    if (p.seconds > longest) {
      longest = p.seconds;
      time.limiter = std::string(p.limiter);
      time.blocks = llvm::formatv("{0} x {1}", launch.getBlocks(), launch.getThreads());
    }
  }
  time.flops = dispatch.getFlops().convertToDouble();
  return true;
}

bool Predictor::predict(rt::ProgramOp program, unsigned depth, std::string &problem) {
  for (auto dispatch : program.getBody().getOps<rt::DispatchOp>()) {
    auto [at, isNew] = kernels.try_emplace(dispatch.getKernel());
    KernelTime &time = at->second;
    if (isNew && !predictKernel(dispatch, time, problem)) {
      return false;
    }
    ++time.runs;
    total += time.seconds;
    launchCount += int64_t(launches.lookup(dispatch.getKernel()).getLaunches().size());
    parts[partOf(dispatch.getLoc(), depth)] += time.seconds;
  }
  return true;
}

static std::string microseconds(double seconds) {
  return llvm::formatv("{0:F1}", seconds * 1e6);
}

std::string Predictor::text(StringRef program) const {
  std::string result =
      llvm::formatv("\n{0} on {1}: predicted {2:F3} ms in {3} launches ({4}); never measured\n\n",
                    program, device.name, total * 1e3, launchCount, registersFrom);
  TextTable byPart({"part", "predicted us", "share"});
  for (const auto &[name, seconds] : parts) {
    byPart.add({name, microseconds(seconds), llvm::formatv("{0:F1} %", 100 * seconds / total)});
  }
  result += byPart.text() + "\n";
  SmallVector<std::pair<StringRef, KernelTime>> order(kernels.begin(), kernels.end());
  llvm::stable_sort(order, [](const auto &a, const auto &b) {
    return a.second.seconds * a.second.runs > b.second.seconds * b.second.runs;
  });
  constexpr size_t most = 20;
  TextTable byKernel(
      {"kernel", "runs", "predicted us each", "share", "GFLOP/s", "blocks", "limited by"});
  double rest = 0;
  for (const auto &[index, entry] : llvm::enumerate(order)) {
    const auto &[name, time] = entry;
    if (index >= most) {
      rest += time.seconds * time.runs;
      continue;
    }
    byKernel.add(
        {name.str(), std::to_string(time.runs), microseconds(time.seconds),
         llvm::formatv("{0:F1} %", 100 * time.seconds * time.runs / total),
         time.flops == 0 ? "-" : llvm::formatv("{0:F1}", time.flops / time.seconds * 1e-9).str(),
         time.blocks, time.limiter});
  }
  if (rest > 0) {
    byKernel.add({llvm::formatv("{0} more", order.size() - most), "", "",
                  llvm::formatv("{0:F1} %", 100 * rest / total), "", "", ""});
  }
  return result + byKernel.text();
}

std::optional<std::string> predictionText(ModuleOp module, const PredictionRequest &request,
                                          std::string &problem) {
  const std::string &wanted = request.gpu.empty() ? request.architecture : request.gpu;
  const cuda::DeviceData *device = cuda::find_device_data(wanted);
  if (!device) {
    problem = "there are no numbers of '" + wanted + "'; --gpu is one of " +
              std::string(cuda::device_data_names());
    return std::nullopt;
  }
  auto program = SymbolTable(module).lookup<rt::ProgramOp>(request.program);
  Predictor predictor(module, *device);
  if (!predictor.open(request.architecture, problem) ||
      !predictor.predict(program, request.depth, problem)) {
    return std::nullopt;
  }
  return predictor.text(request.program);
}

} // namespace momec

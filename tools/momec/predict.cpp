// See predict.h. Every kernel of the program is counted once by the simulator (runtime/cuda/model/work.h).
#include "tools/momec/predict.h"
#include "tools/momec/text_table.h"

#include "dialects/RT/RT.h"
#include "passes/Hazards.h"
#include "passes/MemoryReport.h"
#include "passes/cuda/Ptxas.h"
#include "runtime/cuda/model/prediction.h"

#include "mlir/IR/DialectResourceBlobManager.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

#include <limits>

using namespace mlir;
using namespace mome;

namespace momec {
namespace {

struct LaunchTime {
  cuda::LaunchShape shape;
  cuda::Resources resources;
  int64_t spilled = 0; // bytes per thread
  cuda::Work work;
  cuda::Prediction prediction;
};

/// A kernel's launches on the device for groups of one size, and how often the program runs it in such.
struct KernelTime {
  std::string name, root, path; // path: of the dispatch that runs it first
  int64_t group = 1;
  std::vector<LaunchTime> launches;         // of a whole group
  double seconds = 0, flops = 0, bytes = 0; // of one dispatch
  int64_t runs = 0;                         // dispatches

  bool usesTensorCores() const {
    return llvm::any_of(launches, [](const LaunchTime &l) { return l.work.tensor_flops > 0; });
  }
  /// Of what its tensor cores multiply: tf32 runs at half the rate of bf16.
  double tensorPeak(const cuda::DeviceData &device) const {
    bool usesTf32 =
        llvm::any_of(launches, [](const LaunchTime &l) { return l.work.tf32_flops > 0; });
    return device.tensor_peak() / (usesTf32 ? 2 : 1);
  }
  const LaunchTime &longest() const {
    return *llvm::max_element(launches, [](const LaunchTime &a, const LaunchTime &b) {
      return a.prediction.seconds < b.prediction.seconds;
    });
  }
};

class Predictor {
public:
  Predictor(ModuleOp module, const cuda::DeviceData &device) : module(module), device(device) {}

  /// Reads the device's code, and what ptxas makes of it.
  bool open(StringRef architecture, std::string &problem);
  bool predict(rt::ProgramOp program, unsigned depth, std::string &problem);
  std::string text(StringRef program) const;
  /// All of it, for other programs.
  llvm::json::Object json(StringRef program) const;

private:
  std::vector<const KernelTime *> longestFirst() const;
  bool predictKernel(rt::DispatchOp dispatch, KernelTime &time, std::string &problem);

  ModuleOp module;
  const cuda::DeviceData &device;
  std::optional<cuda::WorkCounter> counter;
  llvm::StringMap<rt::LaunchesOp> launches;      // by kernel
  llvm::StringMap<cuda::FunctionRecord> records; // of ptxas, by function
  std::string registersFrom;
  llvm::MapVector<std::pair<StringRef, int64_t>, KernelTime>
      kernels; // by name and size of the group
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
          records[f.name] = f;
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
  if (op.getLibrary()) {
    problem = "libraries run some of its kernels: compile without --cuda-libs";
    return false;
  }
  time.name = dispatch.getKernel().str();
  time.group = dispatch.getGroup();
  std::vector<cuda::Argument> arguments;
  for (int64_t member = 0; member < time.group; ++member) {
    for (ArrayAttr list : {dispatch.getReads(), dispatch.getWrites()}) {
      for (auto slice : list.getAsRange<rt::SliceAttr>()) {
        arguments.emplace_back(cuda::Buffer{uint64_t(slice.getSize())});
      }
    }
    arguments.emplace_back(cuda::Buffer{uint64_t(op.getScratch())});
  }
  for (auto launch : op.getLaunches().getAsRange<rt::LaunchAttr>()) {
    LaunchTime &one = time.launches.emplace_back();
    one.shape.function = launch.getFunction().str();
    one.shape.grid[0] = uint32_t(launch.getBlocks());
    one.shape.grid[1] = uint32_t(time.group);
    one.shape.block[0] = uint32_t(launch.getThreads());
    one.shape.shared = uint32_t(launch.getShared());
    cuda::FunctionRecord record = records.lookup(launch.getFunction());
    one.resources = {int(record.registers), uint32_t(record.shared)};
    one.spilled = record.spilled;
    std::optional<cuda::Work> work = counter->count(one.shape, arguments, problem);
    if (!work) {
      return false;
    }
    one.work = *work;
    one.prediction = cuda::predict(device, one.shape, *work, one.resources);
    time.seconds += one.prediction.seconds / double(time.group);
  }
  time.root = dispatch.getRoot().str();
  time.path = partOf(dispatch.getLoc(), std::numeric_limits<unsigned>::max());
  time.flops = dispatch.getFlops().convertToDouble();
  time.bytes = dispatch.getBytes().convertToDouble();
  return true;
}

bool Predictor::predict(rt::ProgramOp program, unsigned depth, std::string &problem) {
  for (const LaunchUnit &unit : findUnits(program)) {
    rt::DispatchOp first = unit.dispatches.front();
    auto [at, isNew] = kernels.try_emplace({first.getKernel(), first.getGroup()});
    KernelTime &time = at->second;
    if (isNew && !predictKernel(first, time, problem)) {
      return false;
    }
    time.runs += time.group;
    total += time.seconds * double(time.group);
    launchCount += int64_t(time.launches.size());
    for (rt::DispatchOp dispatch : unit.dispatches) {
      parts[partOf(dispatch.getLoc(), depth)] += time.seconds;
    }
  }
  return true;
}

static std::string microseconds(double seconds) {
  return llvm::formatv("{0:F1}", seconds * 1e6);
}

std::vector<const KernelTime *> Predictor::longestFirst() const {
  std::vector<const KernelTime *> order;
  for (const auto &[key, time] : kernels) {
    order.push_back(&time);
  }
  auto key = [](const KernelTime *time) {
    return std::tuple(-time->seconds * double(time->runs), StringRef(time->name), time->group);
  };
  llvm::sort(order, [&](const KernelTime *a, const KernelTime *b) { return key(a) < key(b); });
  return order;
}

static std::string percent(double part) {
  return llvm::formatv("{0:F1} %", 100 * part);
}

/// Of the kernels that take longest.
static std::string kernelTable(ArrayRef<const KernelTime *> order, double total,
                               const cuda::DeviceData &device) {
  constexpr size_t most = 20;
  TextTable table({"kernel", "root", "runs", "in groups of", "predicted us each", "share",
                   "GFLOP/s", "of tensor peak", "of DRAM peak", "blocks", "limited by"});
  double rest = 0;
  for (const auto &[index, entry] : llvm::enumerate(order)) {
    const KernelTime &time = *entry;
    double share = time.seconds * double(time.runs) / total, rate = time.flops / time.seconds;
    if (index >= most) {
      rest += share;
      continue;
    }
    const LaunchTime &longest = time.longest();
    table.add({time.name, time.root, std::to_string(time.runs), std::to_string(time.group),
               microseconds(time.seconds), percent(share),
               rate == 0 ? "-" : llvm::formatv("{0:F1}", rate * 1e-9).str(),
               time.usesTensorCores() ? percent(rate / time.tensorPeak(device)) : "-",
               percent(time.bytes / time.seconds / device.dram),
               llvm::formatv("{0} x {1}", longest.shape.blocks(), longest.shape.threads()),
               std::string(longest.prediction.limiter)});
  }
  if (rest > 0) {
    table.add({llvm::formatv("{0} more", order.size() - most), "", "", "", "", percent(rest), "",
               "", "", "", ""});
  }
  return table.text();
}

std::string Predictor::text(StringRef program) const {
  std::string result =
      llvm::formatv("\n{0} on {1}: predicted {2:F3} ms in {3} launches ({4}); never measured\n\n",
                    program, device.name, total * 1e3, launchCount, registersFrom);
  double flops = 0;
  double tensorPeak = 0; // the highest of any kernel's
  TextTable byPart({"part", "predicted us", "share"});
  for (const auto &[name, seconds] : parts) {
    byPart.add({name, microseconds(seconds), percent(seconds / total)});
  }
  for (const auto &[key, time] : kernels) {
    flops += time.flops * double(time.runs);
    tensorPeak = std::max(tensorPeak, time.usesTensorCores() ? time.tensorPeak(device) : 0);
  }
  if (tensorPeak > 0) {
    result += llvm::formatv("{0:F3} TFLOP: {1} of the tensor cores' peak\n\n", flops * 1e-12,
                            percent(flops / total / tensorPeak));
  }
  return result + byPart.text() + "\n" + kernelTable(longestFirst(), total, device);
}

static llvm::json::Object launchJson(const LaunchTime &launch) {
  const cuda::Work &work = launch.work;
  return llvm::json::Object{{"function", launch.shape.function},
                            {"blocks", int64_t(launch.shape.blocks())},
                            {"threads", int64_t(launch.shape.threads())},
                            {"shared", int64_t(launch.shape.shared)},
                            {"registers", launch.resources.registers},
                            {"spilled", launch.spilled},
                            {"resident", launch.prediction.occupancy.blocks},
                            {"us", launch.prediction.seconds * 1e6},
                            {"limiter", std::string(launch.prediction.limiter)},
                            {"requests", work.global_requests},
                            {"lines", work.lines},
                            {"sectors", work.sectors},
                            {"wavefronts", work.shared_wavefronts},
                            {"ideal_wavefronts", work.shared_ideal}};
}

llvm::json::Object Predictor::json(StringRef program) const {
  llvm::json::Array list;
  for (const KernelTime *entry : longestFirst()) {
    const KernelTime &time = *entry;
    llvm::json::Array launchList;
    for (const LaunchTime &launch : time.launches) {
      launchList.push_back(launchJson(launch));
    }
    list.push_back(llvm::json::Object{{"name", time.name},
                                      {"root", time.root},
                                      {"path", time.path},
                                      {"runs", time.runs},
                                      {"group", time.group},
                                      {"us", time.seconds * 1e6},
                                      {"flops", time.flops},
                                      {"bytes", time.bytes},
                                      {"tensor_cores", time.usesTensorCores()},
                                      {"launches", std::move(launchList)}});
  }
  return llvm::json::Object{{"program", program},
                            {"device", std::string(device.name)},
                            {"us", total * 1e6},
                            {"launches", launchCount},
                            {"tensor_peak", device.tensor_peak()},
                            {"fp32_peak", device.peak_flops()},
                            {"dram_peak", device.dram},
                            {"has_registers", !records.empty()},
                            {"kernels", std::move(list)}};
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
  if (!request.kernelsFile.empty()) {
    std::error_code error;
    llvm::raw_fd_ostream stream(request.kernelsFile, error);
    if (error) {
      problem = "cannot write '" + request.kernelsFile + "': " + error.message();
      return std::nullopt;
    }
    stream << llvm::formatv("{0:2}", llvm::json::Value(predictor.json(request.program))) << "\n";
    stream.close();
    if (stream.has_error()) {
      problem = "cannot write '" + request.kernelsFile + "': " + stream.error().message();
      stream.clear_error();
      return std::nullopt;
    }
  }
  return predictor.text(request.program);
}

} // namespace momec

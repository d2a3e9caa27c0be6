#include "passes/MemoryReport.h"

#include "dialects/Mome/Scope.h"
#include "dialects/RT/RT.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace mome {

static constexpr StringLiteral several = "(several)";

/// The first `depth` names of a path.
static std::string prefixOf(StringRef path, unsigned depth) {
  size_t end = 0;
  for (unsigned i = 0; i < depth && end != StringRef::npos; ++i) {
    end = path.find('.', end == 0 ? 0 : end + 1);
  }
  return path.take_front(end).str();
}

std::string partOf(Location loc, unsigned depth) {
  SmallVector<StringRef> common;
  bool first = true;
  for (model::ScopeAttr scope : model::getScopes(loc)) {
    std::string prefix = prefixOf(scope.getPath(), depth);
    SmallVector<StringRef> names;
    scope.getPath().take_front(prefix.size()).split(names, '.');
    if (first) {
      common = names;
    }
    first = false;
    size_t equal = 0;
    while (equal < std::min(common.size(), names.size()) && common[equal] == names[equal]) {
      ++equal;
    }
    common.truncate(equal);
  }
  return common.empty() || common.front().empty() ? several.str() : llvm::join(common, ".");
}

static std::optional<model::Phase> phaseOf(Location loc) {
  SmallVector<model::ScopeAttr> scopes = model::getScopes(loc);
  return scopes.empty() ? std::nullopt : std::optional(scopes.front().getPhase());
}

namespace {
/// A value of the work arena: from the dispatch that writes it to the last that reads it.
struct LiveValue {
  rt::DispatchOp writer, lastReader;
  int64_t begin, end, offset, size;
};

/// Collects the values of one program and what is in use when.
class Lives {
public:
  Lives(rt::ProgramOp program, StringRef arena);
  /// The values in use at the peak, and the dispatch that runs then.
  SmallVector<LiveValue> atPeak() const;
  rt::DispatchOp peakDispatch() const { return dispatches[peakTime]; }

private:
  void freeReplaced();

  SmallVector<rt::DispatchOp> dispatches;
  SmallVector<LiveValue> values;
  int64_t peakTime = 0;
};
} // namespace

Lives::Lives(rt::ProgramOp program, StringRef arena) {
  DenseMap<int64_t, size_t> byVersion; // a version is one value, wherever it is read
  for (auto dispatch : program.getBody().getOps<rt::DispatchOp>()) {
    int64_t time = int64_t(dispatches.size());
    dispatches.push_back(dispatch);
    for (auto slice : dispatch.getReads().getAsRange<rt::SliceAttr>()) {
      if (auto found = byVersion.find(slice.getVersion());
          slice.getArena().getValue() == arena && found != byVersion.end()) {
        values[found->second].end = time;
        values[found->second].lastReader = dispatch;
      }
    }
    for (auto slice : dispatch.getWrites().getAsRange<rt::SliceAttr>()) {
      if (slice.getArena().getValue() == arena) {
        byVersion[slice.getVersion()] = values.size();
        values.push_back({dispatch, dispatch, time, time, slice.getOffset(), slice.getSize()});
      }
    }
  }
  freeReplaced();
  SmallVector<int64_t> change(dispatches.size() + 1, 0);
  for (const LiveValue &value : values) {
    change[value.begin] += value.size;
    change[value.end + 1] -= value.size;
  }
  int64_t used = 0, most = -1;
  for (int64_t time = 0; time < int64_t(dispatches.size()); ++time) {
    used += change[time];
    if (used > most) {
      most = used, peakTime = time;
    }
  }
}

/// What a dispatch overwrites in place does not count beside what it becomes.
void Lives::freeReplaced() {
  DenseMap<std::pair<int64_t, int64_t>, size_t> ending; // (last use, offset)
  for (auto [i, value] : llvm::enumerate(values)) {
    if (value.begin < value.end) {
      ending[{value.end, value.offset}] = i;
    }
  }
  for (const LiveValue &value : values) {
    if (auto found = ending.find({value.begin, value.offset}); found != ending.end()) {
      values[found->second].end = value.begin - 1;
    }
  }
}

SmallVector<LiveValue> Lives::atPeak() const {
  return llvm::to_vector(llvm::make_filter_range(values, [&](const LiveValue &value) {
    return value.begin <= peakTime && peakTime <= value.end;
  }));
}

static void addNamedTensors(ModuleOp module, unsigned depth, MemoryReport &report) {
  for (auto tensor : module.getOps<rt::TensorOp>()) {
    StringRef kind = tensor.getKind(), name = tensor.getName();
    name = name.substr(name.find('/') + 1); // the moment "m/experts.acc..." is the parameter's
    auto part = [&]() -> PartUse & { return report.parts[prefixOf(name, depth)]; };
    if (kind == "param" || kind == "state") {
      part().weights += tensor.getBytes();
    } else if (kind == "moment") {
      part().optimizer += tensor.getBytes();
    } else if (kind == "grad") {
      part().gradients += tensor.getBytes();
    }
  }
}

static double &ofPhase(Work &work, std::optional<model::Phase> phase) {
  return phase == model::Phase::opt     ? work.update
         : phase == model::Phase::fwd   ? work.forward
         : phase == model::Phase::remat ? work.recomputed
                                        : work.backward;
}

static void addWork(rt::ProgramOp program, unsigned depth, MemoryReport &report) {
  for (auto dispatch : program.getBody().getOps<rt::DispatchOp>()) {
    PartUse &part = report.parts[partOf(dispatch.getLoc(), depth)];
    std::optional<model::Phase> phase = phaseOf(dispatch.getLoc());
    double flops = dispatch.getFlops().convertToDouble();
    double bytes = dispatch.getBytes().convertToDouble();
    ofPhase(part.flops, phase) += flops;
    report.recomputations += phase == model::Phase::remat;
    if (report.machine.isKnown()) {
      ofPhase(part.seconds, phase) +=
          std::max(flops / report.machine.flops, bytes / report.machine.bytes);
    }
  }
}

static void addLines(LiveValue value, ByName<HeldByLine> &lines) {
  SmallVector<FileLineColLoc> positions = model::getPositions(value.writer.getLoc());
  std::string line = "(no line)";
  if (!positions.empty()) { // a fused value belongs to the op that comes last
    line =
        (positions.back().getFilename().getValue() + ":" + Twine(positions.back().getLine())).str();
  }
  HeldByLine &held = lines[line];
  held.line = line;
  held.bytes += value.size;
  ++held.values;
}

/// The first extent of a modality among the inputs.
static int64_t batchOf(rt::ProgramOp program) {
  for (auto input : program.getInputs().getAsRange<FlatSymbolRefAttr>()) {
    auto tensor = SymbolTable::lookupNearestSymbolFrom<rt::TensorOp>(program, input);
    auto type = cast<RankedTensorType>(tensor.getType());
    if (tensor.getKind() == "input" && type.getRank() > 0) {
      return type.getDimSize(0);
    }
  }
  return 1;
}

/// True for the phases that the forward part leaves values for.
static bool isLater(std::optional<model::Phase> phase) {
  return phase == model::Phase::bwd || phase == model::Phase::remat;
}

static void addPeak(rt::ProgramOp program, unsigned depth, MemoryReport &report) {
  auto module = program->getParentOfType<ModuleOp>();
  ByName<HeldByLine> lines;
  for (auto arena : module.getOps<rt::ArenaOp>()) {
    report.arenas += arena.getSize();
    if (arena.getKind() == rt::ArenaKind::io) {
      report.io += arena.getSize();
    }
    if (arena.getKind() != rt::ArenaKind::work) {
      continue;
    }
    Lives lives(program, arena.getSymName());
    int64_t used = 0;
    for (LiveValue value : lives.atPeak()) {
      bool kept = phaseOf(value.writer.getLoc()) == model::Phase::fwd &&
                  isLater(phaseOf(value.lastReader.getLoc()));
      PartUse &part = report.parts[partOf(value.writer.getLoc(), depth)];
      (kept ? part.activations : part.workspace) += value.size;
      addLines(value, lines);
      used += value.size;
    }
    report.gaps += arena.getSize() - used;
    if (used > 0) {
      Location loc = lives.peakDispatch().getLoc();
      std::optional<model::Phase> phase = phaseOf(loc);
      report.peak = partOf(loc, 8) + (phase ? ", " + model::stringifyPhase(*phase).str() : "");
    }
  }
  for (auto &[line, held] : lines) {
    report.lines.push_back(held);
  }
  llvm::sort(report.lines, [](const HeldByLine &a, const HeldByLine &b) {
    return std::tie(b.bytes, a.line) < std::tie(a.bytes, b.line);
  });
}

FailureOr<MemoryReport> reportMemory(ModuleOp module, StringRef name, unsigned depth,
                                     const Machine &machine) {
  auto program = module.lookupSymbol<rt::ProgramOp>(name);
  if (!program) {
    return failure();
  }
  MemoryReport report;
  report.program = name.str();
  report.machine = machine;
  report.batch = batchOf(program);
  report.saved = program.getSaved().value_or(0);
  addNamedTensors(module, depth, report);
  addWork(program, depth, report);
  addPeak(program, depth, report);
  if (auto rest = report.parts.find(several.str()); rest != report.parts.end()) { // comes last
    PartUse use = rest->second;
    report.parts.erase(rest);
    report.parts[several.str()] = use;
  }
  return report;
}

std::string largestProgram(ModuleOp module) {
  rt::ProgramOp largest;
  for (auto program : module.getOps<rt::ProgramOp>()) {
    if (!largest || program.getPeak() > largest.getPeak()) {
      largest = program;
    }
  }
  return largest ? largest.getSymName().str() : "";
}

std::string mainProgram(ModuleOp module) {
  for (auto program : module.getOps<rt::ProgramOp>()) {
    if (program.getSymName().ends_with(".step")) {
      return program.getSymName().str();
    }
  }
  return largestProgram(module);
}

} // namespace mome

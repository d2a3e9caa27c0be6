// rt-verify-plan: proves that every read of a program finds the value it was planned for.
//
// Follows the bytes of each arena through the program. A write of version v makes its bytes hold v;
// a read of version v must find all of its bytes holding v. Version 0 is what a named tensor's or
// scalar's slot held before. So a clobbered transient, an in-place update that comes before another
// read of the old value, or a slot that two tensors share are all found, without knowing how the
// plan was made. Also: named slots are disjoint, work slices stay below the peak, every output is
// whole at the end, parts of slices are what the kernels read (while these have bodies), streams
// and waits keep dispatches that conflict in the program's order, no wait without need, and what may
// run beside each other has no conflict.
#include "passes/Passes.h"

#include "passes/Hazards.h"
#include "passes/Kernels.h"

#include <map>

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_VERIFYPLANPASS
#include "passes/Passes.h.inc"

namespace {
/// Disjoint ranges of an arena's bytes and the version each holds; bytes outside hold version 0.
class Contents {
public:
  void write(int64_t begin, int64_t end, int64_t version) {
    auto it = ranges.lower_bound(begin);
    if (it != ranges.begin() && std::prev(it)->second.end > begin) {
      --it;
    }
    while (it != ranges.end() && it->first < end) {
      auto [start, range] = *it;
      it = ranges.erase(it);
      if (start < begin) {
        ranges[start] = {begin, range.version};
      }
      if (range.end > end) {
        ranges[end] = {range.end, range.version};
      }
    }
    if (begin < end) {
      ranges[begin] = {end, version};
    }
  }

  /// The version that all bytes hold, or nothing if they hold several.
  std::optional<int64_t> read(int64_t begin, int64_t end) const {
    auto it = ranges.upper_bound(begin);
    if (it != ranges.begin() && std::prev(it)->second.end > begin) {
      --it;
      return it->second.end >= end ? std::optional(it->second.version) : std::nullopt;
    }
    return it == ranges.end() || it->first >= end ? std::optional<int64_t>(0) : std::nullopt;
  }

private:
  struct Range {
    int64_t end, version;
  };
  std::map<int64_t, Range> ranges;
};

class VerifyPlan : public impl::VerifyPlanPassBase<VerifyPlan> {
public:
  void runOnOperation() override {
    markAllAnalysesPreserved();
    ModuleOp module = getOperation();
    arenas.clear();
    slots.clear();
    tensors.clear();
    for (auto arena : module.getOps<rt::ArenaOp>()) {
      arenas[arena.getSymNameAttr()] = arena.getKind();
    }
    if (failed(collectSlots(module))) {
      return signalPassFailure();
    }
    kernels.clear();
    for (auto kernel : module.getOps<nn::KernelOp>()) { // until there is code
      kernels[kernel.getSymNameAttr()] = kernel;
    }
    for (auto program : module.getOps<rt::ProgramOp>()) {
      if (failed(verifyProgram(program))) {
        return signalPassFailure();
      }
    }
  }

private:
  using Memory = llvm::StringMap<Contents>; // by arena

  LogicalResult collectSlots(ModuleOp module);
  LogicalResult claim(Operation *op, FlatSymbolRefAttr arena, int64_t offset, int64_t size);
  LogicalResult verifyProgram(rt::ProgramOp program);
  LogicalResult verifyRead(rt::DispatchOp op, rt::SliceAttr slice, Memory &memory);
  LogicalResult verifyOutputs(rt::ProgramOp program, Memory &memory);
  LogicalResult verifyStreams(rt::ProgramOp program);

  DenseMap<StringAttr, rt::ArenaKind> arenas;
  DenseMap<StringAttr, rt::TensorOp> tensors;
  DenseMap<StringAttr, nn::KernelOp> kernels;
  DenseMap<StringAttr, std::map<int64_t, int64_t>> slots; // arena -> begin -> end of named slots
};
} // namespace

LogicalResult VerifyPlan::claim(Operation *op, FlatSymbolRefAttr arena, int64_t offset,
                                int64_t size) {
  std::map<int64_t, int64_t> &taken = slots[arena.getAttr()];
  auto next = taken.lower_bound(offset);
  bool meetsNext = next != taken.end() && next->first < offset + size;
  bool meetsPrevious = next != taken.begin() && std::prev(next)->second > offset;
  if (meetsNext || meetsPrevious) {
    return op->emitOpError("shares bytes with another named slot of ") << arena;
  }
  taken[offset] = offset + size;
  return success();
}

LogicalResult VerifyPlan::collectSlots(ModuleOp module) {
  for (auto tensor : module.getOps<rt::TensorOp>()) {
    tensors[tensor.getSymNameAttr()] = tensor;
    if (failed(claim(tensor, tensor.getArenaAttr(), tensor.getOffset(), tensor.getBytes()))) {
      return failure();
    }
  }
  for (auto scalar : module.getOps<rt::ScalarOp>()) {
    int64_t size = scalar.getType().getIntOrFloatBitWidth() / 8;
    if (failed(claim(scalar, scalar.getArenaAttr(), scalar.getOffset(), size))) {
      return failure();
    }
  }
  return success();
}

LogicalResult VerifyPlan::verifyRead(rt::DispatchOp op, rt::SliceAttr slice, Memory &memory) {
  int64_t begin = slice.getOffset(), end = begin + slice.getSize();
  std::optional<int64_t> held = memory[slice.getArena().getValue()].read(begin, end);
  if (held != slice.getVersion()) {
    InFlightDiagnostic error = op.emitOpError("reads ") << slice << ", but the bytes hold ";
    return held ? error << "v" << *held : error << "several values";
  }
  if (slice.getVersion() != 0) {
    return success();
  }
  const std::map<int64_t, int64_t> &named = slots[slice.getArena().getAttr()];
  auto slot = named.find(begin);
  if (slot == named.end() || slot->second != end) {
    return op.emitOpError("reads ") << slice << ", which nothing wrote and no named slot holds";
  }
  return success();
}

LogicalResult VerifyPlan::verifyOutputs(rt::ProgramOp program, Memory &memory) {
  llvm::DenseSet<Attribute> inputs(program.getInputs().begin(), program.getInputs().end());
  for (auto name : program.getOutputs().getAsRange<FlatSymbolRefAttr>()) {
    auto tensor = tensors.lookup(name.getAttr());
    int64_t begin = tensor.getOffset(), end = begin + tensor.getBytes();
    std::optional<int64_t> held = memory[tensor.getArena()].read(begin, end);
    bool unchanged = held == 0 && inputs.contains(name);
    if (!held || (*held == 0 && !unchanged)) {
      return program.emitOpError("does not write its output ") << name;
    }
  }
  return success();
}

/// What may run side by side, and in one launch, has no conflict.
static LogicalResult verifyNeighbours(rt::ProgramOp program) {
  auto dispatches = program.getBody().getOps<rt::DispatchOp>();
  for (auto [number, op, conflicts] : llvm::enumerate(dispatches, findHazards(program))) {
    if (op.getBeside() > countNeighbours(number, conflicts)) {
      return op.emitOpError("is to run beside the ")
             << op.getBeside() << " dispatches before it, but conflicts with dispatch "
             << conflicts.back();
    }
  }
  for (auto [number, unit] : llvm::enumerate(findUnits(program))) {
    if (llvm::is_contained(unit.conflicts, number)) {
      return unit.dispatches.front().emitOpError("and others of its group conflict");
    }
  }
  return success();
}

LogicalResult VerifyPlan::verifyProgram(rt::ProgramOp program) {
  Memory memory;
  int64_t latest = 0;
  for (auto op : program.getBody().getOps<rt::DispatchOp>()) {
    for (auto [i, slice] : llvm::enumerate(op.getReads().getAsRange<rt::SliceAttr>())) {
      if (failed(verifyRead(op, slice, memory))) {
        return failure();
      }
      nn::KernelOp kernel = kernels.lookup(op.getKernelAttr().getAttr());
      if (kernel && slice.getStride() != 0 && readPart(kernel, i, slice) != slice) {
        return op.emitOpError("reads ") << slice << ", but its kernel takes other elements";
      }
    }
    for (auto slice : op.getWrites().getAsRange<rt::SliceAttr>()) {
      int64_t end = slice.getOffset() + slice.getSize();
      if (slice.getVersion() <= latest) {
        return op.emitOpError("writes ") << slice << ", but v" << latest << " exists already";
      }
      latest = slice.getVersion();
      bool isWork = arenas.lookup(slice.getArena().getAttr()) == rt::ArenaKind::work;
      if (isWork && end > program.getPeak()) {
        return op.emitOpError("writes ") << slice << ", above the peak of " << program.getPeak();
      }
      memory[slice.getArena().getValue()].write(slice.getOffset(), end, slice.getVersion());
    }
  }
  if (failed(verifyOutputs(program, memory)) || failed(verifyNeighbours(program))) {
    return failure();
  }
  return verifyStreams(program);
}

LogicalResult VerifyPlan::verifyStreams(rt::ProgramOp program) {
  std::vector<LaunchUnit> units = findUnits(program);
  DenseMap<int64_t, unsigned> unitOf; // by the last of its dispatches
  StreamOrder order;
  for (LaunchUnit &unit : units) {
    rt::DispatchOp op = unit.dispatches.front();
    unsigned number = order.append(op.getStream());
    unitOf[unit.last] = number;
    SmallVector<unsigned> after;
    for (int64_t dispatch : op.getAfter()) {
      auto earlier = unitOf.find(dispatch);
      if (earlier == unitOf.end() || !llvm::is_contained(unit.conflicts, earlier->second)) {
        return op.emitOpError("waits for dispatch ") << dispatch << " without need";
      }
      after.push_back(earlier->second);
    }
    for (unsigned earlier : after) {
      bool isOrdered = order.isOrdered(earlier, number) || llvm::any_of(after, [&](unsigned other) {
                         return earlier < other && order.isOrdered(earlier, other);
                       });
      if (isOrdered) {
        return op.emitOpError("waits for dispatch ") << units[earlier].last << " without need";
      }
    }
    for (unsigned earlier : after) {
      order.wait(earlier);
    }
    for (unsigned conflict : unit.conflicts) {
      if (!order.isOrdered(conflict, number)) {
        return op.emitOpError("conflicts with dispatch ")
               << units[conflict].last << " of the program, but no stream or wait orders them";
      }
    }
  }
  return success();
}
} // namespace mome

// nn-plan-memory: every tensor gets bytes; entries become programs.
//
//   func.func @step(%w: tensor<4xf32> {nn.bind = #nn.bind<param, "w">})
//       -> (tensor<4xf32> {nn.bind = #nn.bind<param, "w">}) {
//     %0 = nn.call @k_a(%w) : ...
//     %1 = nn.call @k_b(%w, %0) : ...
//     return %1
//   }
// becomes
//   rt.arena @state size 64 kind state
//   rt.arena @work size 64 kind work
//   rt.tensor @"param:w" : tensor<4xf32> at @state[0]
//   rt.program @step inputs [@"param:w"] outputs [@"param:w"] peak 64 {
//     rt.dispatch @k_a(@state[0, 16] v0) -> (@work[0, 16] v1) ...
//     rt.dispatch @k_b(@state[0, 16] v0, @work[0, 16] v1) -> (@state[0, 16] v2) ...     // in place
//   }
//
// Calls of one wave run side by side: nothing that one of them reads or writes is written by another.
//
// Named tensors have one slot for all entries, in `state` (what checkpoints keep) or `io`. A
// returned value is written straight into its slot when nothing reads the slot's old content later;
// else a copy at the end does it. A value that dies in an elementwise kernel gives its memory to
// the result. nn.reshape is another name for the same bytes. Everything else is placed by
// ArenaColoring.h. `rt-verify-plan` checks the outcome without knowing how it came about.
#include "passes/ArenaColoring.h"
#include "passes/Kernels.h"
#include "passes/NamedTensors.h"
#include "passes/Passes.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_PLANMEMORYPASS
#include "passes/Passes.h.inc"

namespace {
/// Plans one entry and emits its program.
class EntryPlanner {
public:
  EntryPlanner(func::FuncOp entry, NamedTensors &names) : entry(entry), names(names) {}

  /// Named tensors of the signature; makes every result the result of a call of its own.
  LogicalResult prepare();
  /// Emits the program, given the final slots. Returns the bytes of work memory it touches.
  int64_t emit(OpBuilder &builder);

private:
  struct Use {
    int64_t time = 0;  // number of the wave
    nn::CallOp reader; // null: several calls of the wave
  };
  nn::BindAttr bindOf(unsigned result) {
    return entry.getResultAttrOfType<nn::BindAttr>(result, nn::NNDialect::bindAttrName);
  }
  nn::KernelOp kernelOf(nn::CallOp call);
  Value copyAtEnd(Value value);
  void numberCalls();
  bool canWriteInPlace(OpResult value, StringAttr symbol);
  bool passesInPlace(nn::CallOp call, Value base, unsigned result);
  void pinResults();
  void shareDyingOperands();
  void shareDyingOperand(nn::CallOp call, unsigned result);
  void placeTransients();
  rt::SliceAttr sliceOf(Value value);

  func::FuncOp entry;
  NamedTensors &names;
  SmallVector<nn::CallOp> calls;
  DenseMap<StringAttr, nn::KernelOp> kernels; // as far as they were looked up
  DenseMap<Operation *, int64_t> number;      // of a call's wave, in execution order
  DenseMap<Value, Use> lastUse;               // of a base: the last wave that reads it
  DenseMap<Value, StringAttr> pinned;         // base -> symbol of the named tensor it is stored in
  DenseMap<StringAttr, SmallVector<BlockArgument, 1>> oldValues; // symbol -> what holds it at first
  DenseMap<Value, Value> sharedWith; // base -> the earlier base whose bytes it takes over
  DenseMap<Value, int64_t> offsets;  // of transients, by the first base of their bytes
  DenseMap<Value, int64_t> versions;
  int64_t peak = 0;
};
} // namespace

//===-- Results -----------------------------------------------------------------------------===//

nn::KernelOp EntryPlanner::kernelOf(nn::CallOp call) {
  nn::KernelOp &kernel = kernels[call.getKernelAttr().getAttr()];
  if (!kernel) {
    kernel = SymbolTable::lookupNearestSymbolFrom<nn::KernelOp>(call, call.getKernelAttr());
  }
  return kernel;
}

Value EntryPlanner::copyAtEnd(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  nn::KernelOp kernel = getCopyKernel(entry->getParentOp(), type);
  OpBuilder builder(entry.getBody().front().getTerminator());
  return nn::CallOp::create(builder, value.getLoc(), type, kernel.getSymName(), value).getResult(0);
}

LogicalResult EntryPlanner::prepare() {
  for (BlockArgument argument : entry.getArguments()) {
    auto bind =
        entry.getArgAttrOfType<nn::BindAttr>(argument.getArgNumber(), nn::NNDialect::bindAttrName);
    FailureOr<StringAttr> symbol = names.add(entry, bind, argument.getType());
    if (failed(symbol)) {
      return failure();
    }
    pinned[argument] = *symbol;
    oldValues[*symbol].push_back(argument);
  }
  Operation *terminator = entry.getBody().front().getTerminator();
  llvm::SmallDenseSet<Value> taken;
  for (OpOperand &result : terminator->getOpOperands()) {
    FailureOr<StringAttr> symbol =
        names.add(entry, bindOf(result.getOperandNumber()), result.get().getType());
    if (failed(symbol)) {
      return failure();
    }
    Value base = baseOf(result.get());
    bool unchanged = isa<BlockArgument>(base) && pinned.lookup(base) == *symbol;
    bool moved = isa<BlockArgument>(base) && !unchanged;
    if (moved || !taken.insert(base).second) {
      result.set(copyAtEnd(result.get()));
    }
  }
  pinResults();
  numberCalls();
  shareDyingOperands();
  placeTransients();
  return success();
}

void EntryPlanner::numberCalls() {
  calls = llvm::to_vector(entry.getBody().getOps<nn::CallOp>());
  number.clear();
  lastUse.clear();
  int64_t time = -1;
  Attribute wave;
  for (nn::CallOp call : calls) {
    Attribute own = call->getAttr(waveAttrName);
    time += !own || own != wave;
    wave = own;
    number[call] = time;
    for (Value operand : call.getInputs()) {
      auto [use, fresh] = lastUse.try_emplace(baseOf(operand), Use{time, call});
      if (!fresh) {
        bool beside = use->second.time == time && use->second.reader != call;
        use->second = {time, beside ? nn::CallOp() : call};
      }
    }
  }
}

/// True if the call reads `base` only where `result` may take over its memory.
bool EntryPlanner::passesInPlace(nn::CallOp call, Value base, unsigned result) {
  nn::KernelOp kernel = kernelOf(call);
  for (auto [i, operand] : llvm::enumerate(call.getInputs())) {
    if (baseOf(operand) == base && !isInPlaceOperand(kernel, i, result)) {
      return false;
    }
  }
  return true;
}

/// True if the call that computes `result` may write it into the slot of `symbol`: nothing reads
/// the slot's old content after the call, and the call itself only in place.
bool EntryPlanner::canWriteInPlace(OpResult result, StringAttr symbol) {
  int64_t time = number.lookup(result.getOwner());
  for (BlockArgument old : oldValues.lookup(symbol)) {
    auto last = lastUse.find(old);
    if (last == lastUse.end() || last->second.time < time) {
      continue;
    }
    auto call = cast<nn::CallOp>(result.getOwner());
    if (last->second.time > time || last->second.reader != call ||
        !passesInPlace(call, old, result.getResultNumber())) {
      return false;
    }
  }
  return true;
}

void EntryPlanner::pinResults() {
  numberCalls();
  Operation *terminator = entry.getBody().front().getTerminator();
  for (OpOperand &result : terminator->getOpOperands()) {
    nn::BindAttr bind = bindOf(result.getOperandNumber());
    Value base = baseOf(result.get());
    if (isa<BlockArgument>(base)) {
      continue; // unchanged
    }
    StringAttr symbol = names.lookup(bind, result.get().getType());
    if (!canWriteInPlace(cast<OpResult>(base), symbol)) {
      result.set(base = copyAtEnd(result.get()));
    }
    pinned[base] = symbol;
  }
}

//===-- Transients --------------------------------------------------------------------------===//

/// The first base of the bytes that `base` is stored in.
static Value storageOf(Value base, const DenseMap<Value, Value> &sharedWith) {
  while (Value earlier = sharedWith.lookup(base)) {
    base = earlier;
  }
  return base;
}

void EntryPlanner::shareDyingOperands() {
  for (nn::CallOp call : calls) {
    for (OpResult result : call->getResults()) {
      if (!pinned.contains(result)) {
        shareDyingOperand(call, result.getResultNumber());
      }
    }
  }
}

/// Gives result number `result` the memory of an operand that dies in the call.
void EntryPlanner::shareDyingOperand(nn::CallOp call, unsigned result) {
  auto type = cast<RankedTensorType>(call.getResult(result).getType());
  for (Value operand : call.getInputs()) {
    Value base = baseOf(operand);
    bool dies = lastUse.lookup(base).reader == call && !pinned.contains(base);
    bool taken = llvm::any_of(call->getResults(),
                              [&](Value other) { return sharedWith.lookup(other) == base; });
    if (dies && !taken &&
        rt::getBytes(cast<RankedTensorType>(base.getType())) == rt::getBytes(type) &&
        passesInPlace(call, base, result)) {
      sharedWith[call.getResult(result)] = base;
      return;
    }
  }
}

void EntryPlanner::placeTransients() {
  SmallVector<Value> storages;
  SmallVector<Lifetime> lives;
  DenseMap<Value, size_t> indices;
  for (nn::CallOp call : calls) {
    int64_t time = number[call];
    for (Value result : call->getResults()) {
      if (pinned.contains(result)) {
        continue;
      }
      Value storage = storageOf(result, sharedWith);
      auto [it, fresh] = indices.try_emplace(storage, storages.size());
      if (fresh) {
        storages.push_back(storage);
        lives.push_back({time, time, rt::getBytes(cast<RankedTensorType>(result.getType()))});
      }
      auto last = lastUse.find(result);
      Lifetime &life = lives[it->second];
      life.last = std::max(life.last, last == lastUse.end() ? time : last->second.time);
    }
  }
  Packing packing = packArena(lives, rt::RTDialect::alignment);
  for (auto [storage, offset] : llvm::zip_equal(storages, packing.offsets)) {
    offsets[storage] = offset;
  }
  peak = packing.peak;
  remark::analysis(entry.getLoc(),
                   remark::RemarkOpts::name(entry.getSymName()).category("nn-plan-memory"))
      << remark::metric("peak", peak)
      << remark::metric("at least", lowerBound(lives, rt::RTDialect::alignment));
}

//===-- Emission ----------------------------------------------------------------------------===//

rt::SliceAttr EntryPlanner::sliceOf(Value value) {
  Value base = baseOf(value);
  int64_t size = rt::getBytes(cast<RankedTensorType>(base.getType()));
  int64_t version = versions.lookup(base);
  if (StringAttr symbol = pinned.lookup(base)) {
    auto [arena, offset] = names.slotOf(symbol);
    return rt::SliceAttr::get(entry.getContext(), arena, offset, size, version);
  }
  auto work = FlatSymbolRefAttr::get(entry.getContext(), "work");
  return rt::SliceAttr::get(entry.getContext(), work, offsets.lookup(storageOf(base, sharedWith)),
                            size, version);
}

static std::string rootName(nn::KernelOp kernel) {
  Operation *root = kernel.getRoot();
  return isa<nn::YieldOp>(root) ? "copy" : root->getName().getStringRef().str();
}

int64_t EntryPlanner::emit(OpBuilder &builder) {
  auto tensorSymbols = [&](ValueRange values) {
    SmallVector<Attribute> symbols;
    for (Value value : values) {
      StringAttr symbol = pinned.lookup(baseOf(value));
      if (!symbol.getValue().starts_with("scalar:")) {
        symbols.push_back(FlatSymbolRefAttr::get(symbol));
      }
    }
    return builder.getArrayAttr(symbols);
  };
  auto used = llvm::to_vector_of<Value>(llvm::make_filter_range(
      entry.getArguments(), [](Value argument) { return !argument.use_empty(); }));
  auto program =
      rt::ProgramOp::create(builder, entry.getLoc(), entry.getSymName(), tensorSymbols(used),
                            tensorSymbols(entry.getBody().front().getTerminator()->getOperands()),
                            peak, entry->getAttrOfType<IntegerAttr>(nn::NNDialect::savedAttrName));
  OpBuilder body = OpBuilder::atBlockEnd(&program.getBody().emplaceBlock());
  int64_t version = 0;
  for (nn::CallOp call : calls) {
    nn::KernelOp kernel = kernelOf(call);
    SmallVector<Attribute> reads, writes;
    double flops = 0, bytes = 0;
    for (auto [i, operand] : llvm::enumerate(call.getInputs())) {
      reads.push_back(readPart(kernel, i, sliceOf(operand)));
    }
    for (Value result : call->getResults()) {
      versions[result] = ++version;
      writes.push_back(sliceOf(result));
    }
    for (Attribute slice : llvm::concat<Attribute>(reads, writes)) {
      bytes += cast<rt::SliceAttr>(slice).getSize();
    }
    for (Operation &op : kernel.getBody().front().without_terminator()) {
      flops += isa<nn::ConstantOp>(op) ? 0 : nn::getFlops(&op);
    }
    rt::DispatchOp::create(body, call.getLoc(), call.getKernelAttr(), body.getArrayAttr(reads),
                           body.getArrayAttr(writes), body.getStringAttr(rootName(kernel)),
                           body.getF64FloatAttr(flops), body.getF64FloatAttr(bytes));
  }
  return peak;
}

//===-- The pass ----------------------------------------------------------------------------===//

namespace {
class PlanMemory : public impl::PlanMemoryPassBase<PlanMemory> {
public:
  void runOnOperation() override {
    ModuleOp module = getOperation();
    NamedTensors names(module);
    auto entries = llvm::to_vector(module.getOps<func::FuncOp>());
    std::vector<EntryPlanner> planners;
    for (func::FuncOp entry : entries) {
      planners.emplace_back(entry, names);
      if (failed(planners.back().prepare())) {
        return signalPassFailure();
      }
    }
    OpBuilder builder(&getContext());
    builder.setInsertionPointToStart(module.getBody());
    names.emit(builder);
    auto work = rt::ArenaOp::create(builder, module.getLoc(), "work", 0, rt::ArenaKind::work);
    builder.setInsertionPointToEnd(module.getBody());
    for (EntryPlanner &planner : planners) {
      work.setSize(std::max<int64_t>(work.getSize(), planner.emit(builder)));
    }
    for (func::FuncOp entry : entries) {
      entry.erase();
    }
  }
};
} // namespace
} // namespace mome

// One reduction over any axes, with an elementwise prologue on the operand and an elementwise
// epilogue on the result.
//
//   each block: some neighbours of the result (8 to 128 if the last axis is kept, else one), over a part
//   of what is reduced
//     thread (p, j): state = elements p, p + rows, p + 2 rows, ... of column j, or of a few neighbours, 8 bytes
//       of the narrowest operand
//     a tree over p in shared memory -> epilogue, or the block's part -> scratch
//   second launch, if there are parts: each block combines those of some elements, in the same way
//
// How many columns, threads and parts is what should be through first on the architecture's device: few
// columns and many threads often spare the second launch. The order of a sum depends on the shapes and
// the architecture alone.
#include "passes/BodyEmitter.h"
#include "passes/cuda/Families.h"
#include "passes/cuda/SharedTile.h"
#include "passes/cuda/ThreadReduction.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

/// Of a block of the second launch.
static constexpr int64_t wholeThreads = 256;
/// Threads along the result's neighbours in a block at most, if the last axis is kept; at least those of a
/// sector of global memory.
static constexpr int64_t mostWidth = 32, sectorBytes = 32;
/// What memory gives at once: a block should take all of it, if that costs nothing else.
static constexpr int64_t burstBytes = 64;
/// What a thread loads at once of the narrowest operand, if it can: too little is under way else.
static constexpr int64_t loadBytes = 16, mostLanes = 8;
/// Elements that a thread should have to combine at least, if there are parts.
static constexpr int64_t leastElements = 8;
/// Threads of a multiprocessor at a time, and loads of a thread that wait together.
static constexpr int64_t residentThreads = 1536, loadsTogether = 4;
/// Cycles of such loads: on an H200, 144 blocks of 256 threads with four loads of 8 bytes got 1695 GB/s, 13.8 bytes
/// per cycle and multiprocessor.
static constexpr double loadCycles = 1200;
/// What a multiprocessor can ask memory for, as a multiple of its share of the bandwidth: less than the 64 bytes per
/// cycle that it can take from the second-level cache, five times its share on A100 and H100.
static constexpr double mostOfShare = 4;
/// Cycles of the tree, and of a multiprocessor for an element of each thread of a warp.
static constexpr double treeCycles = 500, elementCycles = 1;
/// Sums along shorter rows are row programs.
static constexpr int64_t shortestRow = 1024;

namespace {

/// The axes of the operand as two linear ranges, and how blocks cut them.
struct Plan {
  Plan(const IterationSpace &space, nn::ReductionOpInterface op, const Machine &machine);

  SmallVector<unsigned> kept, reduced; // loops
  SmallVector<int64_t> keptExtents, reducedExtents;
  int64_t results, elements; // elements: per result
  int64_t lanes = 1;         // neighbours of the result per thread
  int64_t width = 1;         // threads along these per block
  int64_t threads = 0;
  int64_t parts = 1, partElements = 0;

  int64_t countBlocks() const { return parts * ceilDiv(results, width * lanes); }

private:
  /// Cuts for about so many blocks; the cycles that this should take.
  double cut(int64_t wantedWidth, int64_t wantedThreads, int64_t wantedParts,
             const Machine &machine);

  int64_t elementBytes = 0; // of all operands that are reduced
};

class ReductionKernel {
public:
  ReductionKernel(LaunchBuilder &b, const Plan &plan, const IterationSpace &operandSpace,
                  const IterationSpace &resultSpace, nn::ReductionOpInterface op)
      : b(b), plan(plan), op(op), operandSpace(operandSpace), resultSpace(resultSpace),
        reduction(b, op.getReductionKind()) {}

  /// The first launch; its blocks.
  int64_t emitParts();
  /// The second one, if there are parts; its blocks.
  int64_t emitWhole();

private:
  SmallVector<Value> emitRange(Value result, Value from, Value to, int64_t step);
  void emitEpilogue(ValueRange state, Value result);
  SmallVector<Value> reserveParts();

  LaunchBuilder &b;
  const Plan &plan;
  nn::ReductionOpInterface op;
  const IterationSpace &operandSpace, &resultSpace;
  ThreadReduction reduction;
};

} // namespace

Plan::Plan(const IterationSpace &space, nn::ReductionOpInterface op, const Machine &machine) {
  for (unsigned axis = 0; axis < space.getExtents().size(); ++axis) {
    if (std::optional<unsigned> loop = space.getLoop(axis)) {
      bool isReduced = llvm::is_contained(op.getReducedAxes(), axis);
      (isReduced ? reduced : kept).push_back(*loop);
      (isReduced ? reducedExtents : keptExtents).push_back(space.getLoopExtents()[*loop]);
    }
  }
  results = ShapedType::getNumElements(keptExtents);
  elements = ShapedType::getNumElements(reducedExtents);
  int64_t narrowest = sectorBytes;
  for (Value operand : op->getBlock()->getArguments()) {
    auto type = cast<RankedTensorType>(operand.getType());
    if (type.getNumElements() == results * elements) {
      int64_t bytes = ceilDiv(type.getElementTypeBitWidth(), 8);
      elementBytes += bytes;
      narrowest = std::min(narrowest, bytes);
    }
  }
  bool lastIsKept = !kept.empty() && kept.back() + 1 == space.getNumLoops();
  Plan best = *this;
  double least = std::numeric_limits<double>::infinity();
  if (lastIsKept && op.getReductionKind() == nn::ReductionKind::sum) {
    lanes = std::clamp<int64_t>(loadBytes / narrowest, 1, mostLanes);
    while (keptExtents.back() % lanes != 0) {
      lanes /= 2;
    }
    best.lanes = lanes;
  }
  int64_t widest = lastIsKept ? mostWidth : 1;
  for (int64_t columns = widest; columns == widest || columns * lanes * narrowest >= sectorBytes;
       columns /= 2) {
    int64_t blocks = ceilDiv(results, columns * lanes);
    for (int64_t blockThreads : {256, 512, 1024}) {
      int64_t worthwhile = elements / (blockThreads / columns * leastElements);
      for (int64_t perMultiprocessor : {0, 1, 2, 4}) {
        int64_t fill = perMultiprocessor * machine.multiprocessors / blocks;
        double cycles = cut(columns, blockThreads, std::min(fill, worthwhile), machine);
        bool spreads = parts == 1 && columns * lanes * narrowest >= burstBytes &&
                       countBlocks() > best.countBlocks();
        if (cycles < least || (cycles == least && spreads)) {
          least = cycles;
          best = *this;
        }
      }
    }
  }
  *this = best;
}

double Plan::cut(int64_t wantedWidth, int64_t wantedThreads, int64_t wantedParts,
                 const Machine &machine) {
  width = wantedWidth;
  threads = wantedThreads;
  partElements = ceilDiv(elements, std::max<int64_t>(wantedParts, 1));
  parts = ceilDiv(elements, partElements);
  int64_t blocks = countBlocks();
  int64_t perMultiprocessor = ceilDiv(blocks, machine.multiprocessors);
  int64_t groups = ceilDiv(perMultiprocessor, residentThreads / threads);
  int64_t loads = ceilDiv(partElements, threads / width);
  double busy = double(threads / warpThreads * loads * lanes) * elementCycles; // of a block
  double waits = double(ceilDiv(loads, loadsTogether)) * loadCycles + treeCycles;
  double asking = std::min(1.0, mostOfShare * double(blocks) / double(machine.multiprocessors));
  double moved = double(results * elements * elementBytes) / double(machine.dramBytes) / asking;
  double cycles =
      std::max({double(groups) * waits + busy, double(perMultiprocessor) * busy, moved});
  return parts == 1 ? cycles : cycles + double(machine.launchCycles) + loadCycles + treeCycles;
}

/// The state of elements `from`, `from + step`, ... of a result, or of a thread's neighbours from that on.
SmallVector<Value> ReductionKernel::emitRange(Value result, Value from, Value to, int64_t step) {
  BodyEmitter prologue(b, operandSpace);
  ReductionEmitter &emitter = reduction.getEmitter();
  Point point{SmallVector<Value>(operandSpace.getNumLoops()), std::nullopt, nullptr};
  if (b.getLanes() > 1) {
    point.vectorLoop = plan.kept.back();
    point.isAligned = true;
  }
  for (auto [loop, at] : llvm::zip_equal(plan.kept, b.delinearize(result, plan.keptExtents))) {
    point.loops[loop] = at;
  }
  auto addAt = [&](Value number, ValueRange state) {
    for (auto [loop, at] :
         llvm::zip_equal(plan.reduced, b.delinearize(number, plan.reducedExtents))) {
      point.loops[loop] = at;
    }
    Value element = prologue.emit(op->getOperand(0), point);
    element = point.vectorLoop ? b.splat(element) : element;
    Value index;
    if (emitter.needsIndex()) {
      index = prologue.evaluateAxis(op.getReducedAxes().front(), point, b.getI32Type());
    }
    return emitter.add(state, element, index);
  };
  // Several elements at a time, whose loads are under way together, while there are as many; then fewer.
  SmallVector<Value> state = emitter.init(point.vectorLoop.has_value());
  state.push_back(from);
  for (int64_t together = loadsTogether; together > 1; together /= 2) {
    Value bound = b.createOrFold<arith::SubIOp>(to, b.index((together - 1) * step));
    auto addSome = [&](Value number, ValueRange before) {
      SmallVector<Value> after = llvm::to_vector(before.drop_back());
      for (int64_t i = 0; i < together; ++i) {
        after = addAt(b.addIndex(number, i * step), after);
      }
      after.push_back(b.addIndex(number, together * step));
      return after;
    };
    state = llvm::to_vector(b.reduceLoop(state.back(), bound, together * step, state, addSome));
  }
  Value rest = state.pop_back_val();
  return llvm::to_vector(b.reduceLoop(rest, to, step, state, addAt));
}

void ReductionKernel::emitEpilogue(ValueRange state, Value result) {
  BodyEmitter epilogue(b, resultSpace);
  Point point{b.delinearize(result, plan.keptExtents), std::nullopt, nullptr};
  if (b.getLanes() > 1) {
    point.vectorLoop = resultSpace.getNumLoops() - 1;
    point.isAligned = true;
  }
  Value value = point.vectorLoop ? state.back() : reduction.getEmitter().finish(state);
  epilogue.bind(op->getResult(0), resultSpace.getIdentityView(), value);
  epilogue.emitResults(point);
}

/// The parts' states in scratch: one buffer per component, [part][result].
SmallVector<Value> ReductionKernel::reserveParts() {
  SmallVector<Value> buffers{b.reserveScratch({plan.parts * plan.results}, b.getF32Type())};
  if (reduction.getEmitter().needsIndex()) {
    buffers.push_back(b.reserveScratch({plan.parts * plan.results}, b.getI32Type()));
  }
  return buffers;
}

int64_t ReductionKernel::emitParts() {
  int64_t resultBlocks = ceilDiv(plan.results, plan.width * plan.lanes);
  int64_t depth = plan.threads / plan.width;
  SmallVector<Value> place = b.delinearize(b.getBlock(), {plan.parts, resultBlocks});
  Value number =
      b.addIndex(b.mulIndex(place[1], plan.width), b.remIndex(b.getThread(), plan.width));
  Value result = b.mulIndex(number, plan.lanes);
  Value exists = b.isLess(result, b.index(plan.results));
  Value from = b.mulIndex(place[0], plan.partElements);
  Value end = b.minIndex(b.addIndex(from, plan.partElements), plan.elements);
  // A thread behind the last result takes its elements, and keeps what comes out to itself.
  Value safe = b.minIndex(result, plan.results - plan.lanes);
  SmallVector<Value> state =
      emitRange(safe, b.addIndex(from, b.divIndex(b.getThread(), plan.width)), end, depth);
  state = reduction.overColumns(state, plan.threads, plan.width);
  Value isFirst = b.isLess(b.getThread(), b.index(plan.width));
  b.ifThen(arith::AndIOp::create(b, exists, isFirst), [&] {
    if (plan.parts == 1) {
      emitEpilogue(state, result);
      return;
    }
    Value at = b.addIndex(b.mulIndex(place[0], plan.results), result);
    for (auto [value, buffer] : llvm::zip_equal(state, reserveParts())) {
      storeVector(b, value, buffer, at);
    }
  });
  return plan.parts * resultBlocks;
}

int64_t ReductionKernel::emitWhole() {
  SmallVector<Value> buffers = reserveParts();
  int64_t depth = std::min<int64_t>(llvm::bit_floor(uint64_t(plan.parts)), wholeThreads);
  int64_t width = wholeThreads / depth;
  Value result = b.addIndex(b.mulIndex(b.getBlock(), width), b.remIndex(b.getThread(), width));
  Value safe = b.minIndex(result, plan.results - 1);
  auto load = [&](Value part) {
    Value at = b.addIndex(b.mulIndex(part, plan.results), safe);
    return llvm::map_to_vector(
        buffers, [&](Value buffer) -> Value { return memref::LoadOp::create(b, buffer, at); });
  };
  Value first = b.divIndex(b.getThread(), width);
  SmallVector<Value> state =
      llvm::to_vector(b.reduceLoop(b.addIndex(first, depth), b.index(plan.parts), depth,
                                   load(first), [&](Value part, ValueRange before) {
                                     return reduction.getEmitter().combine(before, load(part));
                                   }));
  if (depth > 1) {
    state = reduction.overColumns(state, wholeThreads, width);
  }
  Value stores = arith::AndIOp::create(b, b.isLess(result, b.index(plan.results)),
                                       b.isLess(b.getThread(), b.index(width)));
  b.ifThen(stores, [&] { emitEpilogue(state, result); });
  return ceilDiv(plan.results, width);
}

DeviceKernel mome::cuda::emitReduction(nn::KernelOp kernel, OpBuilder &builder) {
  auto reductions = kernel.getBody().front().getOps<nn::ReductionOpInterface>();
  if (!llvm::hasSingleElement(reductions)) {
    return refuse("");
  }
  nn::ReductionOpInterface op = *reductions.begin();
  auto shapeOf = [](Value value) { return cast<RankedTensorType>(value.getType()).getShape(); };
  IterationSpace operandSpace(shapeOf(op->getOperand(0)), kernel.getContext());
  IterationSpace resultSpace(shapeOf(op->getResult(0)), kernel.getContext());
  if (std::string reason = prepareReduction(op, operandSpace, resultSpace); !reason.empty()) {
    return refuse(reason);
  }
  Plan plan(operandSpace, op, machineOf(builder.getBlock()->getParentOp()));
  bool alongRows =
      op.getReducedAxes() == ArrayRef<int64_t>(int64_t(operandSpace.getExtents().size()) - 1);
  if (alongRows && plan.elements <= shortestRow) {
    return refuse(""); // a row program of a warp per row
  }
  DeviceKernel result;
  LaunchBuilder b(kernel, 0, plan.lanes, builder);
  int64_t blocks = ReductionKernel(b, plan, operandSpace, resultSpace, op).emitParts();
  b.finish(result, blocks, plan.threads);
  if (plan.parts > 1) {
    LaunchBuilder second(kernel, 1, /*lanes=*/1, builder);
    blocks = ReductionKernel(second, plan, operandSpace, resultSpace, op).emitWhole();
    second.finish(result, blocks, wholeThreads);
  }
  return result;
}

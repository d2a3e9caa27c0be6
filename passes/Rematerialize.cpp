// nn-rematerialize: entries that need more memory than the budget compute forward values again
// instead of keeping them for the backward part. Without a budget, entries do so where it costs
// next to nothing.
//
//   %h = nn.dispatch(%x) ...           fwd       %h = nn.dispatch(%x) ...        fwd
//   %y = nn.dispatch(%h) ...           fwd       %y = nn.dispatch(%h) ...        fwd; %h dies
//   ...                                     ->   ...
//   %d = nn.dispatch(%h, %g) ...       bwd       %h1 = nn.dispatch(%x) ...       remat
//                                                %d = nn.dispatch(%h1, %g) ...   bwd
//
// What is recomputed: Recomputation.h. Its plans form a fixed list of increasing work. For each
// entry they are tried in this order, outlined, scheduled and packed as the stages to come will do
// it, and the first plan that fits wins (both what it keeps and its peak). So a smaller budget never
// leads to less work or a higher peak, and the budget is kept to the byte. Where no plan fits, the one with the lowest peak is
// taken, and `momec` refuses the result (E0503).
//
// Without a budget: as much of the list as adds `share` to the entry's time, and of that the least
// that reaches the same peak; nothing if that is no lower. Entries with less than `small` bytes of
// work memory are left alone: dispatches have a price of their own, which the model of the time does
// not know, and there is little to gain.
//
// Invariant out: `nn.recomputed` of an entry says how many dispatches have the phase `remat`. From
// here on common subexpressions must not be eliminated: nn-verify-dispatches counts (D5).
#include "passes/Kernels.h"
#include "passes/Passes.h"
#include "passes/Recomputation.h"

#include "mlir/IR/Remarks.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_REMATERIALIZEPASS
#include "passes/Passes.h.inc"

namespace {
using Step = Recomputation::Step;

/// What the allocator makes of a module.
struct Plan {
  int64_t lasting = 0;            // bytes of named tensors
  llvm::StringMap<int64_t> peaks; // work memory, by entry
};

class Rematerialize : public impl::RematerializePassBase<Rematerialize> {
public:
  using Base::Base;
  void runOnOperation() override;

private:
  FailureOr<Plan> planMemory(OwningOpRef<ModuleOp> module);
  FailureOr<int64_t> peakOf(func::FuncOp entry, ArrayRef<Step> steps);
  LogicalResult fit(func::FuncOp entry, int64_t peak, int64_t room);
  FailureOr<size_t> countFor(func::FuncOp entry, ArrayRef<Step> steps, int64_t kept, int64_t &peak);
  LogicalResult takeCheap(func::FuncOp entry, int64_t peak);
  void apply(func::FuncOp entry, ArrayRef<Step> steps, int64_t saved);
};
} // namespace

static remark::RemarkOpts remarkOf(func::FuncOp entry) {
  return remark::RemarkOpts::name(entry.getSymName()).category("nn-rematerialize");
}

/// The numbers of steps that make the plans, `most` or fewer: each keeps about as many bytes less as the one before.
static SmallVector<size_t> plansOf(ArrayRef<Step> steps, int64_t kept, int64_t most) {
  SmallVector<size_t> plans;
  int64_t saved = steps.empty() ? 0 : kept - steps.back().kept, next = 1;
  for (auto [i, step] : llvm::enumerate(steps)) {
    if ((kept - step.kept) * most >= saved * next) {
      plans.push_back(i + 1);
      next = (kept - step.kept) * most / saved + 1;
    }
  }
  return plans;
}

FailureOr<Plan> Rematerialize::planMemory(OwningOpRef<ModuleOp> module) {
  PassManager manager(&getContext()); // of a module of its own
  manager.enableVerifier(false);
  manager.addPass(createOutlineKernelsPass());
  SchedulePassOptions schedule;
  schedule.groups = groups;
  manager.addNestedPass<func::FuncOp>(createSchedulePass(schedule));
  manager.addPass(createPlanMemoryPass());
  if (failed(manager.run(*module))) {
    return failure();
  }
  Plan plan;
  for (auto arena : module->getOps<rt::ArenaOp>()) {
    plan.lasting += arena.getKind() == rt::ArenaKind::work ? 0 : arena.getSize();
  }
  for (auto program : module->getOps<rt::ProgramOp>()) {
    plan.peaks[program.getSymName()] = program.getPeak();
  }
  return plan;
}

static void take(Recomputation &recomputation, ArrayRef<Step> steps) {
  for (const Step &step : steps) {
    recomputation.take(step);
  }
}

/// The work memory that the entry needs after these steps.
FailureOr<int64_t> Rematerialize::peakOf(func::FuncOp entry, ArrayRef<Step> steps) {
  OwningOpRef<ModuleOp> module = cast<ModuleOp>(getOperation()->cloneWithoutRegions());
  module->getBodyRegion().emplaceBlock();
  func::FuncOp copy = entry.clone();
  module->push_back(copy);
  Recomputation recomputation(copy);
  take(recomputation, steps);
  recomputation.apply();
  FailureOr<Plan> plan = planMemory(std::move(module));
  return failed(plan) ? FailureOr<int64_t>(failure()) : plan->peaks[entry.getSymName()];
}

static double flopsOf(nn::DispatchOp dispatch) {
  double flops = 0;
  for (Operation &op : dispatch.getBody().front().without_terminator()) {
    flops += isa<nn::ConstantOp>(op) ? 0 : nn::getFlops(&op);
  }
  return flops;
}

static double flopsOf(func::FuncOp entry) {
  double flops = 0;
  for (auto dispatch : entry.getBody().getOps<nn::DispatchOp>()) {
    flops += flopsOf(dispatch);
  }
  return flops;
}

void Rematerialize::apply(func::FuncOp entry, ArrayRef<Step> steps, int64_t saved) {
  double flops = flopsOf(entry);
  Recomputation recomputation(entry);
  take(recomputation, steps);
  double share = 100 * recomputation.getFlops() / flops;
  int64_t count = recomputation.apply();
  Builder builder(&getContext());
  entry->setAttr(nn::NNDialect::recomputedAttrName, builder.getI64IntegerAttr(count));
  entry->setAttr(nn::NNDialect::savedAttrName, builder.getI64IntegerAttr(saved));
  remark::passed(entry.getLoc(), remarkOf(entry))
      << remark::metric("dispatches again", count) << remark::metric("saves bytes", saved)
      << remark::metric("percent more operations", share);
}

LogicalResult Rematerialize::fit(func::FuncOp entry, int64_t peak, int64_t room) {
  Recomputation recomputation(entry);
  int64_t kept = recomputation.getKept(), lowest = peak;
  std::vector<Step> steps = recomputation.plan();
  ArrayRef<Step> best;
  SmallVector<size_t> plans = plansOf(steps, kept, /*most=*/24);
  // What is kept lies there all at once: plans that keep more than fits need no packing. If nothing
  // fits, they are tried too, for what the error says.
  for (bool mayFit : {true, false}) {
    for (size_t count : plans) {
      ArrayRef<Step> tried = ArrayRef(steps).take_front(count);
      if (lowest <= room || (tried.back().kept <= room) != mayFit) {
        continue;
      }
      FailureOr<int64_t> planned = peakOf(entry, tried);
      if (failed(planned)) {
        return failure();
      }
      if (*planned < lowest) {
        lowest = *planned;
        best = tried;
      }
    }
  }
  if (lowest > room) {
    remark::missed(entry.getLoc(), remarkOf(entry))
        << remark::reason("{0}", steps.empty() ? "the forward part keeps nothing for a later one"
                                               : "no plan fits the budget");
  }
  if (!best.empty()) {
    apply(entry, best, peak - lowest);
  }
  return success();
}

/// Operations that a processor executes in the time of a byte from memory: 200 GFLOP/s to 40 GB/s.
static constexpr double flopsPerByte = 5;

/// The time of the entry, in operations: of each dispatch its own or its bytes, whichever take longer.
static double costOf(func::FuncOp entry) {
  double cost = 0;
  for (auto dispatch : entry.getBody().getOps<nn::DispatchOp>()) {
    double bytes = 0;
    for (Type type : llvm::concat<Type>(llvm::to_vector(dispatch->getOperandTypes()),
                                        llvm::to_vector(dispatch->getResultTypes()))) {
      bytes += double(rt::getBytes(cast<RankedTensorType>(type)));
    }
    cost += std::max(flopsOf(dispatch), bytes * flopsPerByte);
  }
  return cost;
}

/// How many of the steps cost no more than `most` together.
static size_t countUpTo(func::FuncOp entry, ArrayRef<Step> steps, double most) {
  Recomputation recomputation(entry);
  size_t count = 0;
  for (const Step &step : steps) {
    recomputation.take(step);
    if (recomputation.getCost(flopsPerByte) > most) {
      break;
    }
    ++count;
  }
  return count;
}

/// How many of the steps suffice for the peak that all of them reach, or a lower one, which it becomes.
FailureOr<size_t> Rematerialize::countFor(func::FuncOp entry, ArrayRef<Step> steps, int64_t kept,
                                          int64_t &peak) {
  SmallVector<size_t> plans = plansOf(steps, kept, /*most=*/8);
  size_t higher = 0,
         found = plans.size(); // so many plans have a higher peak; the last of this many suffices
  while (found - higher > 1) {
    size_t middle = (higher + found) / 2;
    FailureOr<int64_t> planned = peakOf(entry, steps.take_front(plans[middle - 1]));
    if (failed(planned)) {
      return failure();
    }
    (*planned > peak ? higher : found) = middle;
    peak = std::min(peak, *planned);
  }
  return plans[found - 1];
}

LogicalResult Rematerialize::takeCheap(func::FuncOp entry, int64_t peak) {
  Recomputation recomputation(entry);
  int64_t kept = recomputation.getKept();
  std::vector<Step> steps = recomputation.plan();
  steps.resize(countUpTo(entry, steps, share * costOf(entry)));
  FailureOr<int64_t> lowest = steps.empty() ? FailureOr<int64_t>(peak) : peakOf(entry, steps);
  if (failed(lowest)) {
    return failure();
  }
  if (*lowest >= peak) {
    remark::missed(entry.getLoc(), remarkOf(entry))
        << remark::reason("what costs little does not lower the peak");
    return success();
  }
  FailureOr<size_t> count = countFor(entry, steps, kept, *lowest);
  if (failed(count)) {
    return failure();
  }
  steps.resize(*count);
  apply(entry, steps, peak - *lowest);
  return success();
}

void Rematerialize::runOnOperation() {
  ModuleOp module = getOperation();
  FailureOr<Plan> plan = planMemory(module.clone());
  if (failed(plan)) {
    return signalPassFailure();
  }
  for (auto entry : module.getOps<func::FuncOp>()) {
    int64_t peak = plan->peaks[entry.getSymName()], room = budget - plan->lasting;
    bool fits = budget > 0 ? peak <= room : peak < small;
    if (fits) {
      remark::missed(entry.getLoc(), remarkOf(entry))
          << remark::reason("{0}", budget > 0 ? "it fits the budget" : "it needs little memory");
    } else if (failed(budget > 0 ? fit(entry, peak, room) : takeCheap(entry, peak))) {
      return signalPassFailure();
    }
  }
}
} // namespace mome

// nn-schedule: puts an entry's calls into an order with a low memory peak.
//
//   %a = call(%x)   // 1 MiB                     %a = call(%x)
//   %b = call(%x)   // 1 MiB                     %c = call(%a)   // 4 bytes; %a dies
//   %c = call(%a)   // 4 bytes            ->     %b = call(%x)
//   %d = call(%b)   // 4 bytes                   %d = call(%b)
//
// Two orders are tried: the program's own, and a greedy one that always runs the ready call which
// adds least to what is live. The lower peak wins, the program's own order between equals. In both,
// the call that computes the new value of a parameter, state or moment comes after every other
// reader of the old one, so that it can be written in place; only where a reader needs the new
// value too, `nn-plan-memory` has to copy. A call that recomputes (`nn-rematerialize`) waits for the
// gradients that the call behind it waits for.
//
// Small calls that are ready together form a wave: they run side by side.
//
// With `groups`, for devices that run equal calls in one launch, experts go in step: the one that is
// behind the others runs next, and a wave has calls of one kernel, one of each expert, or more whose
// results take little memory, as updates in place do. This is the only order tried then.
#include "dialects/Mome/Scope.h"
#include "passes/Kernels.h"
#include "passes/Passes.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/MapVector.h"

#include <set>

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_SCHEDULEPASS
#include "passes/Passes.h.inc"

namespace {
struct Node {
  nn::CallOp call;
  StringRef kernel, expert; // no expert: of several, or none
  SmallVector<unsigned> successors;
  unsigned waitsFor = 0;
  SmallVector<unsigned> values; // what it reads, each once
  SmallVector<unsigned> results;
  int64_t bytes = 0;    // of all operands and results
  int64_t newBytes = 0; // of results that take memory of their own
  int64_t progress = 0; // of its expert
};

/// A value that takes memory: a result of a call.
struct Buffer {
  int64_t bytes = 0; // 0 for what lives in a slot of its own
  unsigned readers = 0;
};

/// Calls that experts may be apart and count as equally far.
constexpr int64_t inStep = 4;
/// Bytes that a call of a wave reads and writes at most, and all calls of one; of results in a wave of equal calls.
constexpr int64_t smallCall = 1 << 20, largestWave = 4 << 20;

class Scheduler {
public:
  Scheduler(func::FuncOp entry, bool groups);
  void run();

private:
  struct Order {
    SmallVector<SmallVector<unsigned>> waves;
    int64_t peak = 0;
  };
  void addEdge(unsigned before, unsigned after);
  void addInPlaceEdges();
  void addRecomputationEdges();
  bool reaches(unsigned from, unsigned to) const;
  int64_t growth(const Node &node, ArrayRef<unsigned> readersLeft) const;
  void numberCalls();
  unsigned choose(const std::set<unsigned> &ready, bool greedy,
                  ArrayRef<unsigned> readersLeft) const;
  SmallVector<unsigned> takeWave(unsigned first, std::set<unsigned> &ready) const;
  void takeSmall(SmallVectorImpl<unsigned> &wave, std::set<unsigned> &ready) const;
  void takeEqual(SmallVectorImpl<unsigned> &wave, std::set<unsigned> &ready) const;
  Order schedule(bool greedy) const;
  void apply(const Order &order);
  void explain(const Order &order);

  func::FuncOp entry;
  bool groups;
  std::vector<Node> nodes;
  SmallVector<Buffer> buffers;
  DenseMap<Operation *, unsigned> nodeOf;
  DenseMap<Value, unsigned> bufferOf;
};
} // namespace

Scheduler::Scheduler(func::FuncOp entry, bool groups) : entry(entry), groups(groups) {
  for (auto call : entry.getBody().getOps<nn::CallOp>()) {
    unsigned index = nodes.size();
    nodeOf[call] = index;
    Node &node = nodes.emplace_back();
    node.call = call;
    node.kernel = call.getKernel();
    node.expert = model::getExpert(call.getLoc());
    for (Value result : call->getResults()) {
      bufferOf[result] = buffers.size();
      node.results.push_back(buffers.size());
      buffers.push_back({rt::getBytes(cast<RankedTensorType>(result.getType())), 0});
      node.bytes += buffers.back().bytes;
    }
    for (Value operand : call.getInputs()) {
      node.bytes += rt::getBytes(cast<RankedTensorType>(operand.getType()));
      Value base = baseOf(operand);
      auto buffer = bufferOf.find(base);
      if (buffer == bufferOf.end() || llvm::is_contained(node.values, buffer->second)) {
        continue;
      }
      node.values.push_back(buffer->second);
      ++buffers[buffer->second].readers;
      addEdge(nodeOf.lookup(base.getDefiningOp()), index);
    }
  }
  for (Value returned : entry.getBody().front().getTerminator()->getOperands()) {
    if (auto buffer = bufferOf.find(baseOf(returned)); buffer != bufferOf.end()) {
      buffers[buffer->second].bytes = 0; // written into its slot
    }
  }
  for (Node &node : nodes) {
    for (unsigned result : node.results) {
      node.newBytes += buffers[result].bytes;
    }
  }
  numberCalls();
  addInPlaceEdges();
  addRecomputationEdges();
}

/// Equal calls of experts that are about as far have the number of the last.
static void keepInStep(SmallVectorImpl<Node *> &equal) {
  llvm::stable_sort(equal, [](Node *a, Node *b) { return a->progress < b->progress; });
  for (size_t first = 0, end; first < equal.size(); first = end) {
    int64_t last = equal[first]->progress + inStep;
    llvm::SmallDenseSet<StringRef> experts;
    for (end = first; end < equal.size() && equal[end]->progress <= last &&
                      experts.insert(equal[end]->expert).second;
         ++end) {
    }
    for (size_t i = first; i < end; ++i) {
      equal[i]->progress = equal[end - 1]->progress;
    }
  }
}

/// Numbers the calls of each expert; what is of no single one has the number of the first that needs it.
void Scheduler::numberCalls() {
  llvm::StringMap<int64_t> counts;
  llvm::MapVector<StringRef, SmallVector<Node *>> equal; // by kernel
  for (Node &node : nodes) {
    node.progress = std::numeric_limits<int64_t>::max();
    if (!node.expert.empty()) {
      node.progress = counts[node.expert]++;
      equal[node.kernel].push_back(&node);
    }
  }
  for (auto &[kernel, calls] : equal) {
    keepInStep(calls);
  }
  for (Node &node : llvm::reverse(nodes)) {
    for (unsigned next : node.successors) {
      if (node.expert.empty()) {
        node.progress = std::min(node.progress, nodes[next].progress);
      }
    }
  }
}

void Scheduler::addEdge(unsigned before, unsigned after) {
  if (!llvm::is_contained(nodes[before].successors, after)) {
    nodes[before].successors.push_back(after);
    ++nodes[after].waitsFor;
  }
}

bool Scheduler::reaches(unsigned from, unsigned to) const {
  SmallVector<unsigned> work{from};
  llvm::DenseSet<unsigned> seen{from};
  while (!work.empty()) {
    unsigned node = work.pop_back_val();
    if (node == to) {
      return true;
    }
    for (unsigned next : nodes[node].successors) {
      if (seen.insert(next).second) {
        work.push_back(next);
      }
    }
  }
  return false;
}

/// Readers of an old value come before the call that computes the new one.
void Scheduler::addInPlaceEdges() {
  DenseMap<Attribute, BlockArgument> old;
  DenseMap<Value, SmallVector<unsigned>> readers;
  for (BlockArgument argument : entry.getArguments()) {
    old[entry.getArgAttr(argument.getArgNumber(), nn::NNDialect::bindAttrName)] = argument;
  }
  for (auto [index, node] : llvm::enumerate(nodes)) {
    for (Value operand : node.call.getInputs()) {
      readers[baseOf(operand)].push_back(index);
    }
  }
  Operation *terminator = entry.getBody().front().getTerminator();
  for (OpOperand &result : terminator->getOpOperands()) {
    auto writer = nodeOf.find(baseOf(result.get()).getDefiningOp());
    Attribute bind = entry.getResultAttr(result.getOperandNumber(), nn::NNDialect::bindAttrName);
    if (writer == nodeOf.end() || !bind || !old.contains(bind)) {
      continue;
    }
    for (unsigned reader : readers[old[bind]]) {
      if (reader != writer->second && !reaches(writer->second, reader)) {
        addEdge(reader, writer->second);
      }
    }
  }
}

/// A recomputed call waits for the gradients that the call behind it waits for: else its results
/// could lie there from the end of the forward part on.
void Scheduler::addRecomputationEdges() {
  auto isAllIn = [&](unsigned node, model::Phase phase) {
    return model::isAllIn(nodes[node].call.getLoc(), phase);
  };
  SmallVector<unsigned> gradients; // of the next call that is not recomputed
  for (unsigned index = nodes.size(); index-- > 0;) {
    if (isAllIn(index, model::Phase::remat)) {
      for (unsigned gradient : gradients) {
        addEdge(gradient, index);
      }
      continue;
    }
    gradients.clear();
    for (Value operand : nodes[index].call.getInputs()) {
      auto definer = nodeOf.find(baseOf(operand).getDefiningOp());
      if (definer != nodeOf.end() && !isAllIn(definer->second, model::Phase::fwd) &&
          !isAllIn(definer->second, model::Phase::remat)) {
        gradients.push_back(definer->second);
      }
    }
  }
}

/// Bytes that running the node adds to what is live; negative if more dies.
int64_t Scheduler::growth(const Node &node, ArrayRef<unsigned> readersLeft) const {
  int64_t bytes = 0;
  for (unsigned result : node.results) {
    bytes += buffers[result].readers ? buffers[result].bytes : 0;
  }
  for (unsigned value : node.values) {
    bytes -= readersLeft[value] == 1 ? buffers[value].bytes : 0;
  }
  return bytes;
}

/// Removes from `ready` what runs with node `first`.
SmallVector<unsigned> Scheduler::takeWave(unsigned first, std::set<unsigned> &ready) const {
  SmallVector<unsigned> wave{first};
  ready.erase(first);
  if (groups) {
    takeEqual(wave, ready);
  } else {
    takeSmall(wave, ready);
  }
  return wave;
}

/// Other small calls, if the first is small.
void Scheduler::takeSmall(SmallVectorImpl<unsigned> &wave, std::set<unsigned> &ready) const {
  int64_t bytes = nodes[wave.front()].bytes;
  for (auto it = ready.begin(); bytes <= smallCall && it != ready.end();) {
    int64_t more = nodes[*it].bytes;
    if (more > smallCall || bytes + more > largestWave) {
      ++it;
      continue;
    }
    bytes += more;
    wave.push_back(*it);
    it = ready.erase(it);
  }
}

/// Calls of the same kernel: all of them if their results together are small, else one for each other expert.
void Scheduler::takeEqual(SmallVectorImpl<unsigned> &wave, std::set<unsigned> &ready) const {
  const Node &first = nodes[wave.front()];
  SmallVector<unsigned> equal;
  int64_t newBytes = first.newBytes;
  for (unsigned node : ready) {
    if (nodes[node].kernel == first.kernel) {
      equal.push_back(node);
      newBytes += nodes[node].newBytes;
    }
  }
  llvm::SmallDenseSet<StringRef> experts{first.expert, ""};
  for (unsigned node : equal) {
    if (experts.insert(nodes[node].expert).second || newBytes <= largestWave) {
      wave.push_back(node);
      ready.erase(node);
    }
  }
}

/// The ready call that runs next: greedy, the one that adds least to what is live; with groups, of the expert that is behind the
/// others, and before that what other experts wait for as well; else the first of the program.
unsigned Scheduler::choose(const std::set<unsigned> &ready, bool greedy,
                           ArrayRef<unsigned> readersLeft) const {
  auto priority = [&](unsigned node) -> std::pair<int64_t, bool> {
    if (greedy) {
      return {growth(nodes[node], readersLeft), false};
    }
    return groups ? std::pair(nodes[node].progress, !nodes[node].expert.empty())
                  : std::pair(int64_t(node), false);
  };
  return *llvm::min_element(ready,
                            [&](unsigned a, unsigned b) { return priority(a) < priority(b); });
}

Scheduler::Order Scheduler::schedule(bool greedy) const {
  SmallVector<unsigned> waitsFor, readersLeft;
  for (const Buffer &buffer : buffers) {
    readersLeft.push_back(buffer.readers);
  }
  std::set<unsigned> ready; // in program order
  for (auto [index, node] : llvm::enumerate(nodes)) {
    waitsFor.push_back(node.waitsFor);
    if (node.waitsFor == 0) {
      ready.insert(index);
    }
  }
  Order order;
  int64_t live = 0;
  while (!ready.empty()) {
    SmallVector<unsigned> wave = takeWave(choose(ready, greedy, readersLeft), ready);
    int64_t results = 0;
    for (unsigned index : wave) {
      results += nodes[index].newBytes;
    }
    order.peak = std::max(order.peak, live + results);
    for (unsigned index : wave) {
      const Node &node = nodes[index];
      live += growth(node, readersLeft);
      for (unsigned value : node.values) {
        --readersLeft[value];
      }
      for (unsigned next : node.successors) {
        if (--waitsFor[next] == 0) {
          ready.insert(next);
        }
      }
    }
    order.waves.push_back(std::move(wave));
  }
  return order;
}

void Scheduler::apply(const Order &order) {
  Operation *terminator = entry.getBody().front().getTerminator();
  llvm::SmallPtrSet<Operation *, 16> placed;
  auto place = [&](Operation *op, auto &self) -> void {
    for (Value operand : op->getOperands()) {
      auto reshape = operand.getDefiningOp<nn::ReshapeOp>();
      if (reshape && placed.insert(reshape).second) {
        self(reshape, self);
      }
    }
    if (op != terminator) {
      op->moveBefore(terminator);
    }
  };
  Builder builder(entry.getContext());
  for (auto [number, wave] : llvm::enumerate(order.waves)) {
    for (unsigned node : wave) {
      place(nodes[node].call, place);
      if (wave.size() > 1) {
        nodes[node].call->setAttr(waveAttrName, builder.getI64IntegerAttr(number));
      }
    }
  }
  place(terminator, place);
}

void Scheduler::explain(const Order &order) {
  unsigned together = 0, large = 0;
  for (ArrayRef<unsigned> wave : order.waves) {
    together += wave.size() > 1 ? wave.size() : 0;
    large += wave.size() == 1 && nodes[wave.front()].bytes > smallCall;
  }
  remark::analysis(entry.getLoc(),
                   remark::RemarkOpts::name(entry.getSymName()).category("nn-schedule"))
      << remark::metric("calls", nodes.size()) << remark::metric("waves", order.waves.size())
      << remark::metric("calls beside others", together)
      << remark::metric("alone: more than 1 MiB", large)
      << remark::metric("alone: nothing small is ready", nodes.size() - together - large);
}

void Scheduler::run() {
  Order best = schedule(/*greedy=*/false);
  if (!groups) {
    Order greedy = schedule(/*greedy=*/true);
    best = greedy.peak < best.peak ? std::move(greedy) : std::move(best);
  }
  apply(best);
  explain(best);
}

namespace {
class Schedule : public impl::SchedulePassBase<Schedule> {
public:
  using SchedulePassBase::SchedulePassBase;
  void runOnOperation() override {
    if (!getOperation().isExternal()) {
      Scheduler(getOperation(), groups).run();
    }
  }
};
} // namespace
} // namespace mome

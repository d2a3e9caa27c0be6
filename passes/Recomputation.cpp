// See Recomputation.h.
#include "passes/Recomputation.h"

#include "dialects/Mome/Scope.h"
#include "dialects/RT/RT.h"
#include "passes/Kernels.h"

using namespace mlir;
using namespace mome;
using nn::FusionRole;

static bool isForward(Operation *op) {
  return model::isAllIn(op->getLoc(), model::Phase::fwd);
}
static ArrayRef<int64_t> shapeOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getShape();
}
static double flopsOf(Operation *op) {
  return isa<nn::ConstantOp, nn::YieldOp>(op) ? 0 : nn::getFlops(op);
}

//===-- The graph ---------------------------------------------------------------------------===//

Recomputation::Recomputation(func::FuncOp entry) : entry(entry) {
  findReturned();
  for (auto dispatch : entry.getBody().getOps<nn::DispatchOp>()) {
    addNode(dispatch);
  }
  for (auto [index, node] : llvm::enumerate(nodes)) {
    if (node.forward) {
      for (unsigned value : node.reads) {
        if (value != none && !llvm::is_contained(values[value].readers, index)) {
          values[value].readers.push_back(index);
        }
      }
      findDerived(node);
    }
  }
  for (const Node &node : nodes) {
    if (!isForward(node.op)) {
      llvm::for_each(node.reads, [&](unsigned value) {
        if (value != none) {
          want(value);
        }
      });
    }
  }
}

void Recomputation::addNode(nn::DispatchOp op) {
  Node &node = nodes.emplace_back();
  node.op = op;
  node.forward = isForward(op) && !updates.contains(op);
  node.firstResult = values.size();
  node.derived.resize(op.getNumResults());
  for (Value operand : op.getInputs()) {
    auto found = valueOf.find(baseOf(operand));
    node.reads.push_back(found == valueOf.end() ? none : found->second);
  }
  if (isForward(op)) {
    for (Value result : op.getResults()) {
      int64_t bytes = rt::getBytes(cast<RankedTensorType>(result.getType()));
      valueOf[result] = values.size();
      values.push_back({unsigned(nodes.size() - 1), returned.contains(result) ? 0 : bytes, 0, {}});
    }
  }
}

/// Notes what the entry returns, perhaps reshaped, and what of that updates state: is returned under
/// the name of something that the entry takes.
void Recomputation::findReturned() {
  StringRef name = nn::NNDialect::bindAttrName;
  llvm::DenseSet<Attribute> taken;
  for (unsigned i = 0; i < entry.getNumArguments(); ++i) {
    taken.insert(entry.getArgAttr(i, name));
  }
  Operation *terminator = entry.getBody().front().getTerminator();
  for (OpOperand &result : terminator->getOpOperands()) {
    Value base = baseOf(result.get());
    returned.insert(base);
    Attribute bind = entry.getResultAttr(result.getOperandNumber(), name);
    if (bind && taken.contains(bind)) {
      updates.insert(base.getDefiningOp());
    }
  }
}

/// Finds the results that elementwise code, which makes a kernel of its own, computes from other
/// results.
void Recomputation::findDerived(Node &node) {
  Operation *yield = node.op.getBody().front().getTerminator();
  llvm::DenseSet<Value> given; // results that others may be derived from
  SmallVector<unsigned> order = llvm::to_vector(llvm::seq(yield->getNumOperands()));
  auto place = [&](unsigned result) { // of what computes it, in the body
    Operation *op = yield->getOperand(result).getDefiningOp();
    return op ? std::distance(op->getBlock()->begin(), op->getIterator()) : -1;
  };
  llvm::sort(order, [&](unsigned a, unsigned b) {
    return std::pair(place(a), a) < std::pair(place(b), b);
  });
  for (unsigned result : order) {
    Value value = yield->getOperand(result);
    bool fromResult = false, elementwise = !given.contains(value);
    SmallVector<Value> work{value};
    while (!work.empty() && elementwise) {
      Value next = work.pop_back_val();
      Operation *op = next.getDefiningOp();
      if (given.contains(next) || !op || isa<nn::ConstantOp>(op)) {
        fromResult |= given.contains(next);
        continue;
      }
      FusionRole role = nn::getFusionRole(op);
      elementwise = role == FusionRole::elementwise
                        ? shapeOf(next) == shapeOf(value)
                        : role == FusionRole::access && !isa<nn::ReshapeOp>(op);
      work.append(op->operand_begin(), op->operand_end());
    }
    if (elementwise && fromResult) {
      node.derived.set(result);
    } else {
      given.insert(value);
    }
  }
}

//===-- What a choice leads to --------------------------------------------------------------===//

bool Recomputation::isRecomputed(unsigned value) const {
  const Node &node = nodes[values[value].node];
  return values[value].bytes > 0 &&
         (node.share == Share::everything ||
          (node.share == Share::derived && node.derived.test(value - node.firstResult)));
}

/// What of the node runs again, as things stand.
Recomputation::Slice Recomputation::sliceOf(const Node &node) const {
  Slice slice;
  nn::DispatchOp op = node.op;
  Block &body = op.getBody().front();
  Operation *yield = body.getTerminator();
  llvm::DenseMap<Value, unsigned> given;
  llvm::SetVector<Operation *> inside;
  llvm::BitVector operands(body.getNumArguments()), siblings(yield->getNumOperands());
  SmallVector<Value> work;
  for (unsigned result = 0; result < yield->getNumOperands(); ++result) {
    unsigned value = node.firstResult + result;
    if (isRecomputed(value) && values[value].wanted > 0) {
      slice.results.push_back(result);
      work.push_back(yield->getOperand(result));
    } else if (node.share == Share::derived && !node.derived.test(result)) {
      given.try_emplace(yield->getOperand(result), result);
    }
  }
  if (node.share == Share::everything && !slice.results.empty()) { // the same kernel
    slice.results = llvm::to_vector(llvm::seq(yield->getNumOperands()));
    work = llvm::to_vector(yield->getOperands());
    operands.set();
  }
  while (!work.empty()) {
    Value value = work.pop_back_val();
    if (auto sibling = given.find(value); sibling != given.end()) {
      siblings.set(sibling->second);
    } else if (auto argument = dyn_cast<BlockArgument>(value)) {
      operands.set(argument.getArgNumber());
    } else if (inside.insert(value.getDefiningOp())) {
      work.append(value.getDefiningOp()->operand_begin(), value.getDefiningOp()->operand_end());
    }
  }
  for (Operation &op : body.without_terminator()) {
    if (inside.contains(&op)) {
      slice.ops.push_back(&op);
      slice.flops += flopsOf(&op);
    }
  }
  slice.operands.append(operands.set_bits_begin(), operands.set_bits_end());
  slice.siblings.append(siblings.set_bits_begin(), siblings.set_bits_end());
  return slice;
}

/// Values of other nodes that the node's slice reads, each once.
Recomputation::Numbers Recomputation::readsOf(const Node &node) const {
  llvm::SetVector<unsigned> reads;
  for (unsigned operand : node.slice.operands) {
    if (unsigned value = node.reads[operand]; value != none) {
      reads.insert(value);
    }
  }
  return Numbers(reads.begin(), reads.end());
}

/// Brings a node up to date with its share and with what is wanted of it.
void Recomputation::refresh(unsigned number) {
  Node &node = nodes[number];
  touched.insert(number);
  Numbers before = readsOf(node);
  double flopsBefore = node.slice.flops;
  node.slice = sliceOf(node);
  flops += node.slice.flops - flopsBefore;
  kept -= node.kept;
  node.kept = 0;
  for (unsigned result = 0; result < node.op.getNumResults(); ++result) {
    unsigned value = node.firstResult + result;
    if (!isRecomputed(value) &&
        (values[value].wanted > 0 || llvm::is_contained(node.slice.siblings, result))) {
      node.kept += values[value].bytes;
    }
  }
  kept += node.kept;
  Numbers after = readsOf(node); // upstream: nothing comes back here
  llvm::for_each(after, [&](unsigned value) { want(value); });
  llvm::for_each(before, [&](unsigned value) { unwant(value); });
}

void Recomputation::want(unsigned value) {
  if (values[value].wanted++ == 0) {
    refresh(values[value].node);
  }
}

void Recomputation::unwant(unsigned value) {
  if (--values[value].wanted == 0) {
    refresh(values[value].node);
  }
}

void Recomputation::choose(unsigned node, Share share) {
  nodes[node].share = share;
  refresh(node);
}

void Recomputation::take(const Step &step) {
  touched.clear();
  for (unsigned dispatch : step.dispatches) {
    choose(dispatch, std::max(nodes[dispatch].share, step.share));
  }
}

double Recomputation::getCost(double flopsPerByte) const {
  double cost = 0;
  for (const Node &node : nodes) {
    nn::DispatchOp op = node.op;
    double bytes = 0;
    auto add = [&](Value value) {
      bytes += double(rt::getBytes(cast<RankedTensorType>(value.getType())));
    };
    for (unsigned operand : node.slice.operands) {
      add(op.getOperand(operand));
    }
    for (unsigned result : llvm::concat<const unsigned>(node.slice.siblings, node.slice.results)) {
      add(op.getResult(result));
    }
    cost += std::max(node.slice.flops, bytes * flopsPerByte);
  }
  return cost;
}

//===-- The plans ---------------------------------------------------------------------------===//

/// The node, with those that read it if nothing later does, and so on.
Recomputation::Numbers Recomputation::groupOf(unsigned number) const {
  constexpr size_t most = 8;
  llvm::SetVector<unsigned> group;
  group.insert(number);
  for (size_t i = 0; i < group.size() && group.size() < most; ++i) {
    const Node &node = nodes[group[i]];
    ArrayRef<StoredValue> results = ArrayRef(values).slice(node.firstResult, node.derived.size());
    if (llvm::all_of(results, [](const StoredValue &v) { return v.wanted == 0; })) {
      for (const StoredValue &result : results) {
        group.insert(result.readers.begin(), result.readers.end());
      }
    }
  }
  return Numbers(group.begin(), group.end());
}

std::vector<Recomputation::Step> Recomputation::findChoices() const {
  std::vector<Step> choices;
  for (auto [number, node] : llvm::enumerate(nodes)) {
    if (!node.forward) {
      continue;
    }
    if (node.derived.any()) {
      choices.push_back({{unsigned(number)}, Share::derived});
    }
    choices.push_back({{unsigned(number)}, Share::everything});
    if (Numbers group = groupOf(number); group.size() > 1) {
      choices.push_back({group, Share::everything});
    }
  }
  return choices;
}

Recomputation::Gain Recomputation::gainOf(const Step &choice) {
  SmallVector<Share> before = llvm::map_to_vector(
      choice.dispatches, [&](unsigned dispatch) { return nodes[dispatch].share; });
  int64_t keptBefore = kept;
  double flopsBefore = flops;
  take(choice);
  Gain gain{keptBefore - kept, flops - flopsBefore};
  for (auto [dispatch, share] : llvm::zip_equal(choice.dispatches, before)) {
    choose(dispatch, share);
  }
  return gain;
}

/// Marks the nodes whose gains the last choice may have changed.
void Recomputation::markNeighbours(llvm::BitVector &stale) const {
  auto markReaders = [&](unsigned value) {
    llvm::for_each(values[value].readers, [&](unsigned reader) { stale.set(reader); });
  };
  for (unsigned number : touched) {
    const Node &node = nodes[number];
    stale.set(number);
    for (unsigned result = 0; result < node.derived.size(); ++result) {
      markReaders(node.firstResult + result);
    }
    for (unsigned value : node.reads) {
      if (value != none) {
        stale.set(values[value].node);
        markReaders(value);
      }
    }
  }
}

std::vector<Recomputation::Step> Recomputation::plan() {
  std::vector<Step> choices = findChoices(), steps;
  std::vector<Gain> gains(choices.size());
  llvm::BitVector stale(nodes.size(), true);
  while (true) {
    size_t best = choices.size();
    for (size_t i = 0; i < choices.size(); ++i) {
      if (llvm::any_of(choices[i].dispatches, [&](unsigned d) { return stale.test(d); })) {
        gains[i] = gainOf(choices[i]);
      }
      const Gain &gain = gains[i];
      if (gain.bytes > 0 &&
          (best == choices.size() ||
           gain.flops * double(gains[best].bytes) < gains[best].flops * double(gain.bytes))) {
        best = i;
      }
    }
    if (best == choices.size()) {
      break;
    }
    take(choices[best]);
    steps.push_back({choices[best].dispatches, choices[best].share, kept, flops});
    stale.reset();
    markNeighbours(stale);
  }
  for (unsigned number = 0; number < nodes.size(); ++number) {
    if (nodes[number].share != Share::nothing) {
      choose(number, Share::nothing);
    }
  }
  return steps;
}

//===-- Clones ------------------------------------------------------------------------------===//

/// The value, or what takes its place for readers at the builder's point.
Value Recomputation::current(Value value, OpBuilder &builder) {
  if (auto reshape = value.getDefiningOp<nn::ReshapeOp>()) {
    Value operand = current(reshape.getOperand(), builder);
    if (operand == reshape.getOperand()) {
      return value;
    }
    Location loc = model::withPhase(reshape.getLoc(), model::Phase::remat);
    return nn::ReshapeOp::create(builder, loc, value.getType(), operand);
  }
  auto found = valueOf.find(value);
  if (found == valueOf.end() || !isRecomputed(found->second)) {
    return value;
  }
  if (!clones.contains(found->second)) {
    clone(nodes[values[found->second].node], builder);
  }
  return clones.lookup(found->second);
}

void Recomputation::clone(const Node &node, OpBuilder &builder) {
  nn::DispatchOp op = node.op;
  Block &from = op.getBody().front();
  SmallVector<Value> inputs, given; // given: what the body reads instead
  for (unsigned operand : node.slice.operands) {
    inputs.push_back(current(op.getOperand(operand), builder));
    given.push_back(from.getArgument(operand));
  }
  for (unsigned sibling : node.slice.siblings) {
    inputs.push_back(op.getResult(sibling));
    given.push_back(from.getTerminator()->getOperand(sibling));
  }
  SmallVector<Type> types = llvm::map_to_vector(
      node.slice.results, [&](unsigned result) { return op.getResult(result).getType(); });
  Location loc = model::withPhase(op.getLoc(), model::Phase::remat);
  auto copy = nn::DispatchOp::create(builder, loc, types, inputs);
  Block &body = copy.getBody().emplaceBlock();
  IRMapping mapping;
  for (Value value : given) {
    mapping.map(value, body.addArgument(value.getType(), value.getLoc()));
  }
  OpBuilder inner = OpBuilder::atBlockEnd(&body);
  for (Operation *member : node.slice.ops) {
    inner.clone(*member, mapping)->setLoc(model::withPhase(member->getLoc(), model::Phase::remat));
  }
  SmallVector<Value> yielded = llvm::map_to_vector(node.slice.results, [&](unsigned result) {
    return mapping.lookup(from.getTerminator()->getOperand(result));
  });
  nn::YieldOp::create(inner, loc, yielded);
  for (auto [result, value] : llvm::zip_equal(node.slice.results, copy.getResults())) {
    clones[node.firstResult + result] = value;
  }
  ++cloned;
}

int64_t Recomputation::apply() {
  for (Operation &op : llvm::make_early_inc_range(entry.getBody().front())) {
    auto dispatch = dyn_cast<nn::DispatchOp>(op);
    if (dispatch && !isForward(dispatch)) {
      OpBuilder builder(dispatch);
      for (OpOperand &operand : dispatch->getOpOperands()) {
        operand.set(current(operand.get(), builder));
      }
    }
  }
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(entry.getBody().front()))) {
    if (isa<nn::ReshapeOp>(op) && op.use_empty()) { // a view of what is read no more
      op.erase();
    }
  }
  return cloned;
}

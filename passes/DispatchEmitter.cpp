// See DispatchEmitter.h.
#include "passes/DispatchEmitter.h"

#include "dialects/Mome/Scope.h"

using namespace mlir;
using namespace mome;

namespace {
/// What a group reads from outside, and what is read of it outside.
struct Interface {
  Interface(const Grouping &grouping, const Group &group);

  llvm::SetVector<Value> inputs, outputs;
};
} // namespace

Interface::Interface(const Grouping &grouping, const Group &group) {
  for (Operation *op : group.ops) {
    for (Value operand : op->getOperands()) {
      Operation *definer = operand.getDefiningOp();
      if (grouping.groupOf(definer) != &group && !isa_and_present<nn::ConstantOp>(definer)) {
        inputs.insert(operand);
      }
    }
    for (Value result : op->getResults()) {
      if (llvm::any_of(result.getUsers(),
                       [&](Operation *user) { return grouping.groupOf(user) != &group; })) {
        outputs.insert(result);
      }
    }
  }
}

static Location locationOf(const Group &group) {
  SmallVector<Location> locations;
  if (group.kind == Group::Kind::root) {
    locations.push_back(group.root->getLoc()); // its phase is the dispatch's
  }
  for (Operation *op : group.ops) {
    locations.push_back(op->getLoc());
  }
  return model::unite(group.root->getContext(), locations);
}

/// Copies of the group's ops, and of the constants that they read.
static void fillBody(Block &body, const Group &group, const Interface &interface) {
  IRMapping mapping;
  for (Value input : interface.inputs) {
    mapping.map(input, body.addArgument(input.getType(), input.getLoc()));
  }
  OpBuilder inner = OpBuilder::atBlockEnd(&body);
  for (Operation *op : group.ops) {
    for (Value operand : op->getOperands()) {
      if (!mapping.contains(operand)) { // a constant: members come after what they read
        inner.clone(*operand.getDefiningOp(), mapping);
      }
    }
    inner.clone(*op, mapping);
  }
  SmallVector<Value> yielded =
      llvm::map_to_vector(interface.outputs, [&](Value output) { return mapping.lookup(output); });
  nn::YieldOp::create(inner, body.getParentOp()->getLoc(), yielded);
}

static void emitDispatch(const Grouping &grouping, const Group &group, OpBuilder &builder) {
  Interface interface(grouping, group);
  SmallVector<Type> types = llvm::to_vector(TypeRange(ValueRange(interface.outputs.getArrayRef())));
  auto dispatch =
      nn::DispatchOp::create(builder, locationOf(group), types, interface.inputs.getArrayRef());
  fillBody(dispatch.getBody().emplaceBlock(), group, interface);
  for (auto [output, result] : llvm::zip_equal(interface.outputs, dispatch.getResults())) {
    Value(output).replaceUsesWithIf(
        result, [&](OpOperand &use) { return grouping.groupOf(use.getOwner()) != &group; });
  }
}

void mome::emitDispatches(const Grouping &grouping) {
  Block &block = grouping.getBlock();
  OpBuilder builder(block.getTerminator());
  for (Group *group : grouping.getGroupsTopologically()) {
    if (group->kind == Group::Kind::view) {
      group->root->moveBefore(block.getTerminator());
    } else {
      emitDispatch(grouping, *group, builder);
    }
  }
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
    Group *group = grouping.groupOf(&op);
    bool isReplaced = group && group->kind != Group::Kind::view;
    if (isReplaced || (isa<nn::ConstantOp>(op) && op.use_empty())) {
      op.erase();
    }
  }
}

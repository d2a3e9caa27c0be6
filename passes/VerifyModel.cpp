// mome-verify-model: the border between the frontend and the passes. Checks what a single op cannot
// see; the rest are the ops' own verifiers.
//
//   M1  the module holds one mome.model and nothing else
//   M2  graphs hold `nn` and `mome` ops only, without gradients, dispatches and kernels
//   M3  parts (expert, gate, head, term) do not nest
//   M4  modalities are numbered 0, 1, ... in order
//   M5  the scalars that a train section names are declared
//   M6  the parameters that a train section names are declared; `trainable` ones are in a group
//   M7  states are updated in train graphs only, each at most once at the top level of a graph
#include "dialects/Mome/Mome.h"
#include "passes/Passes.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_VERIFYMODELPASS
#include "passes/Passes.h.inc"

static bool isPart(Operation *op) {
  return isa<model::ExpertOp, model::GateOp, model::HeadOp, model::TermOp>(op);
}

static LogicalResult verifyGraph(model::GraphOp graph) {
  llvm::StringSet<> updated;
  WalkResult walk = graph.getBody().walk([&](Operation *op) -> WalkResult {
    bool ours = isa_and_present<nn::NNDialect, model::MomeDialect>(op->getDialect());
    if (!ours || isa<nn::GradientOp, nn::DispatchOp, nn::KernelOp, nn::CallOp, nn::YieldOp>(op)) {
      return op->emitOpError("M2: cannot stand in a graph");
    }
    if (isPart(op) && isPart(op->getParentOp())) {
      return op->emitOpError("M3: parts do not nest");
    }
    if (auto update = dyn_cast<model::UpdateOp>(op)) {
      if (graph.getMode() != model::Mode::train) {
        return op->emitOpError("M7: an eval graph changes no state");
      }
      if (!updated.insert(update.getState()).second) {
        return op->emitOpError("M7: @") << update.getState() << " is updated twice";
      }
    }
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

/// M5 and M6.
static LogicalResult verifyTrain(model::TrainOp train) {
  auto find = [&](Attribute name) {
    return SymbolTable::lookupSymbolIn(train->getParentOp(), cast<StringAttr>(name));
  };
  auto verifyScalar = [&](Attribute name) -> LogicalResult {
    if (!name || isa_and_present<model::ScalarOp>(find(name))) {
      return success();
    }
    return train.emitOpError("M5: no scalar is called ") << name;
  };
  auto verifyParam = [&](StringAttr name) -> LogicalResult {
    if (isa_and_present<model::ParamOp>(find(name))) {
      return success();
    }
    return train.emitOpError("M6: no parameter is called ") << name;
  };
  if (failed(verifyScalar(train.getClipAttr())) || failed(verifyScalar(train.getEmaAttr()))) {
    return failure();
  }
  for (auto group : train.getGroups().getAsRange<DictionaryAttr>()) {
    for (NamedAttribute entry : group) {
      Attribute value = entry.getValue();
      auto names = dyn_cast<ArrayAttr>(value); // a product
      for (Attribute name : names ? names.getValue() : ArrayRef(value)) {
        if (failed(verifyScalar(name))) {
          return failure();
        }
      }
    }
  }
  for (NamedAttribute entry : train.getGroupOf()) {
    if (failed(verifyParam(entry.getName()))) {
      return failure();
    }
  }
  for (NamedAttribute entry : train.getTrainable()) {
    if (failed(verifyParam(entry.getName())) || failed(verifyScalar(entry.getValue()))) {
      return failure();
    }
    if (!train.getGroupOf().contains(entry.getName())) {
      return train.emitOpError("M6: ") << entry.getName() << " is in no group";
    }
  }
  return success();
}

static LogicalResult verifyModel(model::ModelOp model) {
  uint64_t modalities = 0;
  for (Operation &op : model.getBody().front()) {
    if (auto modality = dyn_cast<model::ModalityOp>(op)) {
      if (modality.getIndex() != modalities++) {
        return op.emitOpError("M4: is number ")
               << modalities - 1 << " in order, but has index " << modality.getIndex();
      }
    }
    auto graph = dyn_cast<model::GraphOp>(op);
    auto train = dyn_cast<model::TrainOp>(op);
    if ((graph && failed(verifyGraph(graph))) || (train && failed(verifyTrain(train)))) {
      return failure();
    }
  }
  return success();
}

namespace {
class VerifyModel : public impl::VerifyModelPassBase<VerifyModel> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    Block &body = *module.getBody();
    auto model = body.empty() ? model::ModelOp() : dyn_cast<model::ModelOp>(body.front());
    if (!model || !llvm::hasSingleElement(body)) {
      module.emitError("M1: expected a module with one mome.model and nothing else");
      return signalPassFailure();
    }
    if (failed(verifyModel(model))) {
      return signalPassFailure();
    }
    markAllAnalysesPreserved();
  }
};
} // namespace

} // namespace mome

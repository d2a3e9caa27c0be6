// mome-lint-losses: warns of losses that train nothing, or something else than meant. Changes
// nothing.
//
//   W0601  a trained weight without bound multiplies a loss that is never negative
//   W0602  a distillation teacher without stop_gradient
//   W0603  a loss that no trained parameter reaches
//   W0604  a trained parameter that reaches no loss
//
// All four are questions about paths of derivatives in a train graph: from parameters down to
// losses, through parts (expert, gate, head, term), never through stop_gradient or an op without a
// VJP. A warning is given once per place in the text, however often its line was unrolled.
#include "dialects/Mome/Mome.h"
#include "dialects/Mome/Scope.h"
#include "passes/Passes.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_LINTLOSSESPASS
#include "passes/Passes.h.inc"

namespace {

using Warned = llvm::DenseSet<std::pair<StringRef, Attribute>>;

/// One train graph and the parameters trained in it.
class LossLint {
public:
  LossLint(model::GraphOp graph, const llvm::StringSet<> &trained, Warned &warned)
      : graph(graph), trained(trained), warned(warned) {}
  void run();

private:
  void findActive();
  void findUseful();
  void checkLoss(model::LossOp loss);
  void checkTerms(Value loss);
  void checkTeachers();
  void checkParameters();

  SmallVector<Value> getInputs(Value value);
  bool isConstant(Value value) { return value.getDefiningOp<nn::ConstantOp>(); }
  bool isFree(Value value);
  bool isNonNegative(Value value);
  /// An error of the model's author; `StringRef` codes are literals.
  void warn(Location loc, StringRef code, const Twine &message);

  model::GraphOp graph;
  const llvm::StringSet<> &trained;
  Warned &warned;
  /// Values that depend on a trained parameter, by ops with a derivative.
  DenseSet<Value> active;
  /// Values that a loss depends on.
  DenseSet<Value> useful;
  DenseMap<Value, bool> signs;
};

} // namespace

void LossLint::run() {
  findActive();
  findUseful();
  for (auto loss : graph.getBody().front().getOps<model::LossOp>()) {
    checkLoss(loss);
  }
  checkTeachers();
  checkParameters();
}

void LossLint::warn(Location loc, StringRef code, const Twine &message) {
  SmallVector<FileLineColLoc> positions = model::getPositions(loc);
  Attribute place = positions.empty() ? Attribute(loc) : Attribute(positions.front());
  if (warned.insert({code, place}).second) {
    emitWarning(loc) << message << " [" << code << "]";
  }
}

//===-- Paths of derivatives ------------------------------------------------------------------===//

/// The values whose derivative a value's own passes on to.
SmallVector<Value> LossLint::getInputs(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op) {
    return {};
  }
  if (op->getNumRegions() == 1) { // a part yields its results
    Operation *yield = op->getRegion(0).front().getTerminator();
    return {yield->getOperand(cast<OpResult>(value).getResultNumber())};
  }
  if (!isa<nn::Differentiable>(op) || isa<nn::StopGradientOp>(op)) {
    return {};
  }
  return SmallVector<Value>(op->getOperands());
}

void LossLint::findActive() {
  graph.getBody().walk([&](Operation *op) { // an op after the ops of its regions
    if (auto read = dyn_cast<model::ReadOp>(op)) {
      if (trained.contains(read.getSource())) {
        active.insert(read.getResult());
      }
      return;
    }
    for (Value result : op->getResults()) {
      bool isFloat = isa<FloatType>(getElementTypeOrSelf(result));
      if (isFloat && llvm::any_of(getInputs(result), [&](Value v) { return active.contains(v); })) {
        active.insert(result);
      }
    }
  });
}

void LossLint::findUseful() {
  SmallVector<Value> work;
  for (auto loss : graph.getBody().front().getOps<model::LossOp>()) {
    llvm::append_range(work, loss->getOperands());
  }
  while (!work.empty()) {
    Value value = work.pop_back_val();
    if (useful.insert(value).second) {
      llvm::append_range(work, getInputs(value));
    }
  }
}

//===-- Signs ---------------------------------------------------------------------------------===//

/// True if no element can be negative, as far as this can be seen.
bool LossLint::isNonNegative(Value value) {
  auto known = signs.find(value);
  if (known != signs.end()) {
    return known->second;
  }
  Operation *op = value.getDefiningOp();
  bool isBool = getElementTypeOrSelf(value).isInteger(1);
  bool isFirst = op && value == op->getResult(0);
  auto allOperands = [&] {
    return llvm::all_of(op->getOperands(), [&](Value v) { return isNonNegative(v); });
  };
  bool result = false;
  if (isBool) {
    result = true;
  } else if (auto constant = dyn_cast_if_present<nn::ConstantOp>(op)) {
    auto floats = dyn_cast<DenseFPElementsAttr>(constant.getValue());
    result = floats && llvm::none_of(floats, [](const APFloat &x) { return x.isNegative(); });
  } else if (auto read = dyn_cast_if_present<model::ReadOp>(op)) { // hypers are weights
    auto scalar = SymbolTable::lookupNearestSymbolFrom<model::ScalarOp>(read, read.getSourceAttr());
    result = scalar && !scalar.getValue().isNegative();
  } else if (isa_and_present<model::MaskOp>(op)) {
    result = true;
  } else if (op && op->getNumRegions() == 1) {
    result = isNonNegative(getInputs(value).front());
  } else if (isFirst && op->hasTrait<nn::NonNegative>()) {
    result = true;
  } else if (isFirst && op->hasTrait<nn::KeepsNonNegative>()) {
    result = allOperands();
  } else if (auto access = dyn_cast_if_present<nn::AccessOpInterface>(op)) {
    result = access.getFill() >= 0.0 && allOperands();
  }
  signs[value] = result;
  return result;
}

/// A trained parameter, moved and scaled but not bounded: training can make it any number.
bool LossLint::isFree(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op || !active.contains(value)) {
    return false;
  }
  if (isa<model::ReadOp>(op)) {
    return true;
  }
  if (isa<nn::AccessOpInterface, nn::CastOp>(op)) {
    return llvm::all_of(op->getOperands(), [&](Value v) { return isFree(v); });
  }
  return false;
}

//===-- The lints -----------------------------------------------------------------------------===//

void LossLint::checkLoss(model::LossOp loss) {
  auto isActive = [&](Value value) { return active.contains(value); };
  if (llvm::none_of(loss->getOperands(), isActive)) {
    warn(loss.getLoc(), "W0603",
         "loss '" + loss.getName() + "' trains nothing: no trained parameter reaches it");
  }
  Value weight = loss.getWeight();
  if (weight && isFree(weight) && isNonNegative(loss.getValue())) {
    warn(loss.getLoc(), "W0601",
         "the learnable weight of loss '" + loss.getName() +
             "' has no bound, and the loss is never negative: training only lowers it");
  }
  checkTerms(loss.getValue());
}

/// W0601 inside a loss: walks the sums and means that make up the loss's value.
void LossLint::checkTerms(Value loss) {
  SmallVector<Value> work = {loss};
  DenseSet<Value> seen;
  while (!work.empty()) {
    Value value = work.pop_back_val();
    Operation *op = value.getDefiningOp();
    if (!op || !seen.insert(value).second || !active.contains(value)) {
      continue;
    }
    if (op->getNumRegions() == 1 || isa<nn::AccessOpInterface>(op) ||
        isa<nn::AddOp, nn::ReduceSumOp, nn::CastOp>(op)) {
      llvm::append_range(work, getInputs(value));
      continue;
    }
    if (!isa<nn::MulOp, nn::DivOp>(op)) {
      continue;
    }
    Value x = op->getOperand(0), y = op->getOperand(1);
    if (!isa<nn::MulOp>(op)) { // a mean: x / count
      if (isNonNegative(y) && !active.contains(y)) {
        work.push_back(x);
      }
      continue;
    }
    for (auto [factor, rest] : {std::pair(x, y), std::pair(y, x)}) {
      if (isFree(factor) && isNonNegative(rest)) {
        warn(op->getLoc(), "W0601",
             "a learnable weight without bound multiplies a loss that is never negative: training "
             "only lowers it");
      } else if (isNonNegative(factor) && !active.contains(factor)) {
        work.push_back(rest);
      }
    }
  }
}

void LossLint::checkTeachers() {
  graph.getBody().walk([&](nn::Distillation loss) {
    bool matters = useful.contains(loss->getResult(0));
    if (matters && active.contains(loss.getTeacherValue()) &&
        active.contains(loss.getStudentValue())) {
      warn(loss->getLoc(), "W0602",
           "the teacher is trained towards the student too: it has no stop_gradient");
    }
  });
}

void LossLint::checkParameters() {
  llvm::StringSet<> reached;
  graph.getBody().walk([&](model::ReadOp read) {
    if (useful.contains(read.getResult())) {
      reached.insert(read.getSource());
    }
  });
  auto model = graph->getParentOfType<model::ModelOp>();
  for (auto param : model.getBody().front().getOps<model::ParamOp>()) {
    StringRef path = param.getSymName();
    if (trained.contains(path) && !reached.contains(path)) {
      warn(param.getLoc(), "W0604", "no loss trains parameter '" + path + "'");
    }
  }
}

namespace {
class LintLosses : public impl::LintLossesPassBase<LintLosses> {
  void runOnOperation() override {
    Warned warned;
    getOperation().walk([&](model::TrainOp train) {
      llvm::StringSet<> trained;
      for (NamedAttribute entry : train.getGroupOf()) {
        trained.insert(entry.getName());
      }
      auto graph =
          SymbolTable::lookupNearestSymbolFrom<model::GraphOp>(train, train.getGraphAttr());
      LossLint(graph, trained, warned).run();
    });
    markAllAnalysesPreserved();
  }
};
} // namespace

} // namespace mome

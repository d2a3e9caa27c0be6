// See EntryBuilder.h.
#include "passes/EntryBuilder.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace mome;
using nn::BindKind;

EntryBuilder::EntryBuilder(ModuleOp module, StringRef name) : builder(module.getContext()) {
  builder.setInsertionPointToEnd(module.getBody());
  function = func::FuncOp::create(builder, module.getLoc(), name, builder.getFunctionType({}, {}));
  builder.setInsertionPointToStart(function.addEntryBlock());
}

Value EntryBuilder::argument(BindKind kind, StringRef name, Type type, Location loc) {
  auto [slot, fresh] = arguments.try_emplace({kind, name.str()}, argumentBinds.size());
  Block &body = function.getBody().front();
  if (fresh) {
    argumentBinds.push_back(nn::BindAttr::get(builder.getContext(), kind, name));
    body.addArgument(type, loc);
  }
  return body.getArgument(slot->second);
}

Value EntryBuilder::scalar(StringRef name) {
  return argument(BindKind::scalar, name, RankedTensorType::get({}, builder.getF32Type()), function.getLoc());
}

Value EntryBuilder::seed() {
  return argument(BindKind::scalar, "seed", RankedTensorType::get({}, builder.getI64Type()), function.getLoc());
}

void EntryBuilder::result(BindKind kind, StringRef name, Value value) {
  resultBinds.push_back(nn::BindAttr::get(builder.getContext(), kind, name));
  results.push_back(value);
}

Value EntryBuilder::read(model::ReadOp op) {
  Operation *declaration = SymbolTable::lookupNearestSymbolFrom(op, op.getSourceAttr());
  BindKind kind = isa<model::ModalityOp>(declaration) ? BindKind::input
                  : isa<model::LabelOp>(declaration)  ? BindKind::label
                  : isa<model::ScalarOp>(declaration) ? BindKind::scalar
                  : isa<model::StateOp>(declaration)  ? BindKind::state
                                                      : BindKind::param;
  return argument(kind, op.getSource(), op.getType(), op.getLoc());
}

/// The parts whose regions only give structure.
static Region *partBody(Operation &op) {
  return isa<model::ExpertOp, model::GateOp, model::HeadOp, model::TermOp>(op) ? &op.getRegion(0) : nullptr;
}

void EntryBuilder::inlineBlock(Block &block, IRMapping &mapping, Forward &forward) {
  for (Operation &op : block) {
    if (auto readOp = dyn_cast<model::ReadOp>(op)) {
      mapping.map(readOp.getResult(), read(readOp));
    } else if (auto mask = dyn_cast<model::MaskOp>(op)) {
      bool valid = mask.getKind() == model::MaskKind::valid;
      mapping.map(mask.getResult(), argument(valid ? BindKind::valid : BindKind::presence, valid ? "valid" : "presence", mask.getType(), op.getLoc()));
    } else if (Region *part = partBody(op)) {
      inlineBlock(part->front(), mapping, forward);
      for (auto [outer, inner] : llvm::zip_equal(op.getResults(), part->front().getTerminator()->getOperands())) {
        mapping.map(outer, mapping.lookup(inner));
      }
    } else if (auto loss = dyn_cast<model::LossOp>(op)) {
      Value weight = loss.getWeight() ? mapping.lookup(loss.getWeight()) : Value();
      forward.losses.push_back({loss.getName(), mapping.lookup(loss.getValue()), weight, op.getLoc()});
    } else if (auto metric = dyn_cast<model::MetricOp>(op)) {
      SmallVector<Value> sums = llvm::map_to_vector(metric.getSums(), [&](Value sum) { return mapping.lookup(sum); });
      forward.metrics.push_back({metric, std::move(sums)});
    } else if (auto output = dyn_cast<model::OutputOp>(op)) {
      forward.outputs.emplace_back(output.getName(), mapping.lookup(output.getValue()));
    } else if (auto tap = dyn_cast<model::TapOp>(op)) {
      forward.taps.emplace_back(tap.getName(), mapping.lookup(tap.getValue()));
    } else if (auto update = dyn_cast<model::UpdateOp>(op)) {
      forward.updates.emplace_back(update.getState(), mapping.lookup(update.getValue()));
    } else if (!isa<model::YieldOp>(op)) {
      builder.clone(op, mapping);
    }
  }
}

Forward EntryBuilder::inlineGraph(model::GraphOp graph) {
  IRMapping mapping;
  Forward forward;
  inlineBlock(graph.getBody().front(), mapping, forward);
  return forward;
}

bool EntryBuilder::finish() {
  if (results.empty()) {
    function.erase();
    return false;
  }
  func::ReturnOp::create(builder, function.getLoc(), results);
  Block &body = function.getBody().front();
  for (Operation *op = body.back().getPrevNode(); op;) {
    Operation *dead = isOpTriviallyDead(op) ? op : nullptr;
    op = op->getPrevNode();
    if (dead) {
      dead->erase();
    }
  }
  for (unsigned i = body.getNumArguments(); i-- > 0;) {
    if (body.getArgument(i).use_empty()) {
      body.eraseArgument(i);
      argumentBinds.erase(argumentBinds.begin() + i);
    }
  }
  function.setFunctionType(builder.getFunctionType(body.getArgumentTypes(), TypeRange(ValueRange(results))));
  auto attributes = [&](ArrayRef<nn::BindAttr> binds) {
    return llvm::map_to_vector(binds, [&](nn::BindAttr bind) {
      return builder.getDictionaryAttr(builder.getNamedAttr(nn::NNDialect::bindAttrName, bind));
    });
  };
  // All at once: one by one, each would copy the whole list.
  function.setAllArgAttrs(ArrayRef(attributes(argumentBinds)));
  function.setAllResultAttrs(ArrayRef(attributes(resultBinds)));
  return true;
}

Value mome::buildObjective(EntryBuilder &entry, const Forward &forward) {
  Value total;
  for (const Forward::Loss &loss : forward.losses) {
    Arithmetic t{entry.builder, loss.loc};
    Value term = loss.weight ? t.mul(loss.value, loss.weight) : loss.value;
    total = total ? t.add(total, term) : term;
  }
  return total;
}

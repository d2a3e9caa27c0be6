// See TrainEntries.h.
#include "passes/TrainEntries.h"

#include "dialects/Mome/Scope.h"
#include "passes/EntryBuilder.h"

using namespace mlir;
using namespace mome;
using nn::BindKind;

namespace {

/// The sum of many numbers, by sixteens: equal sums that do not wait for each other.
Value addUp(Arithmetic t, SmallVector<Value> parts) {
  constexpr size_t most = 16;
  auto one = RankedTensorType::get({1}, getElementTypeOrSelf(parts.front()));
  while (parts.size() > 1) {
    SmallVector<Value> sums;
    for (ArrayRef<Value> rest = parts; !rest.empty();
         rest = rest.drop_front(std::min(most, rest.size()))) {
      SmallVector<Value> list;
      for (Value part : rest.take_front(most)) {
        list.push_back(nn::ReshapeOp::create(t.b, t.loc, one, part));
      }
      auto all = RankedTensorType::get({int64_t(list.size())}, one.getElementType());
      Value joined = nn::ConcatOp::create(t.b, t.loc, all, list, 0);
      sums.push_back(nn::ReduceSumOp::create(t.b, t.loc, joined, ArrayRef<int64_t>{0}));
    }
    parts = std::move(sums);
  }
  return parts.front();
}

void addLossResults(EntryBuilder &entry, const Forward &forward, Value total) {
  for (const Forward::Loss &loss : forward.losses) {
    entry.result(BindKind::loss, loss.name, loss.value);
  }
  if (total && forward.losses.size() > 1) {
    entry.result(BindKind::loss, "total", total);
  }
}

/// The entries of one train section.
class TrainLowering {
public:
  TrainLowering(ModuleOp module, model::ModelOp model, model::TrainOp train)
      : module(module), train(train), section(train.getGraph().str()),
        graph(SymbolTable::lookupNearestSymbolFrom<model::GraphOp>(model, train.getGraphAttr())) {
    for (auto param : model.getBody().front().getOps<model::ParamOp>()) {
      if (train.getGroupOf().contains(param.getSymName())) {
        params.push_back(param);
      }
    }
  }

  void run() {
    buildGrad();
    buildAccumulate();
    buildApply();
    buildStep();
  }

private:
  using Gradients = SmallVector<Value>; // one per entry of params

  std::string name(StringRef leaf) const { return section + "." + leaf.str(); }
  Value read(EntryBuilder &entry, BindKind kind, const Twine &prefix, model::ParamOp param) {
    return entry.argument(kind, (prefix + param.getSymName()).str(), param.getType(),
                          optLoc(param));
  }
  Location optLoc(model::ParamOp param) {
    return model::withPhase(param.getLoc(), model::Phase::opt);
  }

  /// Forward and symbolic gradients; also the losses, outputs and updates as results.
  Gradients buildGradients(EntryBuilder &entry) {
    Forward forward = entry.inlineGraph(graph);
    Value total = buildObjective(entry, forward);
    Gradients gradients;
    if (total && !params.empty()) {
      SmallVector<Value> wrt = llvm::map_to_vector(
          params, [&](model::ParamOp param) { return read(entry, BindKind::param, "", param); });
      auto gradient = nn::GradientOp::create(entry.builder, graph.getLoc(),
                                             TypeRange(ValueRange(wrt)), total, wrt);
      gradients.append(gradient->result_begin(), gradient->result_end());
    }
    addLossResults(entry, forward, total);
    for (auto [outputName, value] : forward.outputs) {
      entry.result(BindKind::output, outputName, value);
    }
    for (auto [state, value] : forward.updates) {
      entry.result(BindKind::state, state, value);
    }
    return gradients;
  }

  void buildGrad() {
    EntryBuilder entry(module, name("grad"));
    Gradients gradients = buildGradients(entry);
    for (auto [param, gradient] : llvm::zip(params, gradients)) {
      entry.result(BindKind::grad, param.getSymName(), gradient);
    }
    entry.finish();
  }

  void buildAccumulate() {
    EntryBuilder entry(module, name("accumulate"));
    Gradients gradients = buildGradients(entry);
    for (auto [param, gradient] : llvm::zip(params, gradients)) {
      Arithmetic t{entry.builder, optLoc(param)};
      entry.result(BindKind::grad, param.getSymName(),
                   t.add(read(entry, BindKind::grad, "", param), gradient));
    }
    entry.finish();
  }

  void buildApply() {
    EntryBuilder entry(module, name("apply"));
    Gradients gradients = llvm::map_to_vector(
        params, [&](model::ParamOp param) { return read(entry, BindKind::grad, "", param); });
    applyOptimizer(entry, gradients);
    entry.finish();
  }

  void buildStep() {
    EntryBuilder entry(module, name("step"));
    Gradients gradients = buildGradients(entry);
    applyOptimizer(entry, gradients);
    entry.finish();
  }

  /// What every gradient is multiplied by: 1 / micro-batches, and the clipping factor min(1, clip /
  /// (norm + 1e-6)), as torch.nn.utils.clip_grad_norm_.
  Value gradientScale(EntryBuilder &entry, const Gradients &gradients) {
    Value scale = entry.scalar(name("grad_scale"));
    if (!train.getClip()) {
      return scale;
    }
    Arithmetic t{entry.builder, model::scoped(train.getLoc(), "clip", model::Phase::opt)};
    SmallVector<Value> squares;
    for (Value gradient : gradients) {
      Value square = nn::SquareOp::create(t.b, t.loc, gradient);
      SmallVector<int64_t> axes = llvm::to_vector(
          llvm::seq<int64_t>(0, cast<RankedTensorType>(gradient.getType()).getRank()));
      squares.push_back(
          axes.empty() ? square : nn::ReduceSumOp::create(t.b, t.loc, square, axes).getResult());
    }
    Value norm = t.mul(nn::SqrtOp::create(t.b, t.loc, addUp(t, squares)), scale);
    Value guarded = t.add(norm, t.splat(norm.getType(), 1e-6));
    Value ratio = nn::DivOp::create(t.b, t.loc, entry.scalar(train.getClip()->str()), guarded);
    return t.mul(scale, nn::MinimumOp::create(t.b, t.loc, ratio, t.splat(ratio.getType(), 1.0)));
  }

  void applyOptimizer(EntryBuilder &entry, const Gradients &gradients) {
    if (gradients.empty()) {
      return;
    }
    // A frozen parameter has no gradient: it must not count in the norm either.
    Gradients trained;
    for (auto [param, gradient] : llvm::zip_equal(params, gradients)) {
      Arithmetic t{entry.builder, optLoc(param)};
      bool mayFreeze = train.getTrainable().contains(param.getSymName());
      trained.push_back(mayFreeze
                            ? unlessFrozen(entry, param, gradient, t.splat(gradient.getType(), 0.0))
                            : gradient);
    }
    Value scale = gradientScale(entry, trained);
    for (auto [param, gradient] : llvm::zip_equal(params, trained)) {
      updateParameter(entry, param, gradient, scale);
    }
  }

  /// `value`, or `frozen` while the freeze rule of a parameter that has one holds.
  Value unlessFrozen(EntryBuilder &entry, model::ParamOp param, Value value, Value frozen) {
    Arithmetic t{entry.builder, optLoc(param)};
    Value flag =
        entry.scalar(cast<StringAttr>(train.getTrainable().get(param.getSymName())).getValue());
    Value on =
        nn::CompareOp::create(t.b, t.loc, nn::CompareKind::gt, flag, t.splat(flag.getType(), 0.5));
    Type conditionType = cast<RankedTensorType>(value.getType()).clone(t.b.getI1Type());
    return nn::SelectOp::create(t.b, t.loc, t.spread(on, conditionType), value, frozen);
  }

  void updateParameter(EntryBuilder &entry, model::ParamOp param, Value gradient, Value scale) {
    StringRef path = param.getSymName();
    Arithmetic t{entry.builder, optLoc(param)};
    auto group = cast<DictionaryAttr>(
        train.getGroups()[cast<IntegerAttr>(train.getGroupOf().get(path)).getInt()]);
    Value lr = entry.scalar(name("lr_now"));
    if (auto scales = group.getAs<ArrayAttr>("lr_scale")) {
      for (StringRef scale : scales.getAsValueRange<StringAttr>()) {
        lr = t.mul(lr, entry.scalar(scale));
      }
    }
    Value decay = entry.scalar(group.getAs<StringAttr>("weight_decay").getValue());
    Value old = read(entry, BindKind::param, "", param);
    SmallVector<std::pair<std::string, Value>> moments; // name, old value
    SmallVector<Value> updated;                         // parameter first, then the moments
    if (train.getOptimizer() == "adamw") {
      // The moments of a parameter that was frozen count from its thaw: trainable.I, bias_correction1.I.
      std::string since;
      if (auto rule = train.getTrainable().getAs<StringAttr>(path)) {
        since = ("." + rule.getValue().rsplit('.').second).str();
      }
      for (StringRef moment : {"m/", "v/"}) {
        moments.emplace_back((moment + path).str(), read(entry, BindKind::moment, moment, param));
      }
      auto op = nn::AdamWOp::create(t.b, t.loc, old, gradient, moments[0].second, moments[1].second,
                                    lr, entry.scalar(name("betas.0")),
                                    entry.scalar(name("betas.1")), entry.scalar(name("eps")), decay,
                                    entry.scalar(name("bias_correction1" + since)),
                                    entry.scalar(name("bias_correction2" + since)), scale);
      updated.assign(op->result_begin(), op->result_end());
    } else {
      moments.emplace_back(("momentum/" + path).str(),
                           read(entry, BindKind::moment, "momentum/", param));
      auto op =
          nn::SgdOp::create(t.b, t.loc, old, gradient, moments[0].second, lr,
                            entry.scalar(name("momentum")), decay, scale, train.getNesterov());
      updated.assign(op->result_begin(), op->result_end());
    }
    if (train.getTrainable().contains(path)) { // frozen for now: nothing of it moves
      updated[0] = unlessFrozen(entry, param, updated[0], old);
      for (auto [i, moment] : llvm::enumerate(moments)) {
        updated[i + 1] = unlessFrozen(entry, param, updated[i + 1], moment.second);
      }
    }
    entry.result(BindKind::param, path, updated[0]);
    for (auto [i, moment] : llvm::enumerate(moments)) {
      entry.result(BindKind::moment, moment.first, updated[i + 1]);
    }
    if (train.getEma()) { // ema <- d ema + (1 - d) p
      Value average = read(entry, BindKind::moment, "ema/", param);
      Value d = entry.scalar(train.getEma()->str());
      Value rest = nn::SubOp::create(t.b, t.loc, t.splat(d.getType(), 1.0), d);
      Value blended = t.add(t.mul(average, t.spread(d, average.getType())),
                            t.mul(updated[0], t.spread(rest, average.getType())));
      entry.result(BindKind::moment, ("ema/" + path).str(), blended);
    }
  }

  ModuleOp module;
  model::TrainOp train;
  std::string section;
  model::GraphOp graph;
  SmallVector<model::ParamOp> params;
};

} // namespace

void mome::buildTrainEntries(ModuleOp module, model::ModelOp model, model::TrainOp train) {
  TrainLowering(module, model, train).run();
}

// mome-lower-to-entries: from what the model is to what is computed.
//
// In:  one `mome.model` with its graphs and sections.
// Out: one func.func per entry (docs/levels.md), gradients still symbolic (`nn.gradient`), and the
// module attribute `rt.package` with what the package says besides memory and code. No `mome` op is
// left. The entries of `train` sections: TrainEntries.h.
//
//   mome.graph @fit train batch 4 { .. mome.loss "cls" %l }
//   mome.train @fit.train graph @fit optimizer "adamw"
// becomes
//   func.func @fit.step(%w {nn.bind = <param, "w">}, ..) {
//     %g = nn.gradient %l wrt %w
//     %w1, %m1, %v1 = nn.adamw %w, %g, %m, %v, ..
#include "dialects/Mome/Scope.h"
#include "dialects/RT/RT.h"
#include "passes/EntryBuilder.h"
#include "passes/Passes.h"
#include "passes/TrainEntries.h"

#include "llvm/Support/JSON.h"

#include <cmath>

namespace mome {

#define GEN_PASS_DEF_LOWERTOENTRIESPASS
#include "passes/Passes.h.inc"

using namespace mlir;
using nn::BindKind;

namespace {

/// FNV-1a: the key of a parameter's random initial values.
uint32_t hashPath(StringRef path) {
  uint32_t hash = 2166136261u;
  for (unsigned char c : path) {
    hash = (hash ^ c) * 16777619u;
  }
  return hash;
}

//===-- Evaluation ------------------------------------------------------------------------===//

void buildPredict(ModuleOp module, model::GraphOp graph, bool explain) {
  EntryBuilder entry(module, explain ? "explain" : "predict");
  Forward forward = entry.inlineGraph(graph);
  if (explain && forward.taps.empty()) {
    entry.finish();
    return;
  }
  for (auto [name, value] : explain ? forward.taps : forward.outputs) {
    entry.result(explain ? BindKind::tap : BindKind::output, name, value);
  }
  entry.finish();
}

/// `eval`: outputs, and everything that is summed over the data set. A loss is a mean over the
/// batch's valid samples; its sum is weighted by their number.
void buildEval(ModuleOp module, model::GraphOp graph) {
  EntryBuilder entry(module, "eval");
  Forward forward = entry.inlineGraph(graph);
  Arithmetic t{entry.builder, graph.getLoc()};
  auto accumulate = [&](const std::string &name, Value value) {
    Value before = entry.argument(BindKind::sum, name, value.getType(), graph.getLoc());
    entry.result(BindKind::sum, name, t.add(before, value));
  };
  for (auto [name, value] : forward.outputs) {
    entry.result(BindKind::output, name, value);
  }
  auto validType = RankedTensorType::get({int64_t(graph.getBatch())}, entry.builder.getF32Type());
  Value valid = entry.argument(BindKind::valid, "valid", validType, graph.getLoc());
  Value count = nn::ReduceSumOp::create(t.b, t.loc, valid, ArrayRef<int64_t>{0});
  accumulate("count", count);
  Value total = buildObjective(entry, forward);
  for (const Forward::Loss &loss : forward.losses) {
    accumulate(("loss." + loss.name).str(), t.mul(loss.value, count));
  }
  if (forward.losses.size() > 1) {
    accumulate("loss.total", t.mul(total, count));
  }
  for (const Forward::Metric &metric : forward.metrics) {
    model::MetricOp op = metric.op;
    for (auto [sumName, value] :
         llvm::zip_equal(op.getSumNames().getAsValueRange<StringAttr>(), metric.sums)) {
      accumulate((op.getName() + "." + sumName).str(), value);
    }
  }
  entry.finish();
}

void buildMetrics(ModuleOp module, model::GraphOp graph) {
  EntryBuilder entry(module, "metrics");
  for (auto metric : graph.getBody().front().getOps<model::MetricOp>()) {
    IRMapping mapping;
    Block &body = metric.getValue().front();
    for (auto [sumName, argument] :
         llvm::zip_equal(metric.getSumNames().getAsValueRange<StringAttr>(), body.getArguments())) {
      mapping.map(argument, entry.argument(BindKind::sum, (metric.getName() + "." + sumName).str(),
                                           argument.getType(), metric.getLoc()));
    }
    for (Operation &op : body.without_terminator()) {
      entry.builder.clone(op, mapping);
    }
    entry.result(BindKind::metric, metric.getName(),
                 mapping.lookup(body.getTerminator()->getOperand(0)));
  }
  entry.finish();
}

//===-- Initial values --------------------------------------------------------------------===//

Value buildInit(EntryBuilder &entry, StringRef path, RankedTensorType type, model::InitAttr init,
                Location loc) {
  StringRef kind = init.getKind();
  auto arg = [&](int i) { return cast<FloatAttr>(init.getArgs()[i]).getValueAsDouble(); };
  OpBuilder &b = entry.builder;
  if (kind == "zeros" || kind == "ones") {
    return nn::buildSplat(b, loc, type, kind == "ones" ? 1.0 : 0.0);
  }
  if (kind == "constant") {
    return nn::buildSplat(b, loc, type, arg(0));
  }
  uint32_t id = hashPath(path);
  if (kind == "normal" || kind == "trunc_normal") {
    return nn::RandomNormalOp::create(b, loc, type, entry.seed(), id, APFloat(0.0), APFloat(arg(0)),
                                      kind == "trunc_normal");
  }
  double low = 0, high = 0;
  if (kind == "uniform") {
    low = arg(0), high = arg(1);
  } else { // xavier_uniform: fans as torch.nn.init
    ArrayRef<int64_t> shape = type.getShape();
    int64_t receptive = 1;
    for (int64_t extent : shape.drop_front(std::min<size_t>(2, shape.size()))) {
      receptive *= extent;
    }
    int64_t fans = shape.size() < 2 ? 2 * type.getNumElements() : (shape[0] + shape[1]) * receptive;
    high = std::sqrt(6.0 / double(fans));
    low = -high;
  }
  return nn::RandomUniformOp::create(b, loc, type, entry.seed(), id, APFloat(low), APFloat(high));
}

void buildInitEntry(ModuleOp module, model::ModelOp model) {
  EntryBuilder entry(module, "init");
  for (Operation &op : model.getBody().front()) {
    auto add = [&](BindKind kind, auto declaration) {
      auto type = cast<RankedTensorType>(declaration.getType());
      entry.result(
          kind, declaration.getSymName(),
          buildInit(entry, declaration.getSymName(), type, declaration.getInit(), op.getLoc()));
    };
    if (auto param = dyn_cast<model::ParamOp>(op)) {
      add(BindKind::param, param);
    } else if (auto state = dyn_cast<model::StateOp>(op)) {
      add(BindKind::state, state);
    }
  }
  entry.finish();
}

//===-- Package facts ---------------------------------------------------------------------===//

/// What the cost of a model is quoted in: multiply-adds of matrix products, attention and
/// convolutions (stencils over weights); 0 for everything else.
double countMultiplyAdds(Operation *op) {
  if (auto matrices = dyn_cast<nn::ProductOpInterface>(op)) {
    nn::Product product = matrices.getProduct();
    return double(product.batch) * product.m * product.n * product.k;
  }
  nn::FusionRole role = nn::getFusionRole(op);
  bool counts = role == nn::FusionRole::attention ||
                (role == nn::FusionRole::stencil && op->getNumOperands() > 1);
  return counts ? nn::getFlops(op) / 2 : 0;
}

/// The multiply-adds of one sample's forward pass, by the path of what computes them: of the entry
/// `eval` as it is written, before anything is optimised.
ArrayAttr buildCosts(model::GraphOp eval) {
  Builder b(eval.getContext());
  llvm::MapVector<StringRef, double> costs;
  auto entry = eval->getParentOfType<ModuleOp>().lookupSymbol<func::FuncOp>("eval");
  if (!entry) {
    return b.getArrayAttr({});
  }
  entry.walk([&](Operation *op) {
    SmallVector<model::ScopeAttr> scopes = model::getScopes(op->getLoc());
    double multiplyAdds = countMultiplyAdds(op);
    bool named = !scopes.empty() && !scopes.front().getPath().empty(); // else it is a metric's
    if (multiplyAdds > 0 && named) {
      costs[scopes.front().getPath()] += multiplyAdds / double(eval.getBatch());
    }
  });
  return b.getArrayAttr(llvm::map_to_vector(costs, [&](const auto &cost) -> Attribute {
    return b.getDictionaryAttr({b.getNamedAttr("name", b.getStringAttr(cost.first)),
                                b.getNamedAttr("value", b.getF64FloatAttr(cost.second))});
  }));
}

/// What a section computes in.
StringRef precisionOf(model::TrainOp section) {
  auto host = llvm::json::parse(section.getHost());
  const llvm::json::Object *settings = host ? host->getAsObject() : nullptr;
  std::optional<StringRef> precision = settings ? settings->getString("precision") : std::nullopt;
  if (!host) {
    llvm::consumeError(host.takeError());
  }
  return llvm::StringSwitch<StringRef>(precision.value_or("f32"))
      .Case("bf16", "bf16")
      .Case("tf32", "tf32")
      .Default("f32");
}

/// The model's own precision, for entries outside of sections: that on which all sections agree.
StringRef precisionOf(model::ModelOp model) {
  SmallVector<StringRef> precisions;
  for (auto section : model.getBody().front().getOps<model::TrainOp>()) {
    precisions.push_back(precisionOf(section));
  }
  return !precisions.empty() && llvm::all_equal(precisions) ? precisions.front() : "f32";
}

/// Marks the model's entries with what they compute in.
void setPrecisions(ModuleOp module, model::ModelOp model) {
  for (auto entry : module.getOps<func::FuncOp>()) {
    StringRef precision = precisionOf(model);
    for (auto section : model.getBody().front().getOps<model::TrainOp>()) {
      if (entry.getSymName().rsplit('.').first == section.getGraph() &&
          entry.getSymName().contains('.')) {
        precision = precisionOf(section);
      }
    }
    if (precision != "f32") {
      entry->setAttr(nn::NNDialect::precisionAttrName,
                     StringAttr::get(module.getContext(), precision));
    }
  }
}

/// What the runtime must know besides memory and code.
DictionaryAttr buildPackage(model::ModelOp model, model::GraphOp eval) {
  Builder b(model.getContext());
  SmallVector<Attribute> scalars, train, data, metrics, losses, modalities, optional, classes;
  auto entry = [&](std::initializer_list<std::pair<StringRef, Attribute>> fields) {
    SmallVector<NamedAttribute> named;
    for (auto [key, value] : fields) {
      named.push_back(b.getNamedAttr(key, value));
    }
    return b.getDictionaryAttr(named);
  };
  int64_t batch = 0;
  for (Operation &op : model.getBody().front()) {
    if (auto scalar = dyn_cast<model::ScalarOp>(op)) {
      auto fields = entry({{"name", scalar.getSymNameAttr()},
                           {"type", scalar.getTypeAttr()},
                           {"value", scalar.getValueAttr()}});
      if (scalar.getKind() == model::ScalarKind::host) {
        fields = entry({{"host", b.getUnitAttr()},
                        {"name", scalar.getSymNameAttr()},
                        {"type", scalar.getTypeAttr()},
                        {"value", scalar.getValueAttr()}});
      }
      scalars.push_back(fields);
    } else if (auto label = dyn_cast<model::LabelOp>(op); label && classes.empty()) {
      // Only counted: the data set's label names, in order, take these places.
      for (uint64_t i = 0; i < uint64_t(label.getClasses()); ++i) {
        classes.push_back(b.getStringAttr(std::to_string(i)));
      }
    } else if (auto modality = dyn_cast<model::ModalityOp>(op)) {
      modalities.push_back(modality.getSymNameAttr());
      if (modality.getOptional()) {
        optional.push_back(modality.getSymNameAttr());
      }
    } else if (auto section = dyn_cast<model::TrainOp>(op)) {
      train.push_back(
          entry({{"name", b.getStringAttr(section.getGraph())}, {"json", section.getHostAttr()}}));
    } else if (auto section = dyn_cast<model::DataOp>(op)) {
      StringRef name = section.getSymName();
      name.consume_back(".data");
      data.push_back(entry({{"name", b.getStringAttr(name)}, {"json", section.getHostAttr()}}));
    } else if (auto graph = dyn_cast<model::GraphOp>(op);
               graph && graph.getMode() == model::Mode::train && batch == 0) {
      batch = graph.getBatch();
    }
  }
  if (eval) {
    for (Operation &op : eval.getBody().front()) {
      if (auto metric = dyn_cast<model::MetricOp>(op)) {
        SmallVector<StringRef> sums =
            llvm::to_vector(metric.getSumNames().getAsValueRange<StringAttr>());
        metrics.push_back(
            entry({{"name", metric.getNameAttr()}, {"sums", b.getStrArrayAttr(sums)}}));
      } else if (auto loss = dyn_cast<model::LossOp>(op)) {
        losses.push_back(loss.getNameAttr());
      }
    }
  }
  int64_t evalBatch = eval ? int64_t(eval.getBatch()) : batch;
  return entry({{"model", model.getSymNameAttr()},
                {"classes", b.getArrayAttr(classes)},
                {"modalities", b.getArrayAttr(modalities)},
                {"optional", b.getArrayAttr(optional)},
                {"batch", b.getI64IntegerAttr(batch ? batch : evalBatch)},
                {"eval_batch", b.getI64IntegerAttr(evalBatch)},
                {"precision", b.getStringAttr(precisionOf(model))},
                {"scalars", b.getArrayAttr(scalars)},
                {"losses", b.getArrayAttr(losses)},
                {"metrics", b.getArrayAttr(metrics)},
                {"costs", eval ? buildCosts(eval) : b.getArrayAttr({})},
                {"train", b.getArrayAttr(train)},
                {"data", b.getArrayAttr(data)}});
}

struct LowerToEntriesPass : impl::LowerToEntriesPassBase<LowerToEntriesPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    for (auto model : llvm::make_early_inc_range(module.getOps<model::ModelOp>())) {
      model::GraphOp eval;
      for (auto graph : model.getBody().front().getOps<model::GraphOp>()) {
        eval = graph.getMode() == model::Mode::eval ? graph : eval;
      }
      if (eval) {
        buildPredict(module, eval, /*explain=*/false);
        buildEval(module, eval);
        buildMetrics(module, eval);
        buildPredict(module, eval, /*explain=*/true);
      }
      buildInitEntry(module, model);
      for (auto train : model.getBody().front().getOps<model::TrainOp>()) {
        buildTrainEntries(module, model, train);
      }
      setPrecisions(module, model);
      NamedAttrList package(buildPackage(model, eval));
      if (auto known = module->getAttrOfType<DictionaryAttr>(rt::RTDialect::packageAttrName)) {
        package.append(known.getValue()); // the sources, by the driver
      }
      module->setAttr(rt::RTDialect::packageAttrName, package.getDictionary(&getContext()));
      model.erase();
    }
  }
};

} // namespace
} // namespace mome

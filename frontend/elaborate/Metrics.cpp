// Metrics: sums over all samples, and a value of the sums.
#include "frontend/elaborate/Elaborator.h"

namespace mome::elaborate {

using namespace syntax;

/// Sums over all samples, and the metric as a function of their totals.
struct Elaborator::MetricSums {
  std::vector<std::string> names;
  std::vector<Tensor> sums;
  std::function<Value(std::vector<Tensor>)> finish;
};

/// `metric m { sum c = a  value = b }`.
std::optional<Elaborator::MetricSums> Elaborator::namedSums(const Statement &statement) {
  MetricSums result;
  for (const Binding &binding : statement.bindings) {
    Value sum = evaluate(*binding.value);
    auto *x = sum.get<Tensor>();
    if (!x || x->batched) {
      if (!sum.poisoned()) {
        report(binding.value->range, "E0315", "a sum is a tensor without batch axis, not " + describe(sum));
      }
      return std::nullopt;
    }
    result.names.push_back(binding.name.name);
    result.sums.push_back(*x);
  }
  result.finish = [this, &statement](std::vector<Tensor> totals) {
    frames.back().scopes.push_back({});
    for (auto [binding, total] : llvm::zip_equal(statement.bindings, totals)) {
      frames.back().scopes.back()[binding.name.name] = total;
    }
    Value value = evaluate(*statement.value);
    frames.back().scopes.pop_back();
    return value;
  };
  return result;
}

/// `metric m = class_mean_accuracy(...)`: the mean over classes present of the confusion matrix's recall.
std::optional<Elaborator::MetricSums> Elaborator::classMeanSums(const Statement &statement) {
  Value confusion = callBuiltin(*findBuiltin("confusion"), *statement.value, frames.back().path);
  if (confusion.poisoned()) {
    return std::nullopt;
  }
  auto finish = [this, range = statement.range](std::vector<Tensor> totals) -> Value {
    TensorOps in = ops(range);
    in.validMask = nullptr;
    Tensor counts = in.reduceSum(totals[0], {1}), ones = in.splat(counts.shape(), 1.0);
    Tensor present = in.binary<nn::MinimumOp>(counts, ones);
    Tensor eye = in.diagonal(totals[0]);
    Tensor recall = in.div(eye, in.binary<nn::MaximumOp>(counts, ones));
    return in.div(in.reduceSum(recall, {0}), in.binary<nn::MaximumOp>(in.reduceSum(present, {0}), in.scalar(1.0)));
  };
  return MetricSums{{"confusion"}, {*confusion.get<Tensor>()}, finish};
}

/// `metric m = x` averages a per-sample x.
std::optional<Elaborator::MetricSums> Elaborator::meanSums(const Statement &statement) {
  TensorOps t = ops(statement.range);
  Value perSample = evaluate(*statement.value);
  auto *x = perSample.get<Tensor>();
  if (!x || !x->batched || x->rank() != 1) {
    if (!perSample.poisoned()) {
      report(statement.value->range, "E0315", "a metric written with '=' averages one number per sample [B], not " + describe(perSample));
    }
    return std::nullopt;
  }
  auto finish = [this, range = statement.range](std::vector<Tensor> totals) -> Value {
    TensorOps in = ops(range);
    return in.div(totals[0], in.binary<nn::MaximumOp>(totals[1], in.scalar(1.0)));
  };
  Tensor sum = t.batchSum(*x);
  return MetricSums{{"sum", "count"}, {sum, t.reduceSum(t.validMask(), {0})}, finish};
}

void Elaborator::runMetric(const Statement &statement) {
  const Expr *value = statement.value.get();
  bool classMean = value && value->kind == ExprKind::call && value->children[0]->text == "class_mean_accuracy";
  std::optional<MetricSums> metricSums = !statement.bindings.empty() ? namedSums(statement)
                                         : classMean                 ? classMeanSums(statement)
                                                                     : meanSums(statement);
  if (!metricSums) {
    return;
  }
  llvm::SmallVector<mlir::Value> operands;
  llvm::SmallVector<llvm::StringRef> names(metricSums->names.begin(), metricSums->names.end());
  for (Tensor sum : metricSums->sums) {
    operands.push_back(sum.value);
  }
  auto metric = model::MetricOp::create(builder, loc(statement.range), statement.names[0].name, builder.getStrArrayAttr(names), operands);
  mlir::Block &body = metric.getValue().emplaceBlock();
  std::vector<Tensor> totals;
  for (mlir::Value operand : operands) {
    totals.push_back({body.addArgument(operand.getType(), loc(statement.range))});
  }
  mlir::OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(&body);
  Value result = metricSums->finish(totals);
  auto *scalar = result.get<Tensor>();
  if (!scalar || scalar->rank() != 0) {
    if (!result.poisoned()) {
      report(statement.range, "E0315", "a metric's value must be one number, not " + describe(result));
    }
    return;
  }
  model::YieldOp::create(builder, loc(statement.range), scalar->value);
}

} // namespace mome::elaborate

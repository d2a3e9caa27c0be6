// Builtins for losses and metrics. Losses are means over the batch: scalars.
#include "frontend/elaborate/Builtins.h"

namespace mome::elaborate {

using namespace mlir; // `Value` is ours here

/// Reports unless `logits` is [B, K] and `y` holds one label per sample, of as many classes.
static bool checkLabels(BuiltinCall &c, Tensor logits, Tensor y) {
  if (logits.rank() != 2 || y.rank() != 1 || y.shape()[0] != logits.shape()[0] ||
      !isa<IntegerType>(y.type().getElementType())) {
    c.error("E0301", "needs logits [B, K] and one label per sample, not " +
                         describe(logits, c.t.batch) + " and " + describe(y, c.t.batch));
    return false;
  }
  std::optional<int64_t> classes = c.host.classesOf(y);
  if (classes && *classes != logits.shape()[1]) {
    c.error("E0301",
            "the label has " + std::to_string(*classes) + " classes, the logits are " +
                describe(logits, c.t.batch),
            0);
    return false;
  }
  return true;
}

/// The mean of one number per row over the samples; with a mask [B] or [B, 1] in `slot`, over those
/// where it holds.
static Value batchMean(BuiltinCall &c, Tensor rows, int slot) {
  if (c.slots[slot].get<None>()) {
    return c.t.batchMean(rows);
  }
  auto *mask = c.slots[slot].get<Tensor>();
  if (!mask || !mask->batched || mask->type().getNumElements() != c.t.batch ||
      rows.shape()[0] % c.t.batch != 0) {
    return c.error("E0301",
                   "'where' is a mask [B, 1], one number per sample, not " +
                       c.slots[slot].describe(c.t.batch),
                   slot);
  }
  int64_t inner = rows.shape()[0] / c.t.batch;
  Tensor perRow =
      c.t.broadcastTo(c.t.reshape(*mask, {c.t.batch, 1}, true), {{c.t.batch, inner}, true});
  return c.t.maskedMean(rows, c.t.reshape(perRow, {rows.shape()[0]}, true), {0});
}

/// y: a class index per sample, or a distribution over the classes.
static Value buildCrossEntropy(BuiltinCall &c) {
  Tensor logits = c.tensor(0), y = c.tensor(1);
  if (isa<FloatType>(y.type().getElementType())) {
    if (y.type() != logits.type()) {
      return c.error("E0301",
                     "a target distribution must have the logits' shape " +
                         describe(logits, c.t.batch) + ", not " + describe(y, c.t.batch),
                     1);
    }
    if (c.slots[2].number() != 0.0) { // (1 - s) y + s / K
      Tensor smoothing = c.scalar(2);
      Tensor kept = c.t.mul(y, c.t.sub(c.t.scalar(1), smoothing));
      y = c.t.add(kept, c.t.scale(smoothing, 1.0 / double(logits.shape()[1])));
    }
    auto op = nn::SoftCrossEntropyOp::create(c.t.b, c.t.loc, logits.value, y.value);
    return batchMean(c, {op->getResult(0), logits.batched}, 3);
  }
  if (!checkLabels(c, logits, y)) {
    return Poison{};
  }
  mlir::Value smoothing;
  if (c.slots[2].number() != 0.0) {
    smoothing = c.scalar(2).value;
  }
  auto op = nn::CrossEntropyOp::create(c.t.b, c.t.loc, logits.value, y.value, smoothing);
  return batchMean(c, {op->getResult(0), logits.batched}, 3);
}

/// KL(softmax(teacher) || softmax(student)) over the last axis, mean over everything else.
static Value buildKl(BuiltinCall &c) {
  Tensor teacher = c.tensor(0), student = c.tensor(1);
  if (teacher.type() != student.type() || teacher.rank() < 1) {
    return c.error("E0301", "teacher " + describe(teacher, c.t.batch) + " and student " +
                                describe(student, c.t.batch) + " differ in shape");
  }
  int64_t width = teacher.shape().back(), rows = teacher.type().getNumElements() / width;
  Tensor a = c.t.reshape(teacher, {rows, width}, teacher.batched),
         b = c.t.reshape(student, {rows, width}, student.batched);
  auto op = nn::KlOp::create(c.t.b, c.t.loc, a.value, b.value);
  return batchMean(c, {op->getResult(0), student.batched}, 2);
}

static Value buildMse(BuiltinCall &c) {
  Tensor x = c.tensor(0), y = c.tensor(1);
  if (x.type() != y.type() || x.rank() < 1) {
    return c.error("E0301", "mse needs two tensors of one shape, not " + describe(x, c.t.batch) +
                                " and " + describe(y, c.t.batch));
  }
  const std::string &reduction = c.string(2);
  if (reduction != "mean" && reduction != "sum") {
    return c.error("E0303",
                   "reduction is \"mean\" or \"sum\" (over the features; the batch is always "
                   "averaged), not \"" +
                       reduction + "\"",
                   2);
  }
  Tensor square = c.t.unary<nn::SquareOp>(c.t.sub(x, y));
  SmallVector<int64_t> features = llvm::to_vector(llvm::seq<int64_t>(1, x.rank()));
  Tensor perSample =
      reduction == "mean" ? c.t.reduceMean(square, features) : c.t.reduceSum(square, features);
  return batchMean(c, perSample, 3);
}

/// 1 where the largest logit is the label's, per sample; a metric averages it.
static Value buildAccuracy(BuiltinCall &c) {
  Tensor logits = c.tensor(0), y = c.tensor(1);
  if (!checkLabels(c, logits, y)) {
    return Poison{};
  }
  mlir::Value predicted = nn::ArgmaxOp::create(c.t.b, c.t.loc, logits.value, 1);
  Tensor hit{nn::CompareOp::create(c.t.b, c.t.loc, nn::CompareKind::eq, predicted, y.value), true};
  return c.t.cast(hit, c.t.b.getF32Type());
}

/// [K, K]: how many valid samples of class i were predicted as j.
static Value buildConfusion(BuiltinCall &c) {
  Tensor logits = c.tensor(0), y = c.tensor(1);
  if (!checkLabels(c, logits, y)) {
    return Poison{};
  }
  auto matrix = RankedTensorType::get(logits.shape(), c.t.b.getF32Type());
  mlir::Value predicted = nn::ArgmaxOp::create(c.t.b, c.t.loc, logits.value, 1);
  Tensor truth{nn::OneHotOp::create(c.t.b, c.t.loc, matrix, y.value), true};
  Tensor guess{nn::OneHotOp::create(c.t.b, c.t.loc, matrix, predicted), true};
  if (c.t.validMask) {
    truth = c.t.mul(truth, c.t.validLike(truth));
  }
  int64_t classes = logits.shape()[1];
  auto type = RankedTensorType::get({classes, classes}, c.t.b.getF32Type());
  return Tensor{nn::MatmulOp::create(c.t.b, c.t.loc, type, truth.value, guess.value, true, false)};
}

void addLossBuiltins(std::vector<Builtin> &table) {
  Parameter logits{"logits", Kind::tensor}, y{"y", Kind::tensor},
      where{"where", Kind::any, Value(None{})};
  table.push_back({"cross_entropy",
                   {logits, y, {"smoothing", Kind::any, Value(0)}, where},
                   buildCrossEntropy,
                   false,
                   "softmax cross entropy"});
  table.push_back({"kl",
                   {{"teacher", Kind::tensor}, {"student", Kind::tensor}, where},
                   buildKl,
                   false,
                   "KL(softmax(teacher) || softmax(student))"});
  table.push_back({"mse",
                   {{"x", Kind::tensor},
                    {"y", Kind::tensor},
                    {"reduction", Kind::string, Value(std::string("mean"))},
                    where},
                   buildMse,
                   false,
                   "mean squared error"});
  table.push_back({"accuracy",
                   {logits, y},
                   buildAccuracy,
                   false,
                   "1 where the prediction is right, per sample"});
  table.push_back(
      {"confusion", {logits, y}, buildConfusion, false, "[K, K] counts of (label, prediction)"});
}

} // namespace mome::elaborate

// Builtins with parameters, attention, normalisation, convolution and the random ones.
#include "dialects/NN/Conv.h"
#include "frontend/elaborate/Builtins.h"

#include <cmath>

namespace mome::elaborate {

using namespace mlir; // `Value` is ours here

/// Where the parameters of a layer get their leaf names: names = ("in_proj_weight", "in_proj_bias").
static std::string leafName(BuiltinCall &c, int slot, size_t which, StringRef fallback) {
  const List *names = c.slots[slot].list();
  if (names && which < names->size()) {
    if (auto *name = (*names)[which].get<std::string>()) {
      return *name;
    }
  }
  return fallback.str();
}

/// U(-1/sqrt(fan_in), 1/sqrt(fan_in)): what PyTorch gives linear and convolution layers.
static Initializer fanIn(int64_t fan) {
  double bound = 1.0 / std::sqrt(double(fan));
  return {"uniform", {-bound, bound}};
}

/// The initialiser argument in `slot`, or `fallback`; a bool false means there is no such parameter.
static std::optional<Initializer> initializer(BuiltinCall &c, int slot, Initializer fallback) {
  if (auto *init = c.slots[slot].get<Initializer>()) {
    return *init;
  }
  auto *wanted = c.slots[slot].get<bool>();
  return wanted && !*wanted ? std::nullopt : std::optional(fallback);
}

/// The weight or bias in `slot`: a tensor the caller gives (part of a larger parameter, say), or a parameter of the layer's
/// own; null if the caller wants none. nullopt after reporting.
static std::optional<mlir::Value> layerTensor(BuiltinCall &c, int slot, ArrayRef<int64_t> shape, Initializer fallback, const std::string &leaf) {
  if (auto *tensor = c.slots[slot].get<Tensor>()) {
    if (tensor->shape() == shape && !tensor->batched) {
      return tensor->value;
    }
    c.error("E0301", "'" + leaf + "' must be " + describe(c.t.splat(shape, 0.0), 0) + ", not " + describe(*tensor, c.t.batch));
    return std::nullopt;
  }
  std::optional<Initializer> init = initializer(c, slot, fallback);
  return init ? c.host.parameter(leaf, shape, *init).value : mlir::Value();
}

//===-- linear -----------------------------------------------------------------------------------===//

static Value buildLinear(BuiltinCall &c) {
  Tensor x = c.tensor(0);
  int64_t n = c.integer(1);
  if (x.rank() < 2) {
    return c.error("E0303", "linear needs at least two axes, not " + describe(x, c.t.batch), 0);
  }
  int64_t k = x.shape().back();
  auto weight = layerTensor(c, 3, {n, k}, fanIn(k), leafName(c, 4, 0, "weight"));
  auto bias = weight ? layerTensor(c, 2, {n}, fanIn(k), leafName(c, 4, 1, "bias")) : std::nullopt;
  if (!bias) {
    return Poison{};
  }
  SmallVector<int64_t> shape(x.shape());
  shape.back() = n;
  auto type = RankedTensorType::get(shape, x.type().getElementType());
  return Tensor{nn::LinearOp::create(c.t.b, c.t.loc, type, x.value, *weight, *bias), x.batched};
}

static Value buildMatmul(BuiltinCall &c) {
  Tensor x = c.tensor(0), y = c.tensor(1);
  bool fits = x.rank() == y.rank() && x.rank() >= 2 && x.shape().drop_back(2) == y.shape().drop_back(2) &&
              x.shape().back() == y.shape()[y.rank() - 2];
  if (!fits) {
    return c.error("E0301", "cannot multiply " + describe(x, c.t.batch) + " by " + describe(y, c.t.batch));
  }
  SmallVector<int64_t> shape(x.shape());
  shape.back() = y.shape().back();
  auto type = RankedTensorType::get(shape, x.type().getElementType());
  return Tensor{nn::MatmulOp::create(c.t.b, c.t.loc, type, x.value, y.value, false, false), x.batched};
}

//===-- Normalisation ----------------------------------------------------------------------------===//

static Value buildLayerNorm(BuiltinCall &c) {
  Tensor x = c.tensor(0);
  int64_t width = x.shape().back();
  Tensor gamma = c.host.parameter(leafName(c, 2, 0, "weight"), {width}, {"ones", {}});
  Tensor beta = c.host.parameter(leafName(c, 2, 1, "bias"), {width}, {"zeros", {}});
  auto op = nn::LayerNormOp::create(c.t.b, c.t.loc, x.value, gamma.value, beta.value, APFloat(c.number(1)));
  return Tensor{op->getResult(0), x.batched};
}

/// x of [B, C, ...]; per-channel statistics over everything else. In eval, the running ones.
static Value buildBatchNorm(BuiltinCall &c) {
  Tensor x = c.tensor(0);
  if (x.rank() < 2) {
    return c.error("E0303", "batch_norm needs [B, C, ...], not " + describe(x, c.t.batch), 0);
  }
  int64_t channels = x.shape()[1];
  double eps = c.number(1), momentum = c.number(2);
  Tensor gamma = c.host.parameter("weight", {channels}, {"ones", {}});
  Tensor beta = c.host.parameter("bias", {channels}, {"zeros", {}});
  Tensor mean = c.host.state("running_mean", {channels}, {"zeros", {}});
  Tensor variance = c.host.state("running_var", {channels}, {"ones", {}});
  if (c.host.training()) {
    auto op = nn::BatchNormOp::create(c.t.b, c.t.loc, x.value, gamma.value, beta.value, APFloat(eps));
    double count = double(x.type().getNumElements() / channels);
    auto blend = [&](Tensor running, Tensor now) { return c.t.add(c.t.scale(running, 1 - momentum), c.t.scale(now, momentum)); };
    c.host.update("running_mean", blend(mean, {op->getResult(1)}));
    // The running variance is unbiased, as in torch.nn.BatchNorm.
    c.host.update("running_var", blend(variance, c.t.scale({op->getResult(2)}, count / std::max(count - 1, 1.0))));
    return Tensor{op->getResult(0), x.batched};
  }
  SmallVector<int64_t> column(x.rank() - 1, 1);
  column[0] = channels;
  auto column_of = [&](Tensor t) { return c.t.reshape(t, column, false); };
  Tensor scale = c.t.mul(gamma, c.t.unary<nn::RsqrtOp>(c.t.add(variance, c.t.scalar(eps))));
  Tensor offset = c.t.sub(beta, c.t.mul(mean, scale));
  return c.t.add(c.t.mul(x, column_of(scale)), column_of(offset));
}

/// softmax(x, where = mask): 0 where the mask does not hold; uniform if it holds nowhere.
static Value buildSoftmax(BuiltinCall &c) {
  Tensor x = c.tensor(0);
  if (!c.slots[1].get<None>()) {
    auto *mask = c.slots[1].get<Tensor>();
    if (!mask || mask->shape() != x.shape()) {
      return c.error("E0301", "'where' is a mask of the shape " + describe(x, c.t.batch) + ", not " + c.slots[1].describe(c.t.batch), 1);
    }
    x = c.t.select(c.t.where(*mask, x, false), x, -1e30);
  }
  return Tensor{nn::SoftmaxOp::create(c.t.b, c.t.loc, x.value), x.batched};
}

static Value buildLogSoftmax(BuiltinCall &c) {
  Tensor x = c.tensor(0);
  return Tensor{nn::LogSoftmaxOp::create(c.t.b, c.t.loc, x.value), x.batched};
}

static Value buildLogSumExp(BuiltinCall &c) {
  Tensor x = c.tensor(0);
  return Tensor{nn::LogsumexpOp::create(c.t.b, c.t.loc, x.value), x.batched && x.rank() > 1};
}

static Value buildL2Normalize(BuiltinCall &c) {
  Tensor x = c.tensor(0);
  Tensor square = c.t.reduceSum(c.t.unary<nn::SquareOp>(x), {x.rank() - 1}, true);
  return c.t.mul(x, c.t.unary<nn::RsqrtOp>(c.t.add(square, c.t.scalar(c.number(1)))));
}

//===-- Attention --------------------------------------------------------------------------------===//

/// What is added to the scores of `q` and `k`: [N, M], [heads, N, M] or [B, heads, N, M]; null without; nullopt after reporting.
static std::optional<mlir::Value> attentionMask(BuiltinCall &c, Tensor q, Tensor k, int64_t heads) {
  if (c.slots[5].get<None>()) {
    return mlir::Value();
  }
  auto *mask = c.slots[5].get<Tensor>();
  SmallVector<int64_t> shape = {q.shape()[0], heads, q.shape()[1], k.shape()[1]};
  if (mask && mask->shape() == ArrayRef(shape).drop_front(2)) {
    return c.t.broadcastTo(*mask, {SmallVector<int64_t>(ArrayRef(shape).drop_front()), false}).value;
  }
  if (mask && (mask->shape() == ArrayRef(shape) || mask->shape() == ArrayRef(shape).drop_front())) {
    return mask->value;
  }
  c.error("E0301", "the mask must be [N, M], [heads, N, M] or [B, heads, N, M] with " + std::to_string(heads) + " heads, N = " +
                       std::to_string(shape[2]) + ", M = " + std::to_string(shape[3]) + ", not " + c.slots[5].describe(c.t.batch), 5);
  return std::nullopt;
}

/// q [B, N, C], k [B, M, C], v [B, M, V]; softmax(q k^T scale + mask) v, per head.
static Value buildAttention(BuiltinCall &c) {
  Tensor q = c.tensor(0), k = c.tensor(1), v = c.tensor(2);
  int64_t heads = c.integer(3);
  bool fits = q.rank() == 3 && k.rank() == 3 && v.rank() == 3 && q.shape()[0] == k.shape()[0] && k.shape()[0] == v.shape()[0] &&
              q.shape()[2] == k.shape()[2] && k.shape()[1] == v.shape()[1];
  if (!fits) {
    return c.error("E0301", "attention needs q [B, N, C], k [B, M, C], v [B, M, V], not " + describe(q, c.t.batch) + ", " +
                                describe(k, c.t.batch) + ", " + describe(v, c.t.batch));
  }
  if (heads < 1 || q.shape()[2] % heads != 0 || v.shape()[2] % heads != 0) {
    return c.error("E0303", "width " + std::to_string(q.shape()[2]) + " does not split into " + std::to_string(heads) + " heads", 3);
  }
  double scale = c.slots[4].get<None>() ? 1.0 / std::sqrt(double(q.shape()[2] / heads)) : c.number(4);
  std::optional<mlir::Value> mask = attentionMask(c, q, k, heads);
  if (!mask) {
    return Poison{};
  }
  auto op = nn::AttentionOp::create(c.t.b, c.t.loc, q.value, k.value, v.value, *mask, heads, APFloat(scale));
  return Tensor{op->getResult(0), q.batched};
}

/// [B, heads, N, M]: how much each of the N queries takes of each of the M keys.
static Value buildAttentionWeights(BuiltinCall &c) {
  Tensor q = c.tensor(0), k = c.tensor(1);
  int64_t heads = c.integer(2);
  if (q.rank() != 3 || k.rank() != 3 || q.shape()[0] != k.shape()[0] || q.shape()[2] != k.shape()[2]) {
    return c.error("E0301", "attention_weights needs q [B, N, C] and k [B, M, C], not " + describe(q, c.t.batch) + " and " + describe(k, c.t.batch));
  }
  if (heads < 1 || q.shape()[2] % heads != 0) {
    return c.error("E0303", "width " + std::to_string(q.shape()[2]) + " does not split into " + std::to_string(heads) + " heads", 2);
  }
  int64_t width = q.shape()[2] / heads;
  double scale = c.slots[3].get<None>() ? 1.0 / std::sqrt(double(width)) : c.number(3);
  auto split = [&](Tensor x) { return c.t.transpose(c.t.reshape(x, {x.shape()[0], x.shape()[1], heads, width}, x.batched), {0, 2, 1, 3}); };
  Tensor queries = split(c.t.scale(q, scale)), keys = split(k);
  auto type = RankedTensorType::get({q.shape()[0], heads, q.shape()[1], k.shape()[1]}, q.type().getElementType());
  mlir::Value scores = nn::MatmulOp::create(c.t.b, c.t.loc, type, queries.value, keys.value, false, true);
  return Tensor{nn::SoftmaxOp::create(c.t.b, c.t.loc, scores), q.batched};
}

//===-- Convolution and pooling ------------------------------------------------------------------===//

/// An integer or a list of them, one per spatial axis; nullopt after reporting.
static std::optional<SmallVector<int64_t>> perAxis(BuiltinCall &c, int slot, size_t axes) {
  if (auto *one = c.slots[slot].get<int64_t>()) {
    return SmallVector<int64_t>(axes, *one);
  }
  const List *list = c.slots[slot].list();
  if (list && list->size() == axes && llvm::all_of(*list, [](const Value &v) { return v.get<int64_t>(); })) {
    return c.shape(slot);
  }
  c.error("E0303", "needs one integer, or one for each of the " + std::to_string(axes) + " spatial axes", slot);
  return std::nullopt;
}

/// A convolution whose kernel is its stride: cut into patches, one matrix product. [B, C, P*k..] -> [B, n, P..].
static Tensor patchConv(BuiltinCall &c, Tensor x, Tensor weight, mlir::Value bias, ArrayRef<int64_t> kernel) {
  size_t axes = kernel.size();
  int64_t n = weight.shape()[0], width = weight.type().getNumElements() / n, count = 1;
  SmallVector<int64_t> split = {x.shape()[0], x.shape()[1]}, grid = {x.shape()[0], n}, order = {0};
  for (size_t i = 0; i < axes; ++i) {
    split.append({x.shape()[i + 2] / kernel[i], kernel[i]});
    grid.push_back(x.shape()[i + 2] / kernel[i]);
    count *= grid.back();
    order.push_back(2 + 2 * i); // positions first, then the channel, then the places in the patch
  }
  order.push_back(1);
  for (size_t i = 0; i < axes; ++i) {
    order.push_back(3 + 2 * i);
  }
  Tensor patches = c.t.reshape(c.t.transpose(c.t.reshape(x, split, x.batched), order), {x.shape()[0], count, width}, x.batched);
  Tensor flat = c.t.reshape(weight, {n, width}, false);
  auto type = RankedTensorType::get({x.shape()[0], count, n}, x.type().getElementType());
  Tensor y{nn::LinearOp::create(c.t.b, c.t.loc, type, patches.value, flat.value, bias), x.batched};
  return c.t.reshape(c.t.transpose(y, {0, 2, 1}), grid, x.batched);
}

static Value buildConv(BuiltinCall &c) {
  Tensor x = c.tensor(0);
  int64_t n = c.integer(1), groups = c.integer(6);
  if (x.rank() < 3 || x.rank() > 5) {
    return c.error("E0303", "conv needs [B, C, ...] with one to three spatial axes, not " + describe(x, c.t.batch), 0);
  }
  size_t axes = x.rank() - 2;
  auto kernel = perAxis(c, 2, axes), stride = perAxis(c, 3, axes), padding = perAxis(c, 4, axes), dilation = perAxis(c, 5, axes);
  if (!kernel || !stride || !padding || !dilation) {
    return Poison{};
  }
  auto below = [](ArrayRef<int64_t> values, int64_t least) { return llvm::any_of(values, [&](int64_t v) { return v < least; }); };
  if (n < 1 || below(*kernel, 1) || below(*stride, 1) || below(*dilation, 1) || below(*padding, 0)) {
    return c.error("E0303", "a convolution needs channels, a kernel, a stride and a dilation of at least 1, and no negative padding");
  }
  int64_t channels = x.shape()[1];
  if (groups < 1 || channels % groups != 0 || n % groups != 0) {
    return c.error("E0303", std::to_string(groups) + " groups do not divide " + std::to_string(channels) + " and " + std::to_string(n) + " channels", 6);
  }
  SmallVector<int64_t> shape = {n, channels / groups};
  shape.append(kernel->begin(), kernel->end());
  for (size_t i = 0; i < axes; ++i) {
    if (x.shape()[i + 2] + 2 * (*padding)[i] < ((*kernel)[i] - 1) * (*dilation)[i] + 1) {
      return c.error("E0303", "the kernel is larger than the padded input " + describe(x, c.t.batch), 2);
    }
  }
  int64_t fan = channels / groups;
  for (int64_t extent : *kernel) {
    fan *= extent;
  }
  auto weight = layerTensor(c, 8, shape, fanIn(fan), leafName(c, 9, 0, "weight"));
  auto bias = weight ? layerTensor(c, 7, {n}, fanIn(fan), leafName(c, 9, 1, "bias")) : std::nullopt;
  if (!bias) {
    return Poison{};
  }
  bool patches = groups == 1 && *kernel == *stride && llvm::all_of(*padding, [](int64_t p) { return p == 0; }) &&
                 llvm::all_of(*dilation, [](int64_t d) { return d == 1; });
  for (size_t i = 0; patches && i < axes; ++i) {
    patches = x.shape()[i + 2] % (*kernel)[i] == 0;
  }
  if (patches) {
    return patchConv(c, x, {*weight}, *bias, *kernel);
  }
  Tensor y{nn::ConvOp::create(c.t.b, c.t.loc, x.value, *weight, *stride, *padding, *padding, *dilation, groups), x.batched};
  if (!*bias) {
    return y;
  }
  SmallVector<int64_t> column(axes + 1, 1);
  column[0] = n;
  return c.t.add(y, c.t.reshape({*bias}, column, false));
}

/// max_pool and avg_pool; windows do not overlap unless a stride says so.
static Value buildPool(BuiltinCall &c, bool isMax) {
  Tensor x = c.tensor(0);
  if (x.rank() < 3 || x.rank() > 5) {
    return c.error("E0303", "pooling needs [B, C, ...] with one to three spatial axes, not " + describe(x, c.t.batch), 0);
  }
  size_t axes = x.rank() - 2;
  auto kernel = perAxis(c, 1, axes);
  auto stride = c.slots[2].get<None>() ? kernel : perAxis(c, 2, axes);
  auto padding = perAxis(c, 3, axes);
  if (!kernel || !stride || !padding) {
    return Poison{};
  }
  for (size_t i = 0; i < axes; ++i) {
    bool fits = (*kernel)[i] >= 1 && (*stride)[i] >= 1 && (*padding)[i] >= 0 && (*padding)[i] < (*kernel)[i] &&
                x.shape()[i + 2] + 2 * (*padding)[i] >= (*kernel)[i];
    if (!fits) {
      return c.error("E0303", "the window does not fit on spatial axis " + std::to_string(i) + " of " + describe(x, c.t.batch) +
                                  ": kernel and stride are at least 1, the padding is less than the kernel", 1);
    }
  }
  if (isMax) {
    auto op = nn::MaxPoolOp::create(c.t.b, c.t.loc, x.value, *kernel, *stride, *padding, *padding);
    return Tensor{op.getResult(), x.batched};
  }
  return Tensor{nn::AvgPoolOp::create(c.t.b, c.t.loc, x.value, *kernel, *stride, *padding, *padding, c.boolean(4)), x.batched};
}

//===-- Randomness -------------------------------------------------------------------------------===//

static Value buildDropout(BuiltinCall &c, bool perSample) {
  Tensor x = c.tensor(0);
  if (!c.host.training() || c.slots[1].number() == 0.0) {
    return x;
  }
  if (!x.batched) {
    return c.error("E0305", "dropout needs a batched tensor, not " + describe(x, c.t.batch), 0);
  }
  // The mask belongs to samples: a merged batch axis is split off first.
  SmallVector<int64_t> shape(x.shape());
  shape[0] /= c.t.batch;
  shape.insert(shape.begin(), c.t.batch);
  Tensor samples = x.shape()[0] == c.t.batch ? x : c.t.reshape(x, shape, true);
  auto op = nn::DropoutOp::create(c.t.b, c.t.loc, samples.type(), samples.value, c.scalar(1).value, c.host.scalarInput("seed").value,
                                  c.host.scalarInput("step").value, c.host.scalarInput("sample").value, c.host.rngId(), perSample);
  return c.t.reshape({op.getResult(), true}, x.shape(), true);
}

static Value buildRandomIndex(BuiltinCall &c) {
  auto type = RankedTensorType::get({}, c.t.b.getI32Type());
  return Tensor{nn::RandomIndexOp::create(c.t.b, c.t.loc, type, c.host.scalarInput("seed").value, c.host.scalarInput("step").value,
                                          c.host.rngId(), c.integer(0))};
}

void addLayerBuiltins(std::vector<Builtin> &table) {
  Parameter x{"x", Kind::tensor}, names{"names", Kind::any, Value(None{})};
  Parameter bias{"bias", Kind::any, Value(true)}, weight{"weight", Kind::any, Value(true)};
  table.push_back({"linear", {x, {"n", Kind::integer}, bias, weight, names}, buildLinear, false, "x W^T + b over the last axis"});
  table.push_back({"matmul", {x, {"y", Kind::tensor}}, buildMatmul, false, "matrix product over the last two axes"});
  table.push_back({"layer_norm", {x, {"eps", Kind::number, Value(1e-5)}, names}, buildLayerNorm, false, "layer normalisation over the last axis"});
  table.push_back({"batch_norm", {x, {"eps", Kind::number, Value(1e-5)}, {"momentum", Kind::number, Value(0.1)}}, buildBatchNorm, false,
                   "batch normalisation per channel (axis 1)"});
  table.push_back({"softmax", {x, {"where", Kind::any, Value(None{})}}, buildSoftmax, false, "softmax over the last axis"});
  table.push_back({"log_softmax", {x}, buildLogSoftmax, false, "log of the softmax over the last axis"});
  table.push_back({"logsumexp", {x}, buildLogSumExp, false, "log of the sum of exponentials over the last axis"});
  table.push_back({"l2_normalize", {x, {"eps", Kind::number, Value(1e-12)}}, buildL2Normalize, false, "x / |x| over the last axis"});
  table.push_back({"attention",
                   {{"q", Kind::tensor}, {"k", Kind::tensor}, {"v", Kind::tensor}, {"heads", Kind::integer},
                    {"scale", Kind::any, Value(None{})}, {"mask", Kind::any, Value(None{})}},
                   buildAttention, false, "multi-head attention without projections"});
  table.push_back({"attention_weights",
                   {{"q", Kind::tensor}, {"k", Kind::tensor}, {"heads", Kind::integer}, {"scale", Kind::any, Value(None{})}},
                   buildAttentionWeights, false, "what attention weighs the values by: [B, heads, N, M]"});
  table.push_back({"conv",
                   {x, {"n", Kind::integer}, {"kernel"}, {"stride", Kind::any, Value(1)}, {"padding", Kind::any, Value(0)},
                    {"dilation", Kind::any, Value(1)}, {"groups", Kind::integer, Value(1)}, bias, weight, names},
                   buildConv, false, "convolution over one to three spatial axes"});
  Parameter kernel{"kernel"}, stride{"stride", Kind::any, Value(None{})}, padding{"padding", Kind::any, Value(0)};
  table.push_back({"max_pool", {x, kernel, stride, padding}, [](BuiltinCall &c) { return buildPool(c, true); }, false,
                   "the maximum of each window; the stride is the kernel unless given"});
  table.push_back({"avg_pool", {x, kernel, stride, padding, {"count_padding", Kind::boolean, Value(true)}},
                   [](BuiltinCall &c) { return buildPool(c, false); }, false, "the mean of each window"});
  table.push_back({"dropout", {x, {"rate", Kind::any}}, [](BuiltinCall &c) { return buildDropout(c, false); }, false,
                   "zeroes elements at random in training"});
  table.push_back({"drop_path", {x, {"rate", Kind::any}}, [](BuiltinCall &c) { return buildDropout(c, true); }, false,
                   "zeroes whole samples at random in training"});
  table.push_back({"random_index", {{"n", Kind::integer}}, buildRandomIndex, false, "an index below n, drawn once per step"});
}

} // namespace mome::elaborate

// Attention: shapes, cost, derivative and meaning. Naive lowering: AttentionLowering.cpp.
#include "dialects/NN/Families.h"
#include "dialects/NN/RowMath.h"
#include "dialects/NN/RowProgram.h"

#include "mlir/IR/PatternMatch.h"

#include <cmath>

using namespace mlir;
using namespace mome::nn;

#define GET_OP_CLASSES
#include "dialects/NN/Attention.cpp.inc"

void mome::nn::registerAttentionOps(NNDialect &dialect) {
  dialect.addFamily<
#define GET_OP_LIST
#include "dialects/NN/Attention.cpp.inc"
      >();
}

using Inputs = ArrayRef<HostTensor>;
using Outputs = MutableArrayRef<HostTensor>;
using Types = SmallVectorImpl<Type>;
using OptionalLoc = std::optional<Location>;

//===-- Shapes ------------------------------------------------------------------------------===//

/// C3: one score per head, query and key, for all samples or for each.
static bool isBiasShape(ArrayRef<int64_t> shape, int64_t batch, ArrayRef<int64_t> scores) {
  return shape == scores ||
         (shape.size() == 4 && shape[0] == batch && shape.drop_front() == scores);
}

/// C1 to C4 of nn.attention and its backward form.
template <typename Op>
static LogicalResult checkAttention(OptionalLoc loc, typename Op::Adaptor op) {
  RankedTensorType q = typeOf(op.getQuery()), k = typeOf(op.getKey()), v = typeOf(op.getValue());
  bool fits = q.getRank() == 3 && k.getRank() == 3 && v.getRank() == 3;
  fits = fits && k.getDimSize(0) == q.getDimSize(0) && k.getDimSize(2) == q.getDimSize(2) &&
         k.getShape().take_front(2) == v.getShape().take_front(2) && k.getDimSize(1) > 0;
  if (!fits) {
    return inferError<Op>(loc, "C1: q, k, v must be [B, N, C], [B, M, C], [B, M, Cv]: ", q, ", ", k,
                          ", ", v);
  }
  int64_t heads = op.getHeads();
  if (heads <= 0 || q.getDimSize(2) % heads != 0 || v.getDimSize(2) % heads != 0) {
    return inferError<Op>(loc, "C2: ", heads, " heads do not divide the channels ", q.getDimSize(2),
                          " and ", v.getDimSize(2));
  }
  int64_t scores[] = {heads, q.getDimSize(1), k.getDimSize(1)};
  if (op.getBias() && !isBiasShape(typeOf(op.getBias()).getShape(), q.getDimSize(0), scores)) {
    return inferError<Op>(
        loc, "C3: the bias must be [heads, N, M] or [B, heads, N, M]: ", op.getBias().getType());
  }
  Type element = q.getElementType();
  if (k.getElementType() != element || v.getElementType() != element ||
      (op.getBias() && typeOf(op.getBias()).getElementType() != getWideType(element))) {
    return inferError<Op>(loc, "C4: q, k, v and the bias must have one element type");
  }
  return success();
}

static RankedTensorType getOutputType(RankedTensorType q, RankedTensorType v) {
  return q.clone({q.getDimSize(0), q.getDimSize(1), v.getDimSize(2)});
}
static RankedTensorType getLseType(RankedTensorType q, int64_t heads) {
  return RankedTensorType::get({q.getDimSize(0), heads, q.getDimSize(1)},
                               getWideType(q.getElementType()));
}

LogicalResult AttentionOp::inferReturnTypes(MLIRContext *, OptionalLoc loc, Adaptor op,
                                            Types &types) {
  if (failed(checkAttention<AttentionOp>(loc, op))) {
    return failure();
  }
  RankedTensorType q = typeOf(op.getQuery());
  types.append({getOutputType(q, typeOf(op.getValue())), getLseType(q, op.getHeads())});
  return success();
}

LogicalResult AttentionBackwardOp::inferReturnTypes(MLIRContext *, OptionalLoc loc, Adaptor op,
                                                    Types &types) {
  if (failed(checkAttention<AttentionBackwardOp>(loc, op))) {
    return failure();
  }
  RankedTensorType q = typeOf(op.getQuery()), output = getOutputType(q, typeOf(op.getValue()));
  RankedTensorType lse = getLseType(q, op.getHeads());
  if (typeOf(op.getCotangent()) != output || typeOf(op.getResult()) != output ||
      typeOf(op.getLse()) != lse) {
    return inferError<AttentionBackwardOp>(loc, "C5: the cotangent and the result must be ", output,
                                           ", lse ", lse);
  }
  types.append({q, op.getKey().getType(), op.getValue().getType()});
  if (op.getBiasGradient()) {
    if (!op.getBias()) {
      return inferError<AttentionBackwardOp>(loc, "C6: bias_gradient needs a bias");
    }
    types.push_back(op.getBias().getType());
  }
  return success();
}

//===-- Precision ---------------------------------------------------------------------------===//

SmallVector<unsigned> AttentionOp::getNarrowOperands() {
  return {0, 1, 2};
}
SmallVector<unsigned> AttentionOp::getNarrowResults() {
  return {0};
}
SmallVector<unsigned> AttentionBackwardOp::getNarrowOperands() {
  return {0, 1, 2, 3, 4};
}
SmallVector<unsigned> AttentionBackwardOp::getNarrowResults() {
  return {0, 1, 2};
}

//===-- Cost --------------------------------------------------------------------------------===//

/// Flops of one product of all queries with all keys, or of all scores with all values.
static double getProductFlops(Value query, Value key, Value channelsOf) {
  RankedTensorType q = typeOf(query);
  return 2.0 * q.getDimSize(0) * q.getDimSize(1) * typeOf(key).getDimSize(1) *
         typeOf(channelsOf).getDimSize(2);
}
double AttentionOp::getFlops() {
  return getProductFlops(getQuery(), getKey(), getQuery()) +
         getProductFlops(getQuery(), getKey(), getValue());
}
double AttentionBackwardOp::getFlops() { // s, dq, dk; dp, dv
  return 3.0 * getProductFlops(getQuery(), getKey(), getQuery()) +
         2.0 * getProductFlops(getQuery(), getKey(), getValue());
}

//===-- Derivative --------------------------------------------------------------------------===//

LogicalResult AttentionOp::buildVjp(OpBuilder &b, ArrayRef<Value> cotangents,
                                    SmallVectorImpl<Value> &dx) {
  if (failed(checkResiduals(*this, cotangents))) {
    return failure();
  }
  auto backward = AttentionBackwardOp::create(
      b, getLoc(), cotangents[0], getQuery(), getKey(), getValue(), getResult(), getLse(),
      getBias(), getHeads(), getScaleAttr(), static_cast<bool>(getBias()));
  llvm::append_range(dx, backward.getResults());
  return success();
}

namespace {

/// Masks and other constant biases need no cotangent.
struct DropUnusedBiasCotangent : OpRewritePattern<AttentionBackwardOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(AttentionBackwardOp op, PatternRewriter &rewriter) const override {
    if (!op.getBiasGradient() || !op.getBiasCotangent().use_empty()) {
      return failure();
    }
    auto smaller = AttentionBackwardOp::create(
        rewriter, op.getLoc(), op.getCotangent(), op.getQuery(), op.getKey(), op.getValue(),
        op.getResult(), op.getLse(), op.getBias(), op.getHeads(), op.getScaleAttr(), false);
    SmallVector<Value> results(smaller.getResults());
    results.push_back(Value());
    rewriter.replaceOp(op, results);
    return success();
  }
};

} // namespace

void AttentionBackwardOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                                      MLIRContext *context) {
  patterns.add<DropUnusedBiasCotangent>(context);
}

//===-- Meaning -----------------------------------------------------------------------------===//

namespace {

/// The operands of attention, seen by one sample and head at a time.
struct Heads {
  Heads(const HostTensor &q, const HostTensor &k, const HostTensor &v, const HostTensor *bias,
        int64_t heads, double scale)
      : q(q), k(k), v(v), bias(bias), heads(heads), scale(scale), queries(q.dim(1)), keys(k.dim(1)),
        depth(q.dim(2) / heads), width(v.dim(2) / heads) {}

  /// Position of channel c of head h in a [B, rows, heads * channels] tensor.
  int64_t at(int64_t b, int64_t h, int64_t row, int64_t c, int64_t rows, int64_t channels) const {
    return ((b * rows + row) * heads + h) * channels + c;
  }
  int64_t queryAt(int64_t b, int64_t h, int64_t n, int64_t c) const {
    return at(b, h, n, c, queries, depth);
  }
  int64_t keyAt(int64_t b, int64_t h, int64_t m, int64_t c) const {
    return at(b, h, m, c, keys, depth);
  }
  int64_t valueAt(int64_t b, int64_t h, int64_t m, int64_t c) const {
    return at(b, h, m, c, keys, width);
  }
  int64_t outputAt(int64_t b, int64_t h, int64_t n, int64_t c) const {
    return at(b, h, n, c, queries, width);
  }
  int64_t biasAt(int64_t b, int64_t h, int64_t n, int64_t m) const {
    return (((bias->rank() == 4 ? b : 0) * heads + h) * queries + n) * keys + m;
  }
  /// s[n, .] of a sample and head.
  std::vector<double> scores(int64_t b, int64_t h, int64_t n) const {
    std::vector<double> s(keys, 0.0);
    for (int64_t m = 0; m < keys; ++m) {
      for (int64_t c = 0; c < depth; ++c) {
        s[m] += scale * q[queryAt(b, h, n, c)] * k[keyAt(b, h, m, c)];
      }
      s[m] += bias ? (*bias)[biasAt(b, h, n, m)] : 0.0;
    }
    return s;
  }
  /// Calls `body(b, h, n)` for every sample, head and query.
  template <typename Body> void forEachQuery(Body body) const {
    forEachIndex({q.dim(0), heads, queries}, [&](ArrayRef<int64_t> i) { body(i[0], i[1], i[2]); });
  }

  const HostTensor &q, &k, &v;
  const HostTensor *bias;
  int64_t heads;
  double scale;
  int64_t queries, keys, depth, width;
};

} // namespace

LogicalResult AttentionOp::interpret(Inputs in, Outputs out) {
  Heads heads(in[0], in[1], in[2], getBias() ? &in[3] : nullptr, getHeads(),
              getScale().convertToDouble());
  heads.forEachQuery([&](int64_t b, int64_t h, int64_t n) {
    std::vector<double> s = heads.scores(b, h, n);
    double lse = logsumexp(s);
    out[1][(b * heads.heads + h) * heads.queries + n] = lse;
    for (int64_t m = 0; m < heads.keys; ++m) {
      for (int64_t c = 0; c < heads.width; ++c) {
        out[0][heads.outputAt(b, h, n, c)] +=
            std::exp(s[m] - lse) * in[2][heads.valueAt(b, h, m, c)];
      }
    }
  });
  return success();
}

LogicalResult AttentionBackwardOp::interpret(Inputs in, Outputs out) {
  const HostTensor &dy = in[0], &y = in[4], &lse = in[5];
  Heads heads(in[1], in[2], in[3], getBias() ? &in[6] : nullptr, getHeads(),
              getScale().convertToDouble());
  heads.forEachQuery([&](int64_t b, int64_t h, int64_t n) {
    std::vector<double> s = heads.scores(b, h, n);
    double rowLse = lse[(b * heads.heads + h) * heads.queries + n], rowTerm = 0.0;
    for (int64_t c = 0; c < heads.width; ++c) {
      rowTerm += dy[heads.outputAt(b, h, n, c)] * y[heads.outputAt(b, h, n, c)];
    }
    for (int64_t m = 0; m < heads.keys; ++m) {
      double p = std::exp(s[m] - rowLse), dp = 0.0;
      for (int64_t c = 0; c < heads.width; ++c) {
        double dOut = dy[heads.outputAt(b, h, n, c)];
        dp += dOut * heads.v[heads.valueAt(b, h, m, c)];
        out[2][heads.valueAt(b, h, m, c)] += p * dOut;
      }
      double ds = p * (dp - rowTerm);
      for (int64_t c = 0; c < heads.depth; ++c) {
        int64_t query = heads.queryAt(b, h, n, c), key = heads.keyAt(b, h, m, c);
        out[0][query] += heads.scale * ds * heads.k[key];
        out[1][key] += heads.scale * ds * heads.q[query];
      }
      if (getBiasGradient()) {
        out[3][heads.biasAt(b, h, n, m)] += ds;
      }
    }
  });
  return success();
}

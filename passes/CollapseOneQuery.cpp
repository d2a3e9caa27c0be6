// nn-collapse-one-query: attention of a single query without projecting the keys and values.
//
//   %k = nn.linear %x, %wk, %bk     [B, M, C]         %u = %q per head times %wk        [B, h, D]
//   %v = nn.linear %x, %wv, %bv     [B, M, C]   ->    %p = softmax(scale %u %x^T)       [B, h, M]
//   %o = nn.attention %q, %k, %v    [B, 1, C]         %c = %p %x                        [B, h, D]
//                                                     %o = %c per head times %wv^T + %bv
//
// Exact algebra: q k^T = (q Wk) x^T + q bk, and the last term is the same for every key, so that the
// softmax drops it (the gradient of bk is zero either way); the rows of p sum to one, so that bv
// comes out as it is. The two projections of all M keys, 2 M D C multiply-adds, become products of
// 2 h M D. Runs before autodiff, so that the backward pass is the short one as well.
//
// Invariant in: gradients symbolic. Only where nothing else reads the projections or the lse.
#include "dialects/Mome/Scope.h"
#include "dialects/NN/NN.h"
#include "passes/Passes.h"

#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_COLLAPSEONEQUERYPASS
#include "passes/Passes.h.inc"

namespace {

/// `rows` rows of the weight of a linear op, from `first` on: what computes an operand of attention.
struct Projection {
  nn::LinearOp linear;
  int64_t first, rows;
};

/// Builds ops at one place, in one location, with the types that follow from shapes.
class Rewriter {
public:
  explicit Rewriter(nn::AttentionOp attention, Location loc) : b(attention), loc(loc) {}

  Value reshape(Value value, ArrayRef<int64_t> shape) {
    return nn::ReshapeOp::create(b, loc, typeOf(value, shape), value);
  }
  /// Exchanges the first two axes.
  Value exchange(Value value) {
    SmallVector<int64_t> shape(cast<RankedTensorType>(value.getType()).getShape()), order{1, 0, 2};
    std::swap(shape[0], shape[1]);
    return nn::TransposeOp::create(b, loc, typeOf(value, shape), value, order);
  }
  Value multiply(Value lhs, Value rhs, bool transposeRhs) {
    return nn::MatmulOp::create(b, loc, lhs, rhs, /*transpose_a=*/false, transposeRhs);
  }
  Value scale(Value value, double factor) {
    auto type = cast<RankedTensorType>(value.getType());
    auto splat = DenseElementsAttr::get(type, b.getFloatAttr(type.getElementType(), factor));
    return nn::MulOp::create(b, loc, value, nn::ConstantOp::create(b, loc, splat));
  }
  Value softmax(Value value) { return nn::SoftmaxOp::create(b, loc, value); }
  /// The projection's rows of the weight [all, D] or of the bias [all].
  Value rowsOf(Value value, const Projection &from) {
    auto type = cast<RankedTensorType>(value.getType());
    if (type.getDimSize(0) == from.rows) {
      return value;
    }
    SmallVector<int64_t> offsets(type.getRank()), sizes(type.getShape());
    SmallVector<int64_t> strides(type.getRank(), 1);
    offsets[0] = from.first, sizes[0] = from.rows;
    return nn::SliceOp::create(b, loc, typeOf(value, sizes), value, offsets, sizes, strides);
  }
  Value addBias(Value value, Value bias) {
    auto type = cast<RankedTensorType>(value.getType());
    Value wide = nn::BroadcastOp::create(b, loc, type, bias, ArrayRef<int64_t>{type.getRank() - 1});
    return nn::AddOp::create(b, loc, value, wide);
  }

private:
  static RankedTensorType typeOf(Value value, ArrayRef<int64_t> shape) {
    return cast<RankedTensorType>(value.getType()).clone(shape);
  }

  OpBuilder b;
  Location loc;
};

class CollapseOneQuery : public impl::CollapseOneQueryPassBase<CollapseOneQuery> {
  void runOnOperation() override {
    getOperation()->walk([](nn::AttentionOp attention) {
      if (attention.getQuery().getType().getDimSize(1) == 1) {
        collapse(attention);
      }
    });
  }

  static void collapse(nn::AttentionOp attention);
  static FailureOr<Projection> findProjection(nn::AttentionOp attention, Value operand);
};

} // namespace

static void explain(nn::AttentionOp attention, StringRef reason) {
  remark::missed(attention.getLoc(),
                 remark::RemarkOpts::name("nn.attention").category("nn-collapse-one-query"))
      << remark::reason("{0}", reason);
}

/// The linear op behind an operand of attention, if its result has no other reader: read whole, or
/// through slices of the last axis that all end in this attention (queries, keys and values may come
/// from one product).
FailureOr<Projection> CollapseOneQuery::findProjection(nn::AttentionOp attention, Value operand) {
  Projection found{operand.getDefiningOp<nn::LinearOp>(), 0,
                   cast<RankedTensorType>(operand.getType()).getDimSize(2)};
  if (auto slice = operand.getDefiningOp<nn::SliceOp>()) {
    auto source = cast<RankedTensorType>(slice.getOperand().getType()).getShape();
    bool ofChannels = source.drop_back() == ArrayRef(slice.getSizes()).drop_back() &&
                      llvm::all_of(slice.getStrides(), [](int64_t by) { return by == 1; });
    if (ofChannels) {
      found = {slice.getOperand().getDefiningOp<nn::LinearOp>(), slice.getOffsets().back(),
               slice.getSizes().back()};
    }
  }
  if (!found.linear) {
    explain(attention, "keys or values are no linear projection");
    return failure();
  }
  auto endsHere = [&](Operation *user) { return user == attention.getOperation(); };
  for (Operation *user : found.linear.getResult().getUsers()) {
    if (!endsHere(user) && !(isa<nn::SliceOp>(user) && llvm::all_of(user->getUsers(), endsHere))) {
      explain(attention, "the projection of keys or values has another reader");
      return failure();
    }
  }
  return found;
}

void CollapseOneQuery::collapse(nn::AttentionOp attention) {
  if (attention.getBias() || !attention.getLse().use_empty()) {
    return explain(attention, "it has a bias, or its lse is read");
  }
  int64_t heads = attention.getHeads();
  int64_t batch = attention.getQuery().getType().getDimSize(0);
  int64_t channels = attention.getQuery().getType().getDimSize(2);
  int64_t valueChannels = attention.getValue().getType().getDimSize(2);
  if (heads >= std::min(channels, valueChannels)) {
    return explain(attention, "as many heads as channels: there is nothing to save");
  }
  FailureOr<Projection> key = findProjection(attention, attention.getKey());
  if (failed(key)) {
    return;
  }
  FailureOr<Projection> value = findProjection(attention, attention.getValue());
  if (failed(value)) {
    return;
  }

  Location loc = model::unite(attention.getContext(), {attention.getLoc(), key->linear.getLoc(),
                                                       value->linear.getLoc()});
  Rewriter b(attention, loc);
  int64_t keyWidth = key->linear.getWeight().getType().getDimSize(1);
  int64_t valueWidth = value->linear.getWeight().getType().getDimSize(1);
  Value query = b.scale(attention.getQuery(), attention.getScale().convertToDouble());
  query = b.exchange(b.reshape(query, {batch, heads, channels / heads}));
  Value keyWeight = b.reshape(b.rowsOf(key->linear.getWeight(), *key),
                              {heads, channels / heads, keyWidth});
  Value directions = b.exchange(b.multiply(query, keyWeight, /*transposeRhs=*/false));
  Value scores = b.multiply(directions, key->linear.getX(), /*transposeRhs=*/true);
  Value means = b.multiply(b.softmax(scores), value->linear.getX(), /*transposeRhs=*/false);
  Value valueWeight = b.reshape(b.rowsOf(value->linear.getWeight(), *value),
                                {heads, valueChannels / heads, valueWidth});
  Value result = b.exchange(b.multiply(b.exchange(means), valueWeight, /*transposeRhs=*/true));
  result = b.reshape(result, {batch, 1, valueChannels});
  if (Value bias = value->linear.getBias()) {
    result = b.addBias(result, b.rowsOf(bias, *value));
  }
  remark::passed(loc, remark::RemarkOpts::name("nn.attention").category("nn-collapse-one-query"))
      << remark::add("keys and values of one query are not projected");
  attention.getResult().replaceAllUsesWith(result);
  attention.erase();
}

} // namespace mome

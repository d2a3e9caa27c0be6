// Random ops: scalar code and meaning, side by side. Both follow Philox.h.
#include "dialects/NN/ErfInv.h"
#include "dialects/NN/Expr.h"
#include "dialects/NN/Families.h"
#include "dialects/NN/FloatCast.h"
#include "dialects/NN/Philox.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace mome::nn;

#define GET_OP_CLASSES
#include "dialects/NN/Random.cpp.inc"

void mome::nn::registerRandomOps(NNDialect &dialect) {
  dialect.addFamily<
#define GET_OP_LIST
#include "dialects/NN/Random.cpp.inc"
      >();
}

using Inputs = ArrayRef<HostTensor>;
using Outputs = MutableArrayRef<HostTensor>;

// The known answers that Random123 publishes for philox4x32-10.
static_assert(Philox::block({0, 0, 0, 0}, {0, 0}) ==
              Philox::Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
static_assert(Philox::block({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) ==
              Philox::Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
static_assert(Philox::block({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                            {0xa4093822, 0x299f31d0}) ==
              Philox::Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});

//===-- Verification ------------------------------------------------------------------------===//

static constexpr int64_t twoTo32 = int64_t(1) << 32;

/// C2 of every random op.
template <typename Op> static LogicalResult verifyRngId(Op op) {
  if (op.getRngId() < 0 || op.getRngId() >= twoTo32) {
    return op.emitOpError("C2: rng_id ") << op.getRngId() << " does not fit 32 bits";
  }
  return success();
}
/// C2 and C3 of an op that draws `elements` numbers per sample.
template <typename Op> static LogicalResult verifyDraws(Op op, int64_t elements) {
  if (elements > twoTo32) {
    return op.emitOpError("C3: ") << elements << " elements exceed the 32-bit counter";
  }
  return verifyRngId(op);
}

/// Elements of one sample.
static int64_t getSampleSize(DropoutOp op) {
  return ShapedType::getNumElements(typeOf(op.getX()).getShape().drop_front());
}

LogicalResult DropoutOp::verify() {
  RankedTensorType x = typeOf(getX());
  if (x.getRank() < 1) {
    return emitOpError("C1: x needs a batch axis");
  }
  if (typeOf(getRate()).getElementType() != getWideType(x.getElementType())) {
    return emitOpError("C4: the rate must have the element type ")
           << getWideType(x.getElementType());
  }
  return verifyDraws(*this, getSampleSize(*this));
}
LogicalResult RandomUniformOp::verify() {
  if (!(getLow().convertToDouble() <= getHigh().convertToDouble())) {
    return emitOpError("C1: low must not exceed high");
  }
  return verifyDraws(*this, typeOf(getResult()).getNumElements());
}
LogicalResult RandomNormalOp::verify() {
  if (!(getStd().convertToDouble() >= 0.0)) {
    return emitOpError("C1: std must not be negative");
  }
  return verifyDraws(*this, typeOf(getResult()).getNumElements());
}
LogicalResult RandomIndexOp::verify() {
  if (getN() < 1 || getN() >= twoTo32 / 2) {
    return emitOpError("C1: n must be in [1, 2^31), not ") << getN();
  }
  return verifyRngId(*this);
}

//===-- Philox in scalar code ---------------------------------------------------------------===//

namespace {

/// Emits Philox4x32-10 on i32 scalars or vectors.
struct PhiloxEmitter {
  ImplicitLocOpBuilder &b;
  Type type; // i32 or a vector of i32

  Value constant(uint32_t value) const {
    return emitConstant(b, type, static_cast<int32_t>(value));
  }
  Value exclusiveOr(Value x, Value y) const { return arith::XOrIOp::create(b, x, y); }
  /// The low 32 bits of an i64.
  Value low(Value x) const {
    return x.getType() == type ? x : Value(arith::TruncIOp::create(b, type, x));
  }
  Value high(Value x) const {
    return low(arith::ShRUIOp::create(b, x, emitConstant(b, x.getType(), 32)));
  }
  /// The first word of the key.
  Value key(Value seed) const {
    return exclusiveOr(low(seed), arith::MulIOp::create(b, high(seed), constant(Philox::weyl0)));
  }
  /// Lane 0 of the block of counter (c0, c1, c2, 0) under the key (key0, rngId).
  Value bits(Value key0, uint32_t rngId, Value c0, Value c1, Value c2) const {
    Value c3 = constant(0), multiplier0 = constant(Philox::multiplier0);
    Value multiplier1 = constant(Philox::multiplier1), weyl0 = constant(Philox::weyl0);
    for (int round = 0; round < Philox::rounds; ++round) {
      auto product0 = arith::MulUIExtendedOp::create(b, multiplier0, c0);
      auto product1 = arith::MulUIExtendedOp::create(b, multiplier1, c2);
      Value key1 = constant(rngId + round * Philox::weyl1);
      c0 = exclusiveOr(exclusiveOr(product1.getHigh(), c1), key0);
      c1 = product1.getLow();
      c2 = exclusiveOr(exclusiveOr(product0.getHigh(), c3), key1);
      c3 = product0.getLow();
      key0 = arith::AddIOp::create(b, key0, weyl0);
    }
    return c0;
  }
  /// The upper 24 bits as a float of `floatType`.
  ScalarExpr upper(Value bits, Type floatType) const {
    Value upper24 = arith::ShRUIOp::create(b, bits, constant(8));
    return scalarExpr(b, arith::UIToFPOp::create(b, floatType, upper24));
  }
};

} // namespace

/// 32 bits for each element of an initial value.
static Value emitInitialBits(PhiloxEmitter &philox, Value seed, uint32_t rngId, Value linearIndex) {
  Value zero = philox.constant(0);
  return philox.bits(philox.key(seed), rngId, philox.low(linearIndex), zero, zero);
}

//===-- nn.dropout --------------------------------------------------------------------------===//

bool DropoutOp::usesIndex() {
  return true;
}

Value DropoutOp::emitScalar(ImplicitLocOpBuilder &b, ValueRange args, Value linearIndex) {
  Value x = args[0], seed = args[2], step = args[3], sample = args[4];
  PhiloxEmitter philox{b, withElement(x.getType(), b.getI32Type())};
  // Positions in 32 bits where they fit: division by a constant is cheaper there.
  bool narrow = typeOf(getX()).getNumElements() < twoTo32;
  Value index = narrow ? philox.low(linearIndex) : linearIndex;
  Value size =
      emitConstant(b, index.getType(),
                   narrow ? static_cast<int32_t>(getSampleSize(*this)) : getSampleSize(*this));
  Value position = arith::DivUIOp::create(b, index, size);
  Value element =
      getPerSample() ? philox.constant(0) : philox.low(arith::RemUIOp::create(b, index, size));
  Value c1 = arith::AddIOp::create(b, philox.low(sample), philox.low(position));
  Value bits = philox.bits(philox.key(seed), getRngId(), element, c1, philox.low(step));

  ScalarExpr rate = scalarExpr(b, args[1]);
  Value keep = compare(CompareKind::ge, philox.upper(bits, rate.value.getType()) * 0x1p-24, rate);
  Value keptShare = emitFloatCast(b, 1.0 - rate, typeOf(getX()).getElementType());
  ScalarExpr scaled = scalarExpr(b, x) / scalarExpr(b, keptShare);
  return select(keep, scaled, scaled.constant(0.0));
}

LogicalResult DropoutOp::buildVjp(OpBuilder &b, ArrayRef<Value> dy, SmallVectorImpl<Value> &dx) {
  dx.assign(getNumOperands(), Value());
  dx[0] = DropoutOp::create(b, getLoc(), dy[0], getRate(), getSeed(), getStep(), getSample(),
                            getRngId(), getPerSample());
  return success();
}

LogicalResult DropoutOp::interpret(Inputs in, Outputs out) {
  double rate = in[1][0];
  int64_t size = getSampleSize(*this);
  for (int64_t i = 0; i < in[0].size(); ++i) {
    int64_t sample = static_cast<int64_t>(in[4][0]) + i / size;
    uint32_t bits =
        randomBits(static_cast<int64_t>(in[2][0]), getRngId(), static_cast<int64_t>(in[3][0]),
                   sample, getPerSample() ? 0 : i % size);
    out[0][i] = toFraction(bits) >= rate ? in[0][i] / (1.0 - rate) : 0.0;
  }
  return success();
}

//===-- Initial values ----------------------------------------------------------------------===//

bool RandomUniformOp::usesIndex() {
  return true;
}

Value RandomUniformOp::emitScalar(ImplicitLocOpBuilder &b, ValueRange args, Value linearIndex) {
  PhiloxEmitter philox{b, withElement(linearIndex.getType(), b.getI32Type())};
  Type element = typeOf(getResult()).getElementType();
  Value bits = emitInitialBits(philox, args[0], getRngId(), linearIndex);
  double low = getLow().convertToDouble(), high = getHigh().convertToDouble();
  ScalarExpr u = philox.upper(bits, withElement(bits.getType(), getWideType(element))) * 0x1p-24;
  return emitFloatCast(b, u * (high - low) + low, element);
}

LogicalResult RandomUniformOp::interpret(Inputs in, Outputs out) {
  double low = getLow().convertToDouble(), high = getHigh().convertToDouble();
  for (int64_t i = 0; i < out[0].size(); ++i) {
    uint32_t bits = randomBits(static_cast<int64_t>(in[0][0]), getRngId(), 0, 0, i);
    out[0][i] = low + (high - low) * toFraction(bits);
  }
  return success();
}

/// What maps erfinv(v) to a number: the scale of v and of the result.
static double getArgumentScale(RandomNormalOp op) {
  return op.getTruncated() ? std::erf(std::numbers::sqrt2) : 1.0;
}
static double getDeviation(RandomNormalOp op) {
  return op.getStd().convertToDouble() * std::numbers::sqrt2;
}

bool RandomNormalOp::usesIndex() {
  return true;
}

Value RandomNormalOp::emitScalar(ImplicitLocOpBuilder &b, ValueRange args, Value linearIndex) {
  PhiloxEmitter philox{b, withElement(linearIndex.getType(), b.getI32Type())};
  Type element = typeOf(getResult()).getElementType();
  Value bits = emitInitialBits(philox, args[0], getRngId(), linearIndex);
  // 2 n + 1 - 2^24 is exact in f32, so nothing is lost next to -1 and 1.
  ScalarExpr n = philox.upper(bits, withElement(bits.getType(), getWideType(element)));
  ScalarExpr v = ((n - 0x1p23) * 2.0 + 1.0) * (0x1p-24 * getArgumentScale(*this));
  ScalarExpr z = emitErfInv(v) * getDeviation(*this) + getMean().convertToDouble();
  return emitFloatCast(b, z, element);
}

LogicalResult RandomNormalOp::interpret(Inputs in, Outputs out) {
  for (int64_t i = 0; i < out[0].size(); ++i) {
    uint32_t bits = randomBits(static_cast<int64_t>(in[0][0]), getRngId(), 0, 0, i);
    double v = toSymmetricFraction(bits) * getArgumentScale(*this);
    out[0][i] = getMean().convertToDouble() + getDeviation(*this) * erfInv(v);
  }
  return success();
}

//===-- nn.random_index ---------------------------------------------------------------------===//

bool RandomIndexOp::usesIndex() {
  return false;
}

Value RandomIndexOp::emitScalar(ImplicitLocOpBuilder &b, ValueRange args, Value) {
  PhiloxEmitter philox{b, withElement(args[0].getType(), b.getI32Type())};
  Value zero = philox.constant(0);
  Value bits = philox.bits(philox.key(args[0]), getRngId(), zero, zero, philox.low(args[1]));
  return arith::MulUIExtendedOp::create(b, bits, philox.constant(getN())).getHigh();
}

LogicalResult RandomIndexOp::interpret(Inputs in, Outputs out) {
  uint64_t bits =
      randomBits(static_cast<int64_t>(in[0][0]), getRngId(), static_cast<int64_t>(in[1][0]), 0, 0);
  out[0][0] = static_cast<double>((bits * getN()) >> 32);
  return success();
}

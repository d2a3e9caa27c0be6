// Elementwise ops: derivative, scalar code and meaning of each op, side by side.
#include "dialects/NN/ErfInv.h"
#include "dialects/NN/Expr.h"
#include "dialects/NN/Families.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace mome::nn;

#define GET_OP_CLASSES
#include "dialects/NN/Elementwise.cpp.inc"

void mome::nn::registerElementwiseOps(NNDialect &dialect) {
  dialect.addFamily<
#define GET_OP_LIST
#include "dialects/NN/Elementwise.cpp.inc"
      >();
}

using Cotangents = ArrayRef<Value>;
using OperandCotangents = SmallVectorImpl<Value>;
using Inputs = ArrayRef<HostTensor>;
using Outputs = MutableArrayRef<HostTensor>;

static constexpr double twoBySqrtPi = 2.0 * std::numbers::inv_sqrtpi;
static constexpr double sqrtHalf = 0.5 * std::numbers::sqrt2;
static constexpr double quickGeluSlope = 1.702;

/// out[i] = function(in[0][i], in[1][i], ...), with one input per parameter of `function`.
template <typename... Elements, typename Function>
static LogicalResult mapElements(Inputs in, Outputs out, Function function) {
  auto apply = [&]<size_t... k>(std::index_sequence<k...>) {
    for (int64_t i = 0; i < out[0].size(); ++i) {
      out[0][i] = function(in[k].broadcastAt(i)...);
    }
  };
  apply(std::make_index_sequence<sizeof...(Elements)>());
  return success();
}

// A unary op from three formulas: the operand's cotangent from x, y and dy; scalar code from x; its
// meaning from x.
#define NN_UNARY(OP, COTANGENT, SCALAR, MEANING)                                                   \
  LogicalResult OP::buildVjp(OpBuilder &b, Cotangents cotangents, OperandCotangents &dx) {         \
    [[maybe_unused]] TensorExpr x = tensorExpr(b, getLoc(), getOperand());                         \
    [[maybe_unused]] TensorExpr y = tensorExpr(b, getLoc(), getResult());                          \
    TensorExpr dy = tensorExpr(b, getLoc(), cotangents[0]);                                        \
    dx.push_back(COTANGENT);                                                                       \
    return success();                                                                              \
  }                                                                                                \
  Value OP::emitScalar(ImplicitLocOpBuilder &b, ValueRange args, Value) {                          \
    ScalarExpr x = scalarExpr(b, args[0]);                                                         \
    return SCALAR;                                                                                 \
  }                                                                                                \
  LogicalResult OP::interpret(Inputs in, Outputs out) {                                            \
    return mapElements<double>(in, out, [](double x) -> double { return MEANING; });               \
  }

// A binary op z of x and y, likewise.
#define NN_BINARY(OP, COTANGENT_X, COTANGENT_Y, SCALAR, MEANING)                                   \
  LogicalResult OP::buildVjp(OpBuilder &b, Cotangents cotangents, OperandCotangents &dx) {         \
    [[maybe_unused]] TensorExpr x = tensorExpr(b, getLoc(), getLhs());                             \
    [[maybe_unused]] TensorExpr y = tensorExpr(b, getLoc(), getRhs());                             \
    [[maybe_unused]] TensorExpr z = tensorExpr(b, getLoc(), getResult());                          \
    TensorExpr dz = tensorExpr(b, getLoc(), cotangents[0]);                                        \
    dx.push_back(COTANGENT_X);                                                                     \
    dx.push_back(COTANGENT_Y);                                                                     \
    return success();                                                                              \
  }                                                                                                \
  Value OP::emitScalar(ImplicitLocOpBuilder &b, ValueRange args, Value) {                          \
    ScalarExpr x = scalarExpr(b, args[0]);                                                         \
    ScalarExpr y = scalarExpr(b, args[1]);                                                         \
    return SCALAR;                                                                                 \
  }                                                                                                \
  LogicalResult OP::interpret(Inputs in, Outputs out) {                                            \
    return mapElements<double, double>(in, out,                                                    \
                                       [](double x, double y) -> double { return MEANING; });      \
  }

//===-- Arithmetic --------------------------------------------------------------------------===//

NN_BINARY(AddOp, dz, dz, x + y, x + y)
void mome::nn::keepSeparate(Value sum) {
  Operation *op = sum.getDefiningOp();
  op->setAttr(NNDialect::separateAttrName, UnitAttr::get(op->getContext()));
}

/// What an exponential takes is a distance from a maximum, and 0 for that itself: of a product, both must be rounded.
static Value emitDifference(SubOp op, ScalarExpr x, ScalarExpr y) {
  Value difference = x - y;
  if (llvm::any_of(op->getUsers(), llvm::IsaPred<ExpOp>)) {
    keepSeparate(difference);
  }
  return difference;
}
NN_BINARY(SubOp, dz, -dz, emitDifference(*this, x, y), x - y)
NN_BINARY(MulOp, dz *y, dz *x, x *y, x *y)
NN_BINARY(DivOp, dz / y, -dz *z / y, x / y, x / y)

/// The share of `dz` that goes to the operand equal to the result: all of it, or half at a tie.
static TensorExpr extremumShare(TensorExpr dz, TensorExpr self, TensorExpr other,
                                CompareKind wins) {
  TensorExpr zero = dz.constant(0.0);
  return select(compare(wins, self, other), dz,
                select(compare(CompareKind::eq, self, other), 0.5 * dz, zero));
}
NN_BINARY(MaximumOp, extremumShare(dz, x, y, CompareKind::gt),
          extremumShare(dz, y, x, CompareKind::gt), maximum(x, y), std::isnan(x) || x > y ? x : y)
NN_BINARY(MinimumOp, extremumShare(dz, x, y, CompareKind::lt),
          extremumShare(dz, y, x, CompareKind::lt), minimum(x, y), std::isnan(x) || x < y ? x : y)

static TensorExpr pow(TensorExpr x, TensorExpr y) {
  return x.make<PowOp>(y);
}
/// |x|^y with the sign of an odd power; NaN for a negative base and a fraction.
static ScalarExpr emitPower(ScalarExpr x, ScalarExpr y) {
  auto isWhole = [](ScalarExpr v) { return compare(CompareKind::eq, v, v.make<math::FloorOp>()); };
  ScalarExpr atZero = select(y > 0.0, x.constant(0.0), x.constant(INFINITY));
  ScalarExpr size = select(x == 0.0, atZero, exp(y * log(abs(x))));
  ScalarExpr negative = select(isWhole(0.5 * y), size, -size);
  negative = select(isWhole(y), negative, x.constant(NAN));
  ScalarExpr power = select(x < 0.0, negative, size);
  return select(y == 0.0, x.constant(1.0), power);
}
NN_BINARY(PowOp, dz * y * pow(x, y - 1.0), select(x > 0.0, dz * z * log(x), dz.constant(0.0)),
          emitPower(x, y), std::pow(x, y))

NN_UNARY(NegOp, -dy, -x, -x)
NN_UNARY(AbsOp, select(x > 0.0, dy, select(x < 0.0, -dy, dy.constant(0.0))), abs(x), std::abs(x))
NN_UNARY(SquareOp, 2.0 * x * dy, (x * x), (x * x))
NN_UNARY(SqrtOp, 0.5 * dy / y, sqrt(x), std::sqrt(x))
NN_UNARY(RsqrtOp, -0.5 * dy * y * y * y, rsqrt(x), 1.0 / std::sqrt(x))

//===-- Transcendental functions and activations --------------------------------------------===//

NN_UNARY(ExpOp, (dy * y), exp(x), std::exp(x))
NN_UNARY(LogOp, dy / x, log(x), std::log(x))
NN_UNARY(SinOp, (dy * cos(x)), sin(x), std::sin(x))
NN_UNARY(CosOp, -dy *sin(x), cos(x), std::cos(x))
NN_UNARY(ErfOp, (dy * twoBySqrtPi * exp(-(x * x))), erf(x), std::erf(x))
NN_UNARY(TanhOp, (dy * (1.0 - y * y)), tanh(x), std::tanh(x))
NN_UNARY(SigmoidOp, (dy * y * (1.0 - y)), sigmoid(x), 1.0 / (1.0 + std::exp(-x)))
NN_UNARY(ReluOp, select(x > 0.0, dy, dy.constant(0.0)), maximum(x, x.constant(0.0)),
         std::isnan(x) || x > 0.0 ? x : 0.0)

/// ln(1 + e^x) = max(x, 0) + log1p(u), u = e^-|x|. Kahan's log1p keeps the digits of a small u.
static ScalarExpr emitSoftplus(ScalarExpr x) {
  ScalarExpr u = exp(-abs(x));
  ScalarExpr w = 1.0 + u;
  ScalarExpr log1p = select(w == 1.0, u, log(w) * u / (w - 1.0));
  return maximum(x, x.constant(0.0)) + log1p;
}
NN_UNARY(SoftplusOp, (dy * sigmoid(x)), emitSoftplus(x),
         std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))))

/// The normal distribution's Phi(x).
static TensorExpr normalCdf(TensorExpr x) {
  return 0.5 * (1.0 + erf(sqrtHalf * x));
}
/// The derivative of x sigmoid(slope x).
static TensorExpr swishSlope(TensorExpr x, double slope) {
  TensorExpr s = sigmoid(slope * x);
  return s * (1.0 + slope * x * (1.0 - s));
}
NN_UNARY(GeluOp, (dy * (normalCdf(x) + x * (0.5 * sqrtHalf * twoBySqrtPi * exp(-0.5 * (x * x))))),
         (0.5 * x * (1.0 + erf(sqrtHalf * x))), (0.5 * x * std::erfc(-sqrtHalf * x)))
NN_UNARY(QuickGeluOp, (dy * swishSlope(x, quickGeluSlope)), (x * sigmoid(quickGeluSlope * x)),
         x / (1.0 + std::exp(-quickGeluSlope * x)))
NN_UNARY(SiluOp, (dy * swishSlope(x, 1.0)), (x * sigmoid(x)), x / (1.0 + std::exp(-x)))

/// Giles' single precision approximation of erf^-1 ("Approximating the erfinv function", 2010),
/// whatever the type.
ScalarExpr mome::nn::emitErfInv(ScalarExpr x) {
  auto polynomial = [](ScalarExpr w, ArrayRef<double> coefficients) {
    ScalarExpr p = w.constant(coefficients.front());
    for (double c : coefficients.drop_front()) {
      p = p * w + c;
    }
    return p;
  };
  ScalarExpr w = -log((1.0 - x) * (1.0 + x));
  ScalarExpr center =
      polynomial(w - 2.5, {2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06,
                           0.00021858087, -0.00125372503, -0.00417768164, 0.246640727, 1.50140941});
  ScalarExpr tail = polynomial(sqrt(w) - 3.0, {-0.000200214257, 0.000100950558, 0.00134934322,
                                               -0.00367342844, 0.00573950773, -0.0076224613,
                                               0.00943887047, 1.00167406, 2.83297682});
  return x * select(w < 5.0, center, tail);
}
/// Newton's method from Winitzki's estimate.
double mome::nn::erfInv(double x) {
  if (!(std::abs(x) < 1.0)) {
    return std::abs(x) == 1.0 ? std::copysign(INFINITY, x) : NAN;
  }
  const double a = 0.147;
  double l = std::log1p(-x * x);
  double t = 2.0 / (std::numbers::pi * a) + 0.5 * l;
  double y = std::copysign(std::sqrt(std::sqrt(t * t - l / a) - t), x);
  for (int step = 0; step < 4; ++step) {
    y -= (std::erf(y) - x) / (twoBySqrtPi * std::exp(-y * y));
  }
  return y;
}
NN_UNARY(ErfInvOp, (dy * (1.0 / twoBySqrtPi) * exp(y * y)), emitErfInv(x), erfInv(x))

//===-- nn.compare --------------------------------------------------------------------------===//

/// Result types of predicates: the operand's shape, of i1.
static Type getBoolType(Value operand) {
  auto type = cast<ShapedType>(operand.getType());
  return type.clone(IntegerType::get(type.getContext(), 1));
}

arith::CmpFPredicate mome::nn::getFloatPredicate(CompareKind kind) {
  switch (kind) {
  case CompareKind::eq:
    return arith::CmpFPredicate::OEQ;
  case CompareKind::ne:
    return arith::CmpFPredicate::UNE;
  case CompareKind::lt:
    return arith::CmpFPredicate::OLT;
  case CompareKind::le:
    return arith::CmpFPredicate::OLE;
  case CompareKind::gt:
    return arith::CmpFPredicate::OGT;
  case CompareKind::ge:
    return arith::CmpFPredicate::OGE;
  }
  llvm_unreachable("all kinds handled");
}

/// Booleans are 0 and 1, so they compare as unsigned.
static arith::CmpIPredicate getIntegerPredicate(CompareKind kind, bool isBool) {
  switch (kind) {
  case CompareKind::eq:
    return arith::CmpIPredicate::eq;
  case CompareKind::ne:
    return arith::CmpIPredicate::ne;
  case CompareKind::lt:
    return isBool ? arith::CmpIPredicate::ult : arith::CmpIPredicate::slt;
  case CompareKind::le:
    return isBool ? arith::CmpIPredicate::ule : arith::CmpIPredicate::sle;
  case CompareKind::gt:
    return isBool ? arith::CmpIPredicate::ugt : arith::CmpIPredicate::sgt;
  case CompareKind::ge:
    return isBool ? arith::CmpIPredicate::uge : arith::CmpIPredicate::sge;
  }
  llvm_unreachable("all kinds handled");
}

LogicalResult CompareOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor adaptor,
                                          SmallVectorImpl<Type> &types) {
  types.push_back(getBoolType(adaptor.getLhs()));
  return success();
}
Value CompareOp::emitScalar(ImplicitLocOpBuilder &b, ValueRange args, Value) {
  Type element = getLhs().getType().getElementType();
  if (isa<FloatType>(element)) {
    return arith::CmpFOp::create(b, getFloatPredicate(getKind()), args[0], args[1]);
  }
  return arith::CmpIOp::create(b, getIntegerPredicate(getKind(), element.isInteger(1)), args[0],
                               args[1]);
}
LogicalResult CompareOp::interpret(Inputs in, Outputs out) {
  return mapElements<double, double>(in, out, [kind = getKind()](double x, double y) -> double {
    switch (kind) {
    case CompareKind::eq:
      return x == y;
    case CompareKind::ne:
      return x != y;
    case CompareKind::lt:
      return x < y;
    case CompareKind::le:
      return x <= y;
    case CompareKind::gt:
      return x > y;
    case CompareKind::ge:
      return x >= y;
    }
    llvm_unreachable("all kinds handled");
  });
}

//===-- nn.select ---------------------------------------------------------------------------===//

LogicalResult SelectOp::buildVjp(OpBuilder &b, Cotangents dy, OperandCotangents &dx) {
  TensorExpr d = tensorExpr(b, getLoc(), dy[0]);
  TensorExpr zero = d.constant(0.0);
  Value none;
  dx.append({none, select(getCondition(), d, zero), select(getCondition(), zero, d)});
  return success();
}
Value SelectOp::emitScalar(ImplicitLocOpBuilder &b, ValueRange args, Value) {
  return arith::SelectOp::create(b, args[0], args[1], args[2]);
}
LogicalResult SelectOp::interpret(Inputs in, Outputs out) {
  return mapElements<double, double, double>(
      in, out, [](double condition, double x, double y) { return condition != 0.0 ? x : y; });
}

//===-- nn.cast -----------------------------------------------------------------------------===//

LogicalResult CastOp::verify() {
  if (getType().getElementType().isInteger(1)) {
    return emitOpError("C2: cannot cast to booleans; use nn.compare");
  }
  return success();
}
LogicalResult CastOp::buildVjp(OpBuilder &b, Cotangents dy, OperandCotangents &dx) {
  bool differentiable = isa<FloatType>(getOperand().getType().getElementType());
  dx.push_back(differentiable ? CastOp::create(b, getLoc(), getOperand().getType(), dy[0])
                              : Value());
  return success();
}
/// Converts a scalar or vector of `from` to elements of `to`.
static Value emitCast(ImplicitLocOpBuilder &b, Value x, Type to) {
  Type from = getElementTypeOrSelf(x.getType());
  Type type = to;
  if (auto vector = dyn_cast<VectorType>(x.getType())) {
    type = vector.clone(to);
  }
  unsigned fromBits = from.getIntOrFloatBitWidth(), toBits = to.getIntOrFloatBitWidth();
  if (from == to) {
    return x;
  }
  if (isa<FloatType>(from) && isa<FloatType>(to)) {
    return fromBits < toBits ? Value(arith::ExtFOp::create(b, type, x))
                             : Value(arith::TruncFOp::create(b, type, x));
  }
  if (isa<FloatType>(from)) {
    return arith::FPToSIOp::create(b, type, x);
  }
  if (isa<FloatType>(to)) {
    return from.isInteger(1) ? Value(arith::UIToFPOp::create(b, type, x))
                             : Value(arith::SIToFPOp::create(b, type, x));
  }
  if (fromBits > toBits) {
    return arith::TruncIOp::create(b, type, x);
  }
  return from.isInteger(1) ? Value(arith::ExtUIOp::create(b, type, x))
                           : Value(arith::ExtSIOp::create(b, type, x));
}
Value CastOp::emitScalar(ImplicitLocOpBuilder &b, ValueRange args, Value) {
  return emitCast(b, args[0], getType().getElementType());
}
LogicalResult CastOp::interpret(Inputs in, Outputs out) {
  bool toInteger = isa<IntegerType>(getType().getElementType());
  return mapElements<double>(in, out, [=](double x) { return toInteger ? std::trunc(x) : x; });
}

//===-- nn.stop_gradient, nn.is_finite, nn.iota ---------------------------------------------===//

LogicalResult StopGradientOp::buildVjp(OpBuilder &, Cotangents, OperandCotangents &dx) {
  dx.push_back(Value());
  return success();
}
Value StopGradientOp::emitScalar(ImplicitLocOpBuilder &, ValueRange args, Value) {
  return args[0];
}
LogicalResult StopGradientOp::interpret(Inputs in, Outputs out) {
  out[0] = in[0];
  return success();
}

LogicalResult IsFiniteOp::inferReturnTypes(MLIRContext *, std::optional<Location>, Adaptor adaptor,
                                           SmallVectorImpl<Type> &types) {
  types.push_back(getBoolType(adaptor.getOperand()));
  return success();
}
Value IsFiniteOp::emitScalar(ImplicitLocOpBuilder &b, ValueRange args, Value) {
  return abs(scalarExpr(b, args[0])) < INFINITY;
}
LogicalResult IsFiniteOp::interpret(Inputs in, Outputs out) {
  return mapElements<double>(in, out, [](double x) -> double { return std::isfinite(x); });
}

LogicalResult IotaOp::verify() {
  if (getAxis() < 0 || getAxis() >= cast<ShapedType>(getType()).getRank()) {
    return emitOpError("C1: axis ") << getAxis() << " is not an axis of " << getType();
  }
  return success();
}
/// Elements between neighbours along the axis.
static int64_t getStride(IotaOp op) {
  return ShapedType::getNumElements(
      cast<ShapedType>(op.getType()).getShape().drop_front(op.getAxis() + 1));
}
Value IotaOp::emitScalar(ImplicitLocOpBuilder &b, ValueRange, Value linearIndex) {
  auto type = cast<ShapedType>(getType());
  auto constant = [&](int64_t x) { return emitConstant(b, linearIndex.getType(), x); };
  Value position = arith::DivUIOp::create(b, linearIndex, constant(getStride(*this)));
  position = arith::RemUIOp::create(b, position, constant(type.getDimSize(getAxis())));
  return emitCast(b, position, type.getElementType());
}
bool IotaOp::usesIndex() {
  return true;
}
LogicalResult IotaOp::interpret(Inputs, Outputs out) {
  int64_t stride = getStride(*this), extent = out[0].dim(getAxis());
  for (int64_t i = 0; i < out[0].size(); ++i) {
    out[0][i] = (i / stride) % extent;
  }
  return success();
}

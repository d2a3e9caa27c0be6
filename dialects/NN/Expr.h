// Arithmetic notation for code that builds code: `dy * (1.0 - y * y)` instead of nested create
// calls.
//
// TensorExpr builds `nn` ops on tensors (derivatives); ScalarExpr builds arith and math ops on
// scalars or vectors (ElementwiseOpInterface::emitScalar). Numbers become splat constants of the
// other operand's type. Both use only functions that the polynomial approximations cover, so that
// generated code never calls libm.
#ifndef MOME_DIALECTS_NN_EXPR_H
#define MOME_DIALECTS_NN_EXPR_H

#include "dialects/NN/NN.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

namespace mome::nn {

/// The arith predicate with the meaning of `nn.compare`.
mlir::arith::CmpFPredicate getFloatPredicate(CompareKind kind);

struct TensorKit {
  mlir::OpBuilder *builder;
  mlir::Location loc;

  using Add = AddOp;
  using Sub = SubOp;
  using Mul = MulOp;
  using Div = DivOp;
  using Maximum = MaximumOp;
  using Minimum = MinimumOp;
  using Neg = NegOp;
  using Abs = AbsOp;
  using Exp = ExpOp;
  using Log = LogOp;
  using Sqrt = SqrtOp;
  using Rsqrt = RsqrtOp;
  using Tanh = TanhOp;
  using Erf = ErfOp;
  using Sin = SinOp;
  using Cos = CosOp;
  using Select = SelectOp;

  template <typename Op, typename... Operands> mlir::Value create(Operands... operands) const {
    return Op::create(*builder, loc, operands...);
  }
  mlir::Value constant(mlir::Type type, double value) const {
    return buildSplat(*builder, loc, type, value);
  }
  mlir::Value compare(CompareKind kind, mlir::Value x, mlir::Value y) const {
    return CompareOp::create(*builder, loc, kind, x, y);
  }
};

struct ScalarKit {
  mlir::ImplicitLocOpBuilder *builder;

  using Add = mlir::arith::AddFOp;
  using Sub = mlir::arith::SubFOp;
  using Mul = mlir::arith::MulFOp;
  using Div = mlir::arith::DivFOp;
  using Maximum = mlir::arith::MaximumFOp;
  using Minimum = mlir::arith::MinimumFOp;
  using Neg = mlir::arith::NegFOp;
  using Abs = mlir::math::AbsFOp;
  using Exp = mlir::math::ExpOp;
  using Log = mlir::math::LogOp;
  using Sqrt = mlir::math::SqrtOp;
  using Rsqrt = mlir::math::RsqrtOp;
  using Tanh = mlir::math::TanhOp;
  using Erf = mlir::math::ErfOp;
  using Sin = mlir::math::SinOp;
  using Cos = mlir::math::CosOp;
  using Select = mlir::arith::SelectOp;

  template <typename Op, typename... Operands> mlir::Value create(Operands... operands) const {
    return Op::create(*builder, operands...);
  }
  mlir::Value constant(mlir::Type type, double value) const {
    return emitConstant(*builder, type, value);
  }
  mlir::Value compare(CompareKind kind, mlir::Value x, mlir::Value y) const {
    return mlir::arith::CmpFOp::create(*builder, getFloatPredicate(kind), x, y);
  }
};

/// A float value under construction.
template <typename Kit> class Expr {
public:
  Expr(Kit kit, mlir::Value value) : kit(kit), value(value) {}
  operator mlir::Value() const { return value; }

  Expr constant(double x) const { return {kit, kit.constant(value.getType(), x)}; }

  friend Expr operator+(Expr x, Expr y) { return x.template make<typename Kit::Add>(y); }
  friend Expr operator-(Expr x, Expr y) { return x.template make<typename Kit::Sub>(y); }
  friend Expr operator*(Expr x, Expr y) { return x.template make<typename Kit::Mul>(y); }
  friend Expr operator/(Expr x, Expr y) { return x.template make<typename Kit::Div>(y); }
  friend Expr operator+(Expr x, double y) { return x + x.constant(y); }
  friend Expr operator-(Expr x, double y) { return x - x.constant(y); }
  friend Expr operator*(Expr x, double y) { return x * x.constant(y); }
  friend Expr operator/(Expr x, double y) { return x / x.constant(y); }
  friend Expr operator+(double x, Expr y) { return y + x; }
  friend Expr operator-(double x, Expr y) { return y.constant(x) - y; }
  friend Expr operator*(double x, Expr y) { return y * x; }
  friend Expr operator/(double x, Expr y) { return y.constant(x) / y; }
  friend Expr operator-(Expr x) { return x.template make<typename Kit::Neg>(); }
  friend Expr maximum(Expr x, Expr y) { return x.template make<typename Kit::Maximum>(y); }
  friend Expr minimum(Expr x, Expr y) { return x.template make<typename Kit::Minimum>(y); }
  friend Expr abs(Expr x) { return x.template make<typename Kit::Abs>(); }
  friend Expr exp(Expr x) { return x.template make<typename Kit::Exp>(); }
  friend Expr log(Expr x) { return x.template make<typename Kit::Log>(); }
  friend Expr sqrt(Expr x) { return x.template make<typename Kit::Sqrt>(); }
  friend Expr rsqrt(Expr x) { return x.template make<typename Kit::Rsqrt>(); }
  friend Expr tanh(Expr x) { return x.template make<typename Kit::Tanh>(); }
  friend Expr erf(Expr x) { return x.template make<typename Kit::Erf>(); }
  friend Expr sin(Expr x) { return x.template make<typename Kit::Sin>(); }
  friend Expr cos(Expr x) { return x.template make<typename Kit::Cos>(); }

  friend mlir::Value compare(CompareKind kind, Expr x, Expr y) {
    return x.kit.compare(kind, x.value, y.value);
  }
  mlir::Value operator<(double y) const { return compare(CompareKind::lt, *this, constant(y)); }
  mlir::Value operator>(double y) const { return compare(CompareKind::gt, *this, constant(y)); }
  mlir::Value operator==(double y) const { return compare(CompareKind::eq, *this, constant(y)); }
  friend Expr select(mlir::Value condition, Expr x, Expr y) {
    return {x.kit, x.kit.template create<typename Kit::Select>(condition, x.value, y.value)};
  }

  /// Any other op on this value and more operands.
  template <typename Op, typename... Operands> Expr make(Operands... operands) const {
    return {kit, kit.template create<Op>(value, operands.value...)};
  }
  Kit kit;
  mlir::Value value;
};

using TensorExpr = Expr<TensorKit>;
using ScalarExpr = Expr<ScalarKit>;

inline TensorExpr tensorExpr(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value) {
  return {TensorKit{&builder, loc}, value};
}
inline ScalarExpr scalarExpr(mlir::ImplicitLocOpBuilder &builder, mlir::Value value) {
  return {ScalarKit{&builder}, value};
}

template <typename Kit> Expr<Kit> sigmoid(Expr<Kit> x) {
  return 1.0 / (1.0 + exp(-x));
}

} // namespace mome::nn
#endif

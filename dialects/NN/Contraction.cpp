// Matrix products: shape, cost, derivative, meaning and naive lowering of each, side by side.
#include "dialects/NN/Families.h"
#include "dialects/NN/LinalgBuilding.h"
#include "dialects/NN/RowProgram.h"

using namespace mlir;
using namespace mome::nn;

#define GET_OP_CLASSES
#include "dialects/NN/Contraction.cpp.inc"

void mome::nn::registerContractionOps(NNDialect &dialect) {
  dialect.addFamily<
#define GET_OP_LIST
#include "dialects/NN/Contraction.cpp.inc"
      >();
}

using Inputs = ArrayRef<HostTensor>;
using Outputs = MutableArrayRef<HostTensor>;
using Types = SmallVectorImpl<Type>;
using Cotangents = ArrayRef<Value>;
using OperandCotangents = SmallVectorImpl<Value>;

/// The step of every contraction: sum + x y.
static Value emitMultiplyAdd(ImplicitLocOpBuilder &b, ValueRange args) {
  return arith::AddFOp::create(b, args[2], arith::MulFOp::create(b, args[0], args[1]));
}

//===-- nn.linear ---------------------------------------------------------------------------===//

LogicalResult LinearOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                         Types &types) {
  RankedTensorType x = typeOf(op.getX()), weight = typeOf(op.getWeight());
  auto bias = op.getBias() ? typeOf(op.getBias()) : RankedTensorType();
  if (x.getRank() < 1 || weight.getRank() != 2) {
    return inferError<LinearOp>(loc, "C1: x needs an axis and w two: ", x, ", ", weight);
  }
  if (x.getShape().back() != weight.getDimSize(1)) {
    return inferError<LinearOp>(loc, "C2: the last axes of x and w differ: ", x, ", ", weight);
  }
  if (bias && bias.getShape() != weight.getShape().take_front(1)) {
    return inferError<LinearOp>(loc, "C3: the bias ", bias, " does not fit w, ", weight);
  }
  Type element = x.getElementType(), sums = getWideType(element);
  if (weight.getElementType() != element || (bias && bias.getElementType() != sums)) {
    return inferError<LinearOp>(loc, "C4: x, w and b must have one element type");
  }
  SmallVector<int64_t> shape(x.getShape());
  shape.back() = weight.getDimSize(0);
  types.push_back(RankedTensorType::get(shape, sums));
  return success();
}

double LinearOp::getFlops() {
  int64_t results = typeOf(getResult()).getNumElements();
  return (2.0 * typeOf(getX()).getShape().back() + (getBias() ? 1 : 0)) * results;
}

Product LinearOp::getProduct() {
  RankedTensorType x = typeOf(getX()), y = typeOf(getResult());
  int64_t k = x.getShape().back(), n = y.getShape().back();
  return {getX(), getWeight(), getBias(), false, true, 1, y.getNumElements() / n, n, k, 0};
}

LogicalResult LinearOp::interpret(Inputs in, Outputs out) {
  const HostTensor &x = in[0], &w = in[1];
  HostTensor &y = out[0];
  int64_t width = w.dim(0), depth = w.dim(1);
  for (int64_t i = 0; i < y.size(); ++i) {
    int64_t row = i / width, n = i % width;
    double sum = in.size() > 2 ? in[2][n] : 0.0;
    for (int64_t k = 0; k < depth; ++k) {
      sum += x[row * depth + k] * w[n * depth + k];
    }
    y[i] = sum;
  }
  return success();
}

/// The derivative of a product of bf16 would be one of an f32 cotangent with a bf16 operand: there
/// is none. Autodiff comes before operands are narrowed.
static LogicalResult refuseNarrow(Operation *op) {
  if (typeOf(op->getOperand(0)).getElementType().isBF16()) {
    return op->emitOpError("is differentiated before its operands become bf16");
  }
  return success();
}

/// x as a matrix: all axes but the last in one.
static Value flatten(OpBuilder &b, Value x) {
  RankedTensorType type = typeOf(x);
  if (type.getRank() == 2) {
    return x;
  }
  int64_t columns = type.getShape().back();
  int64_t rows = ShapedType::getNumElements(type.getShape().drop_back());
  return ReshapeOp::create(b, x.getLoc(), type.clone({rows, columns}), x);
}

LogicalResult LinearOp::buildVjp(OpBuilder &b, Cotangents cotangents, OperandCotangents &result) {
  if (failed(refuseNarrow(*this))) {
    return failure();
  }
  Value dy = flatten(b, cotangents[0]);
  Value dx = MatmulOp::create(b, getLoc(), dy, getWeight(), false, false);
  if (dx.getType() != getX().getType()) {
    dx = ReshapeOp::create(b, getLoc(), getX().getType(), dx);
  }
  result.push_back(dx);
  result.push_back(MatmulOp::create(b, getLoc(), dy, flatten(b, getX()), true, false));
  if (getBias()) {
    result.push_back(sumOver(tensorExpr(b, getLoc(), dy), {0}));
  }
  return success();
}

LogicalResult LinearOp::lowerToLinalg(OpBuilder &b, ValueRange operands,
                                      SmallVectorImpl<Value> &results) {
  // Loops: the axes of x but the last, then n, then k.
  RankedTensorType type = typeOf(getResult());
  int64_t rank = type.getRank();
  AffineMap loops = b.getMultiDimIdentityMap(rank + 1);
  AffineMap toX = loops.dropResults({rank - 1}), toWeight = loops.getMinorSubMap(2);
  AffineMap toResult = loops.dropResults({rank});
  Value product = buildReduction(b, getLoc(), type, operands.take_front(2), {toX, toWeight},
                                 toResult, 0.0, emitMultiplyAdd);
  if (!getBias()) {
    results.push_back(product);
    return success();
  }
  AffineMap all = b.getMultiDimIdentityMap(rank);
  auto add = [](ImplicitLocOpBuilder &inner, ValueRange args) -> Value {
    return arith::AddFOp::create(inner, args[0], args[1]);
  };
  results.push_back(
      buildMap(b, getLoc(), type, {product, operands[2]}, {all, all.getMinorSubMap(1)}, add));
  return success();
}

//===-- nn.matmul ---------------------------------------------------------------------------===//

LogicalResult MatmulOp::inferReturnTypes(MLIRContext *, std::optional<Location> loc, Adaptor op,
                                         Types &types) {
  RankedTensorType a = typeOf(op.getLhs()), b = typeOf(op.getRhs());
  int64_t rank = a.getRank();
  if (rank < 2 || b.getRank() != rank) {
    return inferError<MatmulOp>(loc, "C1: operands need equal ranks of at least 2: ", a, ", ", b);
  }
  if (a.getShape().drop_back(2) != b.getShape().drop_back(2)) {
    return inferError<MatmulOp>(loc, "C2: the leading axes differ: ", a, ", ", b);
  }
  bool ta = op.getTransposeA(), tb = op.getTransposeB();
  if (a.getDimSize(ta ? rank - 2 : rank - 1) != b.getDimSize(tb ? rank - 1 : rank - 2)) {
    return inferError<MatmulOp>(loc, "C3: the contracted axes differ: ", a, ", ", b);
  }
  if (a.getElementType() != b.getElementType()) {
    return inferError<MatmulOp>(loc, "C4: operands must have one element type: ", a, ", ", b);
  }
  SmallVector<int64_t> shape(a.getShape());
  shape[rank - 2] = a.getDimSize(ta ? rank - 1 : rank - 2);
  shape[rank - 1] = b.getDimSize(tb ? rank - 2 : rank - 1);
  types.push_back(RankedTensorType::get(shape, getWideType(a.getElementType())));
  return success();
}

/// The extent that is summed over.
static int64_t getDepth(MatmulOp op) {
  ArrayRef<int64_t> shape = typeOf(op.getLhs()).getShape();
  return op.getTransposeA() ? shape[shape.size() - 2] : shape.back();
}

double MatmulOp::getFlops() {
  return 2.0 * getDepth(*this) * typeOf(getResult()).getNumElements();
}

Product MatmulOp::getProduct() {
  RankedTensorType c = typeOf(getResult());
  int64_t m = c.getDimSize(c.getRank() - 2), n = c.getShape().back();
  return {getLhs(),
          getRhs(),
          Value(),
          getTransposeA(),
          getTransposeB(),
          c.getNumElements() / (m * n),
          m,
          n,
          getDepth(*this),
          c.getRank() - 2};
}

LogicalResult MatmulOp::interpret(Inputs in, Outputs out) {
  HostTensor &c = out[0];
  int64_t rows = c.shape[c.rank() - 2], columns = c.shape.back(), depth = getDepth(*this);
  for (int64_t i = 0; i < c.size(); ++i) {
    int64_t batch = i / (rows * columns), m = i / columns % rows, n = i % columns;
    const double *a = in[0].data.data() + batch * rows * depth;
    const double *b = in[1].data.data() + batch * depth * columns;
    for (int64_t k = 0; k < depth; ++k) {
      c[i] += a[getTransposeA() ? k * rows + m : m * depth + k] *
              b[getTransposeB() ? n * depth + k : k * columns + n];
    }
  }
  return success();
}

LogicalResult MatmulOp::buildVjp(OpBuilder &b, Cotangents cotangents, OperandCotangents &result) {
  if (failed(refuseNarrow(*this))) {
    return failure();
  }
  Value dc = cotangents[0], lhs = getLhs(), rhs = getRhs();
  bool ta = getTransposeA(), tb = getTransposeB();
  // dA = dC B^T and dB = A^T dC, each transposed if the operand is stored so.
  result.push_back(ta ? MatmulOp::create(b, getLoc(), rhs, dc, tb, true)
                      : MatmulOp::create(b, getLoc(), dc, rhs, false, !tb));
  result.push_back(tb ? MatmulOp::create(b, getLoc(), dc, lhs, true, ta)
                      : MatmulOp::create(b, getLoc(), lhs, dc, !ta, false));
  return success();
}

LogicalResult MatmulOp::lowerToLinalg(OpBuilder &b, ValueRange operands,
                                      SmallVectorImpl<Value> &results) {
  // Loops: the batch axes, then m, n, k.
  int64_t rank = typeOf(getResult()).getRank();
  SmallVector<AffineExpr> toLhs, toRhs, toResult;
  for (int64_t axis = 0; axis < rank - 2; ++axis) {
    AffineExpr batch = b.getAffineDimExpr(axis);
    toLhs.push_back(batch), toRhs.push_back(batch), toResult.push_back(batch);
  }
  AffineExpr m = b.getAffineDimExpr(rank - 2), n = b.getAffineDimExpr(rank - 1);
  AffineExpr k = b.getAffineDimExpr(rank);
  toLhs.append({getTransposeA() ? k : m, getTransposeA() ? m : k});
  toRhs.append({getTransposeB() ? n : k, getTransposeB() ? k : n});
  toResult.append({m, n});
  auto map = [&](ArrayRef<AffineExpr> to) { return AffineMap::get(rank + 1, 0, to, getContext()); };
  results.push_back(buildReduction(b, getLoc(), typeOf(getResult()), operands,
                                   {map(toLhs), map(toRhs)}, map(toResult), 0.0, emitMultiplyAdd));
  return success();
}

// Matrix products: shapes, cost and meaning.
#include "dialects/NN/Families.h"
#include "dialects/NN/Infer.h"

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
  Type element = x.getElementType();
  if (weight.getElementType() != element || (bias && bias.getElementType() != element)) {
    return inferError<LinearOp>(loc, "C4: x, w and b must have one element type");
  }
  SmallVector<int64_t> shape(x.getShape());
  shape.back() = weight.getDimSize(0);
  types.push_back(x.clone(shape));
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
  types.push_back(a.clone(shape));
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

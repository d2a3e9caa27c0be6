// Matrix products with an elementwise epilogue: operands in f32 by fused multiply-adds, in bf16 by
// tensor cores; sums in f32.
//
//   nn.kernel { %h = nn.linear %x, %w, %b;  %y = nn.gelu %h;  yield %h, %y }
//   ->  TiledProduct.h, whose `store` is  h = sum + b;  y = gelu(h);  store both
#include "passes/cuda/Families.h"
#include "passes/cuda/TiledProduct.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

/// Rows of a thread that an epilogue has under way: where it loads, and where it only computes.
static constexpr int64_t rowsLoaded = 8, rowsComputed = 4;

static ProductOperand operandOf(LaunchBuilder &b, const Matrix &matrix, int64_t lines,
                                int64_t depth) {
  auto locate = [&b, matrix](Value batch, Value line, Value k) {
    Value at = b.addIndex(b.mulIndex(line, matrix.perLine), b.mulIndex(k, matrix.perK));
    return Place{b.addIndex(b.mulIndex(batch, matrix.perBatch), at), nullptr};
  };
  return {matrix.buffer, matrix.perK == 1, chooseUnit(matrix, lines, depth), locate};
}

/// Why the product is more than f32 from two operands of f32 or two of bf16; empty if it is not.
static std::string refuseTypes(nn::ProductOpInterface op) {
  nn::Product product = op.getProduct();
  auto elementOf = [](Value value) { return cast<ShapedType>(value.getType()).getElementType(); };
  Type lhs = elementOf(product.lhs), rhs = elementOf(product.rhs);
  if (!elementOf(op->getResult(0)).isF32()) {
    return "sums in a type other than f32";
  }
  return lhs == rhs && (lhs.isF32() || lhs.isBF16()) ? ""
                                                     : "operands other than two f32 or two bf16";
}

/// Of the kernel's operands those that its epilogue reads at the place of each sum.
static SmallVector<Value> readAlong(LaunchBuilder &b, Operation *root) {
  SmallVector<Value> buffers;
  for (BlockArgument argument : root->getBlock()->getArguments()) {
    bool isMultiplied = llvm::is_contained(root->getOperands(), argument);
    if (!isMultiplied && cast<ShapedType>(argument.getType()).getShape() ==
                             cast<ShapedType>(root->getResult(0).getType()).getShape()) {
      buffers.push_back(b.getOperandBuffer(argument));
    }
  }
  return buffers;
}

DeviceKernel mome::cuda::emitGemm(nn::KernelOp kernel, OpBuilder &builder) {
  auto op = dyn_cast<nn::ProductOpInterface>(kernel.getRoot());
  if (!op) {
    return refuse("");
  }
  IterationSpace space(cast<ShapedType>(op->getResult(0).getType()).getShape(),
                       kernel.getContext());
  if (std::string reason = refuseTypes(op); !reason.empty()) {
    return refuse(reason);
  }
  if (std::string reason = prepareProduct(kernel, space, /*takesSum=*/true); !reason.empty()) {
    return refuse(reason);
  }
  nn::Product product = op.getProduct();
  int64_t columns = product.n == 1 ? product.m : product.n; // they change places
  return emitTiledProduct(kernel, builder, columns % 4 == 0 ? 4 : 1, [&](LaunchBuilder &b) {
    auto emitter = std::make_shared<ProductEmitter>(b, space, op);
    auto [lhs, rhs, bias, transposeLhs, transposeRhs, batch, m, n, k, axes] = emitter->product;
    auto prepare = [emitter](Value sum, Value batch, Value row, Value column) {
      return emitter->prepareEpilogue(sum, batch, row, column);
    };
    SmallVector<Value> along = readAlong(b, op);
    int64_t rowsTogether = along.empty() ? rowsComputed : rowsLoaded;
    return ProductProblem{batch,
                          m,
                          n,
                          k,
                          operandOf(b, emitter->A, m, k),
                          operandOf(b, emitter->B, n, k),
                          prepare,
                          along,
                          rowsTogether,
                          emitter->sumBuffer};
  });
}

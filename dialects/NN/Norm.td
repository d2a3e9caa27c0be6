// Normalisation: by rows (layer norm, softmax) and by channels (batch norm).
#ifndef MOME_NN_NORM_TD
#define MOME_NN_NORM_TD

include "dialects/NN/NNAttrs.td"

// `flops`: per element of the first operand.
class NN_RowOp<string mnemonic, int flops, list<Trait> traits = []> : NN_Op<mnemonic, traits # [Fusible, CostModel,
    DeclareOpInterfaceMethods<Decomposable>]> {
  code rowDeclarations = [{
    ::mome::nn::FusionRole getFusionRole() { return ::mome::nn::FusionRole::row; }
    double getFlops() {
      return }] # flops # [{.0 * ::llvm::cast<::mlir::ShapedType>(getOperation()->getOperand(0).getType()).getNumElements();
    }
  }];
  let extraClassDeclaration = rowDeclarations;
}

def NN_LayerNormOp : NN_RowOp<"layer_norm", 8, [InferTypeOpAdaptor, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<Differentiable>]> {
  let summary = "Normalises the last axis to mean 0 and variance 1, then scales and shifts";
  let description = [{
    With c values per row: `mean = sum x / c`, `rstd = 1 / sqrt(sum (x - mean)^2 / c + eps)`,
    `y = (x - mean) rstd gamma + beta`, as torch.nn.LayerNorm over the last axis. The statistics are results because the
    backward form needs them; they have no derivative of their own.

    ```mlir
    %y, %mean, %rstd = nn.layer_norm %x gamma %g beta %b eps 1.0e-5
        : (tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>) -> (tensor<8x64xf32>, tensor<8xf32>, tensor<8xf32>)
    ```
    C1: x has at least one axis, and its last is not empty. C2: gamma and beta have one axis, as long as the last of x.
    C3: gamma and beta have the element type of x. C4: eps >= 0.
  }];
  let arguments = (ins FloatTensor:$x, Optional<FloatTensor>:$gamma, Optional<FloatTensor>:$beta, F64Attr:$eps);
  let results = (outs FloatTensor:$result, FloatTensor:$mean, FloatTensor:$rstd);
  let assemblyFormat = [{
    $x (`gamma` $gamma^)? (`beta` $beta^)? `eps` $eps attr-dict `:` functional-type(operands, results)
  }];
}

def NN_LayerNormBackwardOp : NN_RowOp<"layer_norm_backward", 14, [InferTypeOpAdaptor]> {
  let summary = "The cotangents of x, gamma and beta in nn.layer_norm";
  let description = [{
    With `h = (x - mean) rstd` and `g = dy gamma`: `dx = rstd (g - mean(g) - h mean(g h))`, means over the row;
    `dgamma = sum dy h` and `dbeta = sum dy` over all rows. One op, so that dy and x are read once for all three.

    ```mlir
    %dx, %dg, %db = nn.layer_norm_backward %dy, %x, %mean, %rstd, %g
        : (tensor<8x64xf32>, tensor<8x64xf32>, tensor<8xf32>, tensor<8xf32>, tensor<64xf32>)
        -> (tensor<8x64xf32>, tensor<64xf32>, tensor<64xf32>)
    ```
    C1: dy has the type of x. C2: mean and rstd are as nn.layer_norm gives them for x. C3: gamma has one axis, as long as
    the last of x, and its element type.
  }];
  let arguments = (ins FloatTensor:$cotangent, FloatTensor:$x, FloatTensor:$mean, FloatTensor:$rstd,
                       Optional<FloatTensor>:$gamma);
  let results = (outs FloatTensor:$result, FloatTensor:$dgamma, FloatTensor:$dbeta);
  let assemblyFormat = [{
    $cotangent `,` $x `,` $mean `,` $rstd (`,` $gamma^)? attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    bool isColumnResult(unsigned result) { return result > 0; }
  }] # rowDeclarations;
}

class NN_RowMapOp<string mnemonic, list<Trait> traits = []> : NN_RowOp<mnemonic, 5, traits # [
    SameOperandsAndResultType, DeclareOpInterfaceMethods<Differentiable>]> {
  let arguments = (ins FloatTensor:$operand);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def NN_SoftmaxOp : NN_RowMapOp<"softmax", [NonNegative]> {
  let summary = "e^x / sum e^x over the last axis";
  let description = [{
    Computed from `x - max`, so that nothing overflows. `dx = y (dy - sum dy y)`.

    ```mlir
    %y = nn.softmax %x : tensor<8x10xf32>
    ```
    C1: x has at least one axis, and its last is not empty.
  }];
}

def NN_SoftmaxBackwardOp : NN_RowOp<"softmax_backward", 4, [SameOperandsAndResultType]> {
  let summary = "The cotangent of x in y = nn.softmax x";
  let description = [{
    `dx = y (dy - sum dy y)`, the sum over the row.

    ```mlir
    %dx = nn.softmax_backward %dy, %y : tensor<8x10xf32>
    ```
    C1: the operands have at least one axis, and the last is not empty.
  }];
  let arguments = (ins FloatTensor:$cotangent, FloatTensor:$y);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = "$cotangent `,` $y attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def NN_LogSoftmaxOp : NN_RowMapOp<"log_softmax"> {
  let summary = "x - ln sum e^x over the last axis";
  let description = [{
    `dx = dy - e^y sum dy`.

    ```mlir
    %y = nn.log_softmax %x : tensor<8x10xf32>
    ```
    C1: x has at least one axis, and its last is not empty.
  }];
}

def NN_LogsumexpOp : NN_RowOp<"logsumexp", 4, [InferTypeOpAdaptor,
    DeclareOpInterfaceMethods<Differentiable>]> {
  let summary = "ln sum e^x over the last axis, which disappears";
  let description = [{
    Computed as `max + ln sum e^(x - max)`. `dx = dy softmax(x)`.

    ```mlir
    %l = nn.logsumexp %x : (tensor<8x10xf32>) -> tensor<8xf32>
    ```
    C1: x has at least one axis, and its last is not empty.
  }];
  let arguments = (ins FloatTensor:$operand);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = "$operand attr-dict `:` functional-type(operands, results)";
}

def NN_BatchNormOp : NN_Op<"batch_norm", [InferTypeOpAdaptor, Fusible,
    DeclareOpInterfaceMethods<Differentiable>, DeclareOpInterfaceMethods<CostModel>,
    DeclareOpInterfaceMethods<LinalgLowering>]> {
  let summary = "Normalises every channel over the batch, in training form";
  let description = [{
    Axis 1 holds the channels. Per channel, over all other axes: `mean`, `var` (divided by the number of values), and
    `y = (x - mean) / sqrt(var + eps) gamma + beta`, as torch.nn.BatchNorm in training. Running averages are the model's
    affair; torch updates its running variance with the unbiased `var n / (n - 1)`. With `h` the normalised x:
    `dx = gamma rstd (dy - mean(dy) - h mean(dy h))`, `dgamma = sum dy h`, `dbeta = sum dy`. The statistics are results
    for the running averages; they have no derivative.

    ```mlir
    %y, %mean, %var = nn.batch_norm %x, %g, %b eps 1.0e-3
        : (tensor<4x3x5x5xf32>, tensor<3xf32>, tensor<3xf32>) -> (tensor<4x3x5x5xf32>, tensor<3xf32>, tensor<3xf32>)
    ```
    C1: x has at least two axes, none empty. C2: gamma and beta have one axis, as long as axis 1 of x, and its element
    type. C3: eps >= 0.
  }];
  let arguments = (ins FloatTensor:$x, FloatTensor:$gamma, FloatTensor:$beta, F64Attr:$eps);
  let results = (outs FloatTensor:$result, FloatTensor:$mean, FloatTensor:$variance);
  let assemblyFormat = "$x `,` $gamma `,` $beta `eps` $eps attr-dict `:` functional-type(operands, results)";
  let extraClassDeclaration = [{
    ::mome::nn::FusionRole getFusionRole() { return ::mome::nn::FusionRole::reduction; }
  }];
}

#endif

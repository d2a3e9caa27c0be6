// Matrix products.
#ifndef MOME_NN_CONTRACTION_TD
#define MOME_NN_CONTRACTION_TD

include "dialects/NN/NNAttrs.td"

class NN_ContractionOp<string mnemonic> : NN_Op<mnemonic, [InferTypeOpAdaptor, Fusible,
    DeclareOpInterfaceMethods<Differentiable>, DeclareOpInterfaceMethods<CostModel>,
    DeclareOpInterfaceMethods<LinalgLowering>, DeclareOpInterfaceMethods<ProductOpInterface>, Narrowable]> {
  let extraClassDeclaration = [{
    ::llvm::SmallVector<unsigned> getNarrowOperands() { return {0, 1}; }
    ::mome::nn::FusionRole getFusionRole() { return ::mome::nn::FusionRole::contraction; }
  }];
}

def NN_LinearOp : NN_ContractionOp<"linear"> {
  let summary = "y = x W^T + b over the last axis";
  let description = [{
    `y[.., n] = sum_k x[.., k] w[n, k] + b[n]`, as torch.nn.functional.linear. With cotangent dy: `dx = dy W`,
    `dW = dy^T x`, `db = sum of dy` over all axes but the last.

    ```mlir
    %y = nn.linear %x, %w, %b : (tensor<8x64xf32>, tensor<32x64xf32>, tensor<32xf32>) -> tensor<8x32xf32>
    ```
    C1: x has at least one axis and w two. C2: the last axes of x and w are equally long. C3: b has one axis, as long
    as the first of w. C4: x and w have one element type, b and y that of the sums: f32 for bf16, else the same.
  }];
  let arguments = (ins FloatTensor:$x, FloatTensor:$weight, Optional<FloatTensor>:$bias);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = "$x `,` $weight (`,` $bias^)? attr-dict `:` functional-type(operands, results)";
}

def NN_MatmulOp : NN_ContractionOp<"matmul"> {
  let summary = "Batched matrix product";
  let description = [{
    `c[.., m, n] = sum_k a[.., m, k] b[.., k, n]`; `transpose_a` and `transpose_b` say that a is stored as [.., k, m] and
    b as [.., n, k].

    ```mlir
    %c = nn.matmul %a, %b transpose_b : (tensor<2x4x8xf32>, tensor<2x5x8xf32>) -> tensor<2x4x5xf32>
    ```
    C1: both operands have the same rank, at least 2. C2: equal leading axes. C3: equal contracted extents. C4: one
    element type; the result has that of the sums: f32 for bf16, else the same.
  }];
  let arguments = (ins FloatTensor:$lhs, FloatTensor:$rhs, UnitProp:$transpose_a, UnitProp:$transpose_b);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs (`transpose_a` $transpose_a^)? (`transpose_b` $transpose_b^)? attr-dict
    `:` functional-type(operands, results)
  }];
}

#endif

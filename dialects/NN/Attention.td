// Attention as one op, so that no level of the compiler has to find it again.
#ifndef MOME_NN_ATTENTION_TD
#define MOME_NN_ATTENTION_TD

include "dialects/NN/NNAttrs.td"

class NN_AttentionBaseOp<string mnemonic, list<Trait> traits = []> : NN_Op<mnemonic, traits # [InferTypeOpAdaptor,
    Fusible, Narrowable, DeclareOpInterfaceMethods<CostModel>, DeclareOpInterfaceMethods<LinalgLowering>]> {
  let extraClassDeclaration = [{
    ::mome::nn::FusionRole getFusionRole() { return ::mome::nn::FusionRole::attention; }
    ::llvm::SmallVector<unsigned> getNarrowOperands();
    ::llvm::SmallVector<unsigned> getNarrowResults();
  }];
}

def NN_AttentionOp : NN_AttentionBaseOp<"attention", [DeclareOpInterfaceMethods<Differentiable>]> {
  let summary = "Multi-head scaled dot-product attention";
  let description = [{
    The channels of q, k and v are `heads` equal parts, one per head, head-major as torch.nn.MultiheadAttention splits
    them. Per sample and head: `s = scale q k^T + bias`, `lse = ln sum_m e^s[n, m]`, `p = e^(s - lse)`, `o = p v`.
    The bias serves relative positions and masks (a large negative number). `lse` is a result because the backward form
    recomputes p from it; it has no derivative of its own.

    ```mlir
    %o, %lse = nn.attention %q, %k, %v bias %m heads 4 scale 0.25
        : (tensor<2x5x64xf32>, tensor<2x7x64xf32>, tensor<2x7x64xf32>, tensor<4x5x7xf32>)
        -> (tensor<2x5x64xf32>, tensor<2x4x5xf32>)
    ```
    C1: q is [B, N, C], k [B, M, C], v [B, M, Cv], with M > 0. C2: heads > 0 divides C and Cv. C3: the bias is
    [heads, N, M] or [B, heads, N, M]. C4: q, k, v and o have one element type, the bias and lse that of the sums: f32 for
    bf16, else the same.
  }];
  let arguments = (ins FloatTensor:$query, FloatTensor:$key, FloatTensor:$value, Optional<FloatTensor>:$bias,
                       I64Prop:$heads, F64Attr:$scale);
  let results = (outs FloatTensor:$result, FloatTensor:$lse);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`bias` $bias^)? `heads` $heads `scale` $scale attr-dict
    `:` functional-type(operands, results)
  }];
}

def NN_AttentionBackwardOp : NN_AttentionBaseOp<"attention_backward"> {
  let summary = "The cotangents of q, k, v and the bias in nn.attention";
  let description = [{
    With `p = e^(s - lse)`, `dp = do v^T` and `ds = p (dp - sum_c do[c] o[c])`: `dq = scale ds k`, `dk = scale ds^T q`,
    `dv = p^T do`; `dbias` is ds, summed over the batch if the bias has no batch axis, and a result only with
    `bias_gradient`: masks need none.

    ```mlir
    %dq, %dk, %dv = nn.attention_backward %do, %q, %k, %v, %o, %lse heads 4 scale 0.25
        : (tensor<2x5x64xf32>, tensor<2x5x64xf32>, tensor<2x7x64xf32>, tensor<2x7x64xf32>, tensor<2x5x64xf32>,
           tensor<2x4x5xf32>) -> (tensor<2x5x64xf32>, tensor<2x7x64xf32>, tensor<2x7x64xf32>)
    ```
    C1 to C4: as nn.attention. C5: do, o and lse are as nn.attention gives them. C6: `bias_gradient` needs a bias.
  }];
  let arguments = (ins FloatTensor:$cotangent, FloatTensor:$query, FloatTensor:$key, FloatTensor:$value,
                       FloatTensor:$result, FloatTensor:$lse, Optional<FloatTensor>:$bias, I64Prop:$heads,
                       F64Attr:$scale, UnitProp:$bias_gradient);
  let results = (outs FloatTensor:$query_cotangent, FloatTensor:$key_cotangent, FloatTensor:$value_cotangent,
                      Optional<FloatTensor>:$bias_cotangent);
  let assemblyFormat = [{
    $cotangent `,` $query `,` $key `,` $value `,` $result `,` $lse (`bias` $bias^)? `heads` $heads `scale` $scale
    (`bias_gradient` $bias_gradient^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasCanonicalizer = 1;
}

#endif

// Ops whose addresses depend on data.
#ifndef MOME_NN_GATHER_TD
#define MOME_NN_GATHER_TD

include "dialects/NN/NNAttrs.td"

class NN_GatherOp<string mnemonic, list<Trait> traits = []>
    : NN_Op<mnemonic, traits # [Fusible, DeclareOpInterfaceMethods<CostModel>, DeclareOpInterfaceMethods<LinalgLowering>]> {
  let extraClassDeclaration = [{
    ::mome::nn::FusionRole getFusionRole() { return ::mome::nn::FusionRole::gather; }
  }];
}

def NN_TakeOp : NN_GatherOp<"take", [InferTypeOpAdaptor, DeclareOpInterfaceMethods<Differentiable>]> {
  let summary = "Elements of an axis, chosen by indices";
  let description = [{
    The axis is replaced by the axes of `indices`: `y[.., p.., ..] = x[.., indices[p..], ..]`. An index outside the axis
    gives zeros.

    ```mlir
    %y = nn.take %table, %i axis 0 : tensor<10x4xf32>, tensor<2x3xi32> -> tensor<2x3x4xf32>
    ```
    C1: the axis is one of the operand's.
  }];
  let arguments = (ins NNTensor:$operand, IntTensor:$indices, I64Prop:$axis);
  let results = (outs NNTensor:$result);
  let assemblyFormat = "$operand `,` $indices `axis` $axis attr-dict `:` type($operand) `,` type($indices) `->` type($result)";
}

def NN_TakeBackwardOp : NN_GatherOp<"take_backward", [AllElementTypesMatch<["cotangent", "result"]>]> {
  let summary = "Sums the cotangents of equal indices: the derivative of nn.take by its operand";
  let description = [{
    `dx[.., r, ..] = sum of dy[.., p.., ..] over the p with indices[p..] = r`, added in the order of p. Indices outside the
    axis are skipped.

    ```mlir
    %dx = nn.take_backward %dy, %i axis 0 : tensor<2x3x4xf32>, tensor<2x3xi32> -> tensor<10x4xf32>
    ```
    C1: the axis is one of the result's. C2: the cotangent has the shape that nn.take gives for the result's.
  }];
  let arguments = (ins FloatTensor:$cotangent, IntTensor:$indices, I64Prop:$axis);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = "$cotangent `,` $indices `axis` $axis attr-dict `:` type($cotangent) `,` type($indices) `->` type($result)";
  let hasVerifier = 1;
}

def NN_OneHotOp : NN_Op<"one_hot", [Fusible, DeclareOpInterfaceMethods<Decomposable>]> {
  let summary = "1 at the index, 0 elsewhere, along a new last axis";
  let description = [{
    `y[.., k] = (i[..] == k)`; an index outside the axis, like the label -1, gives zeros.

    ```mlir
    %y = nn.one_hot %i : tensor<2xi32> -> tensor<2x5xf32>
    ```
    C1: the result has the operand's axes and one more.
  }];
  let arguments = (ins IntTensor:$indices);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = "$indices attr-dict `:` type($indices) `->` type($result)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mome::nn::FusionRole getFusionRole() { return ::mome::nn::FusionRole::row; }
  }];
}

#endif

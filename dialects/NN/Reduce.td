// Reductions. The order of the additions is fixed by the code generator, never by the run.
#ifndef MOME_NN_REDUCE_TD
#define MOME_NN_REDUCE_TD

include "dialects/NN/NNAttrs.td"

class NN_ReductionOp<string mnemonic, list<Trait> traits = []>
    : NN_Op<mnemonic, traits # [InferTypeOpAdaptor, DeclareOpInterfaceMethods<Fusible>, DeclareOpInterfaceMethods<CostModel>,
                                DeclareOpInterfaceMethods<ReductionOpInterface>,
                                DeclareOpInterfaceMethods<LinalgLowering>]>;

class NN_ReduceOp<string mnemonic> : NN_ReductionOp<mnemonic, [KeepsNonNegative, DeclareOpInterfaceMethods<Differentiable>]> {
  let arguments = (ins FloatTensor:$operand, DenseI64ArrayAttr:$axes);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = "$operand `axes` $axes attr-dict `:` type($operand) `->` type($result)";
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

def NN_ReduceSumOp : NN_ReduceOp<"reduce_sum"> {
  let summary = "Sum over axes, which disappear";
  let description = [{
    ```mlir
    %s = nn.reduce_sum %x axes [0, 2] : tensor<2x3x4xf32> -> tensor<3xf32>
    ```
    C1: `axes` are axes of the operand in increasing order.
  }];
}

def NN_ReduceMaxOp : NN_ReduceOp<"reduce_max"> {
  let summary = "Maximum over axes, which disappear";
  let description = [{
    NaN if any element is. The cotangent goes to the first of several maxima.

    ```mlir
    %m = nn.reduce_max %x axes [1] : tensor<2x3xf32> -> tensor<2xf32>
    ```
    C1: `axes` are axes of the operand in increasing order. C2: they hold at least one element.
  }];
}

def NN_ArgmaxOp : NN_ReductionOp<"argmax"> {
  let summary = "Index of the first maximum along an axis, which disappears";
  let description = [{
    NaN counts as the largest.

    ```mlir
    %i = nn.argmax %x axis 1 : tensor<2x3xf32> -> tensor<2xi32>
    ```
    C1: the axis is one of the operand's. C2: it holds at least one element.
  }];
  let arguments = (ins FloatTensor:$operand, I64Prop:$axis);
  let results = (outs RankedTensorOf<[I32]>:$result);
  let assemblyFormat = "$operand `axis` $axis attr-dict `:` type($operand) `->` type($result)";
}

#endif

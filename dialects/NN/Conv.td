// Convolution and pooling over any number of spatial axes. Tensors are [batch, channels, spatial axes].
#ifndef MOME_NN_CONV_TD
#define MOME_NN_CONV_TD

include "dialects/NN/NNAttrs.td"

class NN_StencilOp<string mnemonic, list<Trait> traits = []> : NN_Op<mnemonic, traits # [Fusible,
    DeclareOpInterfaceMethods<CostModel>, DeclareOpInterfaceMethods<LinalgLowering>]> {
  code baseClassDeclaration = [{
    ::mome::nn::FusionRole getFusionRole() { return ::mome::nn::FusionRole::stencil; }
  }];
  let extraClassDeclaration = baseClassDeclaration;
}

//===-- Convolution --------------------------------------------------------------------------------------------===//

def NN_ConvOp : NN_StencilOp<"conv", [InferTypeOpAdaptor, Narrowable, DeclareOpInterfaceMethods<Differentiable>]> {
  let summary = "Convolution, as deep learning means it (correlation)";
  let description = [{
    `y[b, o, p] = sum over c, k of w[o, c, k] x[b, c', p stride + k dilation - pad_low]`, zero outside of x. With
    groups, result channel o sees the input channels c' of its own group only, c of them; groups = C is a depthwise
    convolution. As torch.nn.functional.conv1d, conv2d, conv3d, with padding for each side. A bias is `nn.broadcast` and
    `nn.add`.

    ```mlir
    %y = nn.conv %x, %w strides [2, 2] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1
        : (tensor<2x3x8x8xf32>, tensor<16x3x3x3xf32>) -> tensor<2x16x4x4xf32>
    ```
    C1: x and w have the same rank, at least 3. C2: one stride and dilation >= 1 and one padding >= 0 per spatial axis.
    C3: groups >= 1 divides the channels of x and the results of w, and w takes the channels of one group. C4: the kernel
    fits into the padded x on each axis. C5: one element type.
  }];
  let arguments = (ins FloatTensor:$x, FloatTensor:$weight, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pad_low,
                       DenseI64ArrayAttr:$pad_high, DenseI64ArrayAttr:$dilations, I64Prop:$groups);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = [{
    $x `,` $weight `strides` $strides `pad_low` $pad_low `pad_high` $pad_high `dilations` $dilations `groups` $groups
    attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = baseClassDeclaration # [{
    ::llvm::SmallVector<unsigned> getNarrowOperands() { return {0, 1}; }
  }];
}

def NN_ConvBackwardInputOp : NN_StencilOp<"conv_backward_input", [Narrowable]> {
  let summary = "The cotangent of x in nn.conv";
  let description = [{
    `dx[b, c', q] = sum of dy[b, o, p] w[o, c, k]` over all o, p, k that nn.conv joins with x[b, c', q]; the transposed
    convolution.

    ```mlir
    %dx = nn.conv_backward_input %dy, %w strides [2, 2] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1
        : (tensor<2x16x4x4xf32>, tensor<16x3x3x3xf32>) -> tensor<2x3x8x8xf32>
    ```
    C1 to C5: as nn.conv for dx and w, where dy and w have one element type and dx that of the sums. C6: dy has the shape
    that nn.conv gives.
  }];
  let arguments = (ins FloatTensor:$cotangent, FloatTensor:$weight, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$pad_low, DenseI64ArrayAttr:$pad_high, DenseI64ArrayAttr:$dilations,
                       I64Prop:$groups);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = [{
    $cotangent `,` $weight `strides` $strides `pad_low` $pad_low `pad_high` $pad_high `dilations` $dilations
    `groups` $groups attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = baseClassDeclaration # [{
    ::llvm::SmallVector<unsigned> getNarrowOperands() { return {0, 1}; }
  }];
  let hasVerifier = 1;
}

def NN_ConvBackwardWeightOp : NN_StencilOp<"conv_backward_weight", [Narrowable]> {
  let summary = "The cotangent of w in nn.conv";
  let description = [{
    `dw[o, c, k] = sum over b, p of dy[b, o, p] x[b, c', p stride + k dilation - pad_low]`.

    ```mlir
    %dw = nn.conv_backward_weight %x, %dy strides [2, 2] pad_low [1, 1] pad_high [1, 1] dilations [1, 1] groups 1
        : (tensor<2x3x8x8xf32>, tensor<2x16x4x4xf32>) -> tensor<16x3x3x3xf32>
    ```
    C1 to C5: as nn.conv for x and dw, where x and dy have one element type and dw that of the sums. C6: dy has the shape
    that nn.conv gives.
  }];
  let arguments = (ins FloatTensor:$x, FloatTensor:$cotangent, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pad_low,
                       DenseI64ArrayAttr:$pad_high, DenseI64ArrayAttr:$dilations, I64Prop:$groups);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = [{
    $x `,` $cotangent `strides` $strides `pad_low` $pad_low `pad_high` $pad_high `dilations` $dilations
    `groups` $groups attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = baseClassDeclaration # [{
    ::llvm::SmallVector<unsigned> getNarrowOperands() { return {0, 1}; }
  }];
  let hasVerifier = 1;
}

//===-- Pooling ------------------------------------------------------------------------------------------------===//

def NN_MaxPoolOp : NN_StencilOp<"max_pool", [InferTypeOpAdaptor, DeclareOpInterfaceMethods<Differentiable>]> {
  let summary = "The maximum of each window";
  let description = [{
    `y[b, c, p] = max over k of x[b, c, p stride + k - pad_low]`; padding does not take part. `argmax` is the row-major
    position of the first maximum within the spatial axes of x, for the backward form. NaN counts as the largest. As
    torch.nn.functional.max_pool1d, max_pool2d, max_pool3d.

    ```mlir
    %y, %argmax = nn.max_pool %x kernel [3, 3] strides [2, 2] pad_low [1, 1] pad_high [1, 1]
        : (tensor<2x3x8x8xf32>) -> (tensor<2x3x4x4xf32>, tensor<2x3x4x4xi32>)
    ```
    C1: x has at least 3 axes. C2: one kernel extent and stride >= 1 per spatial axis, and one padding on each side, >= 0
    and less than the kernel extent. C3: the kernel fits into the padded x on each axis. C4: the spatial axes hold less
    than 2^31 elements.
  }];
  let arguments = (ins FloatTensor:$x, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$pad_low, DenseI64ArrayAttr:$pad_high);
  let results = (outs FloatTensor:$result, RankedTensorOf<[I32]>:$argmax);
  let assemblyFormat = [{
    $x `kernel` $kernel `strides` $strides `pad_low` $pad_low `pad_high` $pad_high attr-dict
    `:` functional-type(operands, results)
  }];
}

def NN_MaxPoolBackwardOp : NN_StencilOp<"max_pool_backward"> {
  let summary = "The cotangent of x in nn.max_pool";
  let description = [{
    `dx[b, c, q] = sum of dy[b, c, p]` over the windows p whose argmax is q. Computed by each q looking at the windows
    that contain it, so that no two writes meet.

    ```mlir
    %dx = nn.max_pool_backward %dy, %argmax kernel [3, 3] strides [2, 2] pad_low [1, 1] pad_high [1, 1]
        : (tensor<2x3x4x4xf32>, tensor<2x3x4x4xi32>) -> tensor<2x3x8x8xf32>
    ```
    C1 to C4: as nn.max_pool for dx. C5: dy and argmax are as nn.max_pool gives them.
  }];
  let arguments = (ins FloatTensor:$cotangent, RankedTensorOf<[I32]>:$argmax, DenseI64ArrayAttr:$kernel,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pad_low, DenseI64ArrayAttr:$pad_high);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = [{
    $cotangent `,` $argmax `kernel` $kernel `strides` $strides `pad_low` $pad_low `pad_high` $pad_high attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def NN_AvgPoolOp : NN_StencilOp<"avg_pool", [InferTypeOpAdaptor, DeclareOpInterfaceMethods<Differentiable>]> {
  let summary = "The mean of each window";
  let description = [{
    The sum of each window over its number of elements: all of the kernel's with `count_include_pad`, else only those
    within x. As torch.nn.functional.avg_pool1d, avg_pool2d, avg_pool3d. The derivative is a depthwise
    `nn.conv_backward_input` with weights 1.

    ```mlir
    %y = nn.avg_pool %x kernel [2, 2] strides [2, 2] pad_low [0, 0] pad_high [0, 0] count_include_pad
        : (tensor<2x3x8x8xf32>) -> tensor<2x3x4x4xf32>
    ```
    C1 to C3: as nn.max_pool.
  }];
  let arguments = (ins FloatTensor:$x, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$pad_low, DenseI64ArrayAttr:$pad_high, UnitProp:$count_include_pad);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = [{
    $x `kernel` $kernel `strides` $strides `pad_low` $pad_low `pad_high` $pad_high
    (`count_include_pad` $count_include_pad^)? attr-dict `:` functional-type(operands, results)
  }];
  let extraClassDeclaration = [{
    ::mome::nn::FusionRole getFusionRole() { return ::mome::nn::FusionRole::stencil; }
    /// 1 over the number of elements of each window, in row-major order of the result's spatial axes.
    ::llvm::SmallVector<double> getShares();
  }];
}

#endif

// Ops that move elements and compute nothing: each describes itself as index maps (AccessOpInterface).
#ifndef MOME_NN_SHAPE_TD
#define MOME_NN_SHAPE_TD

include "dialects/NN/NNAttrs.td"

class NN_AccessOp<string mnemonic, list<Trait> traits = []>
    : NN_Op<mnemonic, traits # [DeclareOpInterfaceMethods<AccessOpInterface>, DeclareOpInterfaceMethods<Differentiable>,
                                DeclareOpInterfaceMethods<LinalgLowering>]>;

// One operand, axes in attributes.
class NN_UnaryAccessOp<string mnemonic, list<Trait> traits = []>
    : NN_AccessOp<mnemonic, traits # [AllElementTypesMatch<["operand", "result"]>]> {
  let results = (outs NNTensor:$result);
  let hasFolder = 1;
}

def NN_ReshapeOp : NN_UnaryAccessOp<"reshape"> {
  let summary = "The same elements, in row-major order, in another shape";
  let description = [{
    ```mlir
    %y = nn.reshape %x : tensor<2x6xf32> -> tensor<3x4xf32>
    ```
    C1: as many elements. C2: one element type.
  }];
  let arguments = (ins NNTensor:$operand);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def NN_TransposeOp : NN_UnaryAccessOp<"transpose", [InferTypeOpAdaptor]> {
  let summary = "Permutes the axes";
  let description = [{
    Result axis i is operand axis `permutation[i]`.

    ```mlir
    %y = nn.transpose %x permutation [1, 0] : tensor<2x3xf32> -> tensor<3x2xf32>
    ```
    C1: `permutation` holds every axis of the operand once.
  }];
  let arguments = (ins NNTensor:$operand, DenseI64ArrayAttr:$permutation);
  let assemblyFormat = "$operand `permutation` $permutation attr-dict `:` type($operand) `->` type($result)";
  let hasCanonicalizeMethod = 1;
}

def NN_BroadcastOp : NN_UnaryAccessOp<"broadcast"> {
  let summary = "Repeats the operand along new axes and along axes of extent 1";
  let description = [{
    Operand axis i becomes result axis `dims[i]`.

    ```mlir
    %y = nn.broadcast %x dims [1] : tensor<3xf32> -> tensor<2x3x4xf32>   // y[a, b, c] = x[b]
    ```
    C1: one dim per operand axis, in increasing order, each an axis of the result. C2: an operand extent is 1 or equals the
    result's. C3: one element type.
  }];
  let arguments = (ins NNTensor:$operand, DenseI64ArrayAttr:$dims);
  let assemblyFormat = "$operand `dims` $dims attr-dict `:` type($operand) `->` type($result)";
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def NN_SliceOp : NN_UnaryAccessOp<"slice", [InferTypeOpAdaptor]> {
  let summary = "A regular part of the operand";
  let description = [{
    `y[i] = x[offset + i stride]` on each axis.

    ```mlir
    %y = nn.slice %x offsets [0, 1] sizes [2, 2] strides [1, 2] : tensor<2x5xf32> -> tensor<2x2xf32>
    ```
    C1: one offset, size and stride per axis. C2: offsets >= 0, sizes >= 1, strides >= 1. C3: within the operand.
  }];
  let arguments = (ins NNTensor:$operand, DenseI64ArrayAttr:$offsets, DenseI64ArrayAttr:$sizes,
                       DenseI64ArrayAttr:$strides);
  let assemblyFormat = [{
    $operand `offsets` $offsets `sizes` $sizes `strides` $strides attr-dict `:` type($operand) `->` type($result)
  }];
  let hasCanonicalizeMethod = 1;
}

def NN_PadOp : NN_UnaryAccessOp<"pad", [InferTypeOpAdaptor]> {
  let summary = "Surrounds and interleaves the operand with a value";
  let description = [{
    On each axis: `low` values before, `interior` values between neighbours, `high` values after. The derivative of
    `nn.slice`, and the other way around.

    ```mlir
    %y = nn.pad %x low [1] high [0] interior [1] value 0.0 : tensor<2xf32> -> tensor<4xf32>   // [0, x0, 0, x1]
    ```
    C1: one low, high and interior per axis. C2: all of them >= 0.
  }];
  let arguments = (ins FloatTensor:$operand, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high,
                       DenseI64ArrayAttr:$interior, F64Attr:$value);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = [{
    $operand `low` $low `high` $high `interior` $interior `value` $value attr-dict
    `:` type($operand) `->` type($result)
  }];
  let extraClassDeclaration = "double getFill();";
}

def NN_ConcatOp : NN_AccessOp<"concat", [InferTypeOpAdaptor]> {
  let summary = "Joins tensors along an axis";
  let description = [{
    ```mlir
    %y = nn.concat %a, %b axis 0 : (tensor<2x3xf32>, tensor<1x3xf32>) -> tensor<3x3xf32>
    ```
    C1: at least one operand. C2: the axis is one of theirs. C3: the operands agree in element type and all other extents.
  }];
  let arguments = (ins Variadic<NNTensor>:$inputs, I64Prop:$axis);
  let results = (outs NNTensor:$result);
  let assemblyFormat = "$inputs `axis` $axis attr-dict `:` functional-type($inputs, $result)";
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}

class NN_MoveOp<string mnemonic> : NN_UnaryAccessOp<mnemonic, [AllTypesMatch<["operand", "result"]>]> {
  let hasVerifier = 1;
}

def NN_RollOp : NN_MoveOp<"roll"> {
  let summary = "Moves elements along an axis; what leaves at one end enters at the other";
  let description = [{
    `y[i] = x[(i - shift) mod n]`.

    ```mlir
    %y = nn.roll %x shift 1 axis 0 : tensor<3xf32>   // [x2, x0, x1]
    ```
    C1: the axis is one of the operand's.
  }];
  let arguments = (ins NNTensor:$operand, I64Prop:$shift, I64Prop:$axis);
  let assemblyFormat = "$operand `shift` $shift `axis` $axis attr-dict `:` type($result)";
  let hasCanonicalizeMethod = 1;
}

def NN_ShiftOp : NN_MoveOp<"shift"> {
  let summary = "Moves elements along an axis; zeros enter";
  let description = [{
    `y[i] = x[i - by]`, zero outside.

    ```mlir
    %y = nn.shift %x by -1 axis 0 : tensor<3xf32>   // [x1, x2, 0]
    ```
    C1: the axis is one of the operand's.
  }];
  let arguments = (ins NNTensor:$operand, I64Prop:$by, I64Prop:$axis);
  let assemblyFormat = "$operand `by` $by `axis` $axis attr-dict `:` type($result)";
}

#endif

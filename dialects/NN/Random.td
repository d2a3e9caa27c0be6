// Random numbers as pure functions of (seed, step, rng_id, sample, element); see Philox.h. Equal ops give equal numbers
// whatever the fusion, rematerialisation, placement or split into micro-batches.
#ifndef MOME_NN_RANDOM_TD
#define MOME_NN_RANDOM_TD

include "dialects/NN/NNAttrs.td"

defvar I64Scalar = 0DTensorOf<[I64]>;

class NN_RandomOp<string mnemonic, list<Trait> traits = []> : NN_Op<mnemonic, traits # [
    DeclareOpInterfaceMethods<ElementwiseOpInterface, ["usesIndex"]>]> {
  let hasVerifier = 1;
}

def NN_DropoutOp : NN_RandomOp<"dropout", [AllTypesMatch<["x", "result"]>,
    DeclareOpInterfaceMethods<Differentiable>]> {
  let summary = "Drops elements, or whole samples, at random and scales up the others";
  let description = [{
    `y = x / (1 - rate)` where `u >= rate`, else 0, with u in [0, 1) drawn for counter (element within the sample,
    `sample` + position along axis 0, `step`). With `per_sample`, all elements of a sample share one u: stochastic
    depth ("drop path"). The derivative is the same op on dy, so masks are regenerated and never stored; the rate has
    no derivative.

    ```mlir
    %y = nn.dropout %x, %rate, %seed, %step, %sample rng_id 1234
        : (tensor<8x64xf32>, tensor<f32>, tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<8x64xf32>
    ```
    C1: x has a batch axis. C2: 0 <= rng_id < 2^32. C3: a sample has at most 2^32 elements. C4: the rate has the element
    type of x (f32 for bf16).
  }];
  let arguments = (ins FloatTensor:$x, FloatScalar:$rate, I64Scalar:$seed, I64Scalar:$step, I64Scalar:$sample,
                       I64Prop:$rng_id, UnitProp:$per_sample);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = [{
    $x `,` $rate `,` $seed `,` $step `,` $sample `rng_id` $rng_id (`per_sample` $per_sample^)? attr-dict
    `:` functional-type(operands, results)
  }];
}

def NN_RandomUniformOp : NN_RandomOp<"random_uniform"> {
  let summary = "Uniform numbers in [low, high)";
  let description = [{
    `low + (high - low) u` with u in [0, 1) drawn for counter (element, 0, 0). For initial values.

    ```mlir
    %w = nn.random_uniform %seed rng_id 1234 low -0.5 high 0.5 : (tensor<i64>) -> tensor<8x64xf32>
    ```
    C1: low <= high. C2: 0 <= rng_id < 2^32. C3: the result has at most 2^32 elements.
  }];
  let arguments = (ins I64Scalar:$seed, I64Prop:$rng_id, F64Attr:$low, F64Attr:$high);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = "$seed `rng_id` $rng_id `low` $low `high` $high attr-dict `:` functional-type(operands, results)";
}

def NN_RandomNormalOp : NN_RandomOp<"random_normal"> {
  let summary = "Normal numbers";
  let description = [{
    `mean + std sqrt(2) erfinv(v)` with v in (-1, 1) drawn for counter (element, 0, 0). `truncated` scales v by
    `erf(sqrt(2))`, which cuts the distribution at two standard deviations, as torch.nn.init.trunc_normal_ does with its
    bounds at `mean - 2 std` and `mean + 2 std`. For initial values.

    ```mlir
    %w = nn.random_normal %seed rng_id 1234 mean 0.0 std 0.02 truncated : (tensor<i64>) -> tensor<8x64xf32>
    ```
    C1: std >= 0. C2: 0 <= rng_id < 2^32. C3: the result has at most 2^32 elements.
  }];
  let arguments = (ins I64Scalar:$seed, I64Prop:$rng_id, F64Attr:$mean, F64Attr:$std, UnitProp:$truncated);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = [{
    $seed `rng_id` $rng_id `mean` $mean `std` $std (`truncated` $truncated^)? attr-dict `:` functional-type(operands, results)
  }];
}

def NN_RandomIndexOp : NN_RandomOp<"random_index"> {
  let summary = "One of 0 .. n-1, drawn once per step";
  let description = [{
    `floor(bits n / 2^32)` with 32 bits drawn for counter (0, 0, step): the choice of a block in self-distillation.

    ```mlir
    %i = nn.random_index %seed, %step rng_id 1234 n 12 : (tensor<i64>, tensor<i64>) -> tensor<i32>
    ```
    C1: 1 <= n < 2^31. C2: 0 <= rng_id < 2^32.
  }];
  let arguments = (ins I64Scalar:$seed, I64Scalar:$step, I64Prop:$rng_id, I64Prop:$n);
  let results = (outs 0DTensorOf<[I32]>:$result);
  let assemblyFormat = "$seed `,` $step `rng_id` $rng_id `n` $n attr-dict `:` functional-type(operands, results)";
}

#endif

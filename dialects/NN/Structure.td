// Constants, gradients, dispatches and kernels: what holds a program together.
#ifndef MOME_NN_STRUCTURE_TD
#define MOME_NN_STRUCTURE_TD

include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "dialects/NN/NNAttrs.td"

def NN_ConstantOp : NN_Op<"constant", [ConstantLike, InferTypeOpAdaptor]> {
  let summary = "A tensor known at compile time";
  let arguments = (ins ElementsAttr:$value);
  let results = (outs NNTensor:$result);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
}

def NN_YieldOp : Op<NN_Dialect, "yield", [Pure, Terminator, ReturnLike]> {
  let summary = "Ends the body of a dispatch or kernel";
  let arguments = (ins Variadic<NNTensor>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
  let builders = [OpBuilder<(ins), [{ build($_builder, $_state, ::mlir::ValueRange()); }]>];
}

def NN_GradientOp : Op<NN_Dialect, "gradient", [Pure]> {
  let summary = "Gradients of a scalar with respect to values computed earlier in the same block";
  let description = [{
    Symbolic until `nn-autodiff` expands it through the `Differentiable` interface. A value that the loss does not depend
    on gets zeros.

    C1: `loss` is a float scalar. C2: one result per `wrt` value, of its type. C3: at least one value.

    ```mlir
    %dw, %db = nn.gradient %loss wrt %w, %b : (tensor<f32>, tensor<4xf32>, tensor<f32>) -> (tensor<4xf32>, tensor<f32>)
    ```
  }];
  let arguments = (ins FloatScalar:$loss, Variadic<FloatTensor>:$wrt);
  let results = (outs Variadic<FloatTensor>:$gradients);
  let assemblyFormat = "$loss `wrt` $wrt attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def NN_DispatchOp : NN_Op<"dispatch", [IsolatedFromAbove, SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "One kernel's worth of work: a root op with its prologue and epilogue";
  let description = [{
    The border between the graph and the code generators. The body is a block of `nn` ops on tensors with at most one
    root, that is an op whose fusion role is neither elementwise nor access nor row; or a row program. A matrix product may
    have a companion, the sum of the rows of what it reads transposed (`OperandSum.h`). The interpreter runs the body as it
    stands.

    C1: block arguments match the operands. C2: the yielded values match the results. C3: at most one root, and a companion.
    C4: the body holds `nn` ops only, no nested dispatch.
  }];
  let arguments = (ins Variadic<NNTensor>:$inputs);
  let results = (outs Variadic<NNTensor>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "`(` $inputs `)` attr-dict `:` functional-type($inputs, $outputs) $body";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The op that gives the kernel its family: the root, else the first row op, else the first op. Never null.
    ::mlir::Operation *getRoot();
  }];
}

def NN_KernelOp : Op<NN_Dialect, "kernel", [IsolatedFromAbove, Symbol, SingleBlockImplicitTerminator<"YieldOp">]> {
  let summary = "The body of one or more equal dispatches, named by content";
  let description = [{
    Made by `nn-outline-kernels`. The body obeys the rules of `nn.dispatch`.

    ```mlir
    nn.kernel @k_1f2e3d4c5b6a7988 {
    ^bb0(%x: tensor<8x4xf32>):
      %y = nn.exp %x : tensor<8x4xf32>
      nn.yield %y : tensor<8x4xf32>
    }
    ```
    C1: as C3 and C4 of `nn.dispatch`.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::Operation *getRoot();
  }];
}

def NN_CallOp : Op<NN_Dialect, "call", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Runs a kernel";
  let description = [{
    C1: the kernel exists. C2: operands and results match its block arguments and yielded values.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<NNTensor>:$inputs);
  let results = (outs Variadic<NNTensor>:$outputs);
  let assemblyFormat = "$kernel `(` $inputs `)` attr-dict `:` functional-type($inputs, $outputs)";
}

#endif

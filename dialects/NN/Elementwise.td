// Elementwise ops: result element i depends on element i of the operands only. All tensors of an op have one shape.
#ifndef MOME_NN_ELEMENTWISE_TD
#define MOME_NN_ELEMENTWISE_TD

include "dialects/NN/NNAttrs.td"

class NN_ElementwiseOp<string mnemonic, list<Trait> traits = []>
    : NN_Op<mnemonic, traits # [DeclareOpInterfaceMethods<ElementwiseOpInterface>]>;

class NN_UnaryOp<string mnemonic, list<Trait> traits = []>
    : NN_ElementwiseOp<mnemonic, traits # [SameOperandsAndResultType, DeclareOpInterfaceMethods<Differentiable>]> {
  let arguments = (ins FloatTensor:$operand);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($result)";
}

class NN_BinaryOp<string mnemonic, list<Trait> traits = []>
    : NN_ElementwiseOp<mnemonic, traits # [SameOperandsAndResultType, DeclareOpInterfaceMethods<Differentiable>]> {
  let arguments = (ins FloatTensor:$lhs, FloatTensor:$rhs);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

// A function of one element, with its derivative.
class NN_UnaryMathOp<string mnemonic, string formula, string derivative, list<Trait> traits = []>
    : NN_UnaryOp<mnemonic, traits> {
  let summary = formula;
  let description = "`y = " # formula # "`; `dx = " # derivative # "`.\n\n```mlir\n%y = nn." # mnemonic # " %x : tensor<4xf32>\n```";
}

//===-- Arithmetic ---------------------------------------------------------------------------------------------===//

def NN_AddOp : NN_BinaryOp<"add", [Commutative, KeepsNonNegative]> {
  let summary = "x + y";
  let description = "Both operands get the cotangent.";
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}
def NN_SubOp : NN_BinaryOp<"sub"> {
  let summary = "x - y";
  let description = "`dx = dz`, `dy = -dz`.";
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}
def NN_MulOp : NN_BinaryOp<"mul", [Commutative, KeepsNonNegative]> {
  let summary = "x * y";
  let description = "`dx = dz y`, `dy = dz x`.";
  let hasFolder = 1;
  let hasCanonicalizeMethod = 1;
}
def NN_DivOp : NN_BinaryOp<"div", [KeepsNonNegative]> {
  let summary = "x / y";
  let description = "`dx = dz / y`, `dy = -dz z / y`.";
  let hasFolder = 1;
}
def NN_MaximumOp : NN_BinaryOp<"maximum", [Commutative, KeepsNonNegative]> {
  let summary = "The larger of x and y";
  let description = "NaN if either is NaN. Where `x = y`, each operand gets half of the cotangent.";
}
def NN_MinimumOp : NN_BinaryOp<"minimum", [Commutative, KeepsNonNegative]> {
  let summary = "The smaller of x and y";
  let description = "NaN if either is NaN. Where `x = y`, each operand gets half of the cotangent.";
}
def NN_PowOp : NN_BinaryOp<"pow", [NonNegative]> {
  let summary = "x to the power y";
  let description = [{
    As C's pow: a negative base gives NaN unless y is whole; `x^0 = 1`; `0^y` is 0 for `y > 0`, infinity for `y < 0`.
    `dx = dz y x^(y-1)`; `dy = dz z ln(x)`, zero where `x <= 0`.
  }];
  let hasCanonicalizeMethod = 1;
}

def NN_NegOp : NN_UnaryOp<"neg"> {
  let summary = "-x";
  let description = "`dx = -dy`.";
  let hasFolder = 1;
}
def NN_AbsOp : NN_UnaryMathOp<"abs", "|x|", "dy sign(x), zero at x = 0", [NonNegative]>;
def NN_SquareOp : NN_UnaryMathOp<"square", "x^2", "2 x dy", [NonNegative]>;
def NN_SqrtOp : NN_UnaryMathOp<"sqrt", "sqrt(x)", "dy / (2 y)", [NonNegative]>;
def NN_RsqrtOp : NN_UnaryMathOp<"rsqrt", "1 / sqrt(x)", "-dy y^3 / 2", [NonNegative]>;

//===-- Transcendental functions and activations ---------------------------------------------------------------===//

def NN_ExpOp : NN_UnaryMathOp<"exp", "e^x", "dy y", [NonNegative]>;
def NN_LogOp : NN_UnaryMathOp<"log", "ln(x)", "dy / x">;
def NN_SinOp : NN_UnaryMathOp<"sin", "sin(x)", "dy cos(x)">;
def NN_CosOp : NN_UnaryMathOp<"cos", "cos(x)", "-dy sin(x)">;
def NN_ErfOp : NN_UnaryMathOp<"erf", "erf(x)", "dy 2/sqrt(pi) e^(-x^2)">;
def NN_ErfInvOp : NN_UnaryMathOp<"erfinv", "erf^-1(x), for -1 < x < 1", "dy sqrt(pi)/2 e^(y^2)">;
def NN_TanhOp : NN_UnaryMathOp<"tanh", "tanh(x)", "dy (1 - y^2)">;
def NN_SigmoidOp : NN_UnaryMathOp<"sigmoid", "1 / (1 + e^-x)", "dy y (1 - y)", [NonNegative]>;
def NN_ReluOp : NN_UnaryMathOp<"relu", "max(x, 0)", "dy where x > 0, else 0", [NonNegative]>;
def NN_GeluOp : NN_UnaryMathOp<"gelu", "x Phi(x), Phi(x) = (1 + erf(x / sqrt(2))) / 2", "dy (Phi(x) + x e^(-x^2/2) / sqrt(2 pi))">;
def NN_QuickGeluOp : NN_UnaryMathOp<"quick_gelu", "x s, s = sigmoid(1.702 x)", "dy s (1 + 1.702 x (1 - s))">;
def NN_SiluOp : NN_UnaryMathOp<"silu", "x s, s = sigmoid(x)", "dy s (1 + x (1 - s))">;
def NN_SoftplusOp : NN_UnaryMathOp<"softplus", "ln(1 + e^x)", "dy sigmoid(x)", [NonNegative]>;

//===-- Comparison, selection, conversion ----------------------------------------------------------------------===//

def NN_CompareOp : NN_ElementwiseOp<"compare", [SameTypeOperands, InferTypeOpAdaptor]> {
  let summary = "x KIND y, KIND one of eq, ne, lt, le, gt, ge";
  let description = [{
    With a NaN only `ne` is true. Integers compare as signed.

    ```mlir
    %c = nn.compare lt %x, %y : tensor<4xf32> -> tensor<4xi1>
    ```
    C1: both operands have one type. C2: the result has their shape.
  }];
  let arguments = (ins EnumProp<NN_CompareKind>:$kind, NNTensor:$lhs, NNTensor:$rhs);
  let results = (outs BoolTensor:$result);
  let assemblyFormat = "$kind $lhs `,` $rhs attr-dict `:` type($lhs) `->` type($result)";
}

def NN_SelectOp : NN_ElementwiseOp<"select", [
    KeepsNonNegative, AllTypesMatch<["on_true", "on_false", "result"]>,
    TypesMatchWith<"the condition has the result's shape", "result", "condition",
                   "::llvm::cast<::mlir::ShapedType>($_self).clone(::mlir::IntegerType::get($_ctxt, 1))">,
    DeclareOpInterfaceMethods<Differentiable>]> {
  let summary = "x where the condition holds, else y";
  let description = [{
    ```mlir
    %r = nn.select %c, %x, %y : tensor<4xf32>   // %c : tensor<4xi1>
    ```
    C1: the values and the result have one type. C2: the condition has their shape.
  }];
  let arguments = (ins BoolTensor:$condition, NNTensor:$on_true, NNTensor:$on_false);
  let results = (outs NNTensor:$result);
  let assemblyFormat = "$condition `,` $on_true `,` $on_false attr-dict `:` type($result)";
  let hasFolder = 1;
}

def NN_CastOp : NN_ElementwiseOp<"cast", [KeepsNonNegative, SameOperandsAndResultShape, DeclareOpInterfaceMethods<Differentiable>]> {
  let summary = "Converts the element type";
  let description = [{
    Between float types, from integers and booleans to floats, between integers, and from floats to integers (towards zero;
    the value must fit). Booleans come from `nn.compare`. Only float to float has a derivative: the cast back.

    ```mlir
    %y = nn.cast %x : tensor<4xi32> -> tensor<4xf32>
    ```
    C1: both tensors have one shape. C2: the result is not boolean.
  }];
  let arguments = (ins NNTensor:$operand);
  let results = (outs NNTensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def NN_StopGradientOp : NN_UnaryOp<"stop_gradient", [KeepsNonNegative]> {
  let summary = "x, whose cotangent is dropped";
  let description = "The identity. It holds back derivatives only until `nn-autodiff` has run, and is erased afterwards.";
}

def NN_IsFiniteOp : NN_ElementwiseOp<"is_finite", [InferTypeOpAdaptor]> {
  let summary = "True where x is neither infinite nor NaN";
  let description = "C1: the result has the operand's shape.";
  let arguments = (ins FloatTensor:$operand);
  let results = (outs BoolTensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `->` type($result)";
}

def NN_IotaOp : NN_Op<"iota", [DeclareOpInterfaceMethods<ElementwiseOpInterface, ["usesIndex"]>]> {
  let summary = "The element's position along an axis";
  let description = [{
    ```mlir
    %i = nn.iota axis 1 : tensor<2x3xi32>   // [[0, 1, 2], [0, 1, 2]]
    ```
    C1: the axis is one of the result's.
  }];
  let arguments = (ins I64Prop:$axis);
  let results = (outs AnyTypeOf<[FloatTensor, IntTensor]>:$result);
  let assemblyFormat = "`axis` $axis attr-dict `:` type($result)";
  let hasVerifier = 1;
}

#endif

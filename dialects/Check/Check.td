// `check`: expectations that mome-interp executes. Test only: no production tool links it.
#ifndef MOME_CHECK_TD
#define MOME_CHECK_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/Properties.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/NN/NNInterfaces.td"

def Check_Dialect : Dialect {
  let name = "check";
  let cppNamespace = "::mome::check";
  let summary = "Expectations about `nn` programs, executed by mome-interp";
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::func::FuncDialect",
                           "::mome::nn::NNDialect"];
  let description = [{
    A test is a public `func.func` without arguments. `mome-interp FILE` runs them all and fails at the first expectation
    that does not hold, with its location.
  }];
}

class Check_Op<string mnemonic, list<Trait> traits = []>
    : Op<Check_Dialect, mnemonic, traits # [DeclareOpInterfaceMethods<Interpretable>]>;

// Takes a function and the values to call it on.
class Check_FunctionOp<string mnemonic, list<Trait> traits = []>
    : Check_Op<mnemonic, traits # [DeclareOpInterfaceMethods<SymbolUserOpInterface>]>;

defvar CheckTensor = RankedTensorOf<[F32, F64, BF16, I32, I64, I1]>;

def Check_RandomOp : Check_Op<"random", [Pure]> {
  let summary = "Uniformly distributed numbers in [low, high), the same on every run";
  let description = [{
    Integers are rounded down.

    ```mlir
    %x = check.random from -2.0 to 2.0 seed 1 : tensor<3x4xf64>
    ```
    C1: `low < high`.
  }];
  let arguments = (ins F64Attr:$low, F64Attr:$high, I64Prop:$seed);
  let results = (outs CheckTensor:$result);
  let assemblyFormat = "`from` $low `to` $high `seed` $seed attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Check_ExpectCloseOp : Check_Op<"expect_close", [AllTypesMatch<["actual", "expected"]>]> {
  let summary = "Every element is as expected";
  let description = [{
    `|actual - expected| <= abs + rel |expected|`; equal infinities are close, and so are two NaNs.

    ```mlir
    check.expect_close %y, %expected rel 1.0e-6 : tensor<4xf64>
    ```
    C1: tolerances are not negative.
  }];
  let arguments = (ins CheckTensor:$actual, CheckTensor:$expected,
                       DefaultValuedAttr<F64Attr, "1.0e-9">:$rel, DefaultValuedAttr<F64Attr, "1.0e-12">:$abs);
  let assemblyFormat = "$actual `,` $expected (`rel` $rel^)? (`abs` $abs^)? attr-dict `:` type($actual)";
  let hasVerifier = 1;
}

def Check_ExpectGradOp : Check_FunctionOp<"expect_grad"> {
  let summary = "The derivatives of a function, by its ops' rules, equal finite differences";
  let description = [{
    Differentiates the function at the given point with random cotangents for its float results: all of them together, and
    each one alone, the others null. The reference are central differences of fourth order in f64.
    `wrt` restricts the check to some arguments; default: all float ones. Stay a little away from kinks.

    ```mlir
    func.func private @f(%x: tensor<3xf64>) -> tensor<3xf64> { ... }
    func.func @test() {
      %x = check.random from -2.0 to 2.0 seed 1 : tensor<3xf64>
      check.expect_grad @f(%x) : tensor<3xf64>
      return
    }
    ```
    C1: the function exists and takes these operands. C2: its float arguments and results are f64. C3: `wrt` holds numbers
    of float arguments. C4: some result is a float.
  }];
  let arguments = (ins FlatSymbolRefAttr:$function, Variadic<CheckTensor>:$inputs,
                       OptionalAttr<DenseI64ArrayAttr>:$wrt,
                       DefaultValuedAttr<F64Attr, "1.0e-7">:$rel, DefaultValuedAttr<F64Attr, "1.0e-8">:$abs);
  let assemblyFormat = [{
    $function `(` $inputs `)` (`wrt` $wrt^)? (`rel` $rel^)? (`abs` $abs^)? attr-dict `:` type($inputs)
  }];
}

def Check_ExpectFormsOp : Check_FunctionOp<"expect_forms"> {
  let summary = "All descriptions of the function's ops give the same numbers";
  let description = [{
    Compares what `interpret` computes with what the ops tell the code generators: the scalar code of elementwise ops, the
    index maps of access ops, the decomposition of decomposable ops.

    ```mlir
    check.expect_forms @f(%x) : tensor<3xf64>
    ```
    C1: the function exists and takes these operands. C2: its float arguments and results are f64.
  }];
  let arguments = (ins FlatSymbolRefAttr:$function, Variadic<CheckTensor>:$inputs,
                       DefaultValuedAttr<F64Attr, "1.0e-12">:$rel, DefaultValuedAttr<F64Attr, "1.0e-14">:$abs);
  let assemblyFormat = "$function `(` $inputs `)` (`rel` $rel^)? (`abs` $abs^)? attr-dict `:` type($inputs)";
}

#endif

// What every op family of `nn` shares: the dialect, type constraints and base classes. Holds no op, because tblgen emits
// every op record it sees, included ones too.
#ifndef MOME_NN_BASE_TD
#define MOME_NN_BASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/NN/NNInterfaces.td"

def NN_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::mome::nn";
  let summary = "What a model computes: value-semantic tensor ops, closed under differentiation";
  let description = [{
    Tensors are ranked and static; a scalar has rank 0. Ops have no side effects. Broadcasting is explicit
    (`nn.broadcast`), reductions name their axes. Every differentiable op writes its own vector-Jacobian product in
    `nn`, so that autodiff is one pass and fusion treats forward and backward alike; residuals that a backward form needs
    (logsumexp, mean and rstd, argmax) are explicit extra results.

    Entries are `func.func`s whose arguments and results carry `nn.bind`; see docs/levels.md.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
  let hasOperationAttrVerify = 0;
  let extraClassDeclaration = [{
    void registerAttributes();
    /// Registers the ops of one family; called by the family's own file.
    template <typename... Ops> void addFamily() { addOperations<Ops...>(); }
    /// Name of the function argument and result attribute that holds a `BindAttr`.
    static constexpr ::llvm::StringLiteral bindAttrName = "nn.bind";
    /// Name of the attribute of an entry that says what it computes in: "f32" or "bf16".
    static constexpr ::llvm::StringLiteral precisionAttrName = "nn.precision";
    /// Names of the attributes of an entry in which `nn-rematerialize` says how many of its dispatches compute something
    /// again, and how many bytes less it needs for that.
    static constexpr ::llvm::StringLiteral recomputedAttrName = "nn.recomputed";
    static constexpr ::llvm::StringLiteral savedAttrName = "nn.saved";
    /// Name of the attribute of an addition or subtraction of scalars whose operands are rounded first: no multiply-add.
    static constexpr ::llvm::StringLiteral separateAttrName = "nn.separate";
  }];
}

defvar FloatTensor = RankedTensorOf<[F32, F64, BF16]>;
defvar IntTensor = RankedTensorOf<[I32, I64]>;
defvar BoolTensor = RankedTensorOf<[I1]>;
defvar NNTensor = RankedTensorOf<[F32, F64, BF16, I32, I64, I1]>;
// Scalar inputs: rank 0.
defvar FloatScalar = 0DTensorOf<[F32, F64]>;
defvar IntScalar = 0DTensorOf<[I32, I64]>;

// Signs, for the loss lints; see Traits.h.
def NonNegative : NativeOpTrait<"NonNegative"> { let cppNamespace = "::mome::nn"; }
def KeepsNonNegative : NativeOpTrait<"KeepsNonNegative"> { let cppNamespace = "::mome::nn"; }

class NN_Op<string mnemonic, list<Trait> traits = []>
    : Op<NN_Dialect, mnemonic, traits # [Pure, DeclareOpInterfaceMethods<Interpretable>]>;

#endif

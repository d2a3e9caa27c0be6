// The `mome` dialect, its enums and attributes.
#ifndef MOME_MOME_BASE_TD
#define MOME_MOME_BASE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"

def Mome_Dialect : Dialect {
  let name = "mome";
  let cppNamespace = "::mome::model";
  let summary = "What a model is: modalities, experts, gate, head, losses, metrics and how it is trained";
  let description = [{
    Holds the structure that placement, horizontal fusion, lints and reports need. Arithmetic is `nn`: graphs hold `nn`
    ops between the markers of this dialect. A module holds one `mome.model`; see docs/levels.md and
    docs/rationale/mome.md.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mome::nn::NNDialect"];
  let extraClassDeclaration = "void registerAttributes();";
}

def Mome_Mode : I32Enum<"Mode", "what a graph is for", [I32EnumCase<"train", 0>, I32EnumCase<"eval", 1>]> {
  let cppNamespace = "::mome::model";
}
def Mome_ScalarKind : I32Enum<"ScalarKind", "who sets a scalar input", [
  I32EnumCase<"hyper", 0>,   // a `hyper` of the model
  I32EnumCase<"train", 1>,   // a number of a train section
  I32EnumCase<"host", 2>]> { // computed by the runtime before every step
  let cppNamespace = "::mome::model";
}
def Mome_MaskKind : I32Enum<"MaskKind", "which samples and modalities are real", [
  I32EnumCase<"valid", 0>, I32EnumCase<"presence", 1>]> {
  let cppNamespace = "::mome::model";
}
def Mome_Phase : I32Enum<"Phase", "the part of a step that an op belongs to", [
  I32EnumCase<"fwd", 0>, I32EnumCase<"bwd", 1>, I32EnumCase<"opt", 2>, I32EnumCase<"remat", 3>]> {
  let cppNamespace = "::mome::model";
}

def Mome_ModeAttr : EnumAttr<Mome_Dialect, Mome_Mode, "mode">;
def Mome_ScalarKindAttr : EnumAttr<Mome_Dialect, Mome_ScalarKind, "scalar_kind">;
def Mome_MaskKindAttr : EnumAttr<Mome_Dialect, Mome_MaskKind, "mask_kind">;

def Mome_InitAttr : AttrDef<Mome_Dialect, "Init"> {
  let mnemonic = "init";
  let summary = "How a parameter or state starts";
  let description = [{
    | kind | arguments | values |
    |---|---|---|
    | zeros, ones | | 0, 1 |
    | constant | c | c |
    | uniform | low, high | U(low, high) |
    | normal | std | N(0, std^2) |
    | trunc_normal | std | N(0, std^2), redrawn beyond two deviations |
    | xavier_uniform | | U(-a, a), a = sqrt(6 / (fan_in + fan_out)), as torch.nn.init |

    Random ones are keyed by (seed, hash of the path): the same for every placement and order.
  }];
  let parameters = (ins StringRefParameter<"kind">:$kind, OptionalParameter<"::mlir::ArrayAttr">:$args);
  let assemblyFormat = "`<` $kind (`,` $args^)? `>`";
  let genVerifyDecl = 1;
}

def Mome_ScopeAttr : AttrDef<Mome_Dialect, "Scope"> {
  let mnemonic = "scope";
  let summary = "Metadata of a fused location: the DSL path an op computes for, and the phase";
  let parameters = (ins StringRefParameter<"path">:$path, EnumParameter<Mome_Phase>:$phase);
  let assemblyFormat = "`<` $path `,` $phase `>`";
}

#endif

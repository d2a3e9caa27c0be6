// Ops of the `mome` dialect.
#ifndef MOME_MOME_OPS_TD
#define MOME_MOME_OPS_TD

include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/Mome/MomeBase.td"

defvar Tensor = AnyRankedTensor;
defvar Scalar = 0DTensorOf<[F32, F64]>;

class Mome_Op<string mnemonic, list<Trait> traits = []> : Op<Mome_Dialect, mnemonic, traits>;

def Mome_ModelOp : Mome_Op<"model", [IsolatedFromAbove, Symbol, SymbolTable, NoTerminator, SingleBlock]> {
  let summary = "A model: declarations, graphs and sections";
  let description = [{
    C1: holds declarations, graphs and sections only. C2: at most one graph of mode `eval`.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

//===-- Declarations -------------------------------------------------------------------------------===//

class Mome_DeclarationOp<string mnemonic> : Mome_Op<mnemonic, [Symbol, HasParent<"ModelOp">]>;

def Mome_ModalityOp : Mome_DeclarationOp<"modality"> {
  let summary = "One input of the model; `type` is one sample's, without the batch";
  let description = "C1: `type` is a static float tensor.";
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<Tensor>:$type, I64Attr:$index, UnitAttr:$optional);
  let assemblyFormat = "$sym_name `:` $type `index` $index (`optional` $optional^)? attr-dict";
  let hasVerifier = 1;
}

def Mome_LabelOp : Mome_DeclarationOp<"label"> {
  let summary = "A class index per sample";
  let description = "C1: at least one class.";
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$classes);
  let assemblyFormat = "$sym_name `classes` $classes attr-dict";
  let hasVerifier = 1;
}

def Mome_ScalarOp : Mome_DeclarationOp<"scalar"> {
  let summary = "A named number that the host may change between runs";
  let description = "C1: the type is f32 or i64.";
  let arguments = (ins SymbolNameAttr:$sym_name, Mome_ScalarKindAttr:$kind, F64Attr:$value, TypeAttr:$type);
  let assemblyFormat = "$sym_name $kind $value `:` $type attr-dict";
  let hasVerifier = 1;
}

class Mome_TensorDeclarationOp<string mnemonic> : Mome_DeclarationOp<mnemonic> {
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<Tensor>:$type, Mome_InitAttr:$init);
  let assemblyFormat = "$sym_name `:` $type `=` $init attr-dict";
  let description = "C1: `type` is a static float tensor.";
  let hasVerifier = 1;
}
def Mome_ParamOp : Mome_TensorDeclarationOp<"param"> { let summary = "A tensor that training changes, named by its path"; }
def Mome_StateOp : Mome_TensorDeclarationOp<"state"> { let summary = "A tensor that `mome.update` changes, without gradient"; }

//===-- Graphs -------------------------------------------------------------------------------------===//

def Mome_GraphOp : Mome_Op<"graph", [Symbol, HasParent<"ModelOp">, NoTerminator, SingleBlock]> {
  let summary = "What the model computes for one batch";
  let description = [{
    `nn` ops and the markers below. C1: the batch is positive. C2: losses, metrics and outputs have distinct names.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Mome_ModeAttr:$mode, I64Attr:$batch);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name $mode `batch` $batch attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

def Mome_ReadOp : Mome_Op<"read", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "The value of a declaration";
  let description = [{
    C1: `source` is a declaration. C2: the type is the declaration's: a modality gains the batch as first axis, a label is
    `tensor<Bxi32>`, a scalar `tensor<f32>` or `tensor<i64>`.
  }];
  let arguments = (ins FlatSymbolRefAttr:$source);
  let results = (outs Tensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($result)";
}

def Mome_MaskOp : Mome_Op<"mask", [Pure]> {
  let summary = "`valid` [B]: 0 for padding; `presence` [B, N]: 1 where modality n is present";
  let description = "C1: the type is `tensor<Bxf32>`, or `tensor<BxNxf32>`, with the graph's batch and N modalities.";
  let arguments = (ins Mome_MaskKindAttr:$kind);
  let results = (outs Tensor:$result);
  let assemblyFormat = "$kind attr-dict `:` type($result)";
  let hasVerifier = 1;
}

class Mome_PartOp<string mnemonic> : Mome_Op<mnemonic, [SingleBlockImplicitTerminator<"YieldOp">, RecursiveMemoryEffects]> {
  let description = [{
    The region captures values from above and yields the results. C1: results match the yielded values.
  }];
  let arguments = (ins StrAttr:$name);
  let results = (outs Variadic<Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$name attr-dict-with-keyword (`->` type($results)^)? $body";
  let hasVerifier = 1;
}
def Mome_ExpertOp : Mome_PartOp<"expert"> { let summary = "One modality's network"; }
def Mome_GateOp : Mome_PartOp<"gate"> { let summary = "Weighs the experts: [B, N]"; }
def Mome_HeadOp : Mome_PartOp<"head"> { let summary = "From the mixture to the answer"; }
def Mome_TermOp : Mome_PartOp<"term"> { let summary = "Computes the value of a loss"; }

def Mome_YieldOp : Mome_Op<"yield", [Pure, Terminator, ReturnLike]> {
  let summary = "Ends a part";
  let arguments = (ins Variadic<Tensor>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
  let builders = [OpBuilder<(ins), [{ build($_builder, $_state, ::mlir::ValueRange()); }]>];
}

def Mome_LossOp : Mome_Op<"loss", [HasParent<"GraphOp">]> {
  let summary = "A term of the objective, which is the weighted sum of all of them";
  let arguments = (ins StrAttr:$name, Scalar:$value, Optional<Scalar>:$weight);
  let assemblyFormat = "$name $value (`weight` $weight^ `:` type($weight))? attr-dict `:` type($value)";
}

def Mome_MetricOp : Mome_Op<"metric", [HasParent<"GraphOp">]> {
  let summary = "A quantity of a whole data set: sums over batches, then one value";
  let description = [{
    The operands are added up over all batches; the region computes the value from the totals.
    C1: one name per sum. C2: the region takes the sums and yields one scalar.
  }];
  let arguments = (ins StrAttr:$name, StrArrayAttr:$sum_names, Variadic<Tensor>:$sums);
  let regions = (region SizedRegion<1>:$value);
  let assemblyFormat = "$name $sum_names `(` $sums `:` type($sums) `)` attr-dict-with-keyword $value";
  let hasVerifier = 1;
}

class Mome_MarkOp<string mnemonic, list<Trait> traits = [HasParent<"GraphOp">]> : Mome_Op<mnemonic, traits> {
  let arguments = (ins StrAttr:$name, Tensor:$value);
  let assemblyFormat = "$name $value attr-dict `:` type($value)";
}
def Mome_OutputOp : Mome_MarkOp<"output"> { let summary = "A value that predict and eval return"; }
def Mome_TapOp : Mome_MarkOp<"tap", []> { let summary = "A value that only the `explain` entry returns"; }

def Mome_UpdateOp : Mome_Op<"update", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "The next value of a state";
  let description = "C1: `state` is a `mome.state` of the value's type.";
  let arguments = (ins FlatSymbolRefAttr:$state, Tensor:$value);
  let assemblyFormat = "$state $value attr-dict `:` type($value)";
}

//===-- Sections -----------------------------------------------------------------------------------===//

def Mome_TrainOp : Mome_DeclarationOp<"train"> {
  let summary = "A train section: how gradients become new parameters, and what the host must know";
  let description = [{
    `groups`: one dictionary per parameter group, naming scalars: `weight_decay`, and optionally `lr_scale`, a list whose product
    multiplies the learning rate.
    `group_of`: path to index in `groups`, for every trained parameter; a parameter without entry is frozen.
    `trainable`: path to the scalar that is 0 while the parameter is frozen. `clip`: the scalar holding the global norm.
    `ema`: the scalar holding the decay. `host`: the policies of the training loop, as JSON (runtime/train/config.h).

    C1: `graph` is a train graph. C2: group indices exist. C3: the optimizer is "adamw" or "sgd".
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefAttr:$graph, StrAttr:$optimizer, ArrayAttr:$groups,
                       DictionaryAttr:$group_of, DictionaryAttr:$trainable, OptionalAttr<StrAttr>:$clip,
                       OptionalAttr<StrAttr>:$ema, UnitAttr:$nesterov, StrAttr:$host);
  let assemblyFormat = "$sym_name `graph` $graph `optimizer` $optimizer attr-dict";
  let hasVerifier = 1;
}

def Mome_DataOp : Mome_DeclarationOp<"data"> {
  let summary = "A data section, as JSON for the runtime's loaders";
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$host);
  let assemblyFormat = "$sym_name $host attr-dict";
}

#endif

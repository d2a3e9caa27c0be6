// Enums and attributes of `nn`.
#ifndef MOME_NN_ATTRS_TD
#define MOME_NN_ATTRS_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "dialects/NN/NNBase.td"

def NN_BindKind : I32Enum<"BindKind", "how the host fills or reads an entry's argument or result", [
  I32EnumCase<"input", 0>, I32EnumCase<"label", 1>, I32EnumCase<"presence", 2>, I32EnumCase<"valid", 3>,
  I32EnumCase<"param", 4>, I32EnumCase<"state", 5>, I32EnumCase<"moment", 6>, I32EnumCase<"grad", 7>,
  I32EnumCase<"scalar", 8>, I32EnumCase<"sum", 9>, I32EnumCase<"loss", 10>, I32EnumCase<"metric", 11>,
  I32EnumCase<"output", 12>, I32EnumCase<"tap", 13>]> {
  let cppNamespace = "::mome::nn";
}

def NN_BindAttr : AttrDef<NN_Dialect, "Bind"> {
  let mnemonic = "bind";
  let summary = "Names what an argument or result of an entry is to the host";
  let parameters = (ins EnumParameter<NN_BindKind>:$kind, StringRefParameter<"name">:$name);
  let assemblyFormat = "`<` $kind `,` $name `>`";
}

def NN_CompareKind : I32Enum<"CompareKind", "comparison of two numbers", [
  I32EnumCase<"eq", 0>, I32EnumCase<"ne", 1>, I32EnumCase<"lt", 2>, I32EnumCase<"le", 3>,
  I32EnumCase<"gt", 4>, I32EnumCase<"ge", 5>]> {
  let cppNamespace = "::mome::nn";
}

// Not an attribute of any op: the answer of the ReductionOpInterface.
def NN_ReductionKind : I32Enum<"ReductionKind", "how a reduction combines elements", [
  I32EnumCase<"sum", 0>,
  I32EnumCase<"max", 1>,     // NaN if any element is
  I32EnumCase<"argmax", 2>]> // index of the first maximum; NaN is the largest
{
  let cppNamespace = "::mome::nn";
}

// Not an attribute of any op: the answer of the Fusible interface.
def NN_FusionRole : I32Enum<"FusionRole", "the part an op may play in a dispatch", [
  I32EnumCase<"elementwise", 0>,  // result element i from operand elements i
  I32EnumCase<"access", 1>,       // a pure index map: broadcast, transpose, slice, ...
  I32EnumCase<"row", 2>,          // reduces along the last axis, or decomposes into such ops
  I32EnumCase<"contraction", 3>,  // matrix products
  I32EnumCase<"attention", 4>,
  I32EnumCase<"stencil", 5>,      // convolution and pooling
  I32EnumCase<"reduction", 6>,    // reduces over other axes
  I32EnumCase<"gather", 7>,       // data-dependent addresses
  I32EnumCase<"opaque", 8>]> {
  let cppNamespace = "::mome::nn";
}

#endif

// Elementwise arithmetic. Operands and result have one shape and one element type.
#ifndef MOME_NN_ELEMENTWISE_TD
#define MOME_NN_ELEMENTWISE_TD

include "dialects/NN/NNAttrs.td"

class NN_UnaryOp<string mnemonic, list<Trait> traits = []>
    : NN_Op<mnemonic, traits # [SameOperandsAndResultType, DeclareOpInterfaceMethods<ElementwiseOpInterface>,
                                DeclareOpInterfaceMethods<Differentiable>]> {
  let arguments = (ins FloatTensor:$operand);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($result)";
}

class NN_BinaryOp<string mnemonic, list<Trait> traits = []>
    : NN_Op<mnemonic, traits # [SameOperandsAndResultType, DeclareOpInterfaceMethods<ElementwiseOpInterface>,
                                DeclareOpInterfaceMethods<Differentiable>]> {
  let arguments = (ins FloatTensor:$lhs, FloatTensor:$rhs);
  let results = (outs FloatTensor:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($result)";
}

def NN_AddOp : NN_BinaryOp<"add", [Commutative]> {
  let summary = "x + y";
  let hasFolder = 1;
}
def NN_SubOp : NN_BinaryOp<"sub"> { let summary = "x - y"; }
def NN_MulOp : NN_BinaryOp<"mul", [Commutative]> {
  let summary = "x * y";
  let hasFolder = 1;
}
def NN_NegOp : NN_UnaryOp<"neg"> { let summary = "-x"; }
def NN_ExpOp : NN_UnaryOp<"exp"> { let summary = "e^x"; }

#endif

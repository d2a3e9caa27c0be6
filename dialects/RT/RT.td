// The `rt` dialect: what a machine does. Arenas, named tensors, programs. No tensor values.
#ifndef MOME_RT_TD
#define MOME_RT_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"

def RT_Dialect : Dialect {
  let name = "rt";
  let cppNamespace = "::mome::rt";
  let summary = "What a machine does: dispatches over planned memory";
  let description = [{
    A module at this level is the package in text. Memory is a few arenas of fixed size; a `slice` is a range of
    bytes in one of them. Tensors that the host knows by name have one slot for all programs; everything else lives in a
    `work` arena whose offsets each program plans for itself.

    Symbols of named tensors and scalars are `"kind:name"` (`@"param:experts.acc.embed.w"`), where the kind is that of
    `nn.bind`. Where entries use one name with several shapes (a training and an evaluation batch), the shape follows:
    `@"input:acc:16x3x128"`.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let extraClassDeclaration = [{
    /// Every slot and slice starts at a multiple of this.
    static constexpr int64_t alignment = 64;
    /// The module attribute that holds what the package says besides memory and code (docs/levels.md).
    static constexpr ::llvm::StringLiteral packageAttrName = "rt.package";
  }];
}

def RT_ArenaKind : I32Enum<"ArenaKind", "what an arena holds", [
  I32EnumCase<"state", 0>,  // what checkpoints keep: parameters, moments; gradients
  I32EnumCase<"io", 1>,     // what the host writes before a run and reads after it
  I32EnumCase<"work", 2>]> {// values that live within one run
  let cppNamespace = "::mome::rt";
}

def RT_SliceAttr : AttrDef<RT_Dialect, "Slice"> {
  let mnemonic = "slice";
  let summary = "Bytes of an arena, and which value they hold";
  let description = [{
    `version` numbers the values of a program: 0 is what the arena held when the program started, each write makes a
    new one. The machine ignores it; `rt-verify-plan` proves with it that every read finds the value it was planned for.

    A kernel may read a part of its operand only, some columns of a matrix: of every `stride` bytes the `run` that begin at `first`. The
    rest may be written at the same time. `stride` 0: all of it.

    ```mlir
    @work[256, 640] v3                      // all 640 bytes
    @work[256, 640, 64 of 320 at 128] v3    // bytes 384 to 447 and 704 to 767
    ```
  }];
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$arena, "int64_t":$offset, "int64_t":$size, "int64_t":$version,
                        "int64_t":$first, "int64_t":$run, "int64_t":$stride);
  let builders = [AttrBuilder<(ins "::mlir::FlatSymbolRefAttr":$arena, "int64_t":$offset, "int64_t":$size,
                                   "int64_t":$version),
                              [{ return $_get($_ctxt, arena, offset, size, version, 0, 0, 0); }]>];
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    /// True if the part has bytes of the arena in [begin, end).
    bool touches(int64_t begin, int64_t end) const;
  }];
}

class RT_Op<string mnemonic, list<Trait> traits = []> : Op<RT_Dialect, mnemonic, traits>;

def RT_ArenaOp : RT_Op<"arena", [Symbol]> {
  let summary = "A range of memory, allocated when the package is loaded";
  let description = [{
    ```mlir
    rt.arena @state size 4096 kind state
    ```
    C1: the size is not negative, and a multiple of 64.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Prop:$size, EnumProp<RT_ArenaKind>:$kind);
  let assemblyFormat = "$sym_name `size` $size `kind` $kind attr-dict";
  let hasVerifier = 1;
}

def RT_TensorOp : RT_Op<"tensor", [Symbol, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "A tensor the host knows by name, and where it lives";
  let description = [{
    ```mlir
    rt.tensor @"param:head.w" : tensor<7x64xf32> at @state[1024]
    ```
    C1: the symbol is "kind:name" or "kind:name:shape", of a kind that `nn.bind` has. C2: the type is a static tensor of f32, f64,
    bf16, i32, i64 or i1 (one byte each). C3: the slot lies within its arena, which is not a work arena, at a
    multiple of 64.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$type, FlatSymbolRefAttr:$arena, I64Prop:$offset);
  let assemblyFormat = "$sym_name `:` $type `at` $arena `[` $offset `]` attr-dict";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::llvm::StringRef getKind();
    /// The name without kind and shape.
    ::llvm::StringRef getName();
    int64_t getBytes();
  }];
}

def RT_ScalarOp : RT_Op<"scalar", [Symbol, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "A named scalar input";
  let description = [{
    `host` marks scalars that the host computes before every run: a user cannot set them.

    ```mlir
    rt.scalar @"scalar:finetune.lr" : f32 = 1.000000e-03 at @io[64]
    rt.scalar @"scalar:step" host : i64 = 0.0 at @io[128]
    ```
    C1: the symbol is "scalar:name". C2: the type is f32 or i64. C3: the slot lies within an io arena, at a multiple of 64.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, UnitProp:$host, TypeAttr:$type, F64Attr:$value,
                       FlatSymbolRefAttr:$arena, I64Prop:$offset);
  let assemblyFormat = [{
    $sym_name (`host` $host^)? `:` $type `=` $value `at` $arena `[` $offset `]` attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{ ::llvm::StringRef getName(); }];
}

def RT_KernelOp : RT_Op<"kernel", [Symbol]> {
  let summary = "A function that every variant's code has, and its arguments";
  let description = [{
    The type lists the element types of the operands and results.

    ```mlir
    rt.kernel @k_1f2e3d4c5b6a7988 : (f32, i32) -> f32
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<FunctionType>:$type);
  let assemblyFormat = "$sym_name `:` $type attr-dict";
}

def RT_SplitOp : RT_Op<"split", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "How a processor splits a kernel over its threads";
  let description = [{
    `scratch` counts bytes per thread. `packs` more chunks run before the others; they write the `shared` bytes, which the kernel
    finds behind its operands and results.

    ```mlir
    rt.split @k_1f2e3d4c5b6a7988 on @"x86-64-v3" chunks 16 scratch 4096
    rt.split @k_5d6c7b8a99000000 on @"x86-64-v3" chunks 16 scratch 4096 packs 4 shared 65536
    ```
    C1: at least one chunk; no other number is negative; shared bytes need packs, and the reverse. C2: the kernel is an `rt.kernel`,
    the code an `rt.code`.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, FlatSymbolRefAttr:$code, I64Prop:$chunks, I64Prop:$scratch,
                       DefaultValuedProp<I64Prop, "0">:$packs, DefaultValuedProp<I64Prop, "0">:$shared);
  let assemblyFormat = [{
    $kernel `on` $code `chunks` $chunks `scratch` $scratch (`packs` $packs^ `shared` $shared)? attr-dict
  }];
  let hasVerifier = 1;
}

def RT_LaunchAttr : AttrDef<RT_Dialect, "Launch"> {
  let mnemonic = "launch";
  let summary = "A function of device code, and the threads that run it";
  let parameters = (ins StringRefParameter<>:$function, "int64_t":$blocks, "int64_t":$threads, "int64_t":$shared);
  let assemblyFormat = "`<` $function `blocks` $blocks `threads` $threads `shared` $shared `>`";
}

def RT_LaunchesOp : RT_Op<"launches", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "How a device with launches runs a kernel";
  let description = [{
    A kernel on such a device is a few functions, run one after the other. `shared` counts bytes of shared memory per block,
    `scratch` bytes of device memory, which the kernel finds behind its operands and results.

    With a `group` of n, the functions take a table of n rows instead, the arguments of one dispatch in each, and the blocks (x, y) of
    a launch do the work of block x for row y: up to n dispatches in one launch, each with a scratch of its own.

    Or there is no function, and a `library` does it: its call as JSON (runtime/cuda/libraries/call.h), the scratch is its workspace.

    ```mlir
    rt.launches @k_1f2e3d4c5b6a7988 on @"cuda:sm_80" scratch 256
        [#rt.launch<"k_1f2e3d4c5b6a7988_0" blocks 12 threads 256 shared 0>]
    rt.launches @k_5d6c7b8a99000000 on @"cuda:sm_80" scratch 4194304 [] library "{...}"
    ```
    C1: scratch is not negative, blocks, threads and the group are positive; either launches or a library, and none of a group. C2: the kernel is an `rt.kernel`, the code an `rt.code`.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, FlatSymbolRefAttr:$code, I64Prop:$scratch,
                       DefaultValuedProp<I64Prop, "1">:$group, TypedArrayAttrBase<RT_LaunchAttr, "launches">:$launches,
                       OptionalAttr<StrAttr>:$library);
  let assemblyFormat = "$kernel `on` $code `scratch` $scratch (`group` $group^)? $launches (`library` $library^)? attr-dict";
  let hasVerifier = 1;
}

def RT_AssembledAttr : AttrDef<RT_Dialect, "Assembled"> {
  let mnemonic = "assembled";
  let summary = "What the assembler says of a function of device code, on one architecture";
  let parameters = (ins StringRefParameter<>:$function, StringRefParameter<>:$architecture, "int64_t":$registers,
                        "int64_t":$shared, "int64_t":$stack, "int64_t":$spilled);
  let assemblyFormat = [{
    `<` $function `on` $architecture `registers` $registers `shared` $shared `stack` $stack `spilled` $spilled `>`
  }];
}

def RT_CodeOp : RT_Op<"code", [Symbol]> {
  let summary = "The machine code of one variant: an image that defines every rt.kernel";
  let description = [{
    For a CPU an ELF image; for `cuda:`, with an `rt.launches` for each kernel, PTX text, or a fat binary of it and of machine code
    for some architectures: then `assembled` says what each function takes there. Registers, stack and spilled bytes are per thread,
    shared bytes per block, without what a launch asks for.

    ```mlir
    rt.code @"x86-64-v3" image dense_resource<code> : tensor<8192xi8>
    rt.code @"cuda:sm_80" image dense_resource<code_1> : tensor<9216xi8>
        assembled [#rt.assembled<"k_0" on "sm_90" registers 40 shared 0 stack 0 spilled 0>]
    ```
    C1: the image is a vector of i8.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, ElementsAttr:$image,
                       OptionalAttr<TypedArrayAttrBase<RT_AssembledAttr, "records of functions">>:$assembled);
  let assemblyFormat = "$sym_name `image` $image (`assembled` $assembled^)? attr-dict";
  let hasVerifier = 1;
}

def RT_ProgramOp : RT_Op<"program", [Symbol, IsolatedFromAbove, GraphRegionNoTerminator, SingleBlock,
                                     DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "An entry of the package: dispatches in execution order";
  let description = [{
    `inputs` and `outputs` are the named tensors it reads before writing them, and those it writes; `peak` is how much of
    the work arena it touches; `saved` how much more it would without what it recomputes.

    ```mlir
    rt.program @predict inputs [@"input:acc"] outputs [@"output:logits"] peak 4096 {
      rt.dispatch @k_1f2e3d4c5b6a7988(@io[0, 128] v0) -> (@io[128, 64] v1) root "nn.linear" flops 1.0 bytes 2.0
    }
    ```
    C1: inputs and outputs name `rt.tensor`s. C2: the peak is not negative, and no larger than the work arenas.
    C3: the body holds dispatches only.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, FlatSymbolRefArrayAttr:$inputs, FlatSymbolRefArrayAttr:$outputs,
                       I64Prop:$peak, OptionalAttr<I64Attr>:$saved);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `inputs` $inputs `outputs` $outputs `peak` $peak (`saved` $saved^)? attr-dict-with-keyword $body";
  let hasVerifier = 1;
}

def RT_DispatchOp : RT_Op<"dispatch", [HasParent<"ProgramOp">]> {
  let summary = "Runs a kernel on slices of memory";
  let description = [{
    The location carries what profiles report: DSL lines, phase, expert.

    With so many dispatches right before it as `beside` counts it has no conflict: a machine may run it together with them. On a machine
    with streams it runs on `stream`, behind the stream's earlier dispatches and behind those that `after` numbers, counted from the
    start of the program. A `group` of n: it and the n - 1 behind it run the same kernel without a conflict, in one launch.

    ```mlir
    rt.dispatch @k_1f2e3d4c5b6a7988(@io[0, 128] v0) -> (@work[0, 64] v3) root "nn.linear" flops 1.0 bytes 2.0 beside 1 stream 1 after [0]
    rt.dispatch @k_5d6c7b8a99000000(@io[0, 64] v0) -> (@work[64, 64] v4) root "nn.relu" flops 16.0 bytes 128.0 group 2
    rt.dispatch @k_5d6c7b8a99000000(@io[64, 64] v0) -> (@work[128, 64] v5) root "nn.relu" flops 16.0 bytes 128.0 beside 1
    ```
    C1: the kernel is a symbol of the module. C2: every slice lies within its arena, at a multiple of 64; a part of one is some of its
    bytes, and only read. C3: slices written by one dispatch do not overlap. C4: a written slice equals a read one (in place) or does not
    overlap it. C5: the stream is one of 64; what it waits for, and as many as it may run beside, stand before it in the program. C6: a group
    has at least one dispatch; those behind its first run the same kernel on the same stream, wait for nothing and begin no group.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, TypedArrayAttrBase<RT_SliceAttr, "slices">:$reads,
                       TypedArrayAttrBase<RT_SliceAttr, "slices">:$writes, StrAttr:$root, F64Attr:$flops, F64Attr:$bytes,
                       DefaultValuedProp<I64Prop, "0">:$beside, DefaultValuedProp<I64Prop, "1">:$group,
                       DefaultValuedProp<I64Prop, "0">:$stream, DefaultValuedOptionalAttr<DenseI64ArrayAttr, "{}">:$after);
  let assemblyFormat = [{
    $kernel `` custom<Slices>($reads) `->` custom<Slices>($writes) `root` $root `flops` $flops `bytes` $bytes
    (`beside` $beside^)? (`group` $group^)? (`stream` $stream^)? (`after` $after^)? attr-dict
  }];
  let extraClassDeclaration = [{
    static constexpr int64_t maxStreams = 64;
  }];
  let hasVerifier = 1;
}

#endif

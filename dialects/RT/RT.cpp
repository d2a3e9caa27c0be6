// Verifiers of the `rt` dialect. What needs a whole program (liveness) is checked by
// rt-verify-plan.
#include "dialects/RT/RT.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mome::rt;

#include "dialects/RT/RTDialect.cpp.inc"
#include "dialects/RT/RTEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/RT/RTAttrs.cpp.inc"

/// A slice without its `#rt.slice<>`: `@work[0, 64] v1`, `@work[0, 64, 4 of 16 at 8] v1`.
static SliceAttr parseSlice(AsmParser &parser) {
  FlatSymbolRefAttr arena;
  int64_t offset, size, version, first = 0, run = 0, stride = 0;
  StringRef word;
  if (parser.parseAttribute(arena) || parser.parseLSquare() || parser.parseInteger(offset) ||
      parser.parseComma() || parser.parseInteger(size)) {
    return {};
  }
  if (succeeded(parser.parseOptionalComma()) &&
      (parser.parseInteger(run) || parser.parseKeyword("of") || parser.parseInteger(stride) ||
       parser.parseKeyword("at") || parser.parseInteger(first))) {
    return {};
  }
  if (parser.parseRSquare()) {
    return {};
  }
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&word)) {
    return {};
  }
  if (!word.consume_front("v") || word.getAsInteger(10, version)) {
    parser.emitError(loc, "expected the version of the value, as v0");
    return {};
  }
  return SliceAttr::get(parser.getContext(), arena, offset, size, version, first, run, stride);
}
static void printSlice(AsmPrinter &printer, SliceAttr slice) {
  printer << slice.getArena() << '[' << slice.getOffset() << ", " << slice.getSize();
  if (slice.getStride() != 0) {
    printer << ", " << slice.getRun() << " of " << slice.getStride() << " at " << slice.getFirst();
  }
  printer << "] v" << slice.getVersion();
}

Attribute SliceAttr::parse(AsmParser &parser, Type) {
  SliceAttr slice;
  if (parser.parseLess() || !(slice = parseSlice(parser)) || parser.parseGreater()) {
    return {};
  }
  return slice;
}
void SliceAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printSlice(printer, *this);
  printer << '>';
}

/// A parenthesised list of slices without their `#rt.slice<>`: `(@work[0, 64] v1, @io[0, 4] v0)`.
static ParseResult parseSlices(OpAsmParser &parser, ArrayAttr &slices) {
  SmallVector<Attribute> list;
  auto parseNext = [&]() -> ParseResult {
    list.push_back(parseSlice(parser));
    return success(list.back() != nullptr);
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, parseNext)) {
    return failure();
  }
  slices = parser.getBuilder().getArrayAttr(list);
  return success();
}
static void printSlices(OpAsmPrinter &printer, Operation *, ArrayAttr slices) {
  printer << '(';
  llvm::interleaveComma(slices.getAsRange<SliceAttr>(), printer,
                        [&](SliceAttr slice) { printSlice(printer, slice); });
  printer << ')';
}

#define GET_OP_CLASSES
#include "dialects/RT/RTOps.cpp.inc"

void RTDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/RT/RTAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/RT/RTOps.cpp.inc"
      >();
}

int64_t mome::rt::getBytes(RankedTensorType type) {
  return type.getNumElements() * llvm::divideCeil(type.getElementTypeBitWidth(), 8);
}

bool mome::rt::overlap(SliceAttr a, SliceAttr b) {
  return a.getArena() == b.getArena() && a.getOffset() < b.getOffset() + b.getSize() &&
         b.getOffset() < a.getOffset() + a.getSize();
}

bool SliceAttr::touches(int64_t begin, int64_t end) const {
  begin = std::max<int64_t>(begin - getOffset(), 0); // within the slice
  end = std::min(end - getOffset(), getSize());
  if (getStride() == 0 || begin >= end) {
    return begin < end;
  }
  int64_t row = begin / getStride() * getStride() + getFirst();
  int64_t next = begin < row + getRun() ? std::max(begin, row) : row + getStride();
  return next < end;
}

//===-- rt.package --------------------------------------------------------------------------===//

/// Keys of a dictionary, and whether each value has the right kind.
static LogicalResult verifyKeys(Operation *op, StringRef what, DictionaryAttr dictionary,
                                llvm::function_ref<bool(StringRef, Attribute)> fits) {
  if (!dictionary) {
    return op->emitOpError() << what << " must be a dictionary";
  }
  for (NamedAttribute entry : dictionary) {
    if (!fits(entry.getName(), entry.getValue())) {
      return op->emitOpError() << what
                               << ": unknown key or wrong kind of value: " << entry.getName()
                               << " = " << entry.getValue();
    }
  }
  return success();
}

static bool isStringArray(Attribute value) {
  auto array = dyn_cast<ArrayAttr>(value);
  return array && llvm::all_of(array, llvm::IsaPred<StringAttr>);
}

/// The elements of `rt.package`'s lists of dictionaries.
static bool fitsListEntry(StringRef key, Attribute value) {
  return llvm::StringSwitch<bool>(key)
      .Cases({"name", "json", "path", "text"}, isa<StringAttr>(value))
      .Case("sums", isStringArray(value))
      .Case("type", isa<TypeAttr>(value))
      .Case("value", isa<FloatAttr>(value))
      .Case("host", isa<UnitAttr>(value))
      .Default(false);
}

static bool fitsPackage(StringRef key, Attribute value) {
  return llvm::StringSwitch<bool>(key)
      .Cases({"model", "precision"}, isa<StringAttr>(value))
      .Cases({"classes", "modalities", "optional", "losses"}, isStringArray(value))
      .Cases({"batch", "eval_batch"}, isa<IntegerAttr>(value))
      .Cases({"metrics", "costs", "scalars", "train", "data", "sources"}, isa<ArrayAttr>(value))
      .Default(false);
}

LogicalResult RTDialect::verifyOperationAttribute(Operation *op, NamedAttribute attribute) {
  if (attribute.getName() != packageAttrName) {
    return op->emitOpError("unknown attribute ") << attribute.getName();
  }
  auto package = dyn_cast<DictionaryAttr>(attribute.getValue());
  if (failed(verifyKeys(op, "rt.package", package, fitsPackage))) {
    return failure();
  }
  for (StringRef list : {"metrics", "costs", "scalars", "train", "data", "sources"}) {
    auto entries = package.getAs<ArrayAttr>(list);
    for (Attribute entry : entries ? entries.getValue() : ArrayRef<Attribute>()) {
      auto dictionary = dyn_cast<DictionaryAttr>(entry);
      if (failed(verifyKeys(op, ("rt.package." + list).str(), dictionary, fitsListEntry))) {
        return failure();
      }
      StringRef id = list == "sources" ? "path" : "name";
      if (!dictionary.contains(id) || (list == "scalars" && !dictionary.contains("type"))) {
        return op->emitOpError("rt.package.") << list << ": every entry needs a " << id
                                              << (list == "scalars" ? " and a type" : "");
      }
    }
  }
  return success();
}

//===-- rt.arena, kernels and code --------------------------------------------------------===//

LogicalResult ArenaOp::verify() {
  if (getSize() < 0 || getSize() % RTDialect::alignment != 0) {
    return emitOpError("C1: the size must be a multiple of 64, at least 0");
  }
  return success();
}

LogicalResult SplitOp::verify() {
  if (getChunks() < 1 || getScratch() < 0 || getPacks() < 0 || getShared() < 0) {
    return emitOpError("C1: needs at least one chunk, and no negative number");
  }
  if ((getPacks() == 0) != (getShared() == 0)) {
    return emitOpError("C1: packs write shared memory: both or neither");
  }
  return success();
}

LogicalResult LaunchesOp::verify() {
  auto launches = getLaunches().getAsRange<LaunchAttr>();
  if (getScratch() < 0 || getGroup() < 1 || llvm::any_of(launches, [](LaunchAttr launch) {
        return launch.getBlocks() < 1 || launch.getThreads() < 1 || launch.getShared() < 0;
      })) {
    return emitOpError(
        "C1: scratch and shared memory must not be negative, blocks, threads and the group must "
        "be positive");
  }
  if (getLaunches().empty() != getLibrary().has_value()) {
    return emitOpError("C1: a kernel must have either launches or a library");
  }
  if (getLibrary() && getGroup() > 1) {
    return emitOpError("C1: a library runs no groups");
  }
  return success();
}

/// The kernel and the code that the op speaks of.
template <typename Op>
static LogicalResult verifyKernelAndCode(Op op, SymbolTableCollection &symbols) {
  if (!symbols.lookupNearestSymbolFrom<KernelOp>(op, op.getKernelAttr()) ||
      !symbols.lookupNearestSymbolFrom<CodeOp>(op, op.getCodeAttr())) {
    return op.emitOpError("C2: needs the rt.kernel ")
           << op.getKernelAttr() << " and the rt.code " << op.getCodeAttr();
  }
  return success();
}

LogicalResult SplitOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyKernelAndCode(*this, symbols);
}

LogicalResult LaunchesOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyKernelAndCode(*this, symbols);
}

LogicalResult CodeOp::verify() {
  if (!getImage().getElementType().isInteger(8) || getImage().getShapedType().getRank() != 1) {
    return emitOpError("C1: the image must be a vector of i8");
  }
  return success();
}

//===-- rt.tensor, rt.scalar ----------------------------------------------------------------===//

static bool isBindKind(StringRef kind) {
  return llvm::StringSwitch<bool>(kind)
      .Cases({"input", "label", "presence", "valid"}, true)
      .Cases({"param", "state", "moment", "grad"}, true)
      .Cases({"sum", "loss", "metric", "output", "tap"}, true)
      .Default(false);
}

/// The arena of a slot if it exists, has room for it and is of the right kind.
static LogicalResult verifySlot(Operation *op, SymbolTableCollection &symbols,
                                FlatSymbolRefAttr name, int64_t offset, int64_t size,
                                bool stateAllowed) {
  auto arena = symbols.lookupNearestSymbolFrom<ArenaOp>(op, name);
  if (!arena || arena.getKind() == ArenaKind::work ||
      (arena.getKind() == ArenaKind::state && !stateAllowed)) {
    return op->emitOpError("C3: ") << name << " is not an arena that holds it";
  }
  if (offset < 0 || offset % RTDialect::alignment != 0 || offset + size > arena.getSize()) {
    return op->emitOpError("C3: bytes [")
           << offset << ", " << offset + size << ") are not a slot of arena " << name << " of "
           << arena.getSize() << " bytes";
  }
  return success();
}

StringRef TensorOp::getKind() {
  return getSymName().split(':').first;
}
StringRef TensorOp::getName() {
  return getSymName().split(':').second.split(':').first;
}
int64_t TensorOp::getBytes() {
  return mome::rt::getBytes(cast<RankedTensorType>(getType()));
}

LogicalResult TensorOp::verify() {
  if (!isBindKind(getKind()) || getName().empty()) {
    return emitOpError("C1: the symbol must be \"kind:name\"");
  }
  auto type = dyn_cast<RankedTensorType>(getType());
  if (!type || !type.hasStaticShape() ||
      !(type.getElementType().isF32() || type.getElementType().isF64() ||
        type.getElementType().isBF16() || type.getElementType().isInteger(32) ||
        type.getElementType().isInteger(64) || type.getElementType().isInteger(1))) {
    return emitOpError("C2: not a static tensor of f32, f64, bf16, i32, i64 or i1: ") << getType();
  }
  return success();
}

LogicalResult TensorOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifySlot(*this, symbols, getArenaAttr(), getOffset(), getBytes(), true);
}

StringRef ScalarOp::getName() {
  return getSymName().split(':').second;
}

LogicalResult ScalarOp::verify() {
  if (!getSymName().starts_with("scalar:") || getName().empty()) {
    return emitOpError("C1: the symbol must be \"scalar:name\"");
  }
  if (!getType().isF32() && !getType().isInteger(64)) {
    return emitOpError("C2: a scalar is f32 or i64, not ") << getType();
  }
  return success();
}

LogicalResult ScalarOp::verifySymbolUses(SymbolTableCollection &symbols) {
  int64_t size = getType().getIntOrFloatBitWidth() / 8;
  return verifySlot(*this, symbols, getArenaAttr(), getOffset(), size, false);
}

//===-- rt.program, rt.dispatch -------------------------------------------------------------===//

/// Dispatches behind the first of a group follow it.
static LogicalResult verifyGroups(ProgramOp program) {
  DispatchOp first;
  int64_t left = 0; // of the group
  for (auto op : program.getBody().getOps<DispatchOp>()) {
    if (left-- > 0) {
      if (op.getKernel() != first.getKernel() || op.getStream() != first.getStream() ||
          !op.getAfter().empty() || op.getGroup() != 1) {
        return op.emitOpError("C6: does not fit the group that it is in");
      }
      continue;
    }
    first = op;
    left = op.getGroup() - 1;
  }
  return left > 0 ? first.emitOpError("C6: its group goes beyond the program") : success();
}

LogicalResult ProgramOp::verify() {
  for (Operation &op : getBody().front()) {
    if (!isa<DispatchOp>(op)) {
      return emitOpError("C3: holds '") << op.getName() << "', which is no dispatch";
    }
  }
  return verifyGroups(*this);
}

/// Slices must lie in their arenas.
static LogicalResult verifySlices(DispatchOp op, Operation *scope, SymbolTableCollection &symbols,
                                  ArrayAttr slices) {
  for (SliceAttr slice : slices.getAsRange<SliceAttr>()) {
    auto arena = symbols.lookupNearestSymbolFrom<ArenaOp>(scope, slice.getArena());
    if (!arena || slice.getOffset() < 0 || slice.getSize() < 0 ||
        slice.getOffset() % RTDialect::alignment != 0 ||
        slice.getOffset() + slice.getSize() > arena.getSize()) {
      return op.emitOpError("C2: ") << slice << " is outside of its arena or not aligned to 64";
    }
    int64_t first = slice.getFirst(), run = slice.getRun(), stride = slice.getStride();
    bool isPart = first >= 0 && run > 0 && run < stride && first + run <= stride &&
                  slice.getSize() % stride == 0;
    bool isWhole = first == 0 && run == 0 && stride == 0;
    if (!isWhole && (!isPart || slices == op.getWrites())) {
      return op.emitOpError("C2: ") << slice << " is no part of bytes that are read";
    }
  }
  return success();
}

LogicalResult ProgramOp::verifySymbolUses(SymbolTableCollection &symbols) {
  for (ArrayAttr names : {getInputs(), getOutputs()}) {
    for (auto name : names.getAsRange<FlatSymbolRefAttr>()) {
      if (!symbols.lookupNearestSymbolFrom<TensorOp>(*this, name)) {
        return emitOpError("C1: ") << name << " is no named tensor";
      }
    }
  }
  int64_t work = 0;
  for (auto arena : (*this)->getParentRegion()->getOps<ArenaOp>()) {
    work += arena.getKind() == ArenaKind::work ? arena.getSize() : 0;
  }
  if (getPeak() < 0 || getPeak() > work) {
    return emitOpError("C2: a peak of ")
           << getPeak() << " does not fit " << work << " bytes of work";
  }
  for (auto [number, dispatch] : llvm::enumerate(getBody().getOps<DispatchOp>())) {
    if (llvm::any_of(dispatch.getAfter(),
                     [&](int64_t at) { return at < 0 || at >= int64_t(number); })) {
      return dispatch.emitOpError("C5: waits for what does not come before it");
    }
    if (dispatch.getBeside() < 0 || dispatch.getBeside() > int64_t(number)) {
      return dispatch.emitOpError("C5: no ")
             << dispatch.getBeside() << " dispatches come before it";
    }
    if (!symbols.lookupNearestSymbolFrom(*this, dispatch.getKernelAttr())) {
      return dispatch.emitOpError("C1: there is no kernel ") << dispatch.getKernelAttr();
    }
    if (failed(verifySlices(dispatch, *this, symbols, dispatch.getReads())) ||
        failed(verifySlices(dispatch, *this, symbols, dispatch.getWrites()))) {
      return failure();
    }
  }
  return success();
}

LogicalResult DispatchOp::verify() {
  if (getStream() < 0 || getStream() >= maxStreams) {
    return emitOpError("C5: no stream has the number ") << getStream();
  }
  if (getGroup() < 1) {
    return emitOpError("C6: no group has ") << getGroup() << " dispatches";
  }
  auto writes = llvm::to_vector(getWrites().getAsRange<SliceAttr>());
  for (auto [i, a] : llvm::enumerate(writes)) {
    for (SliceAttr b : ArrayRef(writes).drop_front(i + 1)) {
      if (overlap(a, b)) {
        return emitOpError("C3: writes overlap: ") << a << " and " << b;
      }
    }
    for (SliceAttr read : getReads().getAsRange<SliceAttr>()) {
      bool equal = a.getOffset() == read.getOffset() && a.getSize() == read.getSize();
      if (overlap(a, read) && !equal) {
        return emitOpError("C4: writes ") << a << " while reading " << read;
      }
    }
  }
  return success();
}

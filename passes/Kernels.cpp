// See Kernels.h.
#include "passes/Kernels.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/xxhash.h"

#include <limits>

using namespace mlir;
using namespace mome;
using nn::FusionRole;

std::string mome::contentText(Region &body) {
  constexpr int64_t everything = std::numeric_limits<int64_t>::max();
  OpPrintingFlags flags;
  flags.elideLargeElementsAttrs(everything).elideLargeResourceString(everything);
  flags.enableDebugInfo(false).printGenericOpForm().useLocalScope();
  // Printed within a fresh kernel, so that nothing around it shows.
  MLIRContext *context = body.getContext();
  OperationState state(UnknownLoc::get(context), nn::KernelOp::getOperationName());
  IRMapping mapping;
  body.cloneInto(state.addRegion(), mapping);
  OwningOpRef<nn::KernelOp> kernel = cast<nn::KernelOp>(Operation::create(state));
  kernel->setSymName("k");
  std::string text;
  llvm::raw_string_ostream stream(text);
  (*kernel)->print(stream, flags);
  return text;
}

static std::string nameOfText(StringRef text) {
  return "k_" + llvm::utohexstr(llvm::xxh3_64bits(text), /*LowerCase=*/true, /*Width=*/16);
}

std::string mome::contentName(Region &body) {
  return nameOfText(contentText(body));
}

Value mome::baseOf(Value value) {
  while (auto reshape = value.getDefiningOp<nn::ReshapeOp>()) {
    value = reshape.getOperand();
  }
  return value;
}

bool mome::isInPlaceOperand(nn::KernelOp kernel, unsigned operand, unsigned result) {
  Block &body = kernel.getBody().front();
  BlockArgument argument = body.getArgument(operand);
  Value yielded = body.getTerminator()->getOperand(result);
  if (argument.getType() != yielded.getType()) {
    return false;
  }
  ArrayRef<int64_t> domain = cast<RankedTensorType>(argument.getType()).getShape();
  for (Operation &op : body.without_terminator()) {
    FusionRole role = nn::getFusionRole(&op);
    if (isa<nn::ConstantOp>(op)) {
      continue;
    }
    if (role != FusionRole::elementwise && role != FusionRole::access) {
      return false;
    }
    for (Value value : op.getResults()) {
      bool computed = role == FusionRole::elementwise;
      if (computed && cast<RankedTensorType>(value.getType()).getShape() != domain) {
        return false;
      }
    }
    if (role == FusionRole::access && llvm::is_contained(op.getOperands(), Value(argument))) {
      return false;
    }
  }
  return true;
}

/// Widens `ranges`, of each axis of `operand`, by what `op` takes of it. False: that is not known.
static bool addElements(nn::AccessOpInterface op, Value operand,
                        MutableArrayRef<std::pair<int64_t, int64_t>> ranges) {
  auto result = cast<RankedTensorType>(op->getResult(0).getType());
  SmallVector<std::optional<int64_t>> lowest(result.getRank(), 0), highest;
  llvm::append_range(highest,
                     llvm::map_range(result.getShape(), [](int64_t extent) { return extent - 1; }));
  for (const nn::AccessPiece &piece : op.getAccessPieces()) {
    if (op->getOperand(piece.operand) != operand) {
      continue;
    }
    for (auto [index, range] : llvm::zip_equal(piece.index.getResults(), ranges)) {
      auto bound = [&, index = index](bool isUpper) {
        return getBoundForAffineExpr(index, result.getRank(), 0, lowest, highest, isUpper);
      };
      std::optional<int64_t> first = bound(false), last = bound(true);
      if (!first || !last) {
        return false;
      }
      range = {std::min(range.first, *first), std::max(range.second, *last + 1)};
    }
  }
  return true;
}

/// A guarded access, of which generated code may read element 0 instead (BodyEmitter::load).
static bool hasGuards(Operation &op) {
  auto access = dyn_cast<nn::AccessOpInterface>(op);
  return access && llvm::any_of(access.getAccessPieces(), [](const nn::AccessPiece &piece) {
           return piece.guards.getNumResults() > 0;
         });
}

rt::SliceAttr mome::readPart(nn::KernelOp kernel, unsigned operand, rt::SliceAttr slice) {
  BlockArgument argument = kernel.getBody().front().getArgument(operand);
  auto type = cast<RankedTensorType>(argument.getType());
  if (llvm::any_of(kernel.getBody().front(), hasGuards)) {
    return slice;
  }
  SmallVector<std::pair<int64_t, int64_t>> ranges(
      type.getRank(), {std::numeric_limits<int64_t>::max(), 0});
  for (Operation *user : argument.getUsers()) {
    auto access = dyn_cast<nn::AccessOpInterface>(user);
    if (!access || !addElements(access, argument, ranges)) {
      return slice;
    }
  }
  int64_t stride = slice.getSize(); // bytes between the elements of an axis, times its extent
  for (auto [extent, range] : llvm::zip_equal(type.getShape(), ranges)) {
    int64_t inner = stride / extent, first = std::max<int64_t>(range.first, 0);
    int64_t run = std::min(range.second, extent) - first;
    if (run > 0 && run < extent) { // what later axes leave out is not worth telling
      return rt::SliceAttr::get(slice.getContext(), slice.getArena(), slice.getOffset(),
                                slice.getSize(), slice.getVersion(), first * inner, run * inner,
                                stride);
    }
    stride = inner;
  }
  return slice;
}

nn::KernelOp mome::getCopyKernel(Operation *module, RankedTensorType type) {
  OpBuilder builder(module->getContext());
  builder.setInsertionPointToStart(&module->getRegion(0).front());
  Location loc = UnknownLoc::get(module->getContext());
  auto kernel = nn::KernelOp::create(builder, loc, "k");
  Block &body = kernel.getBody().emplaceBlock();
  body.addArgument(type, loc);
  OpBuilder inner = OpBuilder::atBlockEnd(&body);
  nn::YieldOp::create(inner, loc, body.getArguments());
  std::string name = contentName(kernel.getBody());
  if (auto existing = SymbolTable::lookupSymbolIn(module, name)) {
    kernel.erase();
    return cast<nn::KernelOp>(existing);
  }
  kernel.setSymName(name);
  return kernel;
}

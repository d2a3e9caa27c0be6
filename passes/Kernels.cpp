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

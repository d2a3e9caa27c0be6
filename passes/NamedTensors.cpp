// See NamedTensors.h.
#include "passes/NamedTensors.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mome;
using nn::BindKind;

/// True for what outlives a run: its slot is in the arena `state`, and it has one type.
static bool isState(BindKind kind) {
  return kind == BindKind::param || kind == BindKind::state || kind == BindKind::moment ||
         kind == BindKind::grad;
}

static StringAttr makeSymbol(nn::BindAttr bind) {
  return StringAttr::get(bind.getContext(),
                         nn::stringifyBindKind(bind.getKind()) + ":" + bind.getName());
}

NamedTensors::NamedTensors(ModuleOp module) : module(module) {
  auto package = module->getAttrOfType<DictionaryAttr>(rt::RTDialect::packageAttrName);
  auto list = package ? package.getAs<ArrayAttr>("scalars") : ArrayAttr();
  if (!list) {
    return;
  }
  for (auto entry : list.getAsRange<DictionaryAttr>()) {
    auto bind = nn::BindAttr::get(module.getContext(), BindKind::scalar,
                                  entry.getAs<StringAttr>("name").getValue());
    auto type = RankedTensorType::get({}, entry.getAs<TypeAttr>("type").getValue());
    auto value = entry.getAs<FloatAttr>("value");
    StringAttr symbol = insert(bind, type, makeSymbol(bind));
    scalars[symbol] = {value ? value.getValueAsDouble() : 0.0, entry.contains("host")};
  }
}

StringAttr NamedTensors::insert(nn::BindAttr bind, RankedTensorType type, StringAttr symbol) {
  int64_t &end = isState(bind.getKind()) ? stateBytes : ioBytes;
  slots[symbol] = {type, bind.getKind(), end};
  end += llvm::alignTo(rt::getBytes(type), rt::RTDialect::alignment);
  symbols[{bind, type}] = symbol;
  first.try_emplace(bind, symbol);
  return symbol;
}

FailureOr<StringAttr> NamedTensors::add(func::FuncOp entry, nn::BindAttr bind, Type type) {
  if (!bind) {
    return entry.emitOpError("every argument and result needs an nn.bind");
  }
  if (StringAttr symbol = lookup(bind, type)) {
    return symbol;
  }
  auto tensor = cast<RankedTensorType>(type);
  StringAttr known = first.lookup(bind);
  if (!known) {
    return insert(bind, tensor, makeSymbol(bind));
  }
  if (isState(bind.getKind()) || bind.getKind() == BindKind::scalar) {
    return entry.emitOpError("binds ")
           << bind << " as " << type << ", another entry as " << slots.lookup(known).type;
  }
  std::string shape;
  llvm::raw_string_ostream stream(shape);
  llvm::interleave(tensor.getShape(), stream, "x");
  return insert(bind, tensor, StringAttr::get(bind.getContext(), known.getValue() + ":" + shape));
}

StringAttr NamedTensors::lookup(nn::BindAttr bind, Type type) const {
  return symbols.lookup({bind, type});
}

std::pair<FlatSymbolRefAttr, int64_t> NamedTensors::slotOf(StringAttr symbol) const {
  const Slot &slot = slots.find(symbol)->second;
  return {FlatSymbolRefAttr::get(symbol.getContext(), isState(slot.kind) ? "state" : "io"),
          slot.offset};
}

void NamedTensors::emit(OpBuilder &builder) {
  Location loc = module.getLoc();
  rt::ArenaOp::create(builder, loc, "state", stateBytes, rt::ArenaKind::state);
  rt::ArenaOp::create(builder, loc, "io", ioBytes, rt::ArenaKind::io);
  for (auto &[symbol, slot] : slots) {
    auto [arena, offset] = slotOf(symbol);
    if (slot.kind != BindKind::scalar) {
      rt::TensorOp::create(builder, loc, symbol, TypeAttr::get(slot.type), arena, offset);
      continue;
    }
    ScalarInfo info = scalars.lookup(symbol);
    rt::ScalarOp::create(builder, loc, symbol, info.host, TypeAttr::get(slot.type.getElementType()),
                         builder.getF64FloatAttr(info.value), arena, offset);
  }
}

// See Interpreter.h.
#include "dialects/NN/Interpreter.h"

#include "llvm/ADT/DenseMap.h"

#include <bit>
#include <cmath>

using namespace mlir;
using namespace mome::nn;

HostTensor mome::nn::toHostTensor(ElementsAttr value) {
  HostTensor result(value.getShapedType().getShape());
  if (isa<FloatType>(value.getElementType())) {
    for (auto [i, element] : llvm::enumerate(value.getValues<APFloat>())) {
      bool lost;
      APFloat wide = element;
      wide.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
      result[i] = wide.convertToDouble();
    }
    return result;
  }
  bool isBool = value.getElementType().isInteger(1);
  for (auto [i, element] : llvm::enumerate(value.getValues<APInt>())) {
    result[i] = isBool ? double(element.getZExtValue()) : double(element.getSExtValue());
  }
  return result;
}

DenseElementsAttr mome::nn::toElementsAttr(const HostTensor &tensor, RankedTensorType type) {
  if (auto floatType = dyn_cast<FloatType>(type.getElementType())) {
    auto values = llvm::map_to_vector(tensor.data, [&](double x) {
      return cast<FloatAttr>(FloatAttr::get(floatType, x)).getValue();
    });
    return DenseElementsAttr::get(type, ArrayRef<APFloat>(values));
  }
  auto values = llvm::map_to_vector(tensor.data, [&](double x) {
    unsigned width = type.getElementTypeBitWidth();
    return APInt(width, static_cast<int64_t>(x), /*isSigned=*/width > 1);
  });
  return DenseElementsAttr::get(type, ArrayRef<APInt>(values));
}

SmallVector<Attribute> mome::nn::foldByInterpretation(Operation *op, ArrayRef<Attribute> operands) {
  constexpr int64_t maxElements = 1024;
  auto interpretable = dyn_cast<Interpretable>(op);
  if (!interpretable || op->getNumOperands() == 0 || op->getNumRegions() > 0 ||
      llvm::is_contained(operands, nullptr)) {
    return {};
  }
  // An elementwise op of splats is computed once.
  auto elementwise = dyn_cast<ElementwiseOpInterface>(op);
  bool splats = elementwise && !elementwise.usesIndex() &&
                llvm::all_of(operands, llvm::IsaPred<SplatElementsAttr>);
  SmallVector<HostTensor> inputs, results;
  for (Attribute operand : operands) {
    auto value = dyn_cast<DenseElementsAttr>(operand);
    if (!value || (!splats && value.getNumElements() > maxElements)) {
      return {};
    }
    inputs.push_back(toHostTensor(
        splats ? value.resizeSplat(value.getType().clone(ArrayRef<int64_t>())) : value));
  }
  for (Type type : op->getResultTypes()) {
    auto tensor = cast<RankedTensorType>(type);
    if (!splats && tensor.getNumElements() > maxElements) {
      return {};
    }
    results.emplace_back(splats ? ArrayRef<int64_t>() : tensor.getShape());
  }
  if (failed(interpretable.interpret(inputs, results))) {
    return {};
  }
  return llvm::map_to_vector(llvm::zip_equal(results, op->getResultTypes()), [&](auto pair) {
    auto &[tensor, type] = pair;
    auto ranked = cast<RankedTensorType>(type);
    Attribute value =
        splats ? toElementsAttr(tensor, ranked.clone(ArrayRef<int64_t>())).resizeSplat(ranked)
               : toElementsAttr(tensor, ranked);
    return value;
  });
}

/// Rounds to the nearest bf16, ties to even, by way of f32.
static void roundToBf16(HostTensor &tensor) {
  for (double &element : tensor.data) {
    uint32_t bits = std::bit_cast<uint32_t>(static_cast<float>(element));
    if (!std::isnan(element)) {
      bits += 0x7fff + (bits >> 16 & 1);
      element = std::bit_cast<float>(bits & 0xffff0000);
    }
  }
}

/// Runs a kernel by name.
static FailureOr<SmallVector<HostTensor>> interpretCall(CallOp call,
                                                        ArrayRef<HostTensor> operands) {
  auto kernel = SymbolTable::lookupNearestSymbolFrom<KernelOp>(call, call.getKernelAttr());
  if (!kernel) {
    return call.emitOpError("names no kernel: @") << call.getKernel();
  }
  return interpretBlock(kernel.getBody().front(), operands);
}

FailureOr<SmallVector<HostTensor>> mome::nn::interpretBlock(Block &block,
                                                            ArrayRef<HostTensor> arguments) {
  DenseMap<Value, HostTensor> values;
  for (auto [argument, tensor] : llvm::zip_equal(block.getArguments(), arguments)) {
    values[argument] = tensor;
  }
  auto read = [&](ValueRange range) {
    SmallVector<HostTensor> result;
    for (Value value : range) {
      result.push_back(values.lookup(value));
    }
    return result;
  };
  for (Operation &op : block.without_terminator()) {
    SmallVector<HostTensor> operands = read(op.getOperands());
    SmallVector<HostTensor> results;
    if (auto call = dyn_cast<CallOp>(op)) {
      FailureOr<SmallVector<HostTensor>> called = interpretCall(call, operands);
      if (failed(called)) {
        return failure();
      }
      results = std::move(*called);
    } else if (auto interpretable = dyn_cast<Interpretable>(op)) {
      for (Type type : op.getResultTypes()) {
        results.emplace_back(cast<RankedTensorType>(type).getShape());
      }
      if (failed(interpretable.interpret(operands, results))) {
        return failure();
      }
    } else {
      return op.emitOpError("cannot be interpreted: it has no meaning at this level");
    }
    for (auto [value, tensor] : llvm::zip_equal(op.getResults(), results)) {
      if (cast<RankedTensorType>(value.getType()).getElementType().isBF16()) {
        roundToBf16(tensor);
      }
      values[value] = std::move(tensor);
    }
  }
  return read(block.getTerminator()->getOperands());
}

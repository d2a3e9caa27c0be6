// See PairDot.h.
#include "passes/cpu/PairDot.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mome;
using namespace mome::cpu;

bool mome::cpu::multipliesPairs(const Target &target, Value a, Value b, int64_t k) {
  return target.pairs != Target::Pairs::none && holdsBf16(a) && holdsBf16(b) &&
         k % (2 * target.lanes) == 0;
}

Value mome::cpu::loadPairs(KernelBuilder &b, Value buffer, Value at) {
  auto type = VectorType::get({2 * b.getLanes()}, b.getI16Type());
  Value elements = vector::LoadOp::create(b, type, buffer, at);
  return vector::BitCastOp::create(b, b.vectorType(b.getF32Type()), elements);
}

static Value splatI32(KernelBuilder &b, int32_t value) {
  VectorType type = b.vectorType(b.getI32Type());
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(type, Attribute(b.getI32IntegerAttr(value))));
}

Value mome::cpu::joinPairs(KernelBuilder &b, Value even, Value odd) {
  Type bits = b.vectorType(b.getI32Type());
  Value low = arith::ShRUIOp::create(b, arith::BitcastOp::create(b, bits, even), splatI32(b, 16));
  Value pairs = arith::OrIOp::create(b, arith::BitcastOp::create(b, bits, odd), low);
  return arith::BitcastOp::create(b, even.getType(), pairs);
}

/// The elements of a vector of pairs as f32.
static Value widen(KernelBuilder &b, Value pairs, bool odd) {
  Value bits = arith::BitcastOp::create(b, b.vectorType(b.getI32Type()), pairs);
  Value wide = odd ? Value(arith::AndIOp::create(b, bits, splatI32(b, int32_t(0xffff0000))))
                   : Value(arith::ShLIOp::create(b, bits, splatI32(b, 16)));
  return arith::BitcastOp::create(b, pairs.getType(), wide);
}

Value mome::cpu::emitPairDot(KernelBuilder &b, Value row, Value column, Value acc) {
  if (b.getTarget().pairs == Target::Pairs::widened) {
    for (bool odd : {true, false}) {
      acc = vector::FMAOp::create(b, widen(b, row, odd), widen(b, column, odd), acc);
    }
    return acc;
  }
  auto pairs = VectorType::get({2 * b.getLanes()}, b.getBF16Type());
  SmallVector<Value> operands{acc, vector::BitCastOp::create(b, pairs, row),
                              vector::BitCastOp::create(b, pairs, column)};
  return LLVM::CallIntrinsicOp::create(
             b, acc.getType(), b.getStringAttr("llvm.x86.avx512bf16.dpbf16ps.512"), operands)
      .getResult(0);
}

Value mome::cpu::addPairs(KernelBuilder &b, Value pairs, Value acc) {
  for (bool odd : {true, false}) {
    acc = arith::AddFOp::create(b, acc, widen(b, pairs, odd));
  }
  return acc;
}

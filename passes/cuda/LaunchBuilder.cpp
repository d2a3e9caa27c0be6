// See LaunchBuilder.h.
#include "passes/cuda/LaunchBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

#include "llvm/Support/SaveAndRestore.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

/// Address spaces of NVPTX.
static constexpr unsigned globalSpace = 1, sharedSpace = 3;
static constexpr llvm::StringLiteral sharedName = "mome_shared";

/// 16 bytes for copies; wgmma wants tiles at multiples of 1024.
static int64_t sharedAlignment(Operation *function) {
  return machineOf(function).warpgroupFmas ? 1024 : 16;
}

LaunchBuilder::LaunchBuilder(nn::KernelOp kernel, unsigned number, int64_t lanes,
                             OpBuilder &builder)
    : FunctionBuilder(kernel, (kernel.getSymName() + "_" + Twine(number)).str(), {}, lanes,
                      builder) {
  auto read = [&](auto op) {
    return arith::IndexCastOp::create(*this, getIndexType(), op.getResult());
  };
  thread = read(NVVM::ThreadIdXOp::create(*this, getI32Type()));
  block = read(NVVM::BlockIdXOp::create(*this, getI32Type()));
}

void LaunchBuilder::withFreshThread(llvm::function_ref<void()> body) {
  Value number = arith::IndexCastOp::create(*this, getI32Type(), thread);
  // From the thread itself; no compiler looks through that, or moves it out of a loop.
  Value same = arith::IndexCastOp::create(*this, getIndexType(), exchange(number, 0));
  llvm::SaveAndRestore kept(thread, same);
  body();
}

Value LaunchBuilder::shareMemory(int64_t offset, int64_t size, Type elementType) {
  auto space = getI64IntegerAttr(sharedSpace);
  auto whole = MemRefType::get({0}, getI8Type(), MemRefLayoutAttrInterface(), space);
  auto module = function->getParentOfType<ModuleOp>();
  if (!SymbolTable::lookupSymbolIn(module, sharedName)) {
    OpBuilder::InsertionGuard guard(*this);
    setInsertionPointToStart(module.getBody());
    memref::GlobalOp::create(*this, sharedName, /*sym_visibility=*/StringAttr(), whole,
                             /*initial_value=*/Attribute(), /*constant=*/false,
                             /*alignment=*/getI64IntegerAttr(sharedAlignment(function)));
  }
  sharedBytes = std::max(sharedBytes, offset + size * elementType.getIntOrFloatBitWidth() / 8);
  auto type = MemRefType::get({size}, elementType, MemRefLayoutAttrInterface(), space);
  Value shift = index(offset);
  OpBuilder::InsertionGuard guard(*this);
  setInsertionPointAfterValue(shift);
  Value memory = memref::GetGlobalOp::create(*this, whole, sharedName);
  return memref::ViewOp::create(*this, type, memory, shift, ValueRange());
}

Value LaunchBuilder::loadWide(Value buffer, Value at) {
  Value element = memref::LoadOp::create(*this, buffer, at);
  return holdsBf16(buffer) ? widenBits(element) : element;
}

void LaunchBuilder::barrier() {
  NVVM::Barrier0Op::create(*this);
}

void LaunchBuilder::warpBarrier() {
  NVVM::SyncWarpOp::create(*this, arith::ConstantOp::create(*this, getI32IntegerAttr(-1)));
}

Value LaunchBuilder::pointerTo(Value buffer, Value at) {
  auto type = cast<MemRefType>(buffer.getType());
  bool isShared = type.getMemorySpaceAsInt() == sharedSpace;
  auto number = [&](Value index) { return arith::IndexCastOp::create(*this, getI64Type(), index); };
  Value address = number(memref::ExtractAlignedPointerAsIndexOp::create(*this, buffer));
  auto pointer = LLVM::LLVMPointerType::get(getContext(), isShared ? sharedSpace : 0);
  Value base = LLVM::IntToPtrOp::create(*this, pointer, address);
  if (!isShared) {
    pointer = LLVM::LLVMPointerType::get(getContext(), globalSpace);
    base = LLVM::AddrSpaceCastOp::create(*this, pointer, base);
  }
  return LLVM::GEPOp::create(*this, pointer, type.getElementType(), base, ValueRange{number(at)});
}

void LaunchBuilder::copyAsync(Value shared, Value at, Value global, Value from, int64_t elements,
                              Value exists) {
  int64_t bytes = elements * cast<MemRefType>(shared.getType()).getElementTypeBitWidth() / 8;
  // `cg` keeps the first-level cache out of it, but takes whole 16 bytes only.
  auto modifier = bytes == 16 ? NVVM::LoadCacheModifierKind::CG : NVVM::LoadCacheModifierKind::CA;
  auto number = [&](int64_t value) {
    return arith::ConstantOp::create(*this, getI32IntegerAttr(value));
  };
  Value count = arith::SelectOp::create(*this, exists, number(bytes), number(0));
  // An address of which no byte is read may be any.
  NVVM::CpAsyncOp::create(*this, pointerTo(shared, at), pointerTo(global, from),
                          getI32IntegerAttr(bytes),
                          NVVM::LoadCacheModifierKindAttr::get(getContext(), modifier), count);
}

void LaunchBuilder::prefetch(Value global, Value at) {
  Value address = LLVM::PtrToIntOp::create(*this, getI64Type(), pointerTo(global, at));
  runPtx("prefetch.global.L2 [$0];", {}, address);
}

void LaunchBuilder::commitCopies() {
  NVVM::CpAsyncCommitGroupOp::create(*this);
}

void LaunchBuilder::waitForCopies(int64_t pending) {
  NVVM::CpAsyncWaitGroupOp::create(*this, uint32_t(pending));
}

SmallVector<Value> LaunchBuilder::loadMatrices(Value shared, Value at, bool transposed) {
  SmallVector<Type> parts(4, getI32Type());
  auto type = LLVM::LLVMStructType::getLiteral(getContext(), parts);
  auto layout = transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row;
  auto shape = NVVM::LdStMatrixShapeAttr::get(getContext(), 8, 8);
  Value all = NVVM::LdMatrixOp::create(*this, type, pointerTo(shared, at), /*num=*/4u, layout,
                                       shape, NVVM::LdStMatrixEltType::B16);
  return splitStruct(all, parts.size());
}

Value LaunchBuilder::roundToTf32(Value bits) {
  Value value = arith::BitcastOp::create(*this, getF32Type(), bits);
  return NVVM::ConvertFloatToTF32Op::create(*this, getI32Type(), value, NVVM::FPRoundingMode::RNA);
}

Value LaunchBuilder::packPair(Value left, Value right) {
  auto pair = VectorType::get(2, getBF16Type());
  auto name = getStringAttr("llvm.nvvm.ff2bf16x2.rn"); // the first becomes the upper half
  auto call = LLVM::CallIntrinsicOp::create(*this, pair, name, ValueRange{right, left});
  return LLVM::BitcastOp::create(*this, getI32Type(), call.getResult(0));
}

Value LaunchBuilder::roundToBits(Value f32) {
  auto vector = dyn_cast<VectorType>(f32.getType());
  int64_t count = vector ? vector.getNumElements() : 1;
  if (count % 2 != 0) {
    Value single = vector ? vector::ExtractOp::create(*this, f32, 0).getResult() : f32;
    assert(count == 1 && "vectors have an even number of elements");
    auto name = getStringAttr("llvm.nvvm.f2bf16.rn");
    auto call = LLVM::CallIntrinsicOp::create(*this, getBF16Type(), name, ValueRange{single});
    Value bits = arith::BitcastOp::create(*this, getI16Type(), call.getResult(0));
    return vector ? vector::BroadcastOp::create(*this, VectorType::get(1, getI16Type()), bits)
                        .getResult()
                  : bits;
  }
  SmallVector<Value> pairs;
  for (int64_t i = 0; i < count; i += 2) {
    pairs.push_back(packPair(vector::ExtractOp::create(*this, f32, i),
                             vector::ExtractOp::create(*this, f32, i + 1)));
  }
  Value all =
      vector::FromElementsOp::create(*this, VectorType::get(count / 2, getI32Type()), pairs);
  return vector::BitCastOp::create(*this, VectorType::get(count, getI16Type()), all);
}

std::pair<Value, Value> LaunchBuilder::unpackPair(Value pair) {
  auto number = [&](int32_t value) {
    return arith::ConstantOp::create(*this, getI32IntegerAttr(value));
  };
  Value left = arith::ShLIOp::create(*this, pair, number(16));
  Value right = arith::AndIOp::create(*this, pair, number(int32_t(0xffff0000)));
  auto real = [&](Value bits) -> Value {
    return arith::BitcastOp::create(*this, getF32Type(), bits);
  };
  return {real(left), real(right)};
}

SmallVector<Value> LaunchBuilder::multiplyMatrices(ValueRange lhs, ValueRange rhs, ValueRange sums,
                                                   Multiplier multiplier) {
  auto element = multiplier == Multiplier::tf32 ? NVVM::MMATypes::tf32 : NVVM::MMATypes::bf16;
  SmallVector<Type> parts(sums.getTypes());
  auto type = LLVM::LLVMStructType::getLiteral(getContext(), parts);
  Value all = NVVM::MmaOp::create(*this, type, lhs, rhs, sums,
                                  ArrayRef<int64_t>{16, 8, 32 / elementBytes(multiplier)},
                                  /*b1Op=*/std::nullopt,
                                  /*intOverflow=*/std::nullopt, std::array{element, element},
                                  std::array{NVVM::MMALayout::row, NVVM::MMALayout::col});
  return splitStruct(all, parts.size());
}

SmallVector<Value> LaunchBuilder::splitStruct(Value all, int64_t count) {
  SmallVector<Value> parts;
  for (int64_t i = 0; i < count; ++i) {
    parts.push_back(LLVM::ExtractValueOp::create(*this, all, i));
  }
  return parts;
}

SmallVector<Value> LaunchBuilder::runPtx(const Twine &text, ValueRange changed,
                                         ValueRange operands) {
  std::string constraints;
  for (size_t i = 0; i < changed.size(); ++i) {
    constraints += "=f,";
  }
  for (size_t i = 0; i < changed.size(); ++i) {
    constraints += std::to_string(i) + ",";
  }
  for (size_t i = 0; i < operands.size(); ++i) {
    constraints += "l,";
  }
  SmallVector<Value> inputs(changed);
  llvm::append_range(inputs, operands);
  Type type =
      changed.empty()
          ? Type()
          : LLVM::LLVMStructType::getLiteral(getContext(), llvm::to_vector(changed.getTypes()));
  auto op = LLVM::InlineAsmOp::create(
      *this, type, inputs, text.str(), constraints + "~{memory}", /*has_side_effects=*/true,
      /*is_align_stack=*/false, LLVM::tailcallkind::TailCallKind::None, LLVM::AsmDialectAttr(),
      ArrayAttr());
  return changed.empty() ? SmallVector<Value>() : splitStruct(op.getRes(), changed.size());
}

Value LaunchBuilder::maximum(Value lhs, Value rhs) {
  return LLVM::MaximumOp::create(*this, lhs, rhs);
}

Value LaunchBuilder::powerOfTwo(Value value) {
  auto name = getStringAttr("llvm.nvvm.ex2.approx.ftz.f32");
  return LLVM::CallIntrinsicOp::create(*this, getF32Type(), name, ValueRange{value}).getResult(0);
}

Value LaunchBuilder::isLess(Value lhs, Value rhs) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::slt, lhs, rhs);
}

Value LaunchBuilder::isEqual(Value lhs, Value rhs) {
  return arith::CmpIOp::create(*this, arith::CmpIPredicate::eq, lhs, rhs);
}

Value LaunchBuilder::exchange(Value value, int64_t distance) {
  auto number = [&](int64_t constant) {
    return arith::ConstantOp::create(*this, getI32IntegerAttr(constant));
  };
  return NVVM::ShflOp::create(*this, value.getType(), number(-1), value, number(distance),
                              number(31), NVVM::ShflKind::bfly, UnitAttr());
}

/// Threads that store several neighbours begin at multiples of their number, which LLVM does not
/// always see.
static void alignStores(func::FuncOp function) {
  function.walk([](vector::StoreOp store) {
    VectorType type = store.getVectorType();
    store.setAlignment(type.getNumElements() * type.getElementTypeBitWidth() / 8);
  });
}

void LaunchBuilder::finish(DeviceKernel &result, int64_t blocks, int64_t threads) {
  result.scratch = std::max(result.scratch, close());
  alignStores(function);
  function->setAttr(threadsAttrName, getI64IntegerAttr(threads));
  result.launches.push_back({function, blocks, threads, sharedBytes});
}

// See LinalgBuilding.h.
#include "dialects/NN/LinalgBuilding.h"

#include "dialects/NN/FloatCast.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mome::nn;

Value mome::nn::buildMap(OpBuilder &builder, Location loc, RankedTensorType type, ValueRange inputs,
                         ArrayRef<AffineMap> maps, ElementBody body) {
  Value empty = tensor::EmptyOp::create(builder, loc, type.getShape(), type.getElementType());
  SmallVector<AffineMap> allMaps(maps);
  allMaps.push_back(builder.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> iterators(type.getRank(), utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(builder, loc, type, inputs, empty, allMaps, iterators,
                                           [&](OpBuilder &b, Location bodyLoc, ValueRange args) {
                                             ImplicitLocOpBuilder inner(bodyLoc, b);
                                             linalg::YieldOp::create(b, bodyLoc, body(inner, args));
                                           });
  return generic.getResult(0);
}

/// bf16 values as f32, others as they are.
static Value widen(ImplicitLocOpBuilder &b, Value x) {
  return x.getType().isBF16() ? Value(arith::ExtFOp::create(b, b.getF32Type(), x)) : x;
}

AffineMap mome::nn::dropAxes(MLIRContext *context, int64_t rank, ArrayRef<int64_t> axes) {
  return AffineMap::getMultiDimIdentityMap(rank, context).dropResults(axes);
}

Value mome::nn::buildReduction(OpBuilder &builder, Location loc, RankedTensorType type,
                               ValueRange inputs, ArrayRef<AffineMap> maps, AffineMap toResult,
                               double initial, ElementBody body) {
  Type element = type.getElementType();
  Type wide = element.isBF16() ? builder.getF32Type() : element;

  SmallVector<utils::IteratorType> iterators(toResult.getNumDims(), utils::IteratorType::reduction);
  for (AffineExpr kept : toResult.getResults()) {
    iterators[cast<AffineDimExpr>(kept).getPosition()] = utils::IteratorType::parallel;
  }
  SmallVector<AffineMap> allMaps(maps);
  allMaps.push_back(toResult);

  ImplicitLocOpBuilder b(loc, builder);
  Value empty = tensor::EmptyOp::create(b, type.getShape(), wide);
  Value filled = linalg::FillOp::create(b, emitConstant(b, wide, initial), empty).getResult(0);
  auto generic =
      linalg::GenericOp::create(builder, loc, filled.getType(), inputs, filled, allMaps, iterators,
                                [&](OpBuilder &bodyBuilder, Location bodyLoc, ValueRange args) {
                                  ImplicitLocOpBuilder inner(bodyLoc, bodyBuilder);
                                  SmallVector<Value> wideArgs;
                                  for (Value arg : args) {
                                    wideArgs.push_back(widen(inner, arg));
                                  }
                                  linalg::YieldOp::create(inner, body(inner, wideArgs));
                                });
  if (wide == element) {
    return generic.getResult(0);
  }
  return buildMap(builder, loc, type, generic.getResult(0),
                  builder.getMultiDimIdentityMap(type.getRank()),
                  [&](ImplicitLocOpBuilder &inner, ValueRange args) -> Value {
                    return arith::TruncFOp::create(inner, element, args[0]);
                  });
}

static SmallVector<Value> applyMap(ImplicitLocOpBuilder &b, AffineMap map, ValueRange index) {
  SmallVector<Value> results;
  for (unsigned i = 0; i < map.getNumResults(); ++i) {
    results.push_back(affine::AffineApplyOp::create(b, map.getSubMap({i}), index));
  }
  return results;
}

/// The piece's element, widened, where its guards hold, else `otherwise`. (LLVM turns a choice between bf16
/// into calls.)
static Value emitPiece(ImplicitLocOpBuilder &b, const AccessPiece &piece, Value operand,
                       ValueRange index, Value otherwise) {
  auto extract = [&](ImplicitLocOpBuilder &inner) -> Value {
    return emitWide(inner,
                    tensor::ExtractOp::create(inner, operand, applyMap(inner, piece.index, index)));
  };
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value holds;
  for (Value guard : applyMap(b, piece.guards, index)) {
    Value positive = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, guard, zero);
    holds = holds ? Value(arith::AndIOp::create(b, holds, positive)) : positive;
  }
  if (!holds) {
    return extract(b);
  }
  auto choice = scf::IfOp::create(
      b, holds,
      [&](OpBuilder &thenBuilder, Location loc) {
        ImplicitLocOpBuilder inner(loc, thenBuilder);
        scf::YieldOp::create(inner, extract(inner));
      },
      [&](OpBuilder &elseBuilder, Location loc) {
        scf::YieldOp::create(elseBuilder, loc, otherwise);
      });
  return choice.getResult(0);
}

/// True if the map reads whole axes only: linalg takes the loops' extents from every operand.
static bool readsWholeAxes(AffineMap map, RankedTensorType operand, RankedTensorType result) {
  for (auto [expr, extent] : llvm::zip_equal(map.getResults(), operand.getShape())) {
    auto axis = dyn_cast<AffineDimExpr>(expr);
    if (axis ? result.getDimSize(axis.getPosition()) != extent : extent != 1) {
      return false;
    }
  }
  return true;
}

Value mome::nn::lowerAccess(AccessOpInterface op, OpBuilder &builder, ValueRange operands) {
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  SmallVector<AccessPiece> pieces = op.getAccessPieces();
  // Plain permutations and broadcasts are indexing maps.
  if (pieces.size() == 1 && pieces[0].guards.getNumResults() == 0 &&
      pieces[0].index.isProjectedPermutation(/*allowZeroInResults=*/true) &&
      readsWholeAxes(pieces[0].index, cast<RankedTensorType>(operands[pieces[0].operand].getType()),
                     type)) {
    return buildMap(builder, op.getLoc(), type, operands[pieces[0].operand], pieces[0].index,
                    [](ImplicitLocOpBuilder &, ValueRange args) { return args[0]; });
  }
  return buildMap(builder, op.getLoc(), type, {}, {}, [&](ImplicitLocOpBuilder &b, ValueRange) {
    SmallVector<Value> index;
    for (int64_t axis = 0; axis < type.getRank(); ++axis) {
      index.push_back(linalg::IndexOp::create(b, axis));
    }
    Value element = emitConstant(b, getWideType(type.getElementType()), op.getFill());
    for (const AccessPiece &piece : pieces) {
      element = emitPiece(b, piece, operands[piece.operand], index, element);
    }
    return emitFloatCast(b, element, type.getElementType());
  });
}

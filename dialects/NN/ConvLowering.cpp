// The naive lowering of convolution and pooling.
//
// Every form gathers: a linalg.generic over the result and the summed loops, whose body reads the
// windowed tensor where the window lies within it, and nothing outside:
//   y[b,g,o,p]  += w[g,o,c,k] x[b,g,c, p stride + k dilation - pad]
//   dx[b,g,c,q] += w[g,o,c,k] dy[b,g,o, (q + pad - k dilation) / stride], where that is whole
//   dw[g,o,c,k] += dy[b,g,o,p] x[b,g,c, p stride + k dilation - pad]
#include "dialects/NN/Conv.h"
#include "dialects/NN/Expr.h"
#include "dialects/NN/FloatCast.h"
#include "dialects/NN/LinalgBuilding.h"
#include "dialects/NN/Window.h"

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mome::nn;

using Results = SmallVectorImpl<Value>;

//===-- Guarded reads -------------------------------------------------------------------------===//

namespace {

/// A position along some axes, and the condition under which it exists (null: always).
struct Position {
  SmallVector<Value> index;
  Value exists;
};

/// Builds the body of a generic: loop indices and guarded reads.
struct Gather {
  ImplicitLocOpBuilder &b;
  const Window &window;

  Value constant(int64_t value) const { return arith::ConstantIndexOp::create(b, value); }
  /// Indices of the loops [first, first + count).
  SmallVector<Value> loops(int64_t first, int64_t count) const {
    return llvm::map_to_vector(llvm::seq(first, first + count), [&](int64_t loop) -> Value {
      return linalg::IndexOp::create(b, loop);
    });
  }
  Value evaluate(AffineExpr expr, Value p, Value k) const {
    return affine::AffineApplyOp::create(b, AffineMap::get(2, 0, expr), ValueRange{p, k});
  }
  void require(Position &position, arith::CmpIPredicate predicate, Value lhs, int64_t rhs) const {
    Value holds = arith::CmpIOp::create(b, predicate, lhs, constant(rhs));
    position.exists =
        position.exists ? Value(arith::AndIOp::create(b, position.exists, holds)) : holds;
  }

  /// Where result position p and kernel position k look in an input of `extents`.
  Position input(ValueRange p, ValueRange k, ArrayRef<int64_t> extents) const {
    Position position;
    AffineExpr d0 = b.getAffineDimExpr(0), d1 = b.getAffineDimExpr(1);
    for (int64_t axis = 0; axis < window.rank(); ++axis) {
      AffineExpr at = d0 * window.strides[axis] + d1 * window.dilations[axis] - window.padLow[axis];
      position.index.push_back(evaluate(at, p[axis], k[axis]));
      require(position, arith::CmpIPredicate::sge, position.index.back(), 0);
      require(position, arith::CmpIPredicate::slt, position.index.back(), extents[axis]);
    }
    return position;
  }
  /// Which result, of `extents`, sees input position q through kernel position k.
  Position output(ValueRange q, ValueRange k, ArrayRef<int64_t> extents) const {
    Position position;
    AffineExpr d0 = b.getAffineDimExpr(0), d1 = b.getAffineDimExpr(1);
    for (int64_t axis = 0; axis < window.rank(); ++axis) {
      AffineExpr scaled = d0 - d1 * window.dilations[axis] + window.padLow[axis];
      position.index.push_back(evaluate(scaled.floorDiv(window.strides[axis]), q[axis], k[axis]));
      require(position, arith::CmpIPredicate::eq,
              evaluate(scaled % window.strides[axis], q[axis], k[axis]), 0);
      require(position, arith::CmpIPredicate::sge, position.index.back(), 0);
      require(position, arith::CmpIPredicate::slt, position.index.back(), extents[axis]);
    }
    return position;
  }

  /// `body()` where the position exists, else `otherwise`.
  Value where(const Position &position, Value otherwise,
              llvm::function_ref<Value(ImplicitLocOpBuilder &)> body) const {
    auto choice = scf::IfOp::create(
        b, position.exists,
        [&](OpBuilder &thenBuilder, Location loc) {
          ImplicitLocOpBuilder inner(loc, thenBuilder);
          scf::YieldOp::create(inner, body(inner));
        },
        [&](OpBuilder &elseBuilder, Location loc) {
          scf::YieldOp::create(elseBuilder, loc, otherwise);
        });
    return choice.getResult(0);
  }
  static Value read(ImplicitLocOpBuilder &b, Value tensor, ValueRange leading,
                    const Position &position) {
    SmallVector<Value> index(leading);
    llvm::append_range(index, position.index);
    return tensor::ExtractOp::create(b, tensor, index);
  }
  /// `sum + factor tensor[leading, position]` where the position exists, else `sum`.
  Value accumulate(Value sum, Value factor, Value tensor, ValueRange leading,
                   const Position &position) const {
    return where(position, sum, [&](ImplicitLocOpBuilder &inner) -> Value {
      Value element = emitWide(inner, read(inner, tensor, leading, position));
      return scalarExpr(inner, sum) + scalarExpr(inner, factor) * scalarExpr(inner, element);
    });
  }
};

} // namespace

static SmallVector<int64_t> getSpatial(RankedTensorType type, int64_t leading) {
  return llvm::to_vector(type.getShape().drop_front(leading));
}

//===-- Convolution ---------------------------------------------------------------------------===//

/// The type with axis `axis` split into [groups, rest].
static RankedTensorType splitType(RankedTensorType type, int64_t axis, int64_t groups) {
  SmallVector<int64_t> shape(type.getShape());
  shape[axis] /= groups;
  shape.insert(shape.begin() + axis, groups);
  return type.clone(shape);
}
/// Splits axis `axis` into [groups, rest].
static Value splitGroups(OpBuilder &b, Location loc, Value x, int64_t axis, int64_t groups) {
  RankedTensorType type = typeOf(x);
  SmallVector<ReassociationIndices> axes;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    int64_t to = i + (i > axis ? 1 : 0);
    axes.push_back(i == axis ? ReassociationIndices{to, to + 1} : ReassociationIndices{to});
  }
  return tensor::ExpandShapeOp::create(b, loc, splitType(type, axis, groups), x, axes);
}
/// And back, to `type`.
static Value joinGroups(OpBuilder &b, Location loc, Value x, int64_t axis, RankedTensorType type) {
  SmallVector<ReassociationIndices> axes;
  for (int64_t i = 0; i < type.getRank(); ++i) {
    int64_t from = i + (i > axis ? 1 : 0);
    axes.push_back(i == axis ? ReassociationIndices{from, from + 1} : ReassociationIndices{from});
  }
  return tensor::CollapseShapeOp::create(b, loc, type, x, axes);
}

static AffineMap selectLoops(OpBuilder &b, unsigned loops, ArrayRef<unsigned> leading,
                             int64_t firstSpatial, int64_t rank) {
  SmallVector<unsigned> selected(leading);
  llvm::append_range(selected, llvm::seq<unsigned>(firstSpatial, firstSpatial + rank));
  return b.getMultiDimIdentityMap(loops).getSubMap(selected);
}

/// The forward form, or the one towards the input: both add up, over the channels of `operands[0]` and
/// the kernel positions, weights times elements that `find` leads to. `weightAxes` are the loops of the
/// weight's leading axes; loop `3 + rank` is the summed channel.
template <typename Op, typename Find>
static Value sumOverWindow(Op op, OpBuilder &b, ValueRange operands, ArrayRef<unsigned> weightAxes,
                           Find find) {
  RankedTensorType type = typeOf(op.getResult());
  Window window = getConvWindow(op, typeOf(op.getWeight()).getShape());
  Value from = splitGroups(b, op.getLoc(), operands[0], 1, op.getGroups());
  Value weight = splitGroups(b, op.getLoc(), operands[1], 0, op.getGroups());
  // Loops: b, g, channel, position.., summed channel, kernel position..
  int64_t rank = window.rank(), summed = 3 + rank, k = summed + 1, loops = k + rank;
  Value sum = buildReduction(
      b, op.getLoc(), splitType(type, 1, op.getGroups()), weight,
      selectLoops(b, loops, weightAxes, k, rank), selectLoops(b, loops, {0, 1, 2}, 3, rank), 0.0,
      [&](ImplicitLocOpBuilder &inner, ValueRange args) {
        Gather gather{inner, window};
        SmallVector<Value> at = gather.loops(0, loops);
        auto position = (gather.*find)(ValueRange(at).slice(3, rank), ValueRange(at).drop_front(k),
                                       getSpatial(typeOf(from), 3));
        return gather.accumulate(args[1], args[0], from, {at[0], at[1], at[summed]}, position);
      });
  return joinGroups(b, op.getLoc(), sum, 1, type);
}

LogicalResult ConvOp::lowerToLinalg(OpBuilder &b, ValueRange operands, Results &results) {
  unsigned inputChannel = typeOf(getResult()).getRank() + 1;
  results.push_back(sumOverWindow(*this, b, operands, {1, 2, inputChannel}, &Gather::input));
  return success();
}

LogicalResult ConvBackwardInputOp::lowerToLinalg(OpBuilder &b, ValueRange operands,
                                                 Results &results) {
  unsigned outputChannel = typeOf(getResult()).getRank() + 1;
  results.push_back(sumOverWindow(*this, b, operands, {1, outputChannel, 2}, &Gather::output));
  return success();
}

LogicalResult ConvBackwardWeightOp::lowerToLinalg(OpBuilder &b, ValueRange operands,
                                                  Results &results) {
  RankedTensorType dw = typeOf(getResult());
  Window window = getConvWindow(*this, dw.getShape());
  Value x = splitGroups(b, getLoc(), operands[0], 1, getGroups());
  Value dy = splitGroups(b, getLoc(), operands[1], 1, getGroups());
  // Loops: g, o, c, k.., b, p..
  int64_t rank = window.rank(), batch = 3 + rank, p = batch + 1, loops = p + rank;
  Value sum = buildReduction(
      b, getLoc(), splitType(dw, 0, getGroups()), dy,
      selectLoops(b, loops, {unsigned(batch), 0, 1}, p, rank),
      selectLoops(b, loops, {0, 1, 2}, 3, rank), 0.0,
      [&](ImplicitLocOpBuilder &inner, ValueRange args) {
        Gather gather{inner, window};
        SmallVector<Value> at = gather.loops(0, loops);
        Position position = gather.input(ValueRange(at).drop_front(p),
                                         ValueRange(at).slice(3, rank), getSpatial(typeOf(x), 3));
        return gather.accumulate(args[1], args[0], x, {at[batch], at[0], at[2]}, position);
      });
  results.push_back(joinGroups(b, getLoc(), sum, 0, dw));
  return success();
}

//===-- Pooling -------------------------------------------------------------------------------===//

namespace {

/// A reduction over windows: loops b, c, p.., k.., the last given by an empty tensor of the
/// kernel's shape.
struct PoolLowering {
  PoolLowering(OpBuilder &b, Location loc, Window window, ArrayRef<int64_t> extents)
      : b(b), loc(loc), window(std::move(window)), extents(extents) {}

  using Body = llvm::function_ref<Value(Gather &gather, ValueRange p, ValueRange k,
                                        ValueRange leading, ValueRange args)>;

  Value build(RankedTensorType type, ValueRange perResult, double initial, Body body) const {
    int64_t rank = window.rank(), loops = 2 + 2 * rank;
    AffineMap toResult = selectLoops(b, loops, {0, 1}, 2, rank);
    SmallVector<Value> inputs{tensor::EmptyOp::create(b, loc, window.kernel, b.getI8Type())};
    SmallVector<AffineMap> maps{selectLoops(b, loops, {}, 2 + rank, rank)};
    for (Value input : perResult) {
      inputs.push_back(input);
      maps.push_back(toResult);
    }
    return buildReduction(b, loc, type, inputs, maps, toResult, initial,
                          [&](ImplicitLocOpBuilder &inner, ValueRange args) {
                            Gather gather{inner, window};
                            SmallVector<Value> at = gather.loops(0, loops);
                            ValueRange all(at);
                            return body(gather, all.slice(2, rank), all.drop_front(2 + rank),
                                        all.take_front(2), args.drop_front());
                          });
  }
  /// The row-major position of `index` within the spatial axes of x, as i32.
  Value linearize(ImplicitLocOpBuilder &inner, ValueRange index) const {
    Value linear = affine::AffineLinearizeIndexOp::create(inner, index, extents, true);
    return arith::IndexCastOp::create(inner, inner.getI32Type(), linear);
  }

  OpBuilder &b;
  Location loc;
  Window window;
  SmallVector<int64_t> extents; // of x
};

} // namespace

LogicalResult MaxPoolOp::lowerToLinalg(OpBuilder &b, ValueRange operands, Results &results) {
  Value x = operands[0];
  PoolLowering pool(b, getLoc(), getPoolWindow(*this), getSpatial(typeOf(x), 2));
  Value max = pool.build(
      typeOf(getResult()), {}, -INFINITY,
      [&](Gather &gather, ValueRange p, ValueRange k, ValueRange leading, ValueRange args) {
        Position position = gather.input(p, k, pool.extents);
        return gather.where(position, args[0], [&](ImplicitLocOpBuilder &inner) -> Value {
          Value element = emitWide(inner, Gather::read(inner, x, leading, position));
          return arith::MaximumFOp::create(inner, args[0], element);
        });
      });
  // The smallest position whose element equals the maximum, or is NaN.
  Value argmax = pool.build(
      typeOf(getArgmax()), max, ShapedType::getNumElements(pool.extents),
      [&](Gather &gather, ValueRange p, ValueRange k, ValueRange leading, ValueRange args) {
        Position position = gather.input(p, k, pool.extents);
        return gather.where(position, args[1], [&](ImplicitLocOpBuilder &inner) -> Value {
          Value element = emitWide(inner, Gather::read(inner, x, leading, position));
          Value equal = arith::CmpFOp::create(inner, arith::CmpFPredicate::OEQ, element, args[0]);
          Value isNan = arith::CmpFOp::create(inner, arith::CmpFPredicate::UNO, element, element);
          Value lower =
              arith::MinSIOp::create(inner, args[1], pool.linearize(inner, position.index));
          return arith::SelectOp::create(inner, arith::OrIOp::create(inner, equal, isNan), lower,
                                         args[1]);
        });
      });
  results.append({max, argmax});
  return success();
}

LogicalResult MaxPoolBackwardOp::lowerToLinalg(OpBuilder &b, ValueRange operands,
                                               Results &results) {
  Value dy = operands[0], argmax = operands[1];
  PoolLowering pool(b, getLoc(), getPoolWindow(*this), getSpatial(typeOf(getResult()), 2));
  results.push_back(pool.build(
      typeOf(getResult()), {}, 0.0,
      [&](Gather &gather, ValueRange q, ValueRange k, ValueRange leading, ValueRange args) {
        Position position = gather.output(q, k, getSpatial(typeOf(dy), 2));
        return gather.where(position, args[0], [&](ImplicitLocOpBuilder &inner) -> Value {
          Value winner = Gather::read(inner, argmax, leading, position);
          Value won = arith::CmpIOp::create(inner, arith::CmpIPredicate::eq, winner,
                                            pool.linearize(inner, q));
          Value share = emitWide(inner, Gather::read(inner, dy, leading, position));
          Value sum = arith::AddFOp::create(inner, args[0], share);
          return arith::SelectOp::create(inner, won, sum, args[0]);
        });
      }));
  return success();
}

LogicalResult AvgPoolOp::lowerToLinalg(OpBuilder &b, ValueRange operands, Results &results) {
  Value x = operands[0];
  RankedTensorType type = typeOf(getResult());
  PoolLowering pool(b, getLoc(), getPoolWindow(*this), getSpatial(typeOf(x), 2));
  RankedTensorType wide =
      RankedTensorType::get(type.getShape(), getWideType(type.getElementType()));
  Value sum = pool.build(
      wide, {}, 0.0,
      [&](Gather &gather, ValueRange p, ValueRange k, ValueRange leading, ValueRange args) {
        Position position = gather.input(p, k, pool.extents);
        return gather.where(position, args[0], [&](ImplicitLocOpBuilder &inner) -> Value {
          Value element = emitWide(inner, Gather::read(inner, x, leading, position));
          return arith::AddFOp::create(inner, args[0], element);
        });
      });
  SmallVector<Attribute> shares = llvm::map_to_vector(getShares(), [&](double share) -> Attribute {
    return FloatAttr::get(wide.getElementType(), share);
  });
  Value share = arith::ConstantOp::create(
      b, getLoc(), DenseElementsAttr::get(wide.clone(getSpatial(type, 2)), shares));
  AffineMap all = b.getMultiDimIdentityMap(type.getRank());
  results.push_back(buildMap(
      b, getLoc(), type, {sum, share}, {all, all.getMinorSubMap(type.getRank() - 2)},
      [&](ImplicitLocOpBuilder &inner, ValueRange args) -> Value {
        return emitFloatCast(inner, scalarExpr(inner, args[0]) * scalarExpr(inner, args[1]),
                             type.getElementType());
      }));
  return success();
}

// The naive lowering of attention: linalg loops over [B, heads, N, M] scores.
#include "dialects/NN/Expr.h"
#include "dialects/NN/FloatCast.h"
#include "dialects/NN/LinalgBuilding.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mome::nn;

namespace {

/// Shapes, index maps and operands of one attention, with the channels split into heads. The loops
/// of every product are (b, h, n, m, c), c over the channels of a head.
struct Lowering {
  template <typename Op>
  Lowering(OpBuilder &b, Op op, Value query, Value key, Value value, Value bias)
      : b(b), loc(op.getLoc()), heads(op.getHeads()), scale(op.getScale().convertToDouble()),
        query(split(query)), key(split(key)), value(split(value)), bias(bias) {
    RankedTensorType q = typeOf(query), k = typeOf(key);
    scores = RankedTensorType::get({q.getDimSize(0), heads, q.getDimSize(1), k.getDimSize(1)},
                                   getWideType(q.getElementType()));
    rows = scores.clone(scores.getShape().drop_back());
  }

  /// [B, rows, heads * c] as [B, rows, heads, c].
  Value split(Value x) const {
    RankedTensorType type = typeOf(x);
    RankedTensorType whole =
        type.clone({type.getDimSize(0), type.getDimSize(1), heads, type.getDimSize(2) / heads});
    return tensor::ExpandShapeOp::create(b, loc, whole, x, headAxes());
  }
  /// And back.
  Value join(Value x) const { return tensor::CollapseShapeOp::create(b, loc, x, headAxes()); }
  static SmallVector<ReassociationIndices> headAxes() { return {{0}, {1}, {2, 3}}; }

  AffineMap loops(ArrayRef<unsigned> axes) const {
    return AffineMap::getMultiDimIdentityMap(5, b.getContext()).getSubMap(axes);
  }
  AffineMap overQueries() const { return loops({0, 2, 1, 4}); } // b, n, h, c
  AffineMap overKeys() const { return loops({0, 3, 1, 4}); }    // b, m, h, c
  AffineMap overScores() const { return loops({0, 1, 2, 3}); }
  AffineMap rowMap() const {
    return AffineMap::getMultiDimIdentityMap(4, b.getContext()).getSubMap({0, 1, 2});
  }

  /// Sums x y over the loops that `to` leaves out.
  Value product(RankedTensorType type, Value x, AffineMap ofX, Value y, AffineMap ofY,
                AffineMap to) const {
    return buildReduction(b, loc, type, {x, y}, {ofX, ofY}, to, 0.0,
                          [](ImplicitLocOpBuilder &inner, ValueRange args) -> Value {
                            return scalarExpr(inner, args[2]) +
                                   scalarExpr(inner, args[0]) * scalarExpr(inner, args[1]);
                          });
  }
  /// `body` over all scores; `perRow` has one value for each query.
  Value mapScores(Value x, Value perRow,
                  llvm::function_ref<Value(ScalarExpr x, ScalarExpr perRow)> body) const {
    AffineMap all = b.getMultiDimIdentityMap(4);
    return buildMap(b, loc, scores, {x, perRow}, {all, rowMap()},
                    [&](ImplicitLocOpBuilder &inner, ValueRange args) -> Value {
                      return body(scalarExpr(inner, args[0]), scalarExpr(inner, args[1]));
                    });
  }

  /// scale q k^T + bias.
  Value buildScores() const {
    Value raw = product(scores, query, overQueries(), key, overKeys(), overScores());
    AffineMap all = b.getMultiDimIdentityMap(4);
    SmallVector<Value> inputs{raw};
    SmallVector<AffineMap> maps{all};
    if (bias) {
      inputs.push_back(bias);
      maps.push_back(all.getMinorSubMap(typeOf(bias).getRank()));
    }
    return buildMap(b, loc, scores, inputs, maps,
                    [&](ImplicitLocOpBuilder &inner, ValueRange args) -> Value {
                      ScalarExpr s = scalarExpr(inner, args[0]) * scale;
                      return bias ? s + scalarExpr(inner, emitWide(inner, args[1])) : s;
                    });
  }
  /// max or sum over the keys of `body(score)`.
  template <typename Combine> Value reduceKeys(Value x, double initial) const {
    return buildReduction(b, loc, rows, x, b.getMultiDimIdentityMap(4), rowMap(), initial,
                          [](ImplicitLocOpBuilder &inner, ValueRange args) -> Value {
                            return Combine::create(inner, args[1], args[0]);
                          });
  }
  Value buildLse(Value s) const {
    Value max = reduceKeys<arith::MaximumFOp>(s, -INFINITY);
    Value shifted = mapScores(s, max, [](ScalarExpr x, ScalarExpr m) { return exp(x - m); });
    Value sum = reduceKeys<arith::AddFOp>(shifted, 0.0);
    AffineMap all = b.getMultiDimIdentityMap(3);
    return buildMap(b, loc, rows, {max, sum}, {all, all},
                    [](ImplicitLocOpBuilder &inner, ValueRange args) -> Value {
                      return scalarExpr(inner, args[0]) + log(scalarExpr(inner, args[1]));
                    });
  }
  Value buildProbabilities(Value s, Value lse) const {
    return mapScores(s, lse, [](ScalarExpr x, ScalarExpr l) { return exp(x - l); });
  }

  OpBuilder &b;
  Location loc;
  int64_t heads;
  double scale;
  Value query, key, value, bias; // heads split
  RankedTensorType scores, rows;
};

} // namespace

LogicalResult AttentionOp::lowerToLinalg(OpBuilder &b, ValueRange operands,
                                         SmallVectorImpl<Value> &results) {
  Lowering lowering(b, *this, operands[0], operands[1], operands[2],
                    getBias() ? operands[3] : Value());
  Value s = lowering.buildScores();
  Value lse = lowering.buildLse(s);
  Value p = lowering.buildProbabilities(s, lse);
  RankedTensorType q = typeOf(lowering.query), v = typeOf(lowering.value);
  RankedTensorType type =
      q.clone({q.getDimSize(0), q.getDimSize(1), q.getDimSize(2), v.getDimSize(3)});
  Value output = lowering.product(type, p, lowering.overScores(), lowering.value,
                                  lowering.overKeys(), lowering.overQueries());
  results.append({lowering.join(output), lse});
  return success();
}

LogicalResult AttentionBackwardOp::lowerToLinalg(OpBuilder &b, ValueRange operands,
                                                 SmallVectorImpl<Value> &results) {
  Lowering lowering(b, *this, operands[1], operands[2], operands[3],
                    getBias() ? operands[6] : Value());
  AffineMap overScores = lowering.overScores();
  AffineMap overQueries = lowering.overQueries(), overKeys = lowering.overKeys();
  Value dy = lowering.split(operands[0]), y = lowering.split(operands[4]), lse = operands[5];

  Value p = lowering.buildProbabilities(lowering.buildScores(), lse);
  Value dp =
      lowering.product(lowering.scores, dy, overQueries, lowering.value, overKeys, overScores);
  // The row term, over loops (b, h, n, c).
  AffineMap all = b.getMultiDimIdentityMap(4);
  AffineMap byQuery = all.getSubMap({0, 2, 1, 3});
  Value rowTerm = lowering.product(lowering.rows, dy, byQuery, y, byQuery, lowering.rowMap());
  Value centered =
      lowering.mapScores(dp, rowTerm, [](ScalarExpr x, ScalarExpr r) { return x - r; });
  Value ds = buildMap(b, getLoc(), lowering.scores, {p, centered}, {all, all},
                      [](ImplicitLocOpBuilder &inner, ValueRange args) -> Value {
                        return scalarExpr(inner, args[0]) * scalarExpr(inner, args[1]);
                      });
  Value scaled = buildMap(b, getLoc(), lowering.scores, ds, all,
                          [&](ImplicitLocOpBuilder &inner, ValueRange args) -> Value {
                            return scalarExpr(inner, args[0]) * lowering.scale;
                          });
  Value dq = lowering.product(typeOf(lowering.query), scaled, overScores, lowering.key, overKeys,
                              overQueries);
  Value dk = lowering.product(typeOf(lowering.key), scaled, overScores, lowering.query, overQueries,
                              overKeys);
  Value dv = lowering.product(typeOf(lowering.value), p, overScores, dy, overQueries, overKeys);
  results.append({lowering.join(dq), lowering.join(dk), lowering.join(dv)});
  if (getBiasGradient()) {
    RankedTensorType type = typeOf(getBiasCotangent());
    results.push_back(buildReduction(b, getLoc(), type, ds, all, all.getMinorSubMap(type.getRank()),
                                     0.0,
                                     [](ImplicitLocOpBuilder &inner, ValueRange args) -> Value {
                                       return arith::AddFOp::create(inner, args[1], args[0]);
                                     }));
  }
  return success();
}

// See ScoreGradient.h.
#include "passes/cuda/ScoreGradient.h"
#include "passes/cuda/ThreadReduction.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

ScoreGradient::ScoreGradient(LaunchBuilder &b, const AttentionPlan &plan,
                             nn::AttentionBackwardOp op)
    : AttentionTiles(b, plan, op.getBias(), op.getScale().convertToDouble()),
      hasAllKeys(plan.rowsOf == AttentionPlan::Rows::allKeys),
      rowsAreKeys(hasAllKeys || plan.rowsOf == AttentionPlan::Rows::gradientOfKeys),
      query{tensorOf(b, op.getQueryMutable()), plan.queries, plan.depth},
      key{tensorOf(b, op.getKeyMutable()), plan.keys, plan.depth},
      value{tensorOf(b, op.getValueMutable()), plan.keys, plan.valueDepth},
      cotangent{tensorOf(b, op.getCotangentMutable()), plan.queries, plan.valueDepth},
      result{tensorOf(b, op.getResultMutable()), plan.queries, plan.valueDepth},
      lse(b.getOperandBuffer(op.getLse())), rowTensor(rowsAreKeys ? key : query),
      columnTensor(rowsAreKeys ? query : key), rowFactor(rowsAreKeys ? value : cotangent),
      columnFactor(rowsAreKeys ? cotangent : value), rowTile(makeRowTile()),
      rowFactorTile(makeRowTile()), columnTile(makeColumnTile()),
      columnFactorTile(makeColumnTile()) {
  if (hasAllKeys) {
    resultTile.emplace(makeColumnTile());
  } else {
    delta = b.reserveScratch({plan.batches * plan.heads * plan.queries}, b.getF32Type());
  }
  if (rowsAreKeys) {
    int64_t size = 2 * plan.stages * plan.columnTokens;
    columnValues = b.shareMemory(sharedBytes, size, b.getF32Type());
    sharedBytes += 4 * size;
  }
}

void ScoreGradient::copyRows() {
  copyTile(rowTile, rowTensor, firstToken, b.index(0));
  copyTile(rowFactorTile, rowFactor, firstToken, b.index(0));
}

void ScoreGradient::loadRows() {
  rows = math->loadRows(rowTile, plan.channelDepth(plan.depth));
  factors = math->loadRows(rowFactorTile, plan.channelDepth(plan.valueDepth));
  rowShifts.clear();
  rowDeltas.clear();
  for (int64_t i = 0; !rowsAreKeys && i < math->rows; ++i) {
    Value at = rowOf(b.minIndex(rowToken(i, firstToken), plan.queries - 1));
    rowShifts.push_back(memref::LoadOp::create(b, lse, at));
    rowDeltas.push_back(memref::LoadOp::create(b, delta, at));
  }
}

/// Of the thread's columns.
SmallVector<Value> ScoreGradient::loadColumns(const Columns &columns, int64_t number) {
  Value origin =
      b.addIndex(b.mulIndex(columns.stage, 2 * plan.columnTokens), number * plan.columnTokens);
  SmallVector<Value> result;
  for (int64_t j = 0; j < math->columnsOf(columns.tokens); ++j) {
    result.push_back(
        memref::LoadOp::create(b, columnValues, b.addIndex(origin, math->columnOf(j))));
  }
  return result;
}

void ScoreGradient::copyColumns(Value firstColumn, Value stage) {
  copyTile(columnTile, columnTensor, firstColumn, slotOf(columnTile, stage));
  copyTile(columnFactorTile, columnFactor, firstColumn, slotOf(columnFactorTile, stage));
  if (hasAllKeys) {
    copyTile(*resultTile, result, firstColumn, slotOf(*resultTile, stage));
  }
  if (!rowsAreKeys) {
    return;
  }
  b.ifThen(b.isLess(b.getThread(), b.index(plan.columnTokens)), [&] {
    Value query = b.addIndex(firstColumn, b.getThread());
    Value exists = b.isLess(query, b.index(plan.queries));
    Value at = b.addIndex(b.mulIndex(stage, 2 * plan.columnTokens), b.getThread());
    b.copyAsync(columnValues, at, lse, rowOf(query), 1, exists);
    if (delta) {
      b.copyAsync(columnValues, b.addIndex(at, plan.columnTokens), delta, rowOf(query), 1, exists);
    }
  });
}

Value mome::cuda::addProducts(LaunchBuilder &b, Value left, Value right, Value total) {
  auto type = dyn_cast<VectorType>(left.getType());
  for (int64_t e = 0; e < (type ? type.getNumElements() : 1); ++e) {
    auto element = [&](Value all) {
      return type ? vector::ExtractOp::create(b, all, ArrayRef<int64_t>{e}) : all;
    };
    total = math::FmaOp::create(b, element(left), element(right), total);
  }
  return total;
}

void ScoreGradient::emitDelta(const Columns &columns) {
  constexpr int64_t lanes = 4; // that have a query
  int64_t unit = elementsPerUnit(result.buffer), units = plan.tileDepth / unit;
  for (int64_t number = 0; number < columns.tokens * lanes; number += plan.threads) {
    Value place = b.addIndex(b.getThread(), number);
    b.ifThen(b.isLess(place, b.index(columns.tokens * lanes)), [&] { // whole warps
      Value row = b.divIndex(place, lanes), lane = b.remIndex(place, lanes);
      Value total = constant(0.0);
      for (int64_t i = 0; i < units; i += lanes) {
        Value channel = b.mulIndex(b.addIndex(lane, i), unit);
        auto load = [&](SharedTile &tile) {
          return b.widenBits(tile.loadUnit(row, channel, slotOf(tile, columns.stage)));
        };
        total = addProducts(b, load(*resultTile), load(columnFactorTile), total);
      }
      total = ThreadReduction(b, nn::ReductionKind::sum).overWarp(total, lanes).front();
      Value at = b.addIndex(b.mulIndex(columns.stage, 2 * plan.columnTokens),
                            b.addIndex(row, plan.columnTokens));
      b.ifThen(b.isEqual(lane, b.index(0)),
               [&] { memref::StoreOp::create(b, total, columnValues, at); });
    });
  }
}

ColumnTile ScoreGradient::tokensOf(const Columns &columns) {
  return {columnTile, slotOf(columnTile, columns.stage), columns.tokens};
}

ColumnTile ScoreGradient::factorsOf(const Columns &columns) {
  return {columnFactorTile, slotOf(columnFactorTile, columns.stage), columns.tokens};
}

/// exp(scale product + bias - lse)
Value ScoreGradient::emitWeight(Value product, Value lseOfQuery, Value row, Value column) {
  Value shift = arith::MulFOp::create(b, lseOfQuery, constant(-math->logarithmScale()));
  if (hasBias()) {
    Value safe = b.minIndex(column, columnTensor.length - 1);
    Value bias = loadBias(rowsAreKeys ? safe : row, rowsAreKeys ? row : safe);
    shift = arith::AddFOp::create(b, shift, bias);
  }
  return math->power(math::FmaOp::create(b, product, constant(scoreScale()), shift));
}

SmallVector<Value> ScoreGradient::emitWeights(const Columns &columns) {
  SmallVector<Value> weights =
      math->multiply(rowTile, rows, tokensOf(columns), plan.channelDepth(plan.depth));
  int64_t width = math->columnsOf(columns.tokens);
  SmallVector<Value> shifts = rowsAreKeys ? loadColumns(columns, /*number=*/0) : rowShifts;
  for (auto [at, weight] : llvm::enumerate(weights)) {
    int64_t i = at / width, j = at % width;
    Value row = b.minIndex(rowToken(i, firstToken), rowTensor.length - 1);
    Value column = columnToken(j, columns.first);
    weight = emitWeight(weight, shifts[rowsAreKeys ? j : i], row, column);
    if (!columns.areAll) {
      Value exists = b.isLess(column, b.index(columnTensor.length));
      weight = arith::SelectOp::create(b, exists, weight, constant(0.0));
    }
  }
  return weights;
}

SmallVector<Value> ScoreGradient::emitWeightGradients(const Columns &columns) {
  if (hasAllKeys) {
    emitDelta(columns);
  }
  SmallVector<Value> products = math->multiply(rowFactorTile, factors, factorsOf(columns),
                                               plan.channelDepth(plan.valueDepth));
  if (hasAllKeys) {
    b.barrier(); // delta is there
  }
  return products;
}

SmallVector<Value> ScoreGradient::emitGradients(ArrayRef<Value> weights,
                                                ArrayRef<Value> weightGradients,
                                                const Columns &columns) {
  int64_t width = math->columnsOf(columns.tokens);
  SmallVector<Value> deltas = rowsAreKeys ? loadColumns(columns, /*number=*/1) : rowDeltas;
  SmallVector<Value> gradients;
  for (auto [at, gradient] : llvm::enumerate(weightGradients)) {
    Value mean = deltas[rowsAreKeys ? at % width : at / width];
    Value distance = arith::SubFOp::create(b, gradient, mean);
    gradients.push_back(arith::MulFOp::create(b, weights[at], distance));
  }
  return gradients;
}

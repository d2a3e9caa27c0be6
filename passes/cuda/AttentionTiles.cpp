// See AttentionTiles.h.
#include "passes/cuda/AttentionTiles.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

std::string mome::cuda::refuseAttention(Operation *op, unsigned operands,
                                        const AttentionPlan &plan) {
  if (std::string reason = refuseAround(op); !reason.empty()) {
    return reason;
  }
  for (Value operand : op->getOperands().take_front(operands)) {
    if (cast<ShapedType>(operand.getType()).getElementType().isBF16() != plan.isBf16) {
      return "operands of two element types";
    }
  }
  return plan.tileDepth == 0 ? "heads of more than 128 channels" : "";
}

AttentionTiles::AttentionTiles(LaunchBuilder &b, const AttentionPlan &plan, Value bias,
                               double scale)
    : b(b), plan(plan), math(createAttentionMath(b, plan)), scale(scale) {
  if (bias) {
    this->bias = b.getOperandBuffer(bias);
    biasPerBatch = cast<RankedTensorType>(bias.getType()).getRank() == 4;
  }
}

int64_t AttentionTiles::takePlace(int64_t tokens) {
  int64_t tiles = ceilDiv(tokens, plan.rowTokens);
  SmallVector<Value> place = b.delinearize(b.getBlock(), {plan.batches, plan.heads, tiles});
  batch = place[0];
  head = place[1];
  firstToken = b.mulIndex(place[2], plan.rowTokens);
  return plan.batches * plan.heads * tiles;
}

SharedTile AttentionTiles::place(SharedTile tile, int64_t stages) {
  tile.setBuffer(b.shareMemory(sharedBytes, stages * tile.getSize(), tile.getElementType()));
  sharedBytes += stages * AttentionMath::bytesOf(tile);
  return tile;
}

Value AttentionTiles::originOf(const HeadTensor &tensor) {
  Value origin = b.addIndex(b.mulIndex(batch, tensor.perBatch), b.mulIndex(head, tensor.depth));
  return b.addIndex(origin, tensor.offset);
}

void AttentionTiles::copyTile(SharedTile &tile, const HeadTensor &tensor, Value first, Value slot) {
  Matrix matrix{tensor.buffer, tensor.perBatch, tensor.perToken, 1};
  int64_t unit = elementsPerUnit(tensor.buffer);
  while (!tensor.isAligned(unit)) {
    unit /= 2;
  }
  TileSource source =
      sourceOf(b, matrix, originOf(tensor), tensor.length, b.index(tensor.depth), unit);
  tile.copy(source, first, b.index(0), slot);
}

SmallVector<Value>
AttentionTiles::walk(int64_t length, ValueRange init, llvm::function_ref<void()> rows,
                     llvm::function_ref<void(Value, Value)> copy,
                     llvm::function_ref<SmallVector<Value>(const Columns &, ValueRange)> body) {
  int64_t step = plan.columnTokens, whole = length / step * step;
  bool isAhead = plan.stages > 1;
  auto wait = [&] {
    b.waitForCopies(0);
    b.barrier();
  };
  auto stageOf = [&](Value first) { return b.remIndex(b.divIndex(first, step), plan.stages); };
  if (isAhead) {
    if (plan.keepsRows) {
      b.commitCopies();
    }
    copy(b.index(0), b.index(0));
    b.commitCopies();
    if (plan.keepsRows) {
      b.waitForCopies(1);
      b.barrier(); // the rows are there
    }
    rows();
  }
  auto emitTile = [&](Value first, int64_t tokens, bool areAll, ValueRange before) {
    if (!isAhead) {
      if (length > step) {
        b.barrier(); // the tiles before have been read
      }
      copy(first, b.index(0));
      b.commitCopies();
    }
    wait(); // this stage is there, and the other free
    if (isAhead && areAll) {
      Value next = b.addIndex(first, step);
      copy(next, stageOf(next));
      b.commitCopies();
    }
    return body({first, stageOf(first), tokens, areAll}, before);
  };
  auto emitFresh = [&](Value first, int64_t tokens, bool areAll, ValueRange before) {
    SmallVector<Value> after;
    auto emit = [&] { after = emitTile(first, tokens, areAll, before); };
    plan.rowsOf == AttentionPlan::Rows::allKeys ? b.withFreshThread(emit) : emit();
    return after;
  };
  SmallVector<Value> state = llvm::to_vector(init);
  if (whole > 0) {
    state = llvm::to_vector(
        b.reduceLoop(b.index(0), b.index(whole), step, state, [&](Value first, ValueRange before) {
          return emitFresh(first, step, /*areAll=*/true, before);
        }));
  }
  if (whole < length) {
    state = emitFresh(b.index(whole), plan.tokensOf(length - whole), /*areAll=*/false, state);
  }
  b.waitForCopies(0); // those behind the last tile as well
  return state;
}

SmallVector<Value> AttentionTiles::zeros(int64_t count) {
  return SmallVector<Value>(count, constant(0.0));
}

Value AttentionTiles::constant(double value) {
  return nn::emitConstant(b, b.getF32Type(), value);
}

Value AttentionTiles::rowOf(Value query) {
  return b.addIndex(b.mulIndex(b.addIndex(b.mulIndex(batch, plan.heads), head), plan.queries),
                    query);
}

Value AttentionTiles::loadBias(Value query, Value key) {
  if (!bias) {
    return constant(0.0);
  }
  Value line = b.addIndex(b.mulIndex(head, plan.queries), query);
  Value at = b.addIndex(b.mulIndex(biasPerBatch ? rowOf(query) : line, plan.keys), key);
  return arith::MulFOp::create(b, b.loadWide(bias, at), constant(math->logarithmScale()));
}

void AttentionTiles::storeChannels(ArrayRef<Value> values, const HeadTensor &to, Value line,
                                   Value channel) {
  int64_t count = values.size();
  if (to.isAligned(count)) {
    b.ifThen(b.isLess(channel, b.index(to.depth)),
             [&] { storeNeighbours(b, values, to.buffer, b.addIndex(line, channel)); });
    return;
  }
  for (int64_t e = 0; e < count; ++e) {
    Value at = b.addIndex(channel, e);
    b.ifThen(b.isLess(at, b.index(to.depth)),
             [&] { storeNeighbours(b, values[e], to.buffer, b.addIndex(line, at)); });
  }
}

void AttentionTiles::storeRows(SharedTile &rowTile, const HeadTensor &to, Value first) {
  int64_t unit = elementsPerUnit(to.buffer), perRow = plan.tileDepth / unit;
  Value lane = b.remIndex(b.getThread(), warpThreads);
  Value firstRow = b.mulIndex(b.divIndex(b.getThread(), warpThreads), plan.warpRows);
  b.warpBarrier(); // the rows are there
  for (int64_t number = 0; number < plan.warpRows * perRow; number += warpThreads) {
    Value place = b.addIndex(lane, number);
    Value row = b.addIndex(firstRow, b.divIndex(place, perRow));
    Value channel = b.mulIndex(b.remIndex(place, perRow), unit), token = b.addIndex(first, row);
    Value exists = arith::AndIOp::create(b, b.isLess(token, b.index(to.length)),
                                         b.isLess(channel, b.index(to.depth)));
    b.ifThen(exists, [&] {
      Value line = b.addIndex(originOf(to), b.mulIndex(token, to.perToken));
      vector::StoreOp::create(b, rowTile.loadUnit(row, channel, b.index(0)), to.buffer,
                              b.addIndex(line, channel));
    });
  }
}

void AttentionTiles::storeTokens(ArrayRef<Value> acc, ArrayRef<Value> factors, const HeadTensor &to,
                                 Value first, SharedTile &rowTile) {
  int64_t unit = elementsPerUnit(to.buffer);
  bool throughTile = plan.isBf16 && holdsBf16(to.buffer) && to.isAligned(unit);
  auto valuesAt = [&](int64_t i, int64_t j) {
    return llvm::map_to_vector(
        acc.slice(i * math->channels + j, math->neighbours),
        [&](Value sum) -> Value { return arith::MulFOp::create(b, sum, factors[i]); });
  };
  if (throughTile) {
    b.warpBarrier(); // the warp, and nobody else, has read its rows of the tile
  }
  for (int64_t i = 0; i < math->rows; ++i) {
    if (throughTile) {
      for (int64_t j = 0; j < math->channels; j += math->neighbours) {
        rowTile.store(valuesAt(i, j), math->rowOf(i), math->channelOf(j), b.index(0));
      }
      continue;
    }
    Value token = rowToken(i, first);
    b.ifThen(b.isLess(token, b.index(to.length)), [&] {
      Value line = b.addIndex(originOf(to), b.mulIndex(token, to.perToken));
      for (int64_t j = 0; j < math->channels; j += math->neighbours) {
        storeChannels(valuesAt(i, j), to, line, math->channelOf(j));
      }
    });
  }
  if (throughTile) {
    storeRows(rowTile, to, first);
  }
}

// See TiledProduct.h.
#include "passes/cuda/TiledProduct.h"

#include "passes/cuda/OperandSum.h"

#include <numeric>

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

/// Threads per block of the second launch.
static constexpr int64_t sumThreads = PartSums::threads;
/// Bytes that a prefetch asks for.
static constexpr int64_t lineBytes = 128;

namespace {

class ProductKernel {
public:
  ProductKernel(LaunchBuilder &b, const ProductProblem &problem, const ProductPlan &plan,
                Multiplier multiplier)
      : b(b), problem(problem), plan(plan),
        product(createTileProduct(b, plan.shape, multiplier, problem.A.depthIsContiguous,
                                  problem.B.depthIsContiguous)) {
    if (problem.sumBuffer) {
      sum.emplace(b, product->rows, plan, problem.m);
    }
  }

  void emit();

private:
  TileSource sourceOf(const ProductOperand &operand, int64_t lines, Value endK);
  int64_t stageElements() const { return product->getPartRows() * product->getStageWidth(); }
  /// The thread's sums over all k of the block's range. What is at `stageOffset` is free then.
  SmallVector<Value> emitSums(const TileSource &rows, const TileSource &columns, Value firstK);
  void emitResults(ArrayRef<Value> state);
  void emitStageRows(int64_t firstRow);
  void emitPrefetches(Value buffer);
  std::function<void()> prepareResult(Value sum, Value row, Value column);

  LaunchBuilder &b;
  const ProductProblem &problem;
  const ProductPlan &plan;
  std::unique_ptr<TileProduct> product;
  std::optional<OperandSum> sum;
  Value batch, columnNumber, firstRow, firstColumn, split;
  Value stage, partials;   // shared memory; scratch
  int64_t stageOffset = 0; // in bytes
};

} // namespace

TileSource ProductKernel::sourceOf(const ProductOperand &operand, int64_t lines, Value endK) {
  auto locate = [this, &operand](Value line, Value k) { return operand.locate(batch, line, k); };
  int64_t tile = plan.shape.depth;
  return {operand.buffer, lines, endK, operand.unit, problem.k % tile == 0 ? tile : 1, locate};
}

SmallVector<Value> ProductKernel::emitSums(const TileSource &rows, const TileSource &columns,
                                           Value firstK) {
  SharedTile &rowTile = product->rows, &columnTile = product->columns;
  int64_t depth = rowTile.getDepth(), stages = plan.shape.stages;
  int64_t stageSize = rowTile.getSize() + columnTile.getSize(), steps = plan.splitDepth / depth;
  int64_t tileCount = steps == 1 ? 1 : stages;
  Value tiles = b.shareMemory(0, tileCount * stageSize, rowTile.getElementType());
  int64_t tileBytes = stageSize * rowTile.getElementType().getIntOrFloatBitWidth() / 8;
  if (sum) {
    sum->start(std::max(tileCount * tileBytes, 4 * stageElements()));
  }
  rowTile.setBuffer(tiles);
  columnTile.setBuffer(tiles);
  auto copy = [&](Value step, Value slot) {
    Value k = b.addIndex(firstK, b.mulIndex(step, depth));
    rowTile.copy(rows, firstRow, k, slot);
    columnTile.copy(columns, firstColumn, k, b.addIndex(slot, rowTile.getSize()));
    b.commitCopies();
  };
  auto slotsOf = [&](Value step) {
    Value slot = b.mulIndex(b.remIndex(step, stages), stageSize);
    return TileSlots{slot, b.addIndex(slot, rowTile.getSize())};
  };
  if (steps == 1) {
    copy(b.index(0), b.index(0));
    b.waitForCopies(0);
    product->publishCopies();
    b.barrier();
    TileSlots slots = slotsOf(b.index(0));
    if (sum) {
      sum->add(b.index(0), columnNumber, slots.rows);
    }
    SmallVector<Value> state =
        product->finish(product->multiply(slots, product->begin(slots), nullptr));
    b.barrier(); // the shared memory is free
    return state;
  }
  // Stages are free again when the products of their tiles are through.
  int64_t underWay = product->getProductsUnderWay(), stepsAhead = stages - 1 - underWay;
  // Copies of the next step are there; nobody reads the tiles of this one any more, or of that as many
  // before it as may be under way.
  auto awaitNext = [&] {
    b.waitForCopies(stepsAhead - 1);
    product->publishCopies();
    b.barrier();
  };
  for (int64_t step = 0; step < stepsAhead; ++step) {
    copy(b.index(step), b.index(step * stageSize));
  }
  awaitNext();
  SmallVector<Value> start = product->begin(slotsOf(b.index(0)));
  SmallVector<Value> state = llvm::to_vector(
      b.reduceLoop(b.index(0), b.index(steps), 1, start, [&](Value step, ValueRange before) {
        Value ahead = b.addIndex(step, stepsAhead);
        auto copyAhead = [&] { copy(ahead, slotsOf(ahead).rows); };
        if (plan.shape.warpgroups) {
          b.withFreshThread(
              copyAhead); // sums leave too few registers for the addresses of all copies
        } else {
          copyAhead();
        }
        if (sum) {
          sum->add(step, columnNumber, slotsOf(step).rows);
        }
        return product->multiply(slotsOf(step), before, [&] {
          awaitNext();
          return slotsOf(b.addIndex(step, 1));
        });
      }));
  b.waitForCopies(0);
  state = product->finish(state);
  if (underWay == 0 && stageElements() * 4 <= tileBytes) {
    stageOffset = (steps - 1) % stages * tileBytes; // nobody reads the last tiles any more
  } else {
    b.barrier(); // nor any others, or copies what does not exist
  }
  return state;
}

std::function<void()> ProductKernel::prepareResult(Value sum, Value row, Value column) {
  if (plan.splits == 1) {
    return problem.prepare(sum, batch, row, column);
  }
  Value line =
      b.addIndex(b.mulIndex(b.addIndex(b.mulIndex(split, problem.batch), batch), problem.m), row);
  Value at = b.addIndex(b.mulIndex(line, problem.n), column);
  return [this, sum, at] { storeVector(b, sum, partials, at); };
}

/// The threads take what lies in the stage row by row, each always the same columns if they divide; some
/// rows at once where all of these exist, so that what the epilogue loads is on its way together.
void ProductKernel::emitStageRows(int64_t rowOffset) {
  int64_t lanes = b.getLanes(), perRow = plan.shape.columns / lanes, threads = plan.shape.threads;
  int64_t places = product->getPartRows() * perRow, rowsApart = threads / perRow;
  bool keepsColumns = threads % perRow == 0;
  int64_t together = keepsColumns ? std::gcd(problem.rowsTogether, places / threads) : 1;
  b.loop(b.getThread(), b.index(places), together * threads, [&](Value position) {
    Value stageRow = b.divIndex(position, perRow);
    Value stageColumn =
        b.mulIndex(b.remIndex(keepsColumns ? b.getThread() : position, perRow), lanes);
    Value row = b.addIndex(b.addIndex(firstRow, rowOffset), stageRow);
    Value column = b.addIndex(firstColumn, stageColumn);
    auto prepare = [&](int64_t i) {
      Value from = b.addIndex(stageRow, i * rowsApart);
      Value at = b.addIndex(b.mulIndex(from, product->getStageWidth()), stageColumn);
      Value sum =
          lanes == 1 ? memref::LoadOp::create(b, stage, at).getResult() : loadFour(b, stage, at);
      return prepareResult(sum, b.addIndex(row, i * rowsApart), column);
    };
    auto existsTo = [&](int64_t i) {
      return b.isLess(b.addIndex(row, i * rowsApart), b.index(problem.m));
    };
    auto emitSingly = [&] {
      for (int64_t i = 0; i < together; ++i) {
        b.ifThen(existsTo(i), [&] { prepare(i)(); });
      }
    };
    auto emitTogether = [&] {
      SmallVector<std::function<void()>> stores;
      for (int64_t i = 0; i < together; ++i) {
        stores.push_back(prepare(i));
      }
      for (const std::function<void()> &store : stores) {
        store();
      }
    };
    b.ifThen(b.isLess(column, b.index(problem.n)), [&] {
      if (problem.m % plan.shape.rows == 0) {
        emitTogether();
      } else if (together == 1) {
        emitSingly();
      } else {
        b.ifThenElse(existsTo(together - 1), emitTogether, emitSingly);
      }
    });
  });
}

/// Of the part of a buffer that lies along the block's tile.
void ProductKernel::emitPrefetches(Value buffer) {
  int64_t perLine = lineBytes / 16 * elementsPerUnit(buffer), perRow = plan.shape.columns / perLine;
  Value lines = b.index(plan.shape.rows * perRow);
  b.loop(b.getThread(), lines, plan.shape.threads, [&](Value number) {
    Value row = b.addIndex(firstRow, b.divIndex(number, perRow));
    Value column = b.addIndex(firstColumn, b.mulIndex(b.remIndex(number, perRow), perLine));
    Value exists = arith::AndIOp::create(b, b.isLess(row, b.index(problem.m)),
                                         b.isLess(column, b.index(problem.n)));
    b.ifThen(exists, [&] {
      Value line = b.addIndex(b.mulIndex(batch, problem.m), row);
      b.prefetch(buffer, b.addIndex(b.mulIndex(line, problem.n), column));
    });
  });
}

void ProductKernel::emitResults(ArrayRef<Value> state) {
  int64_t partRows = product->getPartRows();
  stage = b.shareMemory(stageOffset, stageElements(), b.getF32Type());
  bool waits = !product->takesOwnSums(b.getLanes());
  for (int64_t part = 0; part * partRows < plan.shape.rows; ++part) {
    if (part > 0 && waits) {
      b.barrier(); // the rows before have been read
    }
    product->storePart(part, state, stage);
    if (waits) {
      b.barrier();
    }
    emitStageRows(part * partRows);
  }
}

void ProductKernel::emit() {
  if (plan.splits > 1) {
    partials =
        b.reserveScratch({plan.splits * problem.batch * problem.m * problem.n}, b.getF32Type());
  }
  SmallVector<Value> place =
      b.delinearize(b.getBlock(), {plan.splits, problem.batch, plan.rowTiles, plan.columnTiles});
  split = place[0];
  batch = place[1];
  firstRow = b.mulIndex(place[2], plan.shape.rows);
  columnNumber = place[3];
  firstColumn = b.mulIndex(columnNumber, plan.shape.columns);
  Value firstK = b.mulIndex(split, plan.splitDepth);
  Value endK = b.minIndex(b.addIndex(firstK, plan.splitDepth), problem.k);
  for (Value buffer : plan.splits == 1 ? ArrayRef(problem.readAlong) : ArrayRef<Value>()) {
    emitPrefetches(buffer);
  }
  emitResults(
      emitSums(sourceOf(problem.A, problem.m, endK), sourceOf(problem.B, problem.n, endK), firstK));
  if (sum) {
    sum->finish(split, columnNumber, firstRow);
  }
}

/// Adds the partial sums of `splits` blocks, and stores. The number of blocks.
static int64_t emitSecondLaunch(LaunchBuilder &b, const ProductProblem &problem, int64_t splits) {
  int64_t size = problem.batch * problem.m * problem.n, lanes = b.getLanes();
  Value partials = b.reserveScratch({splits * size}, b.getF32Type());
  Value number = b.addIndex(b.mulIndex(b.getBlock(), sumThreads), b.getThread());
  Value at = b.mulIndex(number, lanes);
  auto load = [&](Value split) -> Value {
    Value from = b.addIndex(b.mulIndex(split, size), at);
    if (lanes == 1) {
      return memref::LoadOp::create(b, partials, from);
    }
    return vector::LoadOp::create(b, b.vectorType(b.getF32Type()), partials, from);
  };
  b.ifThen(b.isLess(at, b.index(size)), [&] {
    Value sum = b.reduceLoop(b.index(1), b.index(splits), 1, load(b.index(0)),
                             [&](Value split, ValueRange before) {
                               return SmallVector<Value>{
                                   arith::AddFOp::create(b, before.front(), load(split))};
                             })
                    .front();
    SmallVector<Value> place = b.delinearize(at, {problem.batch, problem.m, problem.n});
    problem.store(sum, place[0], place[1], place[2]);
  });
  return ceilDiv(size, sumThreads * lanes);
}

/// Adds what blocks left of the sum beside the product, behind the first `before` blocks. Their number.
static int64_t emitOperandSum(LaunchBuilder &b, const ProductProblem &problem,
                              const ProductPlan &plan, int64_t before) {
  PartSums parts = OperandSum::partsOf(b, plan, problem.m);
  Value number = b.createOrFold<arith::SubIOp>(b.getBlock(), b.index(before));
  b.ifThen(arith::CmpIOp::create(b, arith::CmpIPredicate::sge, number, b.index(0)), [&] {
    parts.emit(b, number, [&](Value line, Value total) {
      memref::StoreOp::create(b, total, problem.sumBuffer, line);
    });
  });
  return parts.countBlocks();
}

static Multiplier multiplierOf(Operation *root, const ProductProblem &problem) {
  assert(holdsBf16(problem.A.buffer) == holdsBf16(problem.B.buffer));
  if (holdsBf16(problem.A.buffer)) {
    return Multiplier::bf16;
  }
  auto precision = root->getAttrOfType<StringAttr>(nn::NNDialect::precisionAttrName);
  return precision && precision.getValue() == "tf32" ? Multiplier::tf32 : Multiplier::fma;
}

DeviceKernel
mome::cuda::emitTiledProduct(nn::KernelOp kernel, OpBuilder &builder, int64_t lanes,
                             llvm::function_ref<ProductProblem(LaunchBuilder &)> state) {
  DeviceKernel result;
  LaunchBuilder b(kernel, 0, lanes, builder);
  ProductProblem problem = state(b);
  Multiplier multiplier = multiplierOf(kernel.getRoot(), problem);
  auto inUnits = [](const ProductOperand &operand) {
    return operand.unit == elementsPerUnit(operand.buffer);
  };
  auto tile = kernel.getRoot()->getAttrOfType<DenseI64ArrayAttr>(tileAttrName);
  ProductPlan plan({problem.batch, problem.m, problem.n, problem.k, multiplier, groupOf(kernel),
                    inUnits(problem.A) && inUnits(problem.B),
                    tile ? tile.asArrayRef() : ArrayRef<int64_t>()},
                   machineOf(b.getFunction()));
  ProductKernel(b, problem, plan, multiplier).emit();
  b.finish(result, plan.blocks, plan.shape.threads);
  if (plan.splits > 1 || problem.sumBuffer) {
    LaunchBuilder second(kernel, 1, lanes, builder);
    ProductProblem again = state(second);
    int64_t blocks = plan.splits > 1 ? emitSecondLaunch(second, again, plan.splits) : 0;
    blocks += again.sumBuffer ? emitOperandSum(second, again, plan, blocks) : 0;
    second.finish(result, blocks, sumThreads);
  }
  return result;
}

// Tiles of bf16 multiplied by wgmma, the tensor cores of sm_90a: four warps, a warpgroup, multiply 64 rows with
// all columns of the tile, both read from shared memory by the tensor cores themselves.
//
//   step s:  wgmma over the depth of its tiles;  wait for those of step s - 1
//
// so that the tensor cores always have work. The sums stay in the same registers from the first product
// until `finish`: nothing may touch them before, and nothing does, for all of a step is one piece of assembly.
#include "passes/cuda/TileProduct.h"

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

/// Rows and depth of an instruction; threads that execute it together.
static constexpr int64_t groupRows = 64, instructionDepth = 16, groupThreads = 4 * warpThreads;

namespace {
/// The sums of a thread: of each instruction four per eight columns, as mma.sync has them
/// (LaunchBuilder.h), warp w of the group with rows 16 w and on.
class WarpgroupProduct : public TileProduct {
public:
  WarpgroupProduct(LaunchBuilder &b, TileShape shape, bool rowsAlongDepth, bool columnsAlongDepth)
      : TileProduct(b, shape,
                    SharedTile::inPanels(b, shape.rows, shape.depth, rowsAlongDepth, shape.threads),
                    SharedTile::inPanels(b, shape.columns, shape.depth, columnsAlongDepth,
                                         shape.threads)) {}

  SmallVector<Value> begin(TileSlots) override { return zeroSums(countParts() * partSums()); }
  SmallVector<Value> multiply(TileSlots slots, ValueRange sums,
                              llvm::function_ref<TileSlots()> advance) override;
  int64_t getProductsUnderWay() const override { return 1; }
  /// The tensor cores read shared memory by a way of their own, behind threads' writes.
  void publishCopies() override { b.runPtx("fence.proxy.async.shared::cta;"); }
  SmallVector<Value> finish(ValueRange sums) override {
    return b.runPtx("wgmma.wait_group.sync.aligned 0;", sums);
  }
  int64_t getPartRows() const override { return shape.threads / groupThreads * groupRows; }
  /// Four rows of two neighbours per thread, a quarter of the banks each.
  int64_t getStageWidth() const override { return shape.columns + 8; }
  void storePart(int64_t part, ArrayRef<Value> sums, Value stage) override;

private:
  int64_t countParts() const { return shape.rows / getPartRows(); }
  int64_t partSums() const { return shape.columns / 2; }
  /// The instruction that adds to the sums of a part; its descriptors are operands of these numbers.
  std::string instruction(int64_t part, int64_t left, int64_t right);
};
} // namespace

std::string WarpgroupProduct::instruction(int64_t part, int64_t left, int64_t right) {
  std::string text =
      "\twgmma.mma_async.sync.aligned.m64n" + std::to_string(shape.columns) + "k16.f32.bf16.bf16 {";
  for (int64_t i = 0; i < partSums(); ++i) {
    text += (i ? ", $" : "$") + std::to_string(part * partSums() + i);
  }
  text += "}, $" + std::to_string(left) + ", $" + std::to_string(right) + ", keep, 1, 1";
  for (SharedTile *tile : {&rows, &columns}) {
    text += tile->isDepthContiguous() ? ", 0" : ", 1";
  }
  return text + ";\n";
}

SmallVector<Value> WarpgroupProduct::multiply(TileSlots slots, ValueRange sums,
                                              llvm::function_ref<TileSlots()> advance) {
  Value group = b.divIndex(b.getThread(), groupThreads);
  std::string text =
      "{\n\t.reg .pred keep;\n\tsetp.ne.b32 keep, 1, 0;\n\twgmma.fence.sync.aligned;\n";
  SmallVector<Value> descriptors;
  auto describe = [&](SharedTile &tile, Value line, int64_t k, Value slot) {
    descriptors.push_back(tile.describe(line, k, slot));
    return int64_t(2 * sums.size() + descriptors.size() - 1);
  };
  for (int64_t k = 0; k < rows.getDepth(); k += instructionDepth) {
    int64_t right = describe(columns, b.index(0), k, slots.columns);
    for (int64_t part = 0; part < countParts(); ++part) {
      Value line = b.addIndex(b.mulIndex(group, groupRows), part * getPartRows());
      text += instruction(part, describe(rows, line, k, slots.rows), right);
    }
  }
  text += "\twgmma.commit_group.sync.aligned;\n\twgmma.wait_group.sync.aligned 1;\n\t}";
  SmallVector<Value> after = b.runPtx(text, sums, descriptors);
  if (advance) {
    advance();
  }
  return after;
}

/// What an instruction of every group made.
void WarpgroupProduct::storePart(int64_t part, ArrayRef<Value> sums, Value stage) {
  Value lane = b.remIndex(b.getThread(), warpThreads);
  Value row = b.addIndex(b.mulIndex(b.divIndex(b.getThread(), warpThreads), groupRows / 4),
                         b.divIndex(lane, 4));
  Value at = b.addIndex(b.mulIndex(row, getStageWidth()), b.mulIndex(b.remIndex(lane, 4), 2));
  ArrayRef<Value> rest = sums.slice(part * partSums(), partSums());
  for (int64_t column = 0; column < shape.columns; column += 8) {
    for (int64_t lower : {0, 8}) {
      storeNeighbours(b, rest.take_front(2), stage,
                      b.addIndex(at, column + lower * getStageWidth()));
      rest = rest.drop_front(2);
    }
  }
}

std::unique_ptr<TileProduct> mome::cuda::createWarpgroupProduct(LaunchBuilder &b, TileShape shape,
                                                                bool rowsAlongDepth,
                                                                bool columnsAlongDepth) {
  return std::make_unique<WarpgroupProduct>(b, shape, rowsAlongDepth, columnsAlongDepth);
}

// nn-split-wide-kl: divergences over very wide rows, as many shorter rows.
//
//   %d, %la, %lb = nn.kl %a, %b   [R, V]   ->   %dc, %lac, %lbc = nn.kl %a', %b'   [R, S, V/S]
//                                               %la = logsumexp %lac, %lb = logsumexp %lbc
//                                               %d = sum_c e^(%lac - %la) (%dc + %lac - %lbc) - %la + %lb
//
// L_intra compares all values of a block's output: a handful of rows of a million numbers, which
// would keep as many threads busy as there are rows. A part's divergence says what its mean of a - b
// is, and the parts' means add up with the shares of probability they hold. nn.kl_backward works
// element by element: its parts read the lse of the whole row.
//
// How many parts depends on the shape alone, so that the bits do not depend on the machine.
#include "dialects/NN/NN.h"
#include "passes/Passes.h"

using namespace mlir;

namespace mome {
#define GEN_PASS_DEF_SPLITWIDEKLPASS
#include "passes/Passes.h.inc"

namespace {

constexpr int64_t wide = 1 << 16, longestPart = 1 << 15, shortestPart = 1 << 10, manyRows = 64;

/// Into how many parts rows of this type are cut; 1: not at all.
int64_t countParts(RankedTensorType type) {
  int64_t width = type.getShape().back();
  if (width < wide || type.getNumElements() / width >= manyRows) {
    return 1;
  }
  for (int64_t part = longestPart; part >= shortestPart; --part) {
    if (width % part == 0) {
      return width / part;
    }
  }
  return 1;
}

/// Ops over the rows [R..], the parts [R.., S] and the values [R.., S, V/S] of one divergence.
class PartBuilder {
public:
  PartBuilder(Operation *op, RankedTensorType values, int64_t parts) : b(op), loc(op->getLoc()) {
    SmallVector<int64_t> shape(values.getShape().drop_back());
    rowType = values.clone(shape);
    shape.push_back(parts);
    partType = values.clone(shape);
    shape.push_back(values.getShape().back() / parts);
    valueType = values.clone(shape);
  }

  Value cut(Value values) { return nn::ReshapeOp::create(b, loc, valueType, values); }
  Value join(Value values, Type type) { return nn::ReshapeOp::create(b, loc, type, values); }
  /// A number of every row, for each of its parts.
  Value spread(Value rows) {
    auto axes = llvm::to_vector(llvm::seq<int64_t>(rowType.getRank()));
    return nn::BroadcastOp::create(b, loc, partType, rows, axes);
  }
  Value sumOfParts(Value parts) {
    return nn::ReduceSumOp::create(b, loc, rowType, parts, ArrayRef<int64_t>{rowType.getRank()});
  }
  template <typename Op, typename... Operands>
  Op create(Operands... operands) {
    return Op::create(b, loc, operands...);
  }

  RankedTensorType rowType, partType, valueType;

private:
  OpBuilder b;
  Location loc;
};

void split(nn::KlOp kl, int64_t parts) {
  PartBuilder b(kl, kl.getTeacher().getType(), parts);
  auto part = b.create<nn::KlOp>(TypeRange{b.partType, b.partType, b.partType},
                                 b.cut(kl.getTeacher()), b.cut(kl.getStudent()));
  Value teacher = part.getTeacherLse(), student = part.getStudentLse();
  Value teacherLse = b.create<nn::LogsumexpOp>(teacher);
  Value studentLse = b.create<nn::LogsumexpOp>(student);
  Value share = b.create<nn::ExpOp>(b.create<nn::SubOp>(teacher, b.spread(teacherLse)).getResult());
  Value mean = b.create<nn::AddOp>(part.getDivergence(),
                                   b.create<nn::SubOp>(teacher, student).getResult());
  Value sum = b.sumOfParts(b.create<nn::MulOp>(share, mean));
  Value gap = b.create<nn::SubOp>(studentLse, teacherLse);
  kl->replaceAllUsesWith(
      ValueRange{b.create<nn::AddOp>(sum, gap).getResult(), teacherLse, studentLse});
  kl.erase();
}

void split(nn::KlBackwardOp kl, int64_t parts) {
  PartBuilder b(kl, kl.getTeacher().getType(), parts);
  Value result = b.create<nn::KlBackwardOp>(
      b.valueType, b.cut(kl.getTeacher()), b.cut(kl.getStudent()), b.spread(kl.getTeacherLse()),
      b.spread(kl.getStudentLse()), b.spread(kl.getCotangent()));
  kl.getResult().replaceAllUsesWith(b.join(result, kl.getType()));
  kl.erase();
}

template <typename Op>
void splitAll(func::FuncOp function) {
  function.walk([](Op kl) {
    if (int64_t parts = countParts(kl.getTeacher().getType()); parts > 1) {
      split(kl, parts);
    }
  });
}

class SplitWideKl : public impl::SplitWideKlPassBase<SplitWideKl> {
  void runOnOperation() override {
    splitAll<nn::KlOp>(getOperation());
    splitAll<nn::KlBackwardOp>(getOperation());
  }
};

} // namespace
} // namespace mome

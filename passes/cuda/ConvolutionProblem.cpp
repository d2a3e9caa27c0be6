// See ConvolutionProblem.h.
#include "passes/cuda/ConvolutionProblem.h"

#include <numeric>

using namespace mlir;
using namespace mome;
using namespace mome::cuda;

using Kind = Convolution::Kind;

//===-- Geometry ------------------------------------------------------------------------------===//

/// The kernel does not reach along this axis: every result reads its own place.
static bool isPlain(const ConvGeometry &geometry, unsigned axis) {
  return geometry.kernel[axis] == 1 && geometry.stride[axis] == 1 && geometry.spread[axis] == 1 &&
         geometry.shift[axis] == 0 && geometry.source[axis] == geometry.result[axis];
}

/// Neighbouring plain axes become one.
static ConvGeometry mergePlainAxes(const ConvGeometry &from) {
  ConvGeometry to{from.batch, from.groups, from.outs, from.ins, {}, {}, {}, {}, {}, {}, {}};
  for (unsigned axis = 0; axis < from.rank(); ++axis) {
    if (axis > 0 && isPlain(from, axis) && isPlain(to, to.last())) {
      to.source.back() *= from.source[axis];
      to.result.back() *= from.result[axis];
      continue;
    }
    for (auto member : {&ConvGeometry::source, &ConvGeometry::result, &ConvGeometry::kernel,
                        &ConvGeometry::stride, &ConvGeometry::dilation, &ConvGeometry::spread,
                        &ConvGeometry::shift}) {
      (to.*member).push_back((from.*member)[axis]);
    }
  }
  return to;
}

/// The largest power of two, up to 16 bytes of `buffer`, that divides all of `values`.
static int64_t commonUnit(Value buffer, ArrayRef<int64_t> values) {
  int64_t unit = elementsPerUnit(buffer);
  while (llvm::any_of(values, [&](int64_t value) { return value % unit != 0; })) {
    unit /= 2;
  }
  return unit;
}

static int64_t product(ArrayRef<int64_t> values) {
  return std::accumulate(values.begin(), values.end(), int64_t(1), std::multiplies<>());
}

namespace {
class ConvolutionProblem {
public:
  ConvolutionProblem(LaunchBuilder &b, const Convolution &conv, const IterationSpace &space);

  ProductProblem describeProduct(std::shared_ptr<ConvolutionProblem> self);
  ProductProblem describeWeightGradient(std::shared_ptr<ConvolutionProblem> self);

private:
  /// An element of S, or rather of the source.
  Place locateSource(Value batch, Value group, Value channel, ArrayRef<Value> results,
                     ArrayRef<Value> taps);
  Place locateWeight(Value batch, Value out, Value k);
  /// Result positions of a batch's phase, and its taps; both from numbers within the phase.
  SmallVector<Value> resultsOf(Value batch, Value number);
  SmallVector<Value> tapsOf(Value batch, ArrayRef<Value> numbers);
  SmallVector<Value> batchDigits(Value batch);
  std::function<void()> prepare(Value sum, Value batch, Value out, Value number);
  bool hasPhases() const { return product(phases) > 1; }
  /// How the source is copied where taps are neighbours.
  int64_t tapUnit() const;
  int64_t placeUnit() const;

  LaunchBuilder &b;
  const Convolution &conv;
  ConvGeometry geometry;                     // with merged axes
  SmallVector<int64_t> phases, taps, places; // taps and results of a phase, per axis
  Value source, factor;
  ConvEpilogue epilogue;
};
} // namespace

ConvolutionProblem::ConvolutionProblem(LaunchBuilder &b, const Convolution &conv,
                                       const IterationSpace &space)
    : b(b), conv(conv), geometry(mergePlainAxes(conv.geometry)),
      source(b.getOperandBuffer(conv.source)), factor(b.getOperandBuffer(conv.factor)),
      epilogue(b, space, b.getKernel().getRoot()->getResult(0)) {
  for (unsigned axis = 0; axis < geometry.rank(); ++axis) {
    phases.push_back(geometry.dilation[axis] == 1 ? geometry.spread[axis] : 1);
    taps.push_back(ceilDiv(geometry.kernel[axis], phases.back()));
    places.push_back(ceilDiv(geometry.result[axis], phases.back()));
  }
}

//===-- Places --------------------------------------------------------------------------------===//

static Value both(LaunchBuilder &b, Value lhs, Value rhs) {
  return lhs ? arith::AndIOp::create(b, lhs, rhs).getResult() : rhs;
}

static Value linearize(LaunchBuilder &b, ArrayRef<Value> digits, ArrayRef<int64_t> extents) {
  Value linear = b.index(0);
  for (auto [digit, extent] : llvm::zip_equal(digits, extents)) {
    linear = b.addIndex(b.mulIndex(linear, extent), digit);
  }
  return linear;
}

Place ConvolutionProblem::locateSource(Value batch, Value group, Value channel,
                                       ArrayRef<Value> results, ArrayRef<Value> tapNumbers) {
  Value line = b.addIndex(
      b.mulIndex(b.addIndex(b.mulIndex(batch, geometry.groups), group), geometry.ins), channel);
  Place place{line, nullptr};
  for (unsigned axis = 0; axis < geometry.rank(); ++axis) {
    int64_t spread = geometry.spread[axis], extent = geometry.source[axis];
    Value position = b.addIndex(b.mulIndex(results[axis], geometry.stride[axis]),
                                b.mulIndex(tapNumbers[axis], geometry.dilation[axis]));
    position = b.addIndex(position, -geometry.shift[axis]);
    if (!isPlain(geometry, axis)) {
      Value inside = b.createOrFold<arith::CmpIOp>(arith::CmpIPredicate::ult, position,
                                                   b.index(extent * spread)); // not negative
      place.exists = both(b, place.exists, inside);
    }
    if (spread > phases[axis]) {
      place.exists = both(b, place.exists, b.isEqual(b.remIndex(position, spread), b.index(0)));
    }
    place.address = b.addIndex(b.mulIndex(place.address, extent), b.divIndex(position, spread));
  }
  return place;
}

/// {batch, group, phase of every axis}
SmallVector<Value> ConvolutionProblem::batchDigits(Value batch) {
  SmallVector<int64_t> extents{geometry.batch, geometry.groups};
  llvm::append_range(extents, phases);
  return b.delinearize(batch, extents);
}

SmallVector<Value> ConvolutionProblem::resultsOf(Value batch, Value number) {
  SmallVector<Value> results = b.delinearize(number, places), digits = batchDigits(batch);
  for (unsigned axis = 0; axis < geometry.rank(); ++axis) {
    if (phases[axis] > 1) {
      results[axis] = b.addIndex(b.mulIndex(results[axis], phases[axis]), digits[2 + axis]);
    }
  }
  return results;
}

SmallVector<Value> ConvolutionProblem::tapsOf(Value batch, ArrayRef<Value> numbers) {
  SmallVector<Value> result(numbers), digits = batchDigits(batch);
  for (unsigned axis = 0; axis < geometry.rank(); ++axis) {
    int64_t period = phases[axis];
    if (period > 1) { // the first tap t for which result + t - shift is a multiple
      int64_t shift = ((geometry.shift[axis] % period) + period) % period;
      Value rest = b.createOrFold<arith::SubIOp>(b.index(shift + period), digits[2 + axis]);
      result[axis] = b.addIndex(b.mulIndex(numbers[axis], period), b.remIndex(rest, period));
    }
  }
  return result;
}

Place ConvolutionProblem::locateWeight(Value batch, Value out, Value k) {
  int64_t ins = geometry.ins, outs = geometry.outs, size = geometry.kernelSize();
  Value group = batchDigits(batch)[1];
  if (conv.kind == Kind::forward) { // k runs through memory
    Value line = b.addIndex(b.mulIndex(group, outs), out);
    return {b.addIndex(b.mulIndex(line, ins * size), k), nullptr};
  }
  SmallVector<int64_t> extents{ins};
  llvm::append_range(extents, taps);
  SmallVector<Value> digits = b.delinearize(k, extents);
  SmallVector<Value> at = tapsOf(batch, ArrayRef(digits).drop_front());
  Value line = b.addIndex(b.mulIndex(b.addIndex(b.mulIndex(group, ins), digits[0]), outs), out);
  Value end = b.addIndex(b.mulIndex(line, size), size - 1);
  Place place{b.createOrFold<arith::SubIOp>(end, linearize(b, at, geometry.kernel)), nullptr};
  for (unsigned axis = 0; axis < geometry.rank(); ++axis) {
    if (geometry.kernel[axis] % phases[axis] != 0) {
      place.exists = both(b, place.exists, b.isLess(at[axis], b.index(geometry.kernel[axis])));
    }
  }
  return place;
}

std::function<void()> ConvolutionProblem::prepare(Value sum, Value batch, Value out, Value number) {
  SmallVector<Value> digits = batchDigits(batch), results = resultsOf(batch, number);
  Value exists;
  for (unsigned axis = 0; axis < geometry.rank(); ++axis) {
    if (phases[axis] > 1) {
      exists = both(b, exists, b.isLess(results[axis], b.index(geometry.result[axis])));
    }
  }
  auto prepare = [this, sum, digits, results, out, number] {
    SmallVector<Value> at{digits[0], b.addIndex(b.mulIndex(digits[1], geometry.outs), out)};
    Value linear = hasPhases() ? linearize(b, results, geometry.result) : number;
    llvm::append_range(at, b.delinearize(linear, conv.geometry.result));
    return epilogue.prepare(sum, at, nullptr);
  };
  if (!exists) {
    return prepare();
  }
  return [this, exists, prepare] { b.ifThen(exists, [&] { prepare()(); }); };
}

//===-- Problems ------------------------------------------------------------------------------===//

int64_t ConvolutionProblem::tapUnit() const {
  unsigned last = geometry.last();
  if (geometry.dilation[last] > 1 || geometry.spread[last] > 1) {
    return 1;
  }
  return commonUnit(source, {geometry.kernel[last], geometry.stride[last], geometry.shift[last],
                             geometry.source[last]});
}

int64_t ConvolutionProblem::placeUnit() const {
  unsigned last = geometry.last();
  return isPlain(geometry, last) ? commonUnit(source, geometry.source[last]) : 1;
}

ProductProblem ConvolutionProblem::describeProduct(std::shared_ptr<ConvolutionProblem> self) {
  int64_t size = geometry.kernelSize(), depth = geometry.ins * product(taps);
  bool tapsAreNeighbours = geometry.stride.back() > 1 && geometry.kernel.back() > 1;
  auto weightAt = [self](Value batch, Value out, Value k) {
    return self->locateWeight(batch, out, k);
  };
  auto sourceAt = [self](Value batch, Value number, Value k) {
    LaunchBuilder &b = self->b;
    SmallVector<int64_t> extents{self->geometry.ins};
    llvm::append_range(extents, self->taps);
    SmallVector<Value> digits = b.delinearize(k, extents), place = self->batchDigits(batch);
    return self->locateSource(place[0], place[1], digits[0], self->resultsOf(batch, number),
                              self->tapsOf(batch, ArrayRef(digits).drop_front()));
  };
  ProductOperand weight{factor, true, commonUnit(factor, depth), weightAt};
  if (conv.kind == Kind::forInput) {
    weight.depthIsContiguous = size > 1;
    weight.unit = size > 1 ? 1 : commonUnit(factor, geometry.outs);
  }
  return {geometry.batch * geometry.groups * product(phases),
          geometry.outs,
          product(places),
          depth,
          weight,
          ProductOperand{source, tapsAreNeighbours, tapsAreNeighbours ? tapUnit() : placeUnit(),
                         sourceAt},
          [self](Value sum, Value batch, Value row, Value column) {
            return self->prepare(sum, batch, row, column);
          }};
}

ProductProblem
ConvolutionProblem::describeWeightGradient(std::shared_ptr<ConvolutionProblem> self) {
  int64_t results = geometry.resultSize();
  auto cotangentAt = [self, results](Value group, Value out, Value k) {
    LaunchBuilder &b = self->b;
    const ConvGeometry &geometry = self->geometry;
    SmallVector<Value> place = b.delinearize(k, {geometry.batch, results});
    Value line = b.addIndex(b.mulIndex(place[0], geometry.groups), group);
    line = b.addIndex(b.mulIndex(line, geometry.outs), out);
    return Place{b.addIndex(b.mulIndex(line, results), place[1]), nullptr};
  };
  auto sourceAt = [self, results](Value group, Value column, Value k) {
    LaunchBuilder &b = self->b;
    const ConvGeometry &geometry = self->geometry;
    SmallVector<Value> place = b.delinearize(k, {geometry.batch, results});
    SmallVector<int64_t> extents{geometry.ins};
    llvm::append_range(extents, geometry.kernel);
    SmallVector<Value> digits = b.delinearize(column, extents);
    return self->locateSource(place[0], group, digits[0], b.delinearize(place[1], geometry.result),
                              ArrayRef(digits).drop_front());
  };
  auto prepare = [self](Value sum, Value group, Value out, Value column) {
    LaunchBuilder &b = self->b;
    SmallVector<Value> at{b.addIndex(b.mulIndex(group, self->geometry.outs), out)};
    SmallVector<int64_t> extents{self->geometry.ins};
    llvm::append_range(extents, self->conv.geometry.kernel);
    llvm::append_range(at, b.delinearize(column, extents));
    return self->epilogue.prepare(sum, at, nullptr);
  };
  bool tapsAreNeighbours = geometry.stride.back() > 1 && geometry.kernel.back() > 1;
  return {geometry.groups,
          geometry.outs,
          geometry.ins * geometry.kernelSize(),
          geometry.batch * results,
          ProductOperand{factor, true, commonUnit(factor, results), cotangentAt},
          ProductOperand{source, !tapsAreNeighbours, tapsAreNeighbours ? tapUnit() : placeUnit(),
                         sourceAt},
          prepare};
}

ProductProblem mome::cuda::describeProblem(LaunchBuilder &b, const Convolution &conv,
                                           const IterationSpace &space) {
  auto problem = std::make_shared<ConvolutionProblem>(b, conv, space);
  return conv.kind == Kind::forWeight ? problem->describeWeightGradient(problem)
                                      : problem->describeProduct(problem);
}

int64_t mome::cuda::chooseLanes(const Convolution &conv) {
  const ConvGeometry &geometry = conv.geometry;
  bool hasPhases = llvm::any_of(geometry.spread, [](int64_t spread) { return spread > 1; });
  int64_t last = conv.kind == Kind::forWeight ? geometry.kernel.back() : geometry.result.back();
  return last % 4 == 0 && !hasPhases ? 4 : 1;
}

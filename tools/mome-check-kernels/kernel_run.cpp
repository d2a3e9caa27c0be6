// See kernel_run.h.
#include "tools/mome-check-kernels/kernel_run.h"

#include "llvm/Support/FormatVariadic.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <random>

using namespace mlir;
using namespace mome;

int64_t mome::byteSize(RankedTensorType type) {
  unsigned bits = type.getElementTypeBitWidth();
  return type.getNumElements() * (bits < 8 ? 1 : bits / 8);
}

static void storeElement(char *at, Type type, int64_t i, double value) {
  if (type.isF32()) {
    reinterpret_cast<float *>(at)[i] = static_cast<float>(value);
  } else if (type.isF64()) {
    reinterpret_cast<double *>(at)[i] = value;
  } else if (type.isBF16()) { // truncated: any number will do
    auto bits = std::bit_cast<uint32_t>(static_cast<float>(value));
    reinterpret_cast<uint16_t *>(at)[i] = static_cast<uint16_t>(bits >> 16);
  } else if (type.isInteger(32)) {
    reinterpret_cast<int32_t *>(at)[i] = static_cast<int32_t>(value);
  } else if (type.isInteger(64)) {
    reinterpret_cast<int64_t *>(at)[i] = static_cast<int64_t>(value);
  } else {
    at[i] = value != 0;
  }
}

static double loadElement(const char *at, Type type, int64_t i) {
  if (type.isF32()) {
    return reinterpret_cast<const float *>(at)[i];
  }
  if (type.isF64()) {
    return reinterpret_cast<const double *>(at)[i];
  }
  if (type.isBF16()) {
    return std::bit_cast<float>(uint32_t(reinterpret_cast<const uint16_t *>(at)[i]) << 16);
  }
  if (type.isInteger(32)) {
    return reinterpret_cast<const int32_t *>(at)[i];
  }
  return type.isInteger(64) ? reinterpret_cast<const int64_t *>(at)[i] : at[i];
}

Run::Run(nn::KernelOp kernel, KernelFunction function, const KernelRecord &record,
         const InputRange &range)
    : kernel(kernel), function(std::move(function)), record(record), scratch(record.scratch),
      shared(record.shared) {
  Block &body = kernel.getBody().front();
  numInputs = body.getNumArguments();
  for (Type type : body.getArgumentTypes()) {
    types.push_back(cast<RankedTensorType>(type));
  }
  for (Type type : body.getTerminator()->getOperandTypes()) {
    types.push_back(cast<RankedTensorType>(type));
  }
  for (RankedTensorType type : types) {
    buffers.emplace_back(byteSize(type));
  }
  fillInputs(range);
}

static float truncate(double value, int mantissaBits) {
  uint32_t mask = ~0u << (23 - mantissaBits);
  return std::bit_cast<float>(std::bit_cast<uint32_t>(static_cast<float>(value)) & mask);
}

void Run::fillInputs(const InputRange &range) {
  std::mt19937 random(7);
  for (unsigned i = 0; i < numInputs; ++i) {
    Type type = types[i].getElementType();
    for (int64_t e = 0; e < types[i].getNumElements(); ++e) {
      double u = random() * 0x1p-32;
      double value = isa<FloatType>(type) ? range.low + u * (range.high - range.low)
                     : type.isInteger(1)  ? u < 0.5
                                          : std::floor(u * range.intHigh);
      storeElement(buffers[i].data(), type, e,
                   type.isF32() ? truncate(value, range.mantissaBits) : value);
    }
  }
}

void Run::clearResults() {
  for (unsigned i = numInputs; i < types.size(); ++i) {
    std::memset(buffers[i].data(), 0xff, buffers[i].size);
  }
}

void Run::call(int64_t lo, int64_t hi) {
  SmallVector<void *> args;
  for (Buffer &buffer : buffers) {
    args.push_back(buffer.data());
  }
  args.push_back(shared.data());
  function(args.data(), lo, hi, scratch.data());
}

void Run::call() {
  if (record.packs > 0) {
    call(0, record.packs);
  }
  call(record.packs, record.packs + record.chunks);
}

void Run::callBackwards() {
  for (int64_t chunk = record.packs - 1; chunk >= 0; --chunk) {
    call(chunk, chunk + 1);
  }
  for (int64_t chunk = record.packs + record.chunks - 1; chunk >= record.packs; --chunk) {
    call(chunk, chunk + 1);
  }
}

SmallVector<nn::HostTensor> Run::readInputs() {
  SmallVector<nn::HostTensor> inputs;
  for (unsigned i = 0; i < numInputs; ++i) {
    nn::HostTensor &input = inputs.emplace_back(types[i].getShape());
    for (int64_t e = 0; e < input.size(); ++e) {
      input[e] = loadElement(buffers[i].data(), types[i].getElementType(), e);
    }
  }
  return inputs;
}

std::vector<char> Run::getResultBytes() {
  std::vector<char> bytes;
  for (unsigned i = numInputs; i < types.size(); ++i) {
    bytes.insert(bytes.end(), buffers[i].data(), buffers[i].data() + buffers[i].size);
  }
  return bytes;
}

/// NaN if one is.
static double larger(double a, double b) {
  return std::isnan(a) || a >= b ? a : b;
}

double Run::compare() {
  auto expected = nn::interpretBlock(kernel.getBody().front(), readInputs());
  if (failed(expected)) {
    return NAN;
  }
  double worst = 0;
  for (auto [r, result] : llvm::enumerate(*expected)) {
    double scale = 1, error = 0;
    for (int64_t e = 0; e < result.size(); ++e) {
      scale = std::max(scale, std::isfinite(result[e]) ? 1 + std::abs(result[e]) : 1);
      unsigned i = numInputs + r;
      double actual = loadElement(buffers[i].data(), types[i].getElementType(), e);
      bool same = actual == result[e] || (std::isnan(actual) && std::isnan(result[e]));
      double difference = same ? 0 : std::abs(actual - result[e]);
      error = larger(error, difference);
    }
    double relative = error / scale;
    worst = larger(worst, relative);
  }
  return worst;
}

void Run::printUlp() {
  auto expected = nn::interpretBlock(kernel.getBody().front(), readInputs());
  if (failed(expected)) {
    return;
  }
  for (auto [r, result] : llvm::enumerate(*expected)) {
    unsigned i = numInputs + r;
    double worst = 0;
    for (int64_t e = 0; e < result.size(); ++e) {
      double magnitude = std::abs(result[e]);
      if (types[i].getElementType().isF32() && magnitude >= 0x1p-126 && magnitude < 0x1p128) {
        double actual = loadElement(buffers[i].data(), types[i].getElementType(), e);
        double unit = std::ldexp(1.0, std::ilogb(magnitude) - 23);
        worst = larger(worst, std::abs(actual - result[e]) / unit);
      }
    }
    llvm::outs() << llvm::formatv("  result {0}: {1:f2} ulp\n", r, worst);
  }
}

// A stand-in for libcublasLt.so: the functions that runtime/cuda/libraries/cublaslt.cpp calls, strict about
// shapes and alignment, computing by SumProducts on the driver of the process. What an algorithm
// needs is prepared when it is asked for, because a product may be enqueued into a capture.
#include <cstring>
#include <mutex>

#include "runtime/cuda/sim/libraries/sum_products.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

using namespace mome::standin;
using mome::cuda::CUstream;

namespace {

enum Status : int { success = 0, invalid = 7, failed = 13, unsupported = 15 };
enum : int { real_f32 = 0, real_bf16 = 14, compute_f32 = 68, compute_tf32 = 77 };
constexpr uint32_t epilogue_default = 1, epilogue_bias = 4;
constexpr size_t wanted_workspace = 4096;
constexpr uintptr_t alignment = 64; // what preferences must promise

struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t lead;
  int32_t batch = 1;
  int64_t offset = 0;

  int32_t at(int64_t b, int64_t row, int64_t column) const {
    return int32_t(b * offset + column * lead + row);
  }
};
struct Desc {
  int compute;
  int32_t transposed[2] = {};
  uint32_t epilogue = epilogue_default;
  const void *bias = nullptr;
};
struct Preference {
  uint64_t workspace = 0;
  uint32_t alignments[4] = {256, 256, 256, 256};
};
struct Algorithm {
  uint64_t number, padding[7];
};
struct Heuristic {
  Algorithm algorithm;
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};

std::mutex mutex;
/// By number - 1. Never destroyed: the driver is gone when a process ends.
auto &algorithms = *new std::vector<std::shared_ptr<SumProducts>>;

template <class T> int set(T &member, const void *value, size_t size) {
  if (size != sizeof member) {
    return invalid;
  }
  std::memcpy(&member, value, size);
  return success;
}

/// C = op(A) op(B), all by columns; nothing for shapes that do not fit.
std::vector<ProductTables> tables_of(const Desc &desc, const Layout &a, const Layout &b,
                                     const Layout &c) {
  const bool ta = desc.transposed[0] != 0, tb = desc.transposed[1] != 0;
  const uint64_t depth = ta ? a.rows : a.columns;
  const bool fits = (ta ? a.columns : a.rows) == c.rows && (tb ? b.columns : b.rows) == depth &&
                    (tb ? b.rows : b.columns) == c.columns && a.batch == c.batch &&
                    b.batch == c.batch && c.type == real_f32 && a.type == b.type;
  if (!fits || (a.type != real_f32 && a.type != real_bf16) ||
      (desc.compute != compute_f32 && desc.compute != compute_tf32)) {
    return {};
  }
  ProductTables t;
  t.depth = int(depth);
  t.lhs_is_bf16 = t.rhs_is_bf16 = a.type == real_bf16;
  for (int64_t n = 0; n < c.batch; ++n) {
    for (int64_t column = 0; column < int64_t(c.columns); ++column) {
      for (int64_t row = 0; row < int64_t(c.rows); ++row) {
        for (int64_t k = 0; k < int64_t(depth); ++k) {
          t.lhs.push_back(ta ? a.at(n, k, row) : a.at(n, row, k));
          t.rhs.push_back(tb ? b.at(n, column, k) : b.at(n, k, column));
        }
        t.to.push_back(c.at(n, row, column));
        t.bias_at.push_back(int32_t(row));
      }
    }
  }
  return {t};
}

} // namespace

EXPORT int cublasLtCreate(void **handle) {
  static int context;
  *handle = &context;
  return success;
}
EXPORT const char *cublasLtGetStatusString(int status) {
  return status == success       ? "success"
         : status == invalid     ? "an invalid value"
         : status == unsupported ? "not supported"
                                 : "execution failed";
}

EXPORT int cublasLtMatmulDescCreate(Desc **desc, int compute, int scale) {
  *desc = new Desc{compute};
  return scale == real_f32 ? success : unsupported;
}
EXPORT int cublasLtMatmulDescDestroy(Desc *desc) {
  delete desc;
  return success;
}
EXPORT int cublasLtMatmulDescSetAttribute(Desc *desc, int attribute, const void *value,
                                          size_t size) {
  switch (attribute) {
  case 3:
  case 4:
    return set(desc->transposed[attribute - 3], value, size);
  case 7:
    return set(desc->epilogue, value, size);
  case 8:
    return set(desc->bias, value, size);
  default:
    return unsupported;
  }
}

EXPORT int cublasLtMatrixLayoutCreate(Layout **layout, int type, uint64_t rows, uint64_t columns,
                                      int64_t lead) {
  if (rows == 0 || columns == 0 || lead < int64_t(rows)) {
    return invalid;
  }
  *layout = new Layout{type, rows, columns, lead};
  return success;
}
EXPORT int cublasLtMatrixLayoutDestroy(Layout *layout) {
  delete layout;
  return success;
}
EXPORT int cublasLtMatrixLayoutSetAttribute(Layout *layout, int attribute, const void *value,
                                            size_t size) {
  return attribute == 5   ? set(layout->batch, value, size)
         : attribute == 6 ? set(layout->offset, value, size)
                          : int(unsupported);
}

EXPORT int cublasLtMatmulPreferenceCreate(Preference **preference) {
  *preference = new Preference;
  return success;
}
EXPORT int cublasLtMatmulPreferenceDestroy(Preference *preference) {
  delete preference;
  return success;
}
EXPORT int cublasLtMatmulPreferenceSetAttribute(Preference *p, int attribute, const void *value,
                                                size_t size) {
  return attribute == 1                     ? set(p->workspace, value, size)
         : attribute >= 5 && attribute <= 8 ? set(p->alignments[attribute - 5], value, size)
                                            : int(unsupported);
}

EXPORT int cublasLtMatmulAlgoGetHeuristic(void *, const Desc *desc, const Layout *a,
                                          const Layout *b, const Layout *c, const Layout *d,
                                          const Preference *preference, int wanted,
                                          Heuristic *found, int *count) {
  *count = 0;
  const auto tables = tables_of(*desc, *a, *b, *d);
  for (const uint32_t promised : preference->alignments) {
    if (promised > alignment) { // the caller's arenas do not hold that
      return unsupported;
    }
  }
  if (wanted < 1 || c != d || tables.empty() || preference->workspace < wanted_workspace) {
    return unsupported;
  }
  const auto kernel = SumProducts::create(tables.front());
  if (!kernel) {
    return failed;
  }
  const std::lock_guard lock(mutex);
  algorithms.push_back(kernel);
  *found = {{algorithms.size(), {}}, wanted_workspace, success, 1.0f, {}};
  *count = 1;
  return success;
}
EXPORT int cublasLtMatmulAlgoConfigGetAttribute(const Algorithm *algorithm, int attribute,
                                                void *value, size_t size, size_t *written) {
  const auto id = int32_t(algorithm->number);
  if (attribute != 0 || size != sizeof id) {
    return unsupported;
  }
  std::memcpy(value, &id, size);
  *written = size;
  return success;
}

EXPORT int cublasLtMatmul(void *, const Desc *desc, const float *alpha, const void *a,
                          const Layout *, const void *b, const Layout *, const float *beta,
                          const void *c, const Layout *, void *d, const Layout *,
                          const Algorithm *algorithm, void *workspace, size_t workspace_size,
                          CUstream stream) {
  const bool has_bias = desc->epilogue == epilogue_bias;
  bool aligned = true;
  for (const void *pointer :
       {a, b, c, static_cast<const void *>(d), static_cast<const void *>(workspace)}) {
    aligned = aligned && reinterpret_cast<uintptr_t>(pointer) % alignment == 0;
  }
  if (*alpha != 1 || *beta != 0 || c != d || !aligned || workspace == nullptr ||
      workspace_size < wanted_workspace || (has_bias && desc->bias == nullptr)) {
    return invalid;
  }
  const std::lock_guard lock(mutex);
  if (algorithm->number == 0 || algorithm->number > algorithms.size()) {
    return invalid;
  }
  const SumProducts &kernel = *algorithms[algorithm->number - 1];
  return kernel.launch(a, b, d, has_bias ? desc->bias : nullptr, stream) ? success : failed;
}

// cuBLASLt: products. A row-major C = A B is, to a library that counts along columns, C' = B' A': our B comes
// first.
//
// cublasLtCreate wants a device, and without a handle nothing can be asked: the compiler knows
// only what operations the library documents, reserves a fixed workspace, and the choice of an algorithm
// falls when a device binds the call.
#include <array>
#include <cstring>

#include "runtime/cuda/libraries/provider.h"
#include "runtime/cuda/libraries/shared_library.h"
#include "runtime/error.h"

namespace mome::cuda {
namespace {

// Of cublasLt.h and library_types.h.
using Status = int;
using Handle = struct LtContext *;
using MatmulDesc = struct LtMatmulDesc *;
using MatrixLayout = struct LtMatrixLayout *;
using Preference = struct LtPreference *;
struct Algorithm {
  uint64_t data[8];
};
struct HeuristicResult {
  Algorithm algorithm;
  size_t workspace;
  Status state;
  float waves;
  int reserved[4];
};
enum : int { real_f32 = 0, real_bf16 = 14, compute_f32 = 68, compute_tf32 = 77, transpose = 1 };
enum : int { desc_trans_a = 3, desc_trans_b = 4, desc_epilogue = 7, desc_bias = 8 };
enum : int { layout_batch = 5, layout_batch_offset = 6 };
enum : int { prefer_workspace = 1, prefer_alignment_a = 5, prefer_alignment_d = 8 };
enum : int { algorithm_id = 0 };
enum : uint32_t { epilogue_bias = 4 };

struct Api {
  Status (*Create)(Handle *);
  const char *(*GetStatusString)(Status);
  Status (*MatmulDescCreate)(MatmulDesc *, int compute, int scale);
  Status (*MatmulDescDestroy)(MatmulDesc);
  Status (*MatmulDescSetAttribute)(MatmulDesc, int attribute, const void *, size_t);
  Status (*MatrixLayoutCreate)(MatrixLayout *, int type, uint64_t rows, uint64_t columns, int64_t);
  Status (*MatrixLayoutDestroy)(MatrixLayout);
  Status (*MatrixLayoutSetAttribute)(MatrixLayout, int attribute, const void *, size_t);
  Status (*MatmulPreferenceCreate)(Preference *);
  Status (*MatmulPreferenceDestroy)(Preference);
  Status (*MatmulPreferenceSetAttribute)(Preference, int attribute, const void *, size_t);
  Status (*MatmulAlgoGetHeuristic)(Handle, MatmulDesc, MatrixLayout a, MatrixLayout b,
                                   MatrixLayout c, MatrixLayout d, Preference, int wanted,
                                   HeuristicResult *, int *got);
  Status (*MatmulAlgoConfigGetAttribute)(const Algorithm *, int attribute, void *, size_t,
                                         size_t *);
  Status (*Matmul)(Handle, MatmulDesc, const void *alpha, const void *a, MatrixLayout,
                   const void *b, MatrixLayout, const void *beta, const void *c, MatrixLayout,
                   void *d, MatrixLayout, const Algorithm *, void *workspace, size_t, CUstream);
};

bool fill(const SharedLibrary &library, Api &api, std::string &why) {
  const auto find = [&](const char *name, auto &member) {
    return library.find((std::string("cublasLt") + name).c_str(), member, why);
  };
  return find("Create", api.Create) && find("GetStatusString", api.GetStatusString) &&
         find("MatmulDescCreate", api.MatmulDescCreate) &&
         find("MatmulDescDestroy", api.MatmulDescDestroy) &&
         find("MatmulDescSetAttribute", api.MatmulDescSetAttribute) &&
         find("MatrixLayoutCreate", api.MatrixLayoutCreate) &&
         find("MatrixLayoutDestroy", api.MatrixLayoutDestroy) &&
         find("MatrixLayoutSetAttribute", api.MatrixLayoutSetAttribute) &&
         find("MatmulPreferenceCreate", api.MatmulPreferenceCreate) &&
         find("MatmulPreferenceDestroy", api.MatmulPreferenceDestroy) &&
         find("MatmulPreferenceSetAttribute", api.MatmulPreferenceSetAttribute) &&
         find("MatmulAlgoGetHeuristic", api.MatmulAlgoGetHeuristic) &&
         find("MatmulAlgoConfigGetAttribute", api.MatmulAlgoConfigGetAttribute) &&
         find("Matmul", api.Matmul);
}

/// Bytes that an algorithm may use: what NVIDIA recommends before Hopper. Every stream has them.
constexpr uint64_t workspace_bytes = 4 << 20;
/// Arguments begin at multiples of this: arenas at 256, slices in them at arena_alignment.
constexpr uint32_t alignment = 64;

class Product : public BoundCall {
public:
  Product(const Api &api, Handle handle, const LibraryCall &call, uint64_t workspace,
          const std::string &where)
      : api(api), handle(handle), call(call), workspace(workspace), where(where + ": cuBLASLt") {
    describe();
    choose();
  }
  ~Product() override {
    for (const MatrixLayout layout : {first, second, result}) {
      api.MatrixLayoutDestroy(layout);
    }
    api.MatmulDescDestroy(desc);
  }

  void enqueue(std::span<const CUdeviceptr> arguments, CUdeviceptr memory,
               CUstream stream) override {
    const auto at = [&](size_t view) {
      return reinterpret_cast<void *>(arguments[call.views[view].argument]);
    };
    if (call.views.size() > 3) {
      void *bias = at(3);
      check(api.MatmulDescSetAttribute(desc, desc_bias, &bias, sizeof bias), "the bias");
    }
    const float one = 1, zero = 0;
    check(api.Matmul(handle, desc, &one, at(1), first, at(0), second, &zero, at(2), result, at(2),
                     result, &algorithm, reinterpret_cast<void *>(memory), workspace, stream),
          "a product");
  }

  std::string choice() const override {
    int id = 0;
    size_t size = 0;
    api.MatmulAlgoConfigGetAttribute(&algorithm, algorithm_id, &id, sizeof id, &size);
    return "algorithm " + std::to_string(id) + ", " + std::to_string(needed) +
           " bytes of workspace";
  }

private:
  void check(Status status, const char *what) const {
    if (status != 0) {
      throw Error(Exit::device, where, std::string(what) + ": " + api.GetStatusString(status),
                  "compile the model without --cuda-libs=cublaslt: generated kernels do the same");
    }
  }

  /// The view's last two axes as a matrix of columns, and whether it stands transposed: if its last axis
  /// is not the one that is contiguous.
  MatrixLayout layout_of(const LibraryView &view, int &transposed) const {
    const int64_t rows = view.dims[2], columns = view.dims[1];
    transposed = view.strides[2] != 1 ? transpose : 0;
    const auto stride = uint64_t(view.strides[transposed ? 2 : 1]);
    MatrixLayout layout = nullptr;
    check(api.MatrixLayoutCreate(&layout, view.dtype == DType::bf16 ? real_bf16 : real_f32,
                                 uint64_t(transposed ? columns : rows),
                                 uint64_t(transposed ? rows : columns), int64_t(stride)),
          "a layout");
    const auto count = int32_t(view.dims[0]);
    const int64_t offset = view.strides[0];
    check(api.MatrixLayoutSetAttribute(layout, layout_batch, &count, sizeof count), "a layout");
    check(api.MatrixLayoutSetAttribute(layout, layout_batch_offset, &offset, sizeof offset),
          "a layout");
    return layout;
  }

  void describe() {
    check(api.MatmulDescCreate(&desc, call.tf32 ? compute_tf32 : compute_f32, real_f32),
          "the product");
    int transposed[3];
    first = layout_of(call.views[1], transposed[0]);
    second = layout_of(call.views[0], transposed[1]);
    result = layout_of(call.views[2], transposed[2]);
    const auto set = [&](int attribute, const auto &value) {
      check(api.MatmulDescSetAttribute(desc, attribute, &value, sizeof value), "the product");
    };
    set(desc_trans_a, transposed[0]);
    set(desc_trans_b, transposed[1]);
    if (call.views.size() > 3) {
      set(desc_epilogue, epilogue_bias);
    }
  }

  /// The first that the library recommends; the same one for the same library and device.
  void choose() {
    Preference preference = nullptr;
    check(api.MatmulPreferenceCreate(&preference), "a preference");
    const auto set = [&](int attribute, const auto &value) {
      check(api.MatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value),
            "a preference");
    };
    set(prefer_workspace, workspace);
    for (int operand = prefer_alignment_a; operand <= prefer_alignment_d; ++operand) {
      set(operand, alignment);
    }
    HeuristicResult found{};
    int count = 0;
    const Status status = api.MatmulAlgoGetHeuristic(handle, desc, first, second, result, result,
                                                     preference, 1, &found, &count);
    api.MatmulPreferenceDestroy(preference);
    check(status, "the choice of an algorithm");
    check(count == 0 ? 15 /* not supported */ : found.state, "the choice of an algorithm");
    algorithm = found.algorithm;
    needed = found.workspace;
  }

  const Api &api;
  const Handle handle;
  const LibraryCall call;
  const uint64_t workspace;
  const std::string where;
  MatmulDesc desc = nullptr;
  MatrixLayout first = nullptr, second = nullptr, result = nullptr;
  Algorithm algorithm{};
  uint64_t needed = 0;
};

class CublasLt : public Provider {
public:
  explicit CublasLt(const Api &api) : api(api) {}

  std::optional<uint64_t> workspace(const LibraryCall &call, const std::string &,
                                    std::string &why) override {
    if (call.operation != LibraryCall::Operation::product) {
      why = "cuBLASLt knows products only";
      return std::nullopt;
    }
    return workspace_bytes;
  }

  std::unique_ptr<BoundCall> bind(const LibraryCall &call, uint64_t workspace,
                                  const std::string &where) override {
    const Handle handle = handles.get(where, "cuBLASLt", api.Create, api.GetStatusString);
    return std::make_unique<Product>(api, handle, call, workspace, where);
  }

private:
  const Api api;
  Handles<Handle> handles;
};

} // namespace

Provider *open_cublaslt(std::string &why) {
  return open_once<CublasLt, Api>("MOME_CUBLASLT", {"libcublasLt.so.13", "libcublasLt.so.12"}, why);
}

} // namespace mome::cuda

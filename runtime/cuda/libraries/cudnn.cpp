// cuDNN: convolutions and their derivatives, as graphs of its backend interface.
//
// A graph is built, and its support asked, without a device: the library takes an architecture's properties
// as JSON (from 9.8 on). It wants a driver library in the process all the same, if only a stub. On a device
// the same graph is built again, and of the plans that the library recommends the first is taken whose
// engine keeps our promises (no order of sums that changes, no rounding that was not asked for) and fits
// the workspace that the compiler saw.
#include <array>
#include <cstdlib>

#include "runtime/cuda/libraries/cudnn_backend.h"
#include "runtime/cuda/libraries/provider.h"
#include "runtime/error.h"

namespace mome::cuda {
using namespace cudnn;

namespace {

//===-- Graphs ----------------------------------------------------------------------------------===//

/// Where a graph is to run: a device, by its handle, or an architecture's properties.
struct Target {
  Handle handle = nullptr;
  const Descriptor *properties = nullptr;
};

Descriptor tensor(const Api &api, const LibraryView &view, int64_t id) {
  constexpr int64_t alignment = 16;
  Descriptor t(api, tensor_kind);
  t.set(tensor_type, data_type, view.dtype == DType::bf16 ? data_bf16 : data_f32);
  t.set(tensor_dims, view.dims);
  t.set(tensor_strides, view.strides);
  t.set(tensor_id, id);
  t.set(tensor_alignment, alignment);
  t.finalize("a tensor");
  return t;
}

/// The plan of a call's graph, and all that it refers to. Tensors are numbered as the call's views.
class Plan {
public:
  Plan(const Api &api, const LibraryCall &call, const Target &target,
       std::optional<uint64_t> most_workspace)
      : graph(api, graph_kind), plan(api, plan_kind) {
    build(api, call, target);
    choose(api, call, target, most_workspace);
  }

  Raw raw() const { return plan.raw; }
  uint64_t workspace = 0;
  int64_t engine = 0;

private:
  void build(const Api &api, const LibraryCall &call, const Target &target);
  void choose(const Api &api, const LibraryCall &call, const Target &target,
              std::optional<uint64_t> most_workspace);
  bool take(const Api &api, const Descriptor &config, const Target &target,
            std::optional<uint64_t> most_workspace);

  std::vector<Descriptor> parts;
  Descriptor graph, plan;
};

void Plan::build(const Api &api, const LibraryCall &call, const Target &target) {
  Descriptor conv(api, convolution_kind);
  conv.set(conv_compute, data_type, data_f32);
  conv.set(conv_mode, mode_type, cross_correlation);
  conv.set(conv_rank, int64_t(call.stride.size()));
  conv.set(conv_strides, call.stride);
  conv.set(conv_dilations, call.dilation);
  conv.set(conv_pre, call.pad_low);
  conv.set(conv_post, call.pad_high);
  conv.finalize("a convolution");
  Descriptor x = tensor(api, call.views[0], 0), w = tensor(api, call.views[1], 1),
             y = tensor(api, call.views[2], 2);
  struct Names {
    Kind kind;
    Attribute alpha, beta, conv, x, w, y;
  };
  constexpr Names names[] = {
      {forward_kind, forward_alpha, forward_beta, forward_conv, forward_x, forward_w, forward_y},
      {for_input_kind, for_input_alpha, for_input_beta, for_input_conv, for_input_dx, for_input_w,
       for_input_dy},
      {for_weight_kind, for_weight_alpha, for_weight_beta, for_weight_conv, for_weight_x,
       for_weight_dw, for_weight_dy}};
  const Names &n = names[int(call.operation) - int(LibraryCall::Operation::conv)];
  Descriptor operation(api, n.kind);
  operation.set(n.alpha, 1.0f);
  operation.set(n.beta, 0.0f);
  operation.set(n.conv, conv);
  operation.set(n.x, x);
  operation.set(n.w, w);
  operation.set(n.y, y);
  operation.finalize("an operation");
  if (target.handle != nullptr) {
    graph.set(graph_handle, handle_type, 1, &target.handle);
  }
  graph.set(graph_ops, operation);
  graph.finalize("a graph");
  for (Descriptor *part : {&conv, &x, &w, &y, &operation}) {
    parts.push_back(std::move(*part));
  }
}

/// False for engines whose sums change from run to run or lose what the call does not allow.
bool keeps_promises(const Api &api, Raw engine, const LibraryCall &call) {
  std::array<int, 16> notes{};
  int64_t count = 0;
  if (api.BackendGetAttribute(engine, engine_notes, note_type, int64_t(notes.size()), &count,
                              notes.data()) != 0) {
    return false;
  }
  const bool in_f32 = call.views[0].dtype == DType::f32 && call.views[2].dtype == DType::f32;
  for (int64_t i = 0; i < count; ++i) {
    const int note = notes[size_t(i)];
    const bool less_exact = note == reduces_in_less || note == by_fft ||
                            note == not_deterministic ||
                            (note >= by_winograd && note <= last_winograd);
    const bool is_tf32 = in_f32 && (note == tensor_core || note == down_converts);
    if (less_exact || (is_tf32 && !call.tf32)) {
      return false;
    }
  }
  return true;
}

bool Plan::take(const Api &api, const Descriptor &config, const Target &target,
                std::optional<uint64_t> most_workspace) {
  Descriptor candidate(api, plan_kind);
  candidate.set(plan_config, config);
  if (target.handle != nullptr) {
    candidate.set(plan_handle, handle_type, 1, &target.handle);
  } else {
    candidate.set(plan_properties, *target.properties);
  }
  if (api.BackendFinalize(candidate.raw) != 0) {
    return false; // recommended, and not to be had: the next one
  }
  const auto bytes = uint64_t(candidate.get(plan_workspace));
  if (most_workspace && bytes > *most_workspace) {
    return false;
  }
  workspace = bytes;
  plan = std::move(candidate);
  return true;
}

void Plan::choose(const Api &api, const LibraryCall &call, const Target &target,
                  std::optional<uint64_t> most_workspace) {
  constexpr int64_t most = 16;
  int64_t asked = 0, refused = 0;
  for (const int mode : {heuristic_best, heuristic_fallback}) {
    Descriptor heuristic(api, heuristic_kind);
    heuristic.set(heuristic_graph, graph);
    heuristic.set(heuristic_mode, heuristic_type, mode);
    if (target.handle == nullptr) {
      heuristic.set(heuristic_properties, *target.properties);
    }
    if (api.BackendFinalize(heuristic.raw) != 0) {
      continue;
    }
    std::vector<Descriptor> configs;
    std::vector<Raw> raws;
    for (int64_t i = 0; i < most; ++i) {
      raws.push_back(configs.emplace_back(api, config_kind).raw);
    }
    int64_t count = 0;
    heuristic.check(api.BackendGetAttribute(heuristic.raw, heuristic_results, descriptor_type, most,
                                            &count, raws.data()),
                    "the choice of an engine");
    for (int64_t i = 0; i < count; ++i) {
      Descriptor found(api, engine_kind);
      int64_t got = 0;
      ++asked;
      if (api.BackendGetAttribute(configs[size_t(i)].raw, config_engine, descriptor_type, 1, &got,
                                  &found.raw) != 0 ||
          !keeps_promises(api, found.raw, call)) {
        ++refused;
        continue;
      }
      if (take(api, configs[size_t(i)], target, most_workspace)) {
        engine = found.get(engine_index);
        parts.push_back(std::move(found));
        for (Descriptor &config : configs) {
          parts.push_back(std::move(config));
        }
        return;
      }
    }
  }
  throw Failure{asked == 0 ? "it has no engine for this convolution"
                           : "of " + std::to_string(asked) + " engines for this convolution " +
                                 std::to_string(refused) +
                                 " are less exact than promised, and no other has a plan"};
}

//===-- Calls -----------------------------------------------------------------------------------===//

class ConvolutionCall : public BoundCall {
public:
  ConvolutionCall(const Api &api, Handle handle, const LibraryCall &call, uint64_t workspace,
                  const std::string &where)
      : api(api), handle(handle), call(call), where(where),
        plan(api, call, Target{handle, nullptr}, workspace) {}

  void enqueue(std::span<const CUdeviceptr> arguments, CUdeviceptr memory,
               CUstream stream) override {
    try {
      Descriptor pack(api, pack_kind);
      const std::vector<int64_t> ids = {0, 1, 2};
      std::array<void *, 3> pointers{};
      for (size_t i = 0; i < 3; ++i) {
        pointers[i] = reinterpret_cast<void *>(arguments[call.views[i].argument]);
      }
      void *workspace = reinterpret_cast<void *>(memory);
      pack.set(pack_ids, ids);
      pack.set(pack_pointers, pointer_type, 3, pointers.data());
      pack.set(pack_workspace, pointer_type, 1, &workspace);
      pack.finalize("the arguments");
      pack.check(api.SetStream(handle, stream), "a stream");
      pack.check(api.BackendExecute(handle, plan.raw(), pack.raw), "a convolution");
    } catch (const Failure &failure) {
      throw Error(Exit::device, where, "cuDNN: " + failure.what,
                  "compile the model without --cuda-libs=cudnn: generated kernels do the same");
    }
  }

  std::string choice() const override {
    return "engine " + std::to_string(plan.engine) + ", " + std::to_string(plan.workspace) +
           " bytes of workspace";
  }

private:
  const Api &api;
  const Handle handle;
  const LibraryCall call;
  const std::string where;
  const Plan plan;
};

/// What cuDNN wants to know of an architecture's devices; those of the performance model.
struct Properties {
  const char *architecture;
  int version, multiprocessors, shared_optin, most_blocks, most_threads, l2_bytes;
  const char *name;
};
constexpr Properties devices[] = {
    {"sm_80", 800, 108, 166912, 32, 2048, 41943040, "NVIDIA A100-SXM4-80GB"},
    {"sm_86", 860, 84, 101376, 16, 1536, 6291456, "NVIDIA RTX A6000"},
    {"sm_89", 890, 128, 101376, 24, 1536, 75497472, "NVIDIA GeForce RTX 4090"},
    {"sm_90", 900, 132, 232448, 32, 2048, 52428800, "NVIDIA H100 80GB HBM3"},
    {"sm_100", 1000, 148, 232448, 32, 2048, 132644864, "NVIDIA B200"},
    {"sm_120", 1200, 170, 101376, 24, 1536, 100663296, "NVIDIA GeForce RTX 5090"},
};

std::string json_of(const Properties &p) {
  const auto n = [](int value) { return std::to_string(value); };
  return R"({"maxGridSize":[2147483647,65535,65535],"maxBlockSize":[1024,1024,64],"regsPerBlock":65536,)"
         R"("warpSize":32,"maxSharedMemoryPerBlock":49152,"reservedSharedMemoryPerBlock":1024,)"
         R"("maxRegistersPerSM":65536,"maxThreadsPerBlock":1024,"pciDeviceId":0,"isTccDriver":0,)"
         R"("supportCoopLaunch":1,"totalGlobalMem":80000000000,"smClockRateKHz":1400000,)"
         R"("memClockRateKHz":1500000,"cudaDeviceId":0,"driverVer":13000,"multiProcessorCount":)" +
         n(p.multiprocessors) + ",\"maxSharedMemoryPerBlockOptin\":" + n(p.shared_optin) +
         ",\"maxCtasPerSM\":" + n(p.most_blocks) + ",\"maxThreadsPerSM\":" + n(p.most_threads) +
         ",\"l2CacheSize\":" + n(p.l2_bytes) + ",\"deviceVer\":" + n(p.version) +
         ",\"deviceName\":\"" + p.name + "\"}";
}

/// Plans want a driver in the process, for nothing but its presence: the machine's, else the toolkit's stub,
/// which has the same name inside and is found by that.
bool has_driver() {
  const char *toolkit = std::getenv("CUDA_PATH");
  const std::string folder = toolkit == nullptr ? "/usr/local/cuda" : toolkit;
  static const bool found =
      ::dlopen("libcuda.so.1", RTLD_NOW) != nullptr ||
      ::dlopen((folder + "/lib64/stubs/libcuda.so").c_str(), RTLD_NOW) != nullptr;
  return found;
}

class Cudnn : public Provider {
public:
  explicit Cudnn(const Api &api) : api(api) {}

  std::optional<uint64_t> workspace(const LibraryCall &call, const std::string &architecture,
                                    std::string &why) override {
    if (call.operation == LibraryCall::Operation::product) {
      why = "cuDNN is asked for convolutions only";
      return std::nullopt;
    }
    if (!has_driver()) {
      why = "cuDNN wants a CUDA driver to be asked, or the stub of one that the CUDA toolkit has";
      return std::nullopt;
    }
    try {
      for (const Properties &device : devices) {
        if (architecture == device.architecture ||
            architecture == device.architecture + std::string("a")) {
          const std::string json = json_of(device);
          Descriptor properties(api, properties_kind);
          properties.set(properties_json, char_type, int64_t(json.size()) + 1, json.c_str());
          properties.finalize("the architecture");
          return Plan(api, call, Target{nullptr, &properties}, std::nullopt).workspace;
        }
      }
      why = "nothing is known of this architecture";
    } catch (const Failure &failure) {
      why = failure.what;
    }
    return std::nullopt;
  }

  std::unique_ptr<BoundCall> bind(const LibraryCall &call, uint64_t workspace,
                                  const std::string &where) override {
    const Handle handle = handles.get(where, "cuDNN", api.Create, api.GetErrorString);
    try {
      return std::make_unique<ConvolutionCall>(api, handle, call, workspace, where);
    } catch (const Failure &failure) {
      throw Error(Exit::device, where, "cuDNN: " + failure.what,
                  "compile for this device, with this cuDNN, or without --cuda-libs=cudnn");
    }
  }

private:
  const Api api;
  Handles<Handle> handles;
};

} // namespace

Provider *open_cudnn(std::string &why) {
  return open_once<Cudnn, Api>("MOME_CUDNN", {"libcudnn.so.9"}, why);
}

} // namespace mome::cuda

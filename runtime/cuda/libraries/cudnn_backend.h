// cuDNN's backend interface as far as this project calls it: numbers of version 9's cudnn_graph.h, the
// functions, and descriptors that throw what fails. Nothing of cuDNN is needed to build.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtime/cuda/driver_abi.h"
#include "runtime/cuda/libraries/shared_library.h"

namespace mome::cuda::cudnn {

using Status = int;
using Handle = struct DnnContext *;
using Raw = void *; // cudnnBackendDescriptor_t
enum Kind : int {
  convolution_kind = 1,
  engine_kind = 2,
  config_kind = 3,
  heuristic_kind = 4,
  plan_kind = 5,
  forward_kind = 10,
  for_weight_kind = 11,
  for_input_kind = 12,
  graph_kind = 15,
  pack_kind = 16,
  tensor_kind = 17,
  properties_kind = 38
};
enum Type : int {
  handle_type = 0,
  data_type = 1,
  int64_type = 3,
  float_type = 4,
  pointer_type = 6,
  mode_type = 7,
  heuristic_type = 8,
  note_type = 11,
  descriptor_type = 15,
  char_type = 24
};
enum Attribute : int {
  conv_compute = 100,
  conv_mode = 101,
  conv_dilations = 102,
  conv_strides = 103,
  conv_post = 104,
  conv_pre = 105,
  conv_rank = 106,
  heuristic_mode = 200,
  heuristic_graph = 201,
  heuristic_results = 202,
  heuristic_properties = 204,
  config_engine = 300,
  plan_handle = 400,
  plan_config = 401,
  plan_workspace = 402,
  plan_properties = 407,
  forward_alpha = 700,
  forward_beta = 701,
  forward_conv = 702,
  forward_w = 703,
  forward_x = 704,
  forward_y = 705,
  for_input_alpha = 706,
  for_input_beta = 707,
  for_input_conv = 708,
  for_input_w = 709,
  for_input_dx = 710,
  for_input_dy = 711,
  for_weight_alpha = 712,
  for_weight_beta = 713,
  for_weight_conv = 714,
  for_weight_dw = 715,
  for_weight_x = 716,
  for_weight_dy = 717,
  graph_handle = 800,
  graph_ops = 801,
  tensor_alignment = 900,
  tensor_type = 901,
  tensor_dims = 902,
  tensor_strides = 903,
  tensor_id = 906,
  pack_ids = 1000,
  pack_pointers = 1001,
  pack_workspace = 1003,
  engine_index = 1301,
  engine_notes = 1303,
  properties_json = 2702
};
enum : int { data_f32 = 0, data_bf16 = 9, cross_correlation = 1 };
enum : int { heuristic_fallback = 2, heuristic_best = 3 };
enum Note : int {
  tensor_core = 0,
  down_converts = 1,
  reduces_in_less = 2,
  by_fft = 3,
  not_deterministic = 4,
  by_winograd = 5, // and its tiles, 6 to 8
  last_winograd = 8
};

struct Api {
  Status (*Create)(Handle *);
  Status (*SetStream)(Handle, CUstream);
  const char *(*GetErrorString)(Status);
  void (*GetLastErrorString)(char *, size_t);
  Status (*BackendCreateDescriptor)(int kind, Raw *);
  Status (*BackendDestroyDescriptor)(Raw);
  Status (*BackendFinalize)(Raw);
  Status (*BackendSetAttribute)(Raw, int attribute, int type, int64_t count, const void *);
  Status (*BackendGetAttribute)(Raw, int attribute, int type, int64_t wanted, int64_t *got, void *);
  Status (*BackendExecute)(Handle, Raw plan, Raw pack);
};

inline bool fill(const SharedLibrary &library, Api &api, std::string &why) {
  const auto find = [&](const char *name, auto &member) {
    return library.find((std::string("cudnn") + name).c_str(), member, why);
  };
  return find("Create", api.Create) && find("SetStream", api.SetStream) &&
         find("GetErrorString", api.GetErrorString) &&
         find("GetLastErrorString", api.GetLastErrorString) &&
         find("BackendCreateDescriptor", api.BackendCreateDescriptor) &&
         find("BackendDestroyDescriptor", api.BackendDestroyDescriptor) &&
         find("BackendFinalize", api.BackendFinalize) &&
         find("BackendSetAttribute", api.BackendSetAttribute) &&
         find("BackendGetAttribute", api.BackendGetAttribute) &&
         find("BackendExecute", api.BackendExecute);
}

/// What went wrong, while a graph is built or run.
struct Failure {
  std::string what;
};

//===-- Descriptors -----------------------------------------------------------------------------===//

/// One descriptor of the backend; every failure is thrown.
class Descriptor {
public:
  Descriptor(const Api &api, Kind kind) : api(&api) {
    check(api.BackendCreateDescriptor(kind, &raw), "a descriptor");
  }
  Descriptor(Descriptor &&other) noexcept
      : api(other.api), raw(std::exchange(other.raw, nullptr)) {}
  Descriptor &operator=(Descriptor &&other) noexcept {
    std::swap(raw, other.raw);
    return *this;
  }
  ~Descriptor() {
    if (raw != nullptr) {
      api->BackendDestroyDescriptor(raw);
    }
  }

  void set(Attribute attribute, Type type, int64_t count, const void *values) {
    check(api->BackendSetAttribute(raw, attribute, type, count, values), "an attribute");
  }
  void set(Attribute attribute, const std::vector<int64_t> &values) {
    set(attribute, int64_type, int64_t(values.size()), values.data());
  }
  void set(Attribute attribute, int64_t value) { set(attribute, int64_type, 1, &value); }
  void set(Attribute attribute, float value) { set(attribute, float_type, 1, &value); }
  void set(Attribute attribute, Type type, int value) { set(attribute, type, 1, &value); }
  void set(Attribute attribute, const Descriptor &value) {
    set(attribute, descriptor_type, 1, &value.raw);
  }
  int64_t get(Attribute attribute) const {
    int64_t value = 0, count = 0;
    check(api->BackendGetAttribute(raw, attribute, int64_type, 1, &count, &value), "an attribute");
    return value;
  }
  void finalize(const char *what) { check(api->BackendFinalize(raw), what); }

  void check(Status status, const char *what) const {
    if (status != 0) {
      std::array<char, 512> last{};
      api->GetLastErrorString(last.data(), last.size());
      throw Failure{std::string(what) + ": " + api->GetErrorString(status) +
                    (last[0] == '\0' ? "" : std::string(" (") + last.data() + ")")};
    }
  }

  const Api *api;
  Raw raw = nullptr;
};

} // namespace mome::cuda::cudnn

// A stand-in for libcudnn.so.9: the functions that runtime/cuda/libraries/cudnn.cpp calls, for graphs of one
// convolution, computing by SumProducts on the driver of the process. It recommends two engines, of which
// the first does not keep its order of sums: who takes it is told an error.
#include <cstdio>
#include <cstring>
#include <map>

#include "runtime/cuda/sim/libraries/sum_products.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

using namespace mome::standin;
using mome::cuda::CUstream;

namespace {

enum Status : int {
  success = 0,
  not_initialized = 1001,
  bad_param = 2000,
  not_supported = 3000,
  failed = 5000
};
enum Kind : int {
  convolution = 1,
  engine = 2,
  config = 3,
  heuristic = 4,
  plan = 5,
  forward = 10,
  for_weight = 11,
  for_input = 12,
  graph = 15,
  pack = 16,
  tensor = 17,
  properties = 38
};
constexpr int64_t wanted_workspace = 512;
constexpr int not_deterministic = 4; // a numerical note

/// Sizes of attribute types 0 (handle) to 24 (char); 0: not known here.
size_t size_of(int type) {
  switch (type) {
  case 0:
  case 3:
  case 6:
  case 15:
    return 8;
  case 1:
  case 4:
  case 7:
  case 8:
  case 11:
    return 4;
  default:
    return type == 24 ? 1 : 0;
  }
}

struct Tensor {
  int type = 0; // 0: f32, 9: bf16
  std::vector<int64_t> dims, strides;
  int64_t id = -1;

  int64_t size() const { return dims.empty() ? 0 : dims[0] * strides[0]; }
};
struct Problem {
  int kind = 0;
  Tensor x, w, y;
  std::vector<int64_t> stride, dilation, pad_low, pad_high;
};

struct Descriptor {
  int kind;
  bool finalized = false;
  std::map<int, std::vector<std::byte>> attributes;
  std::shared_ptr<const Problem> problem; // from an operation on
  int64_t number = 0;                     // of an engine
  std::shared_ptr<SumProducts> kernel;    // of a plan for a device

  template <class T> std::vector<T> get(int attribute) const {
    const auto at = attributes.find(attribute);
    std::vector<T> values(at == attributes.end() ? 0 : at->second.size() / sizeof(T));
    if (!values.empty()) {
      std::memcpy(values.data(), at->second.data(), values.size() * sizeof(T));
    }
    return values;
  }
  template <class T> T one(int attribute, T absent) const {
    const auto values = get<T>(attribute);
    return values.size() == 1 ? values[0] : absent;
  }
  /// A finalized descriptor of that kind, or null.
  const Descriptor *child(int attribute, int kind) const {
    const auto *found = one<const Descriptor *>(attribute, nullptr);
    return found != nullptr && found->finalized && found->kind == kind ? found : nullptr;
  }
};

thread_local std::string last_error;
int fail(int status, const char *why) {
  last_error = why;
  return status;
}

/// Calls f(x's element, w's, y's) for every product of a convolution.
template <class F> void each_product(const Problem &p, F f) {
  const size_t rank = p.stride.size();
  const int64_t groups = p.x.dims[1] / p.w.dims[1], outs = p.w.dims[0] / groups, ins = p.w.dims[1];
  int64_t places = 1, taps = 1;
  for (size_t axis = 0; axis < rank; ++axis) {
    places *= p.y.dims[2 + axis], taps *= p.w.dims[2 + axis];
  }
  for (int64_t n = 0; n < p.y.dims[0]; ++n) {
    for (int64_t o = 0; o < p.y.dims[1]; ++o) {
      for (int64_t c = 0; c < ins; ++c) {
        for (int64_t number = 0; number < places * taps; ++number) {
          int64_t place = number / taps, tap = number % taps;
          int64_t x = n * p.x.strides[0] + (o / outs * ins + c) * p.x.strides[1];
          int64_t w = o * p.w.strides[0] + c * p.w.strides[1];
          int64_t y = n * p.y.strides[0] + o * p.y.strides[1];
          bool inside = true;
          for (size_t axis = rank; axis-- > 0;) {
            const int64_t at = place % p.y.dims[2 + axis], k = tap % p.w.dims[2 + axis];
            place /= p.y.dims[2 + axis], tap /= p.w.dims[2 + axis];
            const int64_t from = at * p.stride[axis] + k * p.dilation[axis] - p.pad_low[axis];
            inside = inside && from >= 0 && from < p.x.dims[2 + axis];
            x += from * p.x.strides[2 + axis];
            w += k * p.w.strides[2 + axis];
            y += at * p.y.strides[2 + axis];
          }
          if (inside) {
            f(int32_t(x), int32_t(w), int32_t(y));
          }
        }
      }
    }
  }
}

ProductTables tables_of(const Problem &p) {
  std::vector<std::vector<std::pair<int32_t, int32_t>>> sums;
  const Tensor &out = p.kind == forward ? p.y : p.kind == for_input ? p.x : p.w;
  sums.resize(size_t(out.size()));
  each_product(p, [&](int32_t x, int32_t w, int32_t y) {
    if (p.kind == forward) {
      sums[size_t(y)].emplace_back(x, w);
    } else if (p.kind == for_input) {
      sums[size_t(x)].emplace_back(w, y);
    } else {
      sums[size_t(w)].emplace_back(x, y);
    }
  });
  ProductTables t;
  for (const auto &sum : sums) {
    t.depth = std::max(t.depth, int(sum.size()));
  }
  for (size_t i = 0; i < sums.size(); ++i) {
    for (int k = 0; k < t.depth; ++k) {
      const bool exists = size_t(k) < sums[i].size();
      t.lhs.push_back(exists ? sums[i][size_t(k)].first : -1);
      t.rhs.push_back(exists ? sums[i][size_t(k)].second : -1);
    }
    t.to.push_back(int32_t(i));
    t.bias_at.push_back(0);
  }
  t.lhs_is_bf16 = (p.kind == for_input ? p.w : p.x).type == 9;
  t.rhs_is_bf16 = (p.kind == forward ? p.w : p.y).type == 9;
  return t;
}

Tensor read_tensor(const Descriptor *d) {
  return d == nullptr ? Tensor{}
                      : Tensor{d->one<int>(901, -1), d->get<int64_t>(902), d->get<int64_t>(903),
                               d->one<int64_t>(906, -1)};
}

/// y's extents follow from the others'.
bool fits(const Problem &p) {
  const size_t rank = p.stride.size();
  for (const Tensor *t : {&p.x, &p.w, &p.y}) {
    if (t->dims.size() != rank + 2 || t->strides.size() != rank + 2 ||
        (t->type != 0 && t->type != 9)) {
      return false;
    }
  }
  if (p.dilation.size() != rank || p.pad_low.size() != rank || p.pad_high.size() != rank ||
      p.x.dims[1] % p.w.dims[1] != 0 || p.x.dims[0] != p.y.dims[0] || p.w.dims[0] != p.y.dims[1]) {
    return false;
  }
  for (size_t axis = 0; axis < rank; ++axis) {
    const int64_t reach = (p.w.dims[2 + axis] - 1) * p.dilation[axis] + 1;
    const int64_t padded = p.x.dims[2 + axis] + p.pad_low[axis] + p.pad_high[axis];
    if ((padded - reach) / p.stride[axis] + 1 != p.y.dims[2 + axis]) {
      return false;
    }
  }
  return true;
}

int finalize_operation(Descriptor &d) {
  // alpha, beta, convolution, x, w, y
  constexpr int names[3][6] = {{700, 701, 702, 704, 703, 705},
                               {712, 713, 714, 716, 715, 717},
                               {706, 707, 708, 710, 709, 711}};
  const int *n = names[d.kind - forward];
  const Descriptor *conv = d.child(n[2], convolution);
  auto p = std::make_shared<Problem>();
  p->kind = d.kind;
  p->x = read_tensor(d.child(n[3], tensor));
  p->w = read_tensor(d.child(n[4], tensor));
  p->y = read_tensor(d.child(n[5], tensor));
  if (conv == nullptr || d.one<float>(n[0], 0) != 1 || d.one<float>(n[1], 1) != 0 ||
      conv->one<int>(101, 0) != 1) {
    return fail(bad_param, "an operation without its parts");
  }
  p->stride = conv->get<int64_t>(103), p->dilation = conv->get<int64_t>(102);
  p->pad_low = conv->get<int64_t>(105), p->pad_high = conv->get<int64_t>(104);
  d.problem = p;
  return fits(*p) ? int(success) : fail(bad_param, "shapes that do not fit");
}

int finalize_plan(Descriptor &d) {
  const Descriptor *chosen = d.child(401, config);
  if (chosen == nullptr) {
    return fail(bad_param, "a plan without a configuration");
  }
  d.problem = chosen->problem;
  d.number = chosen->number;
  if (d.one<void *>(400, nullptr) != nullptr) { // for a device
    d.kernel = SumProducts::create(tables_of(*d.problem));
    return d.kernel ? int(success) : fail(failed, "no driver");
  }
  return d.child(407, properties) != nullptr ? int(success) : fail(bad_param, "a plan for nothing");
}

int finalize(Descriptor &d) {
  const auto inherit = [&](const Descriptor *from) {
    d.problem = from == nullptr ? nullptr : from->problem;
    return d.problem ? int(success) : fail(bad_param, "a descriptor without its parts");
  };
  switch (d.kind) {
  case forward:
  case for_weight:
  case for_input:
    return finalize_operation(d);
  case graph:
    for (const int kind : {forward, for_weight, for_input}) {
      if (const Descriptor *operation = d.child(801, kind)) {
        return inherit(operation);
      }
    }
    return inherit(nullptr);
  case heuristic:
    return inherit(d.child(201, graph));
  case plan:
    return finalize_plan(d);
  case properties:
    return d.get<char>(2702).empty() ? fail(bad_param, "no properties") : int(success);
  default:
    return success;
  }
}

void *pointer_of(const Descriptor &pack, int64_t id) {
  const auto ids = pack.get<int64_t>(1000);
  const auto pointers = pack.get<void *>(1001);
  for (size_t i = 0; i < ids.size() && i < pointers.size(); ++i) {
    if (ids[i] == id) {
      return pointers[i];
    }
  }
  return nullptr;
}

struct Context {
  CUstream stream = nullptr;
};

} // namespace

EXPORT int cudnnCreate(Context **handle) {
  *handle = new Context;
  return success;
}
EXPORT int cudnnSetStream(Context *handle, CUstream stream) {
  handle->stream = stream;
  return success;
}
EXPORT const char *cudnnGetErrorString(int status) {
  return status == success         ? "success"
         : status == bad_param     ? "a bad parameter"
         : status == not_supported ? "not supported"
                                   : "execution failed";
}
EXPORT void cudnnGetLastErrorString(char *text, size_t size) {
  std::snprintf(text, size, "%s", last_error.c_str());
}
EXPORT int cudnnBackendCreateDescriptor(int kind, Descriptor **descriptor) {
  *descriptor = new Descriptor{kind, {}, {}, {}, 0, {}};
  return success;
}
EXPORT int cudnnBackendDestroyDescriptor(Descriptor *descriptor) {
  delete descriptor;
  return success;
}
EXPORT int cudnnBackendSetAttribute(Descriptor *d, int attribute, int type, int64_t count,
                                    const void *values) {
  const size_t bytes = size_of(type) * size_t(count);
  if (d->finalized || bytes == 0) {
    return fail(bad_param, "an attribute of a finalized descriptor, or of no known type");
  }
  const auto *from = static_cast<const std::byte *>(values);
  d->attributes[attribute].assign(from, from + bytes);
  return success;
}
EXPORT int cudnnBackendFinalize(Descriptor *d) {
  const int status = finalize(*d);
  d->finalized = status == success;
  return status;
}
EXPORT int cudnnBackendGetAttribute(Descriptor *d, int attribute, int, int64_t wanted, int64_t *got,
                                    void *values) {
  *got = 1;
  if (attribute == 202 && d->finalized &&
      wanted >= 2) { // the engines of a heuristic, the reckless one first
    auto **configs = static_cast<Descriptor **>(values);
    for (int64_t i = 0; i < 2; ++i) {
      configs[i]->problem = d->problem;
      configs[i]->number = i;
      configs[i]->finalized = true;
    }
    *got = 2;
  } else if (attribute == 300 && d->finalized) {
    auto *found = *static_cast<Descriptor **>(values);
    found->problem = d->problem;
    found->number = d->number;
    found->finalized = true;
  } else if (attribute == 1303) {
    *static_cast<int *>(values) = not_deterministic;
    *got = d->number == 0;
  } else if (attribute == 1301 || attribute == 402) {
    *static_cast<int64_t *>(values) = attribute == 402 ? wanted_workspace : d->number;
  } else {
    return fail(bad_param, "no such attribute");
  }
  return success;
}
EXPORT int cudnnBackendExecute(Context *handle, Descriptor *chosen, Descriptor *pack) {
  if (chosen->kernel == nullptr || !pack->finalized ||
      pack->one<void *>(1003, nullptr) == nullptr) {
    return fail(bad_param, "a plan for no device, or no workspace");
  }
  if (chosen->number == 0) {
    return fail(not_supported, "this engine changes its order of sums: nobody here should take it");
  }
  const Problem &p = *chosen->problem;
  void *x = pointer_of(*pack, p.x.id), *w = pointer_of(*pack, p.w.id),
       *y = pointer_of(*pack, p.y.id);
  const void *a = p.kind == for_input ? w : x, *b = p.kind == forward ? w : y;
  void *out = p.kind == forward ? y : p.kind == for_input ? x : w;
  return chosen->kernel->launch(a, b, out, nullptr, handle->stream) ? int(success)
                                                                    : fail(failed, "the driver");
}

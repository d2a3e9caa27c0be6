// See call.h.
#include "runtime/cuda/libraries/call.h"

#include <algorithm>
#include <array>

#include "runtime/json_reader.h"

namespace mome::cuda {
namespace {

constexpr std::array<std::string_view, 4> operation_names = {"product", "conv", "conv_for_input",
                                                             "conv_for_weight"};
constexpr int64_t largest = int64_t(1) << 40; // of extents, strides, paddings: sums stay numbers

Error make_error(std::string where, std::string what) {
  return package_error(std::move(where), "a library call is damaged: " + what,
                       "compile the package again");
}

class Reader {
public:
  Reader(const Json &json, std::string where) : o(json, std::move(where), make_error) {}

  std::vector<int64_t> numbers(const char *key, int64_t least) {
    const Json &list = o.get(key);
    if (!list.is_array()) {
      o.fail(std::string(key) + " is no list");
    }
    std::vector<int64_t> result;
    for (const Json &number : list) {
      if (!number.is_number_integer() || number.get<int64_t>() < least ||
          number.get<int64_t>() > largest) {
        o.fail(std::string(key) + " has a number out of range");
      }
      result.push_back(number.get<int64_t>());
    }
    return result;
  }

  LibraryView view(size_t arguments) {
    LibraryView view;
    const int64_t argument = o.integer("argument");
    view.argument = uint32_t(argument);
    const std::string dtype = o.text("dtype");
    view.dtype = dtype == "bf16" ? DType::bf16 : DType::f32;
    view.dims = numbers("dims", 1);
    view.strides = numbers("strides", 0);
    if (argument < 0 || size_t(argument) >= arguments || (dtype != "bf16" && dtype != "f32") ||
        view.dims.empty() || view.dims.size() != view.strides.size()) {
      o.fail("an impossible view");
    }
    o.done();
    return view;
  }

  JsonObject o;
};

/// Numbers of axes as the operation has them; a product's extents agree.
bool fits(const LibraryCall &call) {
  const auto &v = call.views;
  if (call.operation != LibraryCall::Operation::product) {
    const size_t rank = call.stride.size();
    return v.size() == 3 && rank >= 1 && call.dilation.size() == rank &&
           call.pad_low.size() == rank && call.pad_high.size() == rank &&
           std::all_of(v.begin(), v.end(),
                       [&](auto &view) { return view.dims.size() == rank + 2; });
  }
  const bool plain = (v.size() == 3 || v.size() == 4) && v[0].dims.size() == 3 &&
                     v[1].dims.size() == 3 && v[2].dims.size() == 3;
  return plain && v[0].dims[0] == v[2].dims[0] && v[1].dims[0] == v[2].dims[0] &&
         v[0].dims[1] == v[2].dims[1] && v[0].dims[2] == v[1].dims[1] &&
         v[1].dims[2] == v[2].dims[2] && (v.size() == 3 || v[3].dims == std::vector{v[2].dims[2]});
}

} // namespace

uint64_t LibraryView::bytes() const {
  uint64_t last = 0;
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    uint64_t reach = 0;
    if (__builtin_mul_overflow(uint64_t(dims[axis] - 1), uint64_t(strides[axis]), &reach) ||
        __builtin_add_overflow(last, reach, &last)) {
      return UINT64_MAX;
    }
  }
  return last > UINT64_MAX / 16 ? UINT64_MAX : (last + 1) * dtype_size(dtype);
}

std::string LibraryCall::json() const {
  OrderedJson views_json = OrderedJson::array();
  for (const LibraryView &view : views) {
    views_json.push_back({{"argument", view.argument},
                          {"dtype", dtype_name(view.dtype)},
                          {"dims", view.dims},
                          {"strides", view.strides}});
  }
  OrderedJson json = {{"library", library},
                      {"operation", operation_names[size_t(operation)]},
                      {"tf32", tf32},
                      {"views", views_json}};
  if (operation != Operation::product) {
    json["stride"] = stride;
    json["dilation"] = dilation;
    json["pad_low"] = pad_low;
    json["pad_high"] = pad_high;
  }
  return json.dump();
}

LibraryCall LibraryCall::parse(const std::string &text, const std::string &where,
                               size_t arguments) {
  const Json json = parse_json(text, where, make_error);
  Reader reader(json, where);
  LibraryCall call;
  call.library = reader.o.text("library");
  const std::string name = reader.o.text("operation");
  const auto found = std::find(operation_names.begin(), operation_names.end(), name);
  call.operation = Operation(found - operation_names.begin());
  const Json *tf32 = reader.o.find("tf32");
  if (tf32 != nullptr && !tf32->is_boolean()) {
    reader.o.fail("tf32 is neither true nor false");
  }
  call.tf32 = tf32 != nullptr && tf32->get<bool>();
  for (const Json &view : reader.o.get("views")) {
    call.views.push_back(Reader(view, where).view(arguments));
  }
  if (found != operation_names.end() && call.operation != Operation::product) {
    call.stride = reader.numbers("stride", 1);
    call.dilation = reader.numbers("dilation", 1);
    call.pad_low = reader.numbers("pad_low", -largest);
    call.pad_high = reader.numbers("pad_high", -largest);
  }
  reader.o.done();
  if (found == operation_names.end() || !fits(call)) {
    reader.o.fail("an impossible operation");
  }
  return call;
}

} // namespace mome::cuda

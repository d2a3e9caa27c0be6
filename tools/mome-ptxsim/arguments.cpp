#include "tools/mome-ptxsim/arguments.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>

#include "runtime/cuda/sim/half.h"
#include "runtime/error.h"
#include "runtime/safetensors.h"

namespace mome::ptxsim {
namespace {

struct TypeRow {
  const char *name;
  int size;
};
constexpr TypeRow types[] = {{"f32", 4}, {"f16", 2}, {"bf16", 2}, {"f64", 8}, {"i8", 1},
                             {"u8", 1},  {"i32", 4}, {"u32", 4},  {"i64", 8}, {"u64", 8}};

int size_of(const std::string &type) {
  for (const TypeRow &row : types) {
    if (type == row.name) {
      return row.size;
    }
  }
  return 0;
}

[[noreturn]] void bad(const std::string &text, const std::string &what) {
  throw usage_error("argument '" + text + "': " + what,
                    "write i32:5, f32[64], f32[4]=1,2,3,4, f32[64]=iota, f32[64]=random:1 or "
                    "@file.safetensors:NAME");
}

std::vector<std::byte> encode_number(const std::string &type, const std::string &number,
                                     const std::string &text) {
  char *end = nullptr;
  const bool real = type[0] == 'f' || type[0] == 'b';
  const double x = real ? std::strtod(number.c_str(), &end) : 0;
  uint64_t bits = 0;
  if (type == "f32") {
    bits = std::bit_cast<uint32_t>(float(x));
  } else if (type == "f16") {
    bits = to_f16(float(x));
  } else if (type == "bf16") {
    bits = to_bf16(float(x));
  } else if (type == "f64") {
    bits = std::bit_cast<uint64_t>(x);
  } else {
    bits = number.starts_with("-") ? uint64_t(std::strtoll(number.c_str(), &end, 0))
                                   : std::strtoull(number.c_str(), &end, 0);
  }
  if (number.empty() || *end) {
    bad(text, "'" + number + "' is no number");
  }
  std::vector<std::byte> bytes(size_t(size_of(type)));
  std::memcpy(bytes.data(), &bits, bytes.size());
  return bytes;
}

std::vector<std::byte> address_bytes(uint64_t address) {
  std::vector<std::byte> bytes(8);
  std::memcpy(bytes.data(), &address, 8);
  return bytes;
}

void put(Memory &memory, Argument &a, std::span<const std::byte> bytes, size_t offset) {
  std::memcpy(memory.host(a.address + offset, bytes.size()), bytes.data(), bytes.size());
  memory.mark(a.address + offset, bytes.size(), true);
}

void fill(Argument &a, const std::string &values, const std::string &text, Memory &memory) {
  const size_t size = size_t(size_of(a.type));
  if (values == "iota" || values.starts_with("random:")) {
    uint64_t state = values == "iota" ? 0 : std::strtoull(values.c_str() + 7, nullptr, 0) * 2 + 1;
    for (uint64_t i = 0; i < a.count; ++i) {
      state = state * 6364136223846793005 + 1442695040888963407;
      const double noise = double(int64_t(state)) * 0x1p-63;
      const std::string number = values == "iota" ? std::to_string(i) : std::to_string(noise);
      const bool real = a.type[0] == 'f' || a.type[0] == 'b';
      put(memory, a,
          encode_number(a.type, values == "iota" || real ? number : std::to_string(state >> 57),
                        text),
          i * size);
    }
    return;
  }
  std::vector<std::string> list;
  for (size_t at = 0; at <= values.size();) {
    const size_t comma = std::min(values.find(',', at), values.size());
    list.push_back(values.substr(at, comma - at));
    at = comma + 1;
  }
  if (list.size() != 1 && list.size() != a.count) {
    bad(text, std::to_string(list.size()) + " values for " + std::to_string(a.count));
  }
  for (uint64_t i = 0; i < a.count; ++i) {
    put(memory, a, encode_number(a.type, list[list.size() == 1 ? 0 : i], text), i * size);
  }
}

Argument from_tensor(const std::string &text, Memory &memory) {
  const size_t colon = text.rfind(':');
  if (colon == text.npos || colon < 2) {
    bad(text, "a tensor is @FILE:NAME");
  }
  const SafetensorsFile file(text.substr(1, colon - 1));
  const TensorView *tensor = file.find(text.substr(colon + 1));
  if (!tensor) {
    bad(text, "no such tensor in the file");
  }
  Argument a;
  a.type = std::string(dtype_name(tensor->dtype));
  a.buffer = true;
  a.count = tensor->bytes.size() / dtype_size(tensor->dtype);
  a.address = memory.allocate(tensor->bytes.size());
  put(memory, a, tensor->bytes, 0);
  a.value = address_bytes(a.address);
  return a;
}

std::string element(const std::byte *p, const std::string &type) {
  uint64_t bits = 0;
  std::memcpy(&bits, p, size_t(size_of(type)));
  char text[40];
  if (type == "f32") {
    std::snprintf(text, sizeof text, "%.9g", double(std::bit_cast<float>(uint32_t(bits))));
  } else if (type == "f16") {
    std::snprintf(text, sizeof text, "%.5g", double(from_f16(uint16_t(bits))));
  } else if (type == "bf16") {
    std::snprintf(text, sizeof text, "%.4g", double(from_bf16(uint16_t(bits))));
  } else if (type == "f64") {
    std::snprintf(text, sizeof text, "%.17g", std::bit_cast<double>(bits));
  } else if (type[0] == 'i') {
    std::snprintf(text, sizeof text, "%lld",
                  static_cast<long long>(int64_t(bits << (64 - 8 * size_of(type))) >>
                                         (64 - 8 * size_of(type))));
  } else {
    std::snprintf(text, sizeof text, "%llu", static_cast<unsigned long long>(bits));
  }
  return text;
}

} // namespace

Argument parse_argument(const std::string &text, Memory &memory) {
  if (text.starts_with("@")) {
    return from_tensor(text, memory);
  }
  Argument a;
  const size_t end = text.find_first_of(":[");
  a.type = text.substr(0, end);
  if (end == text.npos || size_of(a.type) == 0) {
    bad(text, "no type in front");
  }
  if (text[end] == ':') {
    a.value = encode_number(a.type, text.substr(end + 1), text);
    return a;
  }
  char *after = nullptr;
  a.count = std::strtoull(text.c_str() + end + 1, &after, 0);
  if (*after != ']' || a.count == 0 || a.count > uint64_t{1} << 32) {
    bad(text, "no length");
  }
  a.buffer = true;
  a.address = memory.allocate(a.count * uint64_t(size_of(a.type)));
  a.value = address_bytes(a.address);
  if (after[1] == '=') {
    fill(a, after + 2, text, memory);
  } else if (after[1]) {
    bad(text, "something after ']'");
  }
  return a;
}

std::string show(const Argument &a, const Memory &memory, uint64_t limit) {
  const uint64_t size = uint64_t(size_of(a.type));
  std::string out;
  for (uint64_t i = 0; i < std::min(a.count, limit); ++i) {
    const uint64_t at = a.address + i * size;
    out += (i ? ", " : "") + (memory.first_uninitialized(at, size) == UINT64_MAX
                                  ? element(memory.host(at, size), a.type)
                                  : "?");
  }
  return out + (a.count > limit ? ", ..." : "");
}

} // namespace mome::ptxsim

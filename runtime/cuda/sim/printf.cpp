// vprintf, the function behind a kernel's printf: a format and a block of arguments, packed as C
// passes them (ints in 4 bytes, doubles and pointers in 8, aligned). Goes to standard output.
#include <cstdio>

#include "runtime/cuda/sim/block.h"
#include "runtime/cuda/sim/builder.h"

namespace mome::ptxsim {
namespace {

/// Bytes of a lane's memory at a generic address; null when they are not there.
const std::byte *peek(Warp &w, int lane, uint64_t address, uint64_t bytes) {
  Block &b = *w.block;
  if (address >= local_window && address < param_window) {
    const uint64_t at = address & window_mask, size = b.program.local_bytes;
    return at + bytes <= size ? b.local.data() + uint64_t(w.index * lanes + lane) * size + at
                              : nullptr;
  }
  return b.memory.host(address, bytes);
}

template <class T> T take(Warp &w, int lane, uint64_t &at) {
  T value{};
  at = (at + sizeof(T) - 1) / sizeof(T) * sizeof(T);
  if (const std::byte *p = peek(w, lane, at, sizeof(T))) {
    std::memcpy(&value, p, sizeof value);
  } else {
    w.fault(int(FaultKind::out_of_bounds), "printf has more conversions than arguments", lane, at);
  }
  at += sizeof(T);
  return value;
}

std::string text_at(Warp &w, int lane, uint64_t address) {
  std::string text;
  for (const std::byte *p; (p = peek(w, lane, address, 1)) && *p != std::byte{0}; ++address) {
    text += char(*p);
  }
  return text;
}

/// One conversion, "%-8.3f" say, with its argument.
std::string convert(Warp &w, int lane, const std::string &format, uint64_t &at) {
  char out[512];
  const char kind = format.back();
  const bool wide = format.find('l') != format.npos || kind == 'p';
  switch (kind) {
  case 's':
    std::snprintf(out, sizeof out, format.c_str(),
                  text_at(w, lane, take<uint64_t>(w, lane, at)).c_str());
    break;
  case 'f':
  case 'e':
  case 'g':
  case 'a':
  case 'F':
  case 'E':
  case 'G':
    std::snprintf(out, sizeof out, format.c_str(), take<double>(w, lane, at));
    break;
  case 'd':
  case 'i':
  case 'u':
  case 'x':
  case 'X':
  case 'o':
  case 'c':
  case 'p':
    if (wide) {
      std::snprintf(out, sizeof out, format.c_str(), take<uint64_t>(w, lane, at));
    } else {
      std::snprintf(out, sizeof out, format.c_str(), take<uint32_t>(w, lane, at));
    }
    break;
  default:
    return format; // no conversion that printf knows, or one that writes
  }
  return out;
}

std::string formatted(Warp &w, int lane, const std::string &format, uint64_t arguments) {
  std::string out;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out += format[i];
      continue;
    }
    size_t end = i + 1; // flags, width, precision, length; '*' is not supported
    while (end < format.size() &&
           std::string_view("-+ #0123456789.hlzjt").find(format[end]) != std::string_view::npos) {
      ++end;
    }
    if (end >= format.size()) {
      break;
    }
    if (format[end] == '%') {
      out += '%';
    } else {
      out += convert(w, lane, format.substr(i, end - i + 1), arguments);
    }
    i = end;
  }
  return out;
}

} // namespace

/// more: local offsets of the two arguments and of the result.
void run_vprintf(Warp &w, const Inst &i, uint32_t mask) {
  for_lanes(mask, [&](int l) {
    uint64_t at = local_window + i.more[0];
    const uint64_t format = take<uint64_t>(w, l, at);
    at = local_window + i.more[1];
    const uint64_t arguments = take<uint64_t>(w, l, at);
    const std::string text = formatted(w, l, text_at(w, l, format), arguments);
    std::fputs(text.c_str(), stdout);
    if (i.more.size() > 2) {
      const int32_t count = int32_t(text.size());
      const uint64_t offset =
          uint64_t(w.index * lanes + l) * w.block->program.local_bytes + i.more[2];
      std::memcpy(w.block->local.data() + offset, &count, 4);
      std::memset(w.block->local_initialized.data() + offset, 1, 4);
    }
  });
}

} // namespace mome::ptxsim

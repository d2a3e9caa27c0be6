// See device_image.h.
#include "runtime/cuda/device_image.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace mome::cuda {
namespace {

constexpr uint32_t fat_binary_magic = 0xBA55ED50;
constexpr std::string_view elf_magic = "\x7f"
                                       "ELF";
constexpr size_t fat_header = 16, least_entry_header = 24, elf_header = 64;
enum : uint16_t { kind_ptx = 1, kind_machine_code = 2 };

/// A number at a place that exists.
template <typename T> T number(std::string_view bytes, size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::string find_damage_of_ptx(std::string_view text) {
  while (!text.empty() && text.back() == '\0') {
    text.remove_suffix(1); // padding
  }
  const bool has_zero = text.find('\0') != text.npos;
  while (!text.empty()) {
    const size_t space = text.find_first_not_of(" \t\r\n");
    text.remove_prefix(std::min(space, text.size()));
    if (!text.starts_with("//")) {
      break;
    }
    text.remove_prefix(std::min(text.find('\n'), text.size()));
  }
  if (!text.starts_with(".version")) {
    return "neither PTX nor a fat binary";
  }
  return has_zero ? "PTX with a zero within" : "";
}

/// The tables of program and section headers, and what sections hold, end within the file.
std::string find_damage_of_elf(std::string_view file) {
  const std::string cut = "machine code that is cut off or damaged";
  if (file.size() < elf_header || !file.starts_with(elf_magic)) {
    return cut;
  }
  struct Table {
    uint64_t offset;
    uint64_t count, size, least, content, bytes; // where a header says what it is about, and how long
  };
  const Table tables[] = {
      {number<uint64_t>(file, 32), number<uint16_t>(file, 56), number<uint16_t>(file, 54), 56, 8, 32},
      {number<uint64_t>(file, 40), number<uint16_t>(file, 60), number<uint16_t>(file, 58), 64, 24, 32}};
  for (const Table &table : tables) {
    const uint64_t bytes = table.count * table.size;
    if (table.count > 0 && (table.size < table.least || table.offset > file.size() ||
                            bytes > file.size() - table.offset)) {
      return cut;
    }
    for (uint64_t i = 0; i < table.count; ++i) {
      const size_t header = size_t(table.offset + i * table.size);
      const auto offset = number<uint64_t>(file, header + table.content);
      const auto size = number<uint64_t>(file, header + table.bytes);
      constexpr uint32_t no_bits = 8; // a type of sections
      const bool is_section = &table == std::end(tables) - 1;
      const bool empty = size == 0 || (is_section && number<uint32_t>(file, header + 4) == no_bits);
      if (!empty && (offset > file.size() || size > file.size() - offset)) {
        return cut;
      }
    }
  }
  return "";
}

std::string find_damage_of_fat_binary(std::string_view image) {
  const std::string cut = "a fat binary that is cut off or damaged";
  if (image.size() < fat_header) {
    return cut;
  }
  const size_t header = number<uint16_t>(image, 6);
  const auto size = number<uint64_t>(image, 8);
  if (header < fat_header || header > image.size() || size > image.size() - header) {
    return cut;
  }
  std::string_view rest = image.substr(header, size);
  if (rest.empty()) {
    return "an empty fat binary";
  }
  while (!rest.empty()) {
    if (rest.size() < least_entry_header) {
      return cut;
    }
    const size_t entry_header = number<uint32_t>(rest, 4);
    const auto content = number<uint64_t>(rest, 8);
    if (entry_header < least_entry_header || entry_header > rest.size() ||
        content > rest.size() - entry_header) {
      return cut;
    }
    const auto kind = number<uint16_t>(rest, 0);
    const std::string_view bytes = rest.substr(entry_header, content);
    const std::string damage = kind == kind_ptx            ? find_damage_of_ptx(bytes)
                               : kind == kind_machine_code ? find_damage_of_elf(bytes)
                                                           : "a fat binary of an unknown kind";
    if (!damage.empty()) {
      return damage;
    }
    rest.remove_prefix(entry_header + content);
  }
  return "";
}

} // namespace

std::string find_damage(std::span<const std::byte> image) {
  const std::string_view bytes(reinterpret_cast<const char *>(image.data()), image.size());
  if (bytes.size() >= sizeof(uint32_t) && number<uint32_t>(bytes, 0) == fat_binary_magic) {
    return find_damage_of_fat_binary(bytes);
  }
  if (bytes.starts_with(elf_magic)) {
    return "machine code that is in no fat binary";
  }
  return find_damage_of_ptx(bytes);
}

} // namespace mome::cuda

// Reading goes in two steps. First the file header and the program headers, from the file; segments
// are copied to zero-filled anonymous memory. Then the dynamic section and what it points to, from
// that memory, where every virtual address is an index into one span: one bounds check serves all.
#include "runtime/elf_image.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <elf.h>
#include <optional>
#include <sys/mman.h>
#include <vector>

#include "runtime/error.h"

namespace mome {
namespace {

constexpr uint64_t page = 4096;
constexpr uint64_t max_image = uint64_t{1} << 28;

class Loader {
public:
  Loader(std::span<const std::byte> file, const std::string &where) : file(file), where(where) {}

  /// Checks the headers; returns the bytes of memory the image takes.
  uint64_t read_headers() {
    const auto header = from_file<Elf64_Ehdr>(0);
    need(std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0, "not an ELF image");
    need(header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == ELFDATA2LSB &&
             header.e_machine == EM_X86_64,
         "code of another machine");
    need(header.e_type == ET_DYN, "not position independent");
    need(header.e_phentsize == sizeof(Elf64_Phdr), "a header of unknown size");
    for (uint64_t i = 0; i < header.e_phnum; ++i) {
      read_segment(from_file<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr)));
    }
    need(!loads.empty() && dynamic.has_value(), "no segments to load");
    return end;
  }

  /// Copies, relocates; fills the table of functions. `memory` is zero-filled and writable.
  void load(std::span<std::byte> image, std::map<std::string, void *> &functions) {
    memory = image;
    for (const Elf64_Phdr &segment : loads) {
      std::memcpy(memory.data() + segment.p_vaddr, file.data() + segment.p_offset,
                  segment.p_filesz);
    }
    read_dynamic();
    relocate();
    read_symbols(functions);
  }

  void protect() {
    for (const Elf64_Phdr &s : loads) {
      const uint64_t begin = s.p_vaddr / page * page, finish = round_up(s.p_vaddr + s.p_memsz);
      const int access =
          PROT_READ | (s.p_flags & PF_W ? PROT_WRITE : 0) | (s.p_flags & PF_X ? PROT_EXEC : 0);
      if (::mprotect(memory.data() + begin, finish - begin, access) != 0) {
        throw Error(Exit::device, where, "the system does not let it run machine code",
                    "is executable memory forbidden here?");
      }
    }
  }

private:
  std::span<const std::byte> file;
  const std::string &where;
  std::vector<Elf64_Phdr> loads;
  std::optional<Elf64_Phdr> dynamic;
  uint64_t end = 0;
  std::span<std::byte> memory;
  std::map<uint64_t, uint64_t> tags;

  [[noreturn]] void fail(const std::string &what) const {
    throw package_error(where, what,
                        "the machine code in the package is damaged: compile it again");
  }
  void need(bool ok, const char *what) const {
    if (!ok) {
      fail(what);
    }
  }
  static uint64_t round_up(uint64_t n) { return (n + page - 1) / page * page; }

  template <typename T> T copy(std::span<const std::byte> from, uint64_t at) const {
    need(at <= from.size() && sizeof(T) <= from.size() - at, "cut off, or an address outside it");
    T value;
    std::memcpy(&value, from.data() + at, sizeof value);
    return value;
  }
  template <typename T> T from_file(uint64_t at) const { return copy<T>(file, at); }
  template <typename T> T from_memory(uint64_t at) const { return copy<T>(memory, at); }

  void read_segment(const Elf64_Phdr &s) {
    switch (s.p_type) {
    case PT_LOAD:
      read_load(s);
      break;
    case PT_DYNAMIC:
      need(!dynamic.has_value(), "two dynamic sections");
      dynamic = s;
      break;
    case PT_GNU_STACK:
      need((s.p_flags & PF_X) == 0, "it asks for an executable stack");
      break;
    case PT_NULL:
    case PT_PHDR:
    case PT_NOTE:
    case PT_GNU_RELRO:
    case PT_GNU_EH_FRAME:
    case PT_GNU_PROPERTY:
      break;
    default:
      fail("a segment of kind " + std::to_string(s.p_type) + " is not allowed");
    }
  }

  void read_load(const Elf64_Phdr &s) {
    need(s.p_filesz <= s.p_memsz && s.p_offset <= file.size() &&
             s.p_filesz <= file.size() - s.p_offset,
         "a segment reaches beyond the file");
    need(s.p_vaddr <= max_image && s.p_memsz <= max_image, "an impossible size");
    need((s.p_flags & (PF_W | PF_X)) != (PF_W | PF_X), "a segment is writable and executable");
    // In ascending order and on pages of their own: two segments never share a protection.
    need(s.p_vaddr / page * page >= end, "segments overlap");
    end = round_up(s.p_vaddr + s.p_memsz);
    loads.push_back(s);
  }

  const Elf64_Phdr *segment_of(uint64_t address, uint64_t bytes) const {
    const auto it = std::find_if(loads.begin(), loads.end(), [&](const Elf64_Phdr &s) {
      return address >= s.p_vaddr && bytes <= s.p_memsz && address - s.p_vaddr <= s.p_memsz - bytes;
    });
    return it == loads.end() ? nullptr : &*it;
  }

  void read_dynamic() {
    for (uint64_t at = dynamic->p_vaddr;; at += sizeof(Elf64_Dyn)) {
      const auto entry = from_memory<Elf64_Dyn>(at);
      if (entry.d_tag == DT_NULL) {
        break;
      }
      need(tags.emplace(uint64_t(entry.d_tag), entry.d_un.d_val).second || entry.d_tag == DT_NEEDED,
           "two dynamic entries of one kind");
    }
    const auto forbid = [&](uint64_t tag, const char *what) {
      need(tags.count(tag) == 0 || tags[tag] == 0, what);
    };
    need(tags.count(DT_NEEDED) == 0, "it needs another library");
    for (uint64_t tag : {DT_INIT, DT_FINI, DT_INIT_ARRAY, DT_FINI_ARRAY, DT_PREINIT_ARRAY}) {
      need(tags.count(tag) == 0, "it has initialisers or finalisers");
    }
    need(tags.count(DT_TEXTREL) == 0 && (tag_or(DT_FLAGS) & DF_TEXTREL) == 0,
         "it has text relocations");
    forbid(DT_PLTRELSZ, "it binds functions at run time");
    forbid(DT_RELSZ, "relocations of an unknown kind");
    forbid(DT_RELRSZ, "relocations of an unknown kind");
  }

  uint64_t tag_or(uint64_t tag, uint64_t absent = 0) const {
    const auto it = tags.find(tag);
    return it == tags.end() ? absent : it->second;
  }

  void relocate() {
    const uint64_t bytes = tag_or(DT_RELASZ);
    need(bytes == 0 || tag_or(DT_RELAENT) == sizeof(Elf64_Rela), "relocations of unknown size");
    need(bytes <= memory.size(), "relocations beyond the image");
    for (uint64_t at = 0; at + sizeof(Elf64_Rela) <= bytes; at += sizeof(Elf64_Rela)) {
      const auto entry = from_memory<Elf64_Rela>(tag_or(DT_RELA) + at);
      need(ELF64_R_TYPE(entry.r_info) == R_X86_64_RELATIVE,
           "a relocation that is not RELATIVE: it refers to something outside");
      const Elf64_Phdr *segment = segment_of(entry.r_offset, sizeof(uint64_t));
      need(segment != nullptr && (segment->p_flags & PF_X) == 0,
           "a relocation outside the data of the image");
      need(entry.r_addend >= 0 && uint64_t(entry.r_addend) <= memory.size(),
           "a relocation to an address outside the image");
      const uint64_t value = reinterpret_cast<uint64_t>(memory.data()) + uint64_t(entry.r_addend);
      std::memcpy(memory.data() + entry.r_offset, &value, sizeof value);
    }
  }

  /// ELF does not store how many dynamic symbols there are; either hash table tells.
  uint64_t count_symbols() const {
    if (const uint64_t table = tag_or(DT_HASH)) {
      return from_memory<uint32_t>(table + 4);
    }
    const uint64_t table = tag_or(DT_GNU_HASH);
    need(table != 0, "no table of symbols");
    const auto buckets = from_memory<uint32_t>(table), first = from_memory<uint32_t>(table + 4),
               filter = from_memory<uint32_t>(table + 8);
    const uint64_t bucket = table + 16 + uint64_t{8} * filter;
    uint64_t last = 0;
    for (uint64_t i = 0; i < buckets; ++i) {
      last = std::max<uint64_t>(last, from_memory<uint32_t>(bucket + 4 * i));
    }
    if (last < first) {
      return first;
    }
    const uint64_t chain = bucket + uint64_t{4} * buckets;
    while ((from_memory<uint32_t>(chain + 4 * (last - first)) & 1) == 0) {
      ++last;
    }
    return last + 1;
  }

  std::string symbol_name(uint64_t offset) const {
    const uint64_t begin = tag_or(DT_STRTAB), size = tag_or(DT_STRSZ);
    need(offset < size && begin <= memory.size() && size <= memory.size() - begin,
         "a name outside the image");
    const char *text = reinterpret_cast<const char *>(memory.data() + begin + offset);
    const size_t length = ::strnlen(text, size - offset);
    need(length < size - offset, "a name without an end");
    return {text, length};
  }

  void read_symbols(std::map<std::string, void *> &functions) const {
    const uint64_t table = tag_or(DT_SYMTAB), count = count_symbols();
    need(table != 0 && tag_or(DT_SYMENT) == sizeof(Elf64_Sym), "no table of symbols");
    for (uint64_t i = 1; i < count; ++i) {
      const auto symbol = from_memory<Elf64_Sym>(table + i * sizeof(Elf64_Sym));
      const std::string name = symbol_name(symbol.st_name);
      const int type = ELF64_ST_TYPE(symbol.st_info);
      if (symbol.st_shndx == SHN_UNDEF) {
        fail("'" + name + "' is not defined in it");
      }
      if (type == STT_GNU_IFUNC || type == STT_TLS) {
        fail("'" + name + "' is chosen at run time or thread-local");
      }
      if (type != STT_FUNC) {
        continue;
      }
      const Elf64_Phdr *segment =
          segment_of(symbol.st_value, std::max<uint64_t>(symbol.st_size, 1));
      if (segment == nullptr || (segment->p_flags & PF_X) == 0) {
        fail("function '" + name + "' lies outside its code");
      }
      if (!functions.emplace(name, memory.data() + symbol.st_value).second) {
        fail("function '" + name + "' is defined twice");
      }
    }
  }
};

} // namespace

ElfImage::ElfImage(std::span<const std::byte> file, const std::string &where) {
  Loader loader(file, where);
  size = loader.read_headers();
  void *memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    throw Error(Exit::budget, where, "no memory for its machine code", "free some memory");
  }
  base = static_cast<std::byte *>(memory);
  try {
    loader.load({base, size}, symbols);
    loader.protect();
  } catch (...) {
    ::munmap(base, size);
    throw;
  }
}

ElfImage::~ElfImage() {
  ::munmap(base, size);
}

void *ElfImage::find(const std::string &symbol) const {
  const auto it = symbols.find(symbol);
  return it == symbols.end() ? nullptr : it->second;
}

} // namespace mome

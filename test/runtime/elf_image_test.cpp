// Machine code images: the one the linker makes is accepted; every property that is not allowed is
// refused, and no damage crashes the reader.
#include <cstring>
#include <elf.h>
#include <functional>
#include <gtest/gtest.h>

#include "runtime/elf_image.h"
#include "runtime/error.h"
#include "test/runtime/tiny_package.h"

namespace mome::test {
namespace {

/// An image as structures to change; the tiny image has its first segment at file offset 0 and
/// address 0, so tables of that segment lie at their address.
struct Image {
  std::vector<uint8_t> bytes = tiny_code();

  template <typename T> T &at(uint64_t offset) { return *reinterpret_cast<T *>(&bytes[offset]); }
  Elf64_Ehdr &header() { return at<Elf64_Ehdr>(0); }
  Elf64_Phdr &segment(const std::function<bool(const Elf64_Phdr &)> &is) {
    for (int i = 0; i < header().e_phnum; ++i) {
      auto &s = at<Elf64_Phdr>(header().e_phoff + uint64_t(i) * sizeof(Elf64_Phdr));
      if (is(s)) {
        return s;
      }
    }
    throw std::logic_error("no such segment");
  }
  Elf64_Phdr &load(unsigned flags) {
    return segment([=](const auto &s) { return s.p_type == PT_LOAD && s.p_flags == flags; });
  }
  Elf64_Dyn &tag(int64_t tag) {
    uint64_t offset = segment([](const auto &s) { return s.p_type == PT_DYNAMIC; }).p_offset;
    while (at<Elf64_Dyn>(offset).d_tag != tag) {
      offset += sizeof(Elf64_Dyn);
    }
    return at<Elf64_Dyn>(offset);
  }
  Elf64_Rela &relocation() { return at<Elf64_Rela>(tag(DT_RELA).d_un.d_ptr); }
  Elf64_Sym &symbol(int i) {
    return at<Elf64_Sym>(tag(DT_SYMTAB).d_un.d_ptr + uint64_t(i) * sizeof(Elf64_Sym));
  }
  /// Turns a tag that the reader does not need into another.
  void add_tag(int64_t tag_value, uint64_t value) {
    Elf64_Dyn &d = tag(DT_GNU_HASH);
    d.d_tag = tag_value;
    d.d_un.d_val = value;
  }
};

/// The message of the refusal; empty when the image is accepted.
std::string refusal(const std::vector<uint8_t> &bytes) {
  try {
    ElfImage image(std::as_bytes(std::span(bytes)), "code");
  } catch (const Error &error) {
    EXPECT_EQ(error.exit, Exit::mismatch) << error.what();
    EXPECT_EQ(error.where, "code");
    return error.message;
  }
  return {};
}

TEST(ElfImage, LoadsAndFindsFunctions) {
  const std::vector<uint8_t> bytes = tiny_code();
  const ElfImage image(std::as_bytes(std::span(bytes)), "code");
  EXPECT_EQ(image.functions().size(), 5u);
  EXPECT_EQ(image.find("k_nothing"), nullptr);
  ASSERT_NE(image.find("k_loss"), nullptr);
  float y[12] = {3, 4}, loss = 0;
  void *args[] = {y, &loss};
  reinterpret_cast<void (*)(void *const *, int64_t, int64_t, void *)>(image.find("k_loss"))(
      args, 0, 1, nullptr);
  EXPECT_EQ(loss, 12.5f);
}

TEST(ElfImage, EitherHashTableTellsTheNumberOfSymbols) {
  for (int64_t tag : {DT_HASH, DT_GNU_HASH}) {
    Image image;
    image.tag(tag).d_tag = DT_DEBUG;
    EXPECT_EQ(ElfImage(std::as_bytes(std::span(image.bytes)), "code").functions().size(), 5u);
  }
  Image image;
  image.tag(DT_HASH).d_tag = DT_DEBUG;
  image.tag(DT_GNU_HASH).d_tag = DT_BIND_NOW;
  EXPECT_EQ(refusal(image.bytes), "no table of symbols");
}

TEST(ElfImage, WhatIsNotAllowedIsRefused) {
  struct Row {
    const char *message;
    std::function<void(Image &)> change;
  };
  constexpr unsigned rx = PF_R | PF_X;
  const auto tag = [](int64_t t, uint64_t value) { return [=](Image &i) { i.add_tag(t, value); }; };
  const std::vector<Row> rows = {
      {"not an ELF image", [](Image &i) { i.bytes[0] = 0; }},
      {"another machine", [](Image &i) { i.header().e_ident[EI_CLASS] = ELFCLASS32; }},
      {"another machine", [](Image &i) { i.header().e_machine = EM_AARCH64; }},
      {"not position independent", [](Image &i) { i.header().e_type = ET_EXEC; }},
      {"header of unknown size", [](Image &i) { i.header().e_phentsize = 8; }},
      {"no segments", [](Image &i) { i.header().e_phnum = 0; }},
      {"writable and executable", [](Image &i) { i.load(rx).p_flags = PF_R | PF_W | PF_X; }},
      {"beyond the file", [](Image &i) { i.load(rx).p_offset = 1u << 30; }},
      {"beyond the file", [](Image &i) { i.load(rx).p_filesz = i.load(rx).p_memsz + 1; }},
      {"impossible size", [](Image &i) { i.load(rx).p_vaddr = 1ull << 40; }},
      {"impossible size", [](Image &i) { i.load(rx).p_memsz = 1ull << 40; }},
      {"overlap", [](Image &i) { i.load(rx).p_vaddr = 16; }},
      {"a segment of kind 3", [](Image &i) { i.load(rx).p_type = PT_INTERP; }},
      {"a segment of kind 7", [](Image &i) { i.load(rx).p_type = PT_TLS; }},
      {"executable stack",
       [](Image &i) {
         i.segment([](const auto &s) { return s.p_type == PT_GNU_STACK; }).p_flags |= PF_X;
       }},
      {"two dynamic sections", [](Image &i) { i.load(rx).p_type = PT_DYNAMIC; }},
      {"needs another library", tag(DT_NEEDED, 1)},
      {"initialisers", tag(DT_INIT, 0x1000)},
      {"initialisers", tag(DT_FINI, 0x1000)},
      {"initialisers", tag(DT_INIT_ARRAY, 0x1000)},
      {"initialisers", tag(DT_FINI_ARRAY, 0x1000)},
      {"initialisers", tag(DT_PREINIT_ARRAY, 0x1000)},
      {"text relocations", tag(DT_TEXTREL, 0)},
      {"text relocations", [](Image &i) { i.tag(DT_FLAGS).d_un.d_val |= DF_TEXTREL; }},
      {"two dynamic entries", tag(DT_STRSZ, 8)},
      {"binds functions at run time", tag(DT_PLTRELSZ, 24)},
      {"unknown kind", tag(DT_RELSZ, 16)},
      {"unknown kind", tag(DT_RELRSZ, 8)},
      {"not RELATIVE", [](Image &i) { i.relocation().r_info = ELF64_R_INFO(1, R_X86_64_64); }},
      {"not RELATIVE", [](Image &i) { i.relocation().r_info = R_X86_64_IRELATIVE; }},
      {"outside the data", [](Image &i) { i.relocation().r_offset = i.load(rx).p_vaddr; }},
      {"outside the data", [](Image &i) { i.relocation().r_offset = 1ull << 50; }},
      {"address outside", [](Image &i) { i.relocation().r_addend = 1ll << 50; }},
      {"address outside", [](Image &i) { i.relocation().r_addend = -8; }},
      {"beyond the image", [](Image &i) { i.tag(DT_RELASZ).d_un.d_val = 1ull << 40; }},
      {"unknown size", [](Image &i) { i.tag(DT_RELAENT).d_un.d_val = 8; }},
      {"is not defined in it", [](Image &i) { i.symbol(1).st_shndx = SHN_UNDEF; }},
      {"chosen at run time",
       [](Image &i) { i.symbol(1).st_info = ELF64_ST_INFO(STB_GLOBAL, STT_GNU_IFUNC); }},
      {"thread-local", [](Image &i) { i.symbol(1).st_info = ELF64_ST_INFO(STB_GLOBAL, STT_TLS); }},
      {"outside its code", [](Image &i) { i.symbol(1).st_value = 0; }},
      {"outside its code", [](Image &i) { i.symbol(1).st_size = 1ull << 40; }},
      {"defined twice", [](Image &i) { i.symbol(1).st_name = i.symbol(2).st_name; }},
      {"a name outside", [](Image &i) { i.symbol(1).st_name = 1u << 30; }},
      {"a name without an end", [](Image &i) { i.tag(DT_STRSZ).d_un.d_val -= 1; }},
  };
  for (const Row &row : rows) {
    Image image;
    row.change(image);
    const std::string message = refusal(image.bytes);
    EXPECT_NE(message.find(row.message), std::string::npos) << row.message << "; got: " << message;
  }
}

TEST(ElfImage, NoTruncationIsAccepted) {
  const std::vector<uint8_t> bytes = tiny_code();
  const uint64_t last = [&] {
    Image image;
    uint64_t end = 0;
    image.segment([&](const Elf64_Phdr &s) {
      end = std::max(end, s.p_type == PT_LOAD ? s.p_offset + s.p_filesz : 0);
      return s.p_type == PT_GNU_STACK; // the last one
    });
    return end;
  }();
  for (size_t size = 0; size < last; size += 1 + size / 64) {
    EXPECT_FALSE(refusal({bytes.begin(), bytes.begin() + long(size)}).empty()) << size;
  }
}

TEST(ElfImage, NoFlippedBitCrashes) {
  std::vector<uint8_t> bytes = tiny_code();
  for (size_t i = 0; i < bytes.size() * 8; i += i < 8192 ? 3 : 131) {
    bytes[i / 8] ^= uint8_t(1 << i % 8);
    refusal(bytes); // accepted or refused
    bytes[i / 8] ^= uint8_t(1 << i % 8);
  }
}

} // namespace
} // namespace mome::test

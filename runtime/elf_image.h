// Machine code of a package: an x86-64 ELF image, checked and mapped by us, without dlopen.
//
// Accepted: ET_DYN whose only needs are memory and R_X86_64_RELATIVE relocations. Refused with a
// reason: other machines and types; needed libraries; undefined symbols; initialisers and
// finalisers; IFUNC; thread-local storage; text relocations and lazy binding; segments that are
// writable and executable, overlap or leave the file; anything whose addresses lie outside the
// image. So mapping it runs nothing, and calling a symbol runs code that is inside the image.
// (What the code does once called is not checked.) `ld.lld -shared -Bsymbolic` gives such an image.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>

namespace mome {

class ElfImage {
public:
  /// Throws Error (mismatch), prefixed by `where`; nothing stays mapped then.
  ElfImage(std::span<const std::byte> file, const std::string &where);
  ~ElfImage();
  ElfImage(const ElfImage &) = delete;
  ElfImage &operator=(const ElfImage &) = delete;

  /// A function defined by the image, or null.
  void *find(const std::string &symbol) const;
  const std::map<std::string, void *> &functions() const { return symbols; }

private:
  std::byte *base = nullptr;
  size_t size = 0;
  std::map<std::string, void *> symbols;
};

} // namespace mome
